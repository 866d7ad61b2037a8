// @ts-check
// The words that are chosen by arrow keys, or by a pointer and not given yet.

/** @typedef {import("./tokens.js").Range} Range */
/** @typedef {import("./text-panel.js").TextPanel} TextPanel */

export class Cursor {
  /** @type {Range | null} the words that a key gives to a field */ chosen = null;
  /** where it was last; -1 before the text */ at = -1;
  #anchor = 0;

  /** @param {TextPanel} panel */
  constructor(panel) {
    this.panel = panel;
  }

  reset() {
    this.chosen = null;
    this.at = -1;
  }

  /** @param {Range} range */
  point(range) {
    this.chosen = range;
    this.#anchor = range.start;
  }

  /** Choose nothing; the next arrow goes on from a place. @param {number} [at] */
  drop(at) {
    this.at = at ?? this.chosen?.start ?? this.at;
    this.chosen = null;
  }

  /** An arrow key: to the next word, or with Shift one word more; Home and End: to the ends of the line. @param {KeyboardEvent} event */
  move(event) {
    const { words } = this.panel;
    const head = this.#head ?? (this.at < 0 ? null : words.after(this.at));
    const step = stepOf(event, words.isRtl(head?.start ?? 0));
    const line = words.line(head?.start ?? 0);
    if (event.key === "Home") return this.#goTo(words.after(line.start), event.shiftKey);
    if (event.key === "End") return this.#goTo(words.before(line.end), event.shiftKey);
    if (!head) return this.#goTo(words.after(0), false);
    if (isSideways(event)) return this.#goTo(step > 0 ? words.after(head.end) : words.before(head.start), event.shiftKey);
    this.#goTo(this.panel.beside(head.start, step), event.shiftKey);
  }

  /** @param {Range | null} word @param {boolean} isMore */
  #goTo(word, isMore) {
    if (!word) return;
    if (!isMore || !this.chosen) this.#anchor = word.start;
    this.at = word.start;
    const anchor = this.panel.words.after(this.#anchor) ?? word;
    this.chosen = isMore ? { start: Math.min(anchor.start, word.start), end: Math.max(anchor.end, word.end) } : word;
  }

  /** The word that moves: the end of what is chosen which is not the anchor. @returns {Range | null} */
  get #head() {
    if (!this.chosen) return null;
    const { words } = this.panel;
    return this.#anchor > this.chosen.start ? words.after(this.chosen.start) : words.before(this.chosen.end);
  }
}

/** @param {KeyboardEvent} event */
export const isSideways = (event) => event.key === "ArrowLeft" || event.key === "ArrowRight";

/** In which direction an arrow goes through the text. @param {KeyboardEvent} event @param {boolean} isRtl @returns {1 | -1} */
export function stepOf(event, isRtl) {
  const step = event.key === "ArrowRight" || event.key === "ArrowDown" ? 1 : -1;
  return isSideways(event) && isRtl ? (step > 0 ? -1 : 1) : step;
}

/** A range of which one edge is moved by a word; null where nothing would be left.
 * @param {import("./tokens.js").Words} words @param {Range} range @param {1 | -1} step @param {boolean} isStart @returns {Range | null} */
export function withEdge(words, { start, end }, step, isStart) {
  if (isStart) start = (step < 0 ? words.before(start) : words.after(words.after(start)?.end ?? start))?.start ?? start;
  else end = (step > 0 ? words.after(end) : words.before(words.before(end)?.start ?? end))?.end ?? end;
  return start < end ? { start, end } : null;
}
