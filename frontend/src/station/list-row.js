// @ts-check
// One row of a list beside the text. The row in which one is has a place to type for each cell, the others are one line.
import { brief, COLOURS, options, shownText, stateOf, valueInput } from "./field-card.js";
import { breakable, make } from "./view.js";

/** @typedef {import("./desk.js").SetupField} SetupField */
/** @typedef {import("./answer-sheet.js").Row} Row */
/** @typedef {import("./answer-sheet.js").Held} Held */
/** `at`: the row's number from 0; `active`: the id of the cell in which one is; `colour` of the first cell.
 * @typedef {{ at: number, active: string, isOpen: boolean, isNew: boolean, isSuggested: boolean, colour: number, words: (start: number, end: number) => string, keys: string }} RowLook */

/** @param {SetupField} list @param {Row} row @param {RowLook} look */
export function listRow(list, row, look) {
  const cells = list.fields.map((one, at) => (look.active ? openCell(list, one, row.get(one.id), at, look) : shutCell(list, one, row.get(one.id), at, look)));
  const drop = make("button", { type: "button", class: "button button-s button-quiet", "data-drop": String(look.at), "aria-label": `Remove row ${look.at + 1} of ${list.name}` }, "✕");
  const number = make("span", { class: "list-number faint", "aria-hidden": "true" }, look.isNew ? "new" : String(look.at + 1));
  return make("li", { class: "list-row", "data-row": String(look.at), "data-active": Boolean(look.active), "data-new": look.isNew, "data-suggested": look.isSuggested },
    number, make("div", { class: "list-cells" }, ...cells), look.active && !look.isNew ? drop : "", ...notes(list, row));
}

/** The line that begins a new row. @param {boolean} isEntered @param {string} name the id of the element that names the list */
export function newRow(isEntered, name) {
  return make("li", { class: "list-row list-more" }, make("button", { type: "button", class: "button button-s", "data-more": true, "aria-describedby": name }, isEntered ? make("kbd", { "aria-hidden": "true" }, "n") : "", make("span", {}, "Add a row")));
}

/** @param {SetupField} one @param {Held | undefined} held @param {RowLook} look */
const said = (one, held, look) => (held?.answer ? brief(shownText(one, held.answer, look.words)) : "");

/** @param {SetupField} list @param {SetupField} one @param {number} at */
const pathOf = (list, one, at) => `${list.id}/${at}/${one.id}`;

/** @param {SetupField} list @param {SetupField} one @param {Held | undefined} held @param {number} at @param {RowLook} look */
function shutCell(list, one, held, at, look) {
  const words = held?.typed ?? said(one, held, look);
  return make("button", {
    type: "button", class: `list-cell field-${(look.colour + at) % COLOURS}`, "data-cell": pathOf(list, one, look.at), "data-state": stateOf(held), title: one.name,
    "aria-label": `${one.name}, row ${look.at + 1}: ${words || "empty"}`,
  }, make("span", { dir: "auto" }, words || "–"));
}

/** @param {SetupField} list @param {SetupField} one @param {Held | undefined} held @param {number} at @param {RowLook} look */
function openCell(list, one, held, at, look) {
  const path = pathOf(list, one, look.at), isActive = look.active === one.id, row = `row ${look.at + 1}`;
  const chooses = one.type === "choice" || one.type === "boolean";
  const isOpen = isActive && look.isOpen;
  return make("div", { class: `list-cell list-open field-${(look.colour + at) % COLOURS}`, "data-cell": path, "data-state": stateOf(held), "data-active": isActive },
    make("button", { type: "button", class: "field-name list-label", "aria-pressed": String(isActive), title: one.description || undefined },
      look.keys[at] && !isOpen ? make("kbd", {}, look.keys[at]) : "", make("span", {}, ...breakable(one.name))),
    chooses ? "" : valueInput(one, path, held, { "aria-label": `${one.name}, ${row}`, placeholder: held?.answer === null ? "not there" : "" }, said(one, held, look)),
    chooses || held?.maybe.length ? options(one, { held, isOpen, keys: look.keys }) : "");
}

/** @param {SetupField} list @param {Row} row */
function notes(list, row) {
  return list.fields.flatMap((one) => {
    const held = row.get(one.id);
    if (held?.problem) return [make("p", { class: "field-problem", role: "alert" }, `${one.name}: ${held.problem}`)];
    return held?.maybe.length ? [make("p", { class: "field-problem" }, `${one.name}: this may be read in two ways: which is it?`)] : [];
  });
}
