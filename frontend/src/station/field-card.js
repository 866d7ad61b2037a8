// @ts-check
// One field of an answer beside the text: its key, what it holds, and what one can do about it.
import { breakable, make } from "./view.js";

const SHORT = 160;
const TYPES = { span: "words of the text", number: "number", date: "date", money: "amount", boolean: "yes or no", choice: "one of a list", list: "rows" };
const HINTS = { span: "choose words in the text", number: "choose it in the text, or type", date: "choose it in the text, or type", money: "choose it in the text, or type" };
export const COLOURS = 6;

/** @typedef {import("./desk.js").SetupField} SetupField */
/** @typedef {import("./answer-sheet.js").Held} Held */
/** @typedef {{ key: string, colour: number, held: Held | undefined, isActive: boolean, isOpen: boolean, canTake: boolean, words: (start: number, end: number) => string, keys: string }} Look */

/** A value as it is read; empty for words of the text. @param {SetupField | undefined} one @param {any} answer */
export function valueText(one, answer) {
  if (answer === null) return "not in this text";
  if (answer?.items) return `${answer.items.length} ${answer.items.length === 1 ? "row" : "rows"}`;
  if (answer?.choices) return answer.choices.map((/** @type {string} */ id) => one?.options.find((option) => option.id === id)?.name ?? "a choice that is gone").join(", ");
  if (typeof answer?.value === "boolean") return answer.value ? "yes" : "no";
  return [answer?.value, answer?.currency].filter(Boolean).join(" ");
}

/** A value as it is read, or the words that are marked. @param {SetupField} one @param {any} answer @param {Look["words"]} words */
export const shownText = (one, answer, words) => valueText(one, answer) || (answer?.spans ?? []).map((/** @type {[number, number]} */ [start, end]) => words(start, end)).join("; ");

/** How many options keys choose among. @param {SetupField} one @param {Held | undefined} held */
export const nOptions = (one, held) => held?.maybe.length || (one.type === "boolean" ? 2 : one.options.length);

/** @param {Held | undefined} held */
export const stateOf = (held) => (!held ? "empty" : held.problem ? "problem" : held.maybe.length ? "unsure" : held.isSuggested ? "suggested" : held.answer === null ? "absent" : "said");

/** @param {SetupField} one @param {Look} look */
export function fieldCard(one, look) {
  const { held, isActive } = look;
  const many = one.many ? "several, " : "";
  const type = one.type === "span" && one.many ? "several pieces of the text" : `${many}${TYPES[/** @type {keyof typeof TYPES} */ (one.type)] ?? one.type}`;
  const tools = [
    make("button", { type: "button", class: "button button-s button-quiet", "data-absent": true, "aria-pressed": String(held?.answer === null), "aria-describedby": `field-${look.colour}` }, isActive ? make("kbd", { "aria-hidden": "true" }, "x") : "", make("span", {}, "not in this text")),
    ...(held ? [make("button", { type: "button", class: "button button-s button-quiet", "data-empty": true, "aria-label": `Empty ${one.name}` }, "✕")] : []),
  ];
  return make("li", { class: `field-card field-${look.colour % COLOURS}`, "data-field": one.id, "data-state": stateOf(held), "data-active": isActive },
    make("div", { class: "field-head" },
      make("button", { type: "button", class: "field-name", "aria-pressed": String(isActive), title: one.description || undefined }, look.key ? make("kbd", {}, look.key) : "", make("strong", { id: `field-${look.colour}` }, ...breakable(one.name)),
        make("span", { class: "faint" }, `${type}${one.required ? ", always there" : ""}`)),
      make("div", { class: "field-tools" }, ...tools)),
    ...body(one, look), ...notes(one, look));
}

/** @param {SetupField} one @param {Look} look @returns {HTMLElement[]} */
function body(one, look) {
  const { held, words } = look, spans = held?.answer?.spans ?? [];
  if (held?.answer === null) return [make("p", { class: "field-absent" }, "not in this text")];
  if (one.type === "list") return [make("ol", { class: "list-rows", "aria-label": `Rows of ${one.name}` })];
  if (one.type === "choice" || one.type === "boolean") return [options(one, look)];
  if (one.type === "span") {
    const found = spans.map((/** @type {[number, number]} */ [start, end]) => brief(words(start, end)));
    return [found.length ? make("button", { type: "button", class: "field-words", "data-go": true, title: "Show where it stands" }, ...found.map((/** @type {string} */ text) => make("span", { dir: "auto" }, text)))
      : make("p", { class: "faint" }, HINTS.span)];
  }
  const from = spans.map((/** @type {[number, number]} */ [start, end]) => make("button", { type: "button", class: "field-from faint", "data-go": true, title: "Show where it stands" }, "from “", make("bdi", {}, brief(words(start, end))), "”"));
  return [make("div", { class: "field-value" }, valueInput(one, one.id, held, { "aria-label": one.name, placeholder: HINTS[/** @type {"date"} */ (one.type)] }), ...from), ...(held?.maybe.length ? [options(one, look)] : [])];
}

/** @param {SetupField} one @param {string} path @param {Held | undefined} held @param {Record<string, string>} how @param {string} [said] in place of its value */
export function valueInput(one, path, held, how, said) {
  const value = held?.typed ?? said ?? valueText(one, held?.answer ?? {});
  return make("input", { class: "input", "data-value": path, value, autocomplete: "off", spellcheck: "false", inputmode: one.type === "number" ? "decimal" : undefined, ...how });
}

/** @param {SetupField} one @param {Pick<Look, "held" | "isOpen" | "keys">} look */
export function options(one, look) {
  const { held, isOpen, keys } = look, maybe = held?.maybe ?? [];
  const names = maybe.length ? maybe.map((answer) => valueText(one, answer)) : one.type === "boolean" ? ["yes", "no"] : one.options.map((option) => option.name);
  const isOn = (/** @type {number} */ at) => !maybe.length && (one.type === "boolean" ? held?.answer?.value === (at === 0) : Boolean(held?.answer?.choices?.includes(one.options[at].id)));
  return make("div", { class: "field-options", role: "group", "aria-label": one.name }, ...names.map((name, at) => make("button", {
    type: "button", class: "field-option", "data-option": String(at), "aria-pressed": String(isOn(at)),
  }, isOpen && keys[at] ? make("kbd", {}, keys[at]) : "", make("span", {}, ...breakable(name)))));
}

/** @param {SetupField} one @param {Look} look @returns {HTMLElement[]} */
function notes(one, look) {
  const { held } = look;
  if (held?.problem) return [make("p", { class: "field-problem", role: "alert" }, held.problem)];
  if (held?.maybe.length) return [make("p", { class: "field-problem" }, "This may be read in two ways: which is it?")];
  const take = look.canTake && (!held || held.isSuggested)
    ? [make("button", { type: "button", class: "button button-s button-quiet", "data-take": true, "aria-describedby": `field-${look.colour}` }, look.isActive ? make("kbd", { "aria-hidden": "true" }, "+") : "", make("span", {}, held ? "take it" : "take the suggestion"))]
    : [];
  if (held?.isSuggested) return [make("div", { class: "field-why" }, make("p", {}, make("span", { class: "tag tag-info" }, "suggested"), ` ${held.why}`), ...take)];
  return [...(one.description && look.isActive ? [make("p", { class: "faint" }, one.description)] : []), ...take];
}

/** @param {string} text */
export const brief = (text) => (text.length > SHORT ? `${text.slice(0, SHORT / 2)} … ${text.slice(-SHORT / 2)}` : text);
