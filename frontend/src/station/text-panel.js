// @ts-check
// The text of a record with what is marked in it. It is drawn piece by piece, and only pieces of which something changed are
// drawn again, so that two hundred pages are as quick as one.
import { make } from "./view.js";
import { Words } from "./tokens.js";

/** @typedef {import("./tokens.js").Range} Range */
/** A part that is marked: `field` by its number, with its name at the start. @typedef {Range & { id: string, field: number, name: string, isSuggested: boolean, isHeld: boolean }} Mark */

const COLOURS = 6;
const DEEPEST = 3;
const NEAR = 8; // pixels

export class TextPanel {
  /** @type {Words} */ words = new Words("");
  /** @type {HTMLElement[]} */ #blocks = [];
  /** @type {string[]} how each piece is drawn now */ #drawn = [];
  /** @type {Mark[]} */ #marks = [];
  /** @type {Range | null} */ #chosen = null;

  /** @param {(range: Range, isSure: boolean) => void} onChosen words were chosen by a pointer; a finger may still move its handles
   *  @param {(id: string) => void} onMark a mark was pressed */
  constructor(onChosen, onMark) {
    this.onChosen = onChosen;
    this.onMark = onMark;
    this.node = make("div", { class: "station-text station-page", tabindex: "0", role: "region", "aria-label": "Text of the record", "data-record": "" });
    let type = "", isHere = false;
    const down = (/** @type {PointerEvent} */ event) => { type = event.pointerType; isHere = this.node.contains(/** @type {Node} */ (event.target)); };
    const up = (/** @type {PointerEvent} */ event) => isHere && type !== "touch" && event.button === 0 && this.#pointed(event);
    const selected = () => type === "touch" && this.#touched();
    document.addEventListener("pointerdown", down);
    document.addEventListener("pointerup", up);
    document.addEventListener("selectionchange", selected);
    this.node.addEventListener("click", (event) => type === "touch" && this.#pointed(event));
    this.close = () => {
      document.removeEventListener("pointerdown", down);
      document.removeEventListener("pointerup", up);
      document.removeEventListener("selectionchange", selected);
    };
  }

  /** Begin with a text; it is drawn by ``mark``. @param {string} text @param {string} record its id; empty where *text* says that there is none */
  show(text, record) {
    this.words = new Words(text);
    this.#marks = [];
    this.#chosen = null;
    this.#blocks = this.words.starts.map(() => make("div", { class: "station-block" }));
    this.#drawn = [];
    this.node.dataset.record = record;
    this.node.replaceChildren(...this.#blocks);
    this.node.scrollTop = 0;
  }

  /** @param {Mark[]} marks @param {Range | null} chosen */
  mark(marks, chosen) {
    this.#marks = marks;
    this.#chosen = chosen;
    this.#draw();
  }

  /** Bring a place into sight. @param {number} unit */
  reveal(unit) {
    const scroll = () => {
      const block = this.#blocks[this.words.blockOf(unit)];
      (block?.querySelector(".mark-chosen, .mark-held") ?? block)?.scrollIntoView({ block: "nearest" });
    };
    scroll();
    requestAnimationFrame(scroll); // pieces on the way have their true heights by then
  }

  /** The word above or below, as it is drawn. @param {number} unit @param {1 | -1} step @returns {Range | null} */
  beside(unit, step) {
    const block = this.words.blockOf(unit);
    const rect = this.#rect(block, unit);
    if (!rect) return null;
    const x = rect.left + rect.width / 2, y = step > 0 ? rect.bottom + rect.height / 2 : rect.top - rect.height / 2;
    const found = at(x, y);
    const there = found && this.#unit(found.node, found.offset);
    if (there == null || this.words.blockOf(there) === block && Math.abs((this.#rect(block, there)?.top ?? rect.top) - rect.top) < 2) return null;
    const line = this.words.line(there);
    return [this.words.after(there), this.words.before(there)].find((word) => word && word.start >= line.start && word.end <= line.end) ?? this.words.after(there);
  }

  /** @param {number} block @param {number} unit */
  #rect(block, unit) {
    const range = document.createRange();
    let left = unit - this.words.starts[block];
    const walk = document.createTreeWalker(this.#blocks[block], NodeFilter.SHOW_TEXT);
    for (let node = walk.nextNode(); node; node = walk.nextNode()) {
      const length = node.nodeValue?.length ?? 0;
      if (left < length) {
        range.setStart(node, left);
        range.setEnd(node, left + 1);
        return range.getBoundingClientRect();
      }
      left -= length;
    }
    return null;
  }

  /** The place of a point of the page's own tree. @param {Node} node @param {number} offset @returns {number | null} */
  #unit(node, offset) {
    const number = this.#blocks.findIndex((block) => block.contains(node));
    if (number < 0) return node === this.node ? this.words.starts[offset] ?? this.words.text.length : null;
    const range = document.createRange();
    range.setStart(this.#blocks[number], 0);
    range.setEnd(node, offset);
    return this.words.starts[number] + range.toString().length;
  }

  /** The words that are selected; null where there are none. @returns {Range | null} */
  #selected() {
    const selection = getSelection();
    if (!selection?.anchorNode || !selection.focusNode || selection.isCollapsed || !this.node.contains(selection.anchorNode)) return null;
    const from = this.#unit(selection.anchorNode, selection.anchorOffset);
    const to = this.node.contains(selection.focusNode) ? this.#unit(selection.focusNode, selection.focusOffset) : this.words.text.length;
    return from === null || to === null ? null : this.words.snap(from, to);
  }

  /** @param {MouseEvent} event */
  #pointed(event) {
    const selected = this.#selected();
    if (selected) {
      getSelection()?.removeAllRanges();
      return this.onChosen(selected, true);
    }
    const mark = /** @type {Element} */ (event.target).closest?.("[data-mark]")?.getAttribute("data-mark");
    if (mark) return this.onMark(mark);
    const word = this.#under(event.clientX, event.clientY);
    if (word) this.onChosen(word, true);
  }

  #touched() {
    const selected = this.#selected();
    if (selected) this.onChosen(selected, false);
  }

  /** The word under a point of the screen; null beside the text. @param {number} x @param {number} y @returns {Range | null} */
  #under(x, y) {
    const found = at(x, y);
    const unit = found && this.#unit(found.node, found.offset);
    if (unit == null) return null;
    // On the right half of a letter the place found is behind it.
    const words = [unit, Math.max(0, unit - 1)].flatMap((place) => this.words.snap(place, place) ?? []);
    return words.find((word) => this.#isAt(word, x, y, 0)) ?? words.find((word) => this.#isAt(word, x, y, NEAR)) ?? null;
  }

  /** @param {Range} word @param {number} x @param {number} y @param {number} near pixels */
  #isAt(word, x, y, near) {
    const first = this.#rect(this.words.blockOf(word.start), word.start), last = this.#rect(this.words.blockOf(word.end - 1), word.end - 1);
    if (!first || !last) return false;
    return x >= Math.min(first.left, last.left) - near && x <= Math.max(first.right, last.right) + near && y >= first.top - near && y <= last.bottom + near;
  }

  #draw() {
    /** @type {Map<number, (Mark | Range)[]>} */ const there = new Map();
    for (const one of this.#chosen ? [...this.#marks, this.#chosen] : this.#marks) {
      for (let block = this.words.blockOf(one.start); block <= this.words.blockOf(one.end - 1); block++) {
        there.set(block, [...(there.get(block) ?? []), one]);
      }
    }
    this.#blocks.forEach((node, block) => {
      const marks = there.get(block) ?? [];
      const looks = JSON.stringify(marks);
      if (this.#drawn[block] === looks) return;
      this.#drawn[block] = looks;
      node.replaceChildren(...this.#parts(block, marks));
    });
  }

