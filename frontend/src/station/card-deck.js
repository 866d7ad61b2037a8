// @ts-check
// The fields beside the text. Only what changed is drawn again, so that a list of hundreds of rows is as quick as one field.
import { fieldCard, nOptions } from "./field-card.js";
import { KEYS } from "./field-keys.js";
import { listRow, newRow } from "./list-row.js";
import { make } from "./view.js";

/** @typedef {import("./answer-sheet.js").AnswerSheet} AnswerSheet */
/** @typedef {import("./desk.js").SetupField} SetupField */
const FIRST = 30; // rows of a list that are drawn at once; the others soon after, so many at a time
const STEP = 60;
const SOON_MS = 60;

/** `active`: the path of the field or cell in which one is; `suggested`: ids of fields for which there is a suggestion.
 * @typedef {{ isEmpty: boolean, active: string, isOpen: boolean, suggested: Set<string> }} State */

export class CardDeck {
  node = make("ol", { class: "field-cards" });
  #text = "";
  #seen = "";
  /** @type {Map<string, { looks: string, node: HTMLElement }>} */ #drawn = new Map();
  #rows = FIRST;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;

  /** Begin with another record. @param {string} text */
  begin(text) {
    this.#text = text;
    this.#seen = "";
    this.#rows = FIRST;
    this.#drawn.clear();
  }

  /** Go into the input of a field or cell, to type. @param {string} path @returns {boolean} whether there is one */
  type(path) {
    const input = this.#input(path);
    input?.focus();
    input?.select();
    return Boolean(input);
  }

  /** @param {string} path @returns {HTMLInputElement | null} */
  #input(path) {
    return this.node.querySelector(`input[data-value="${CSS.escape(path)}"]`);
  }

  /** @param {AnswerSheet} sheet @param {State} state */
  draw(sheet, state) {
    clearTimeout(this.#timer);
    if (sheet.fields.some((one) => sheet.rows(one).length > this.#rows)) {
      this.#timer = setTimeout(() => {
        this.#rows += STEP;
        this.draw(sheet, state);
      }, SOON_MS);
    }
    const typing = this.#typing();
    const spot = sheet.spot(state.active);
    // Keys that the options or the row take are not those of the fields meanwhile.
    const taken = !spot ? 0 : state.isOpen ? nOptions(spot.one, sheet.get(spot.path)) : spot.list ? spot.list.fields.length : 0;
    const cards = (state.isEmpty ? [] : sheet.fields).map((one, at) => this.#card(sheet, one, at, state, at < taken ? "" : KEYS[at] ?? ""));
    fill(this.node, cards);
    typing?.();
    if (state.active === this.#seen) return;
    this.#seen = state.active;
    const card = this.node.querySelector("[data-active]");
    (card?.querySelector(".list-row[data-active]") ?? card)?.scrollIntoView({ block: "nearest" });
  }

  /** @param {AnswerSheet} sheet @param {SetupField} one @param {number} at @param {State} state @param {string} key */
  #card(sheet, one, at, state, key) {
    const held = sheet.get(one.id), spot = sheet.spot(state.active), isIn = spot?.list === one;
    const isActive = one.id === state.active || isIn, isOpen = isActive && !isIn && state.isOpen;
    const words = (/** @type {number} */ start, /** @type {number} */ end) => this.#text.slice(start, end);
    const look = { key, isActive, isOpen, canTake: state.suggested.has(one.id), colour: at, held, words, keys: KEYS };
    const { rows, ...plain } = held ?? {};
    const card = this.#kept(one.id, [plain, Boolean(held), key, isActive, isOpen, look.canTake], () => fieldCard(one, look));
    const list = card.querySelector(".list-rows");
    if (!list) return card;
    const there = rows ?? [], here = isIn ? spot.row : -1;
    const drawn = [...there, ...(here >= there.length ? [new Map()] : [])].slice(0, Math.max(this.#rows, here + FIRST)).map((row, number) => {
      const active = number === here ? spot?.one.id ?? "" : "";
      const looks = { at: number, active, isOpen: Boolean(active) && state.isOpen, isNew: number >= there.length, isSuggested: held?.isSuggested ?? false, colour: at };
      return this.#kept(`${one.id}/${number}`, [looks, [...row]], () => listRow(one, row, { ...looks, words, keys: KEYS }));
    });
    const more = here >= there.length ? [] : [this.#kept(`${one.id}/more`, [isIn], () => newRow(isIn, `field-${at}`))];
    fill(list, [...drawn, ...more]);
    return card;
  }

  /** What is drawn already where it still looks so. @param {string} key @param {unknown} what @param {() => HTMLElement} drawn */
  #kept(key, what, drawn) {
    const looks = JSON.stringify(what), before = this.#drawn.get(key);
    if (before?.looks === looks) return before.node;
    const node = drawn();
    this.#drawn.set(key, { looks, node });
    return node;
  }

  /** Where somebody types, and how to go on there once it was drawn anew. @returns {(() => void) | null} */
  #typing() {
    const input = /** @type {HTMLInputElement | null} */ (this.node.querySelector("input[data-value]:focus"));
    if (!input) return null;
    const { value, defaultValue, selectionStart, selectionEnd } = input;
    return () => {
      const now = this.#input(input.dataset.value ?? "");
      if (!now || now === document.activeElement) return;
      if (now !== input && value !== defaultValue) now.value = value;
      now.focus({ preventScroll: true });
      now.setSelectionRange(selectionStart, selectionEnd);
    };
  }
}

/** Make the children of a node these; those that stay are not touched. @param {Element} parent @param {HTMLElement[]} nodes */
function fill(parent, nodes) {
  const wanted = new Set(/** @type {Element[]} */ (nodes));
  for (const there of [...parent.children]) if (!wanted.has(there)) there.remove();
  nodes.forEach((node, at) => parent.children[at] !== node && parent.insertBefore(node, parent.children[at] ?? null));
}
