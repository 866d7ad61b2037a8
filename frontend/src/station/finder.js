// @ts-check
// Words to look for in the text of a record: who uses keys alone comes to page 150 by them.
import { make } from "./view.js";

/** @typedef {import("./tokens.js").Range} Range */

export class Finder {
  #input = /** @type {HTMLInputElement} */ (make("input", { class: "input", type: "search", "aria-label": "Find in the text", placeholder: "find in the text", autocomplete: "off", spellcheck: "false", enterkeyhint: "search" }));
  #none = make("p", { class: "faint", role: "status" });
  node = make("div", { class: "station-find", hidden: true }, this.#input, this.#none);

  /** @param {(words: string) => boolean} onFind looks for words, and says whether they are there */
  constructor(onFind) {
    this.#input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== "Escape" || event.isComposing) return;
      event.preventDefault();
      const words = this.#input.value.trim();
      const isThere = event.key === "Escape" || !words || onFind(words);
      this.#none.textContent = isThere ? "" : "That does not stand in the text.";
      if (isThere) this.close();
    });
  }

  /** Ask for words; what was looked for last stands there. */
  open() {
    this.node.hidden = false;
    this.#input.focus();
    this.#input.select();
  }

  close() {
    this.#none.textContent = "";
    this.node.hidden = true;
    this.#input.blur();
  }
}

/** The next place of words in a text, in any case and with any blanks between them, from a place on and then from its beginning.
 * @param {string} text @param {string} words @param {number} from @returns {Range | null} */
export function found(text, words, from) {
  const pattern = words.split(/\s+/).map((word) => word.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")).join("\\s+");
  const wanted = new RegExp(pattern, "giu");
  for (const start of [from, 0]) {
    wanted.lastIndex = start;
    const match = wanted.exec(text);
    if (match) return { start: match.index, end: match.index + match[0].length };
  }
  return null;
}
