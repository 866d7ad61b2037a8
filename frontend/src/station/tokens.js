// @ts-check
// Words of a text and their places. JavaScript counts UTF-16 units, everything that is kept counts code points; here is the
// one way between them.

const LETTERS = "\\p{L}\\p{M}_\\u200c\\u200d";
const TOKEN = new RegExp(
  `[${LETTERS}]+(?:['’][${LETTERS}]+)*|\\p{N}\\p{M}*(?:[.,:/\\-]?\\p{N}\\p{M}*)*|\\p{RI}\\p{RI}` +
  "|\\p{Extended_Pictographic}(?:\\p{M}|\\p{EMod}|\\u200d\\p{Extended_Pictographic})*|\\S\\p{M}*", "gu");
// Written without spaces: a run of letters is several words.
const RUN_ON = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]/u;
const RTL = /[\p{sc=Hebrew}\p{sc=Arabic}\p{sc=Syriac}\p{sc=Thaana}\p{sc=Nko}]/u;
const STRONG = /\p{L}/u;
const BLOCK = 1500; // units of a piece of the page that is drawn at once
const LONGEST_BLOCK = 4000;

/** @typedef {{ start: number, end: number }} Range in UTF-16 units, the end exclusive */

/** From UTF-16 units to code points and back. */
export class Offsets {
  /** @type {number[]} where characters of two units begin */ #wide = [];

  /** @param {string} text */
  constructor(text) {
    for (const match of text.matchAll(/[\u{10000}-\u{10ffff}]/gu)) this.#wide.push(match.index);
  }

  /** @param {number} unit */
  toPoint(unit) {
    return unit - below(this.#wide.length, (at) => this.#wide[at] < unit);
  }

  /** @param {number} point */
  toUnit(point) {
    return point + below(this.#wide.length, (at) => this.#wide[at] - at < point);
  }
}

/** The number of the first *n* for which something holds, which holds for the first of them. @param {number} n @param {(at: number) => boolean} holds */
function below(n, holds) {
  let low = 0, high = n;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A text cut into pieces at line ends, and its words, found where they are asked for. */
export class Words {
  /** @type {number[]} where each piece begins */ starts = [0];
  /** @type {Map<number, Range[]>} */ #tokens = new Map();

  /** @param {string} text */
  constructor(text) {
    this.text = text;
    for (let at = 0; text.length - at > BLOCK; this.starts.push(at)) {
      const line = text.indexOf("\n", at + BLOCK) + 1;
      at = line > 0 && line - at <= LONGEST_BLOCK ? line : cut(text, at);
      if (at >= text.length) break;
    }
  }

  /** The text of a piece, without the line end behind it. @param {number} block */
  piece(block) {
    return this.text.slice(this.starts[block], this.#end(block)).replace(/\n$/, "");
  }

  /** @param {number} block */
  #end(block) {
    return this.starts[block + 1] ?? this.text.length;
  }

  /** The piece in which a place lies. @param {number} unit */
  blockOf(unit) {
    return Math.max(0, below(this.starts.length, (at) => this.starts[at] <= unit) - 1);
  }

  /** @param {number} block @returns {Range[]} */
  #of(block) {
    let found = this.#tokens.get(block);
    if (!found) this.#tokens.set(block, found = tokens(this.text.slice(this.starts[block], this.#end(block)), this.starts[block]));
    return found;
  }

  /** The first word that ends behind a place. @param {number} unit @returns {Range | null} */
  after(unit) {
    for (let block = this.blockOf(unit); block < this.starts.length; block++) {
      const found = this.#of(block).find((token) => token.end > unit);
      if (found) return found;
    }
    return null;
  }

  /** The last word that begins before a place. @param {number} unit @returns {Range | null} */
  before(unit) {
    for (let block = this.blockOf(Math.max(0, unit - 1)); block >= 0; block--) {
      const found = this.#of(block).findLast((token) => token.start < unit);
      if (found) return found;
    }
    return null;
  }

  /** The words that a range touches, whole; null where it holds none. @param {number} from @param {number} to @returns {Range | null} */
  snap(from, to) {
    const first = this.after(Math.min(from, to)), last = this.before(Math.max(from, to, Math.min(from, to) + 1));
    return first && last && first.start <= last.start ? { start: first.start, end: last.end } : null;
  }

  /** Where the line of a place begins and ends. @param {number} unit @returns {Range} */
  line(unit) {
    const end = this.text.indexOf("\n", unit);
    return { start: this.text.lastIndexOf("\n", unit - 1) + 1, end: end < 0 ? this.text.length : end };
  }

  /** Whether the line of a place runs from right to left. @param {number} unit */
  isRtl(unit) {
    const { start, end } = this.line(unit);
    const strong = STRONG.exec(this.text.slice(start, Math.min(end, start + 2000)));
    return strong !== null && RTL.test(strong[0]);
  }
}

/** Where a long line is cut: behind its last space, else between two characters. @param {string} text @param {number} start */
function cut(text, start) {
  const most = start + LONGEST_BLOCK;
  const space = text.lastIndexOf(" ", most - 1) + 1;
  if (space > start + BLOCK) return space;
  return /[\udc00-\udfff]/.test(text[most] ?? "") ? most + 1 : most;
}

/** @param {string} text @param {number} at where it begins @returns {Range[]} */
function tokens(text, at) {
  const found = [];
  for (const match of text.matchAll(TOKEN)) {
    const start = at + match.index;
    if (!RUN_ON.test(match[0])) found.push({ start, end: start + match[0].length });
    else for (const part of parted(match[0])) found.push({ start: start + part.start, end: start + part.end });
  }
  return found;
}

/** Words of a run of letters without spaces. @param {string} run @returns {Range[]} */
function parted(run) {
  if (typeof Intl.Segmenter !== "function") return [...run.matchAll(/\P{M}\p{M}*/gu)].map((m) => ({ start: m.index, end: m.index + m[0].length }));
  const words = new Intl.Segmenter(undefined, { granularity: "word" });
  return [...words.segment(run)].map(({ index, segment }) => ({ start: index, end: index + segment.length }));
}