  /** @param {number} block @param {(Mark | Range)[]} marks @returns {(Node | string)[]} */
  #parts(block, marks) {
    const text = this.words.piece(block), first = this.words.starts[block], last = first + text.length;
    if (!marks.length) return [text];
    const cuts = [...new Set([first, last, ...marks.flatMap((one) => [one.start, one.end])])].filter((unit) => unit >= first && unit <= last).sort((a, b) => a - b);
    return cuts.slice(0, -1).map((start, number) => {
      const words = text.slice(start - first, cuts[number + 1] - first);
      const here = marks.filter((one) => one.start <= start && start < one.end);
      // The shortest lies innermost, with its line nearest to the words.
      return here.sort((a, b) => a.end - a.start - (b.end - b.start)).reduce((/** @type {Node | string} */ inner, one, depth) => wrapped(inner, one, Math.min(depth, DEEPEST - 1), start), words);
    });
  }
}

/** @param {Node | string} inner @param {Mark | Range} one @param {number} depth @param {number} start */
function wrapped(inner, one, depth, start) {
  if (!("id" in one)) return make("span", { class: "mark-chosen" }, inner);
  const looks = ["mark", `mark-${one.field % COLOURS}`, `mark-deep-${depth}`, one.isSuggested ? "mark-suggested" : "", one.isHeld ? "mark-held" : ""];
  return make("mark", { class: looks.filter(Boolean).join(" "), "data-mark": one.id, "data-name": one.start === start ? one.name : undefined }, inner);
}

/** The point of the tree under a point of the screen. @param {number} x @param {number} y @returns {{ node: Node, offset: number } | null} */
function at(x, y) {
  const page = /** @type {any} */ (document);
  const position = page.caretPositionFromPoint?.(x, y);
  if (position) return { node: position.offsetNode, offset: position.offset };
  const range = page.caretRangeFromPoint?.(x, y);
  return range ? { node: range.startContainer, offset: range.startOffset } : null;
}
