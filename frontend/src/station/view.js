// @ts-check
// Small builders of the station's elements. What comes from records, classes and people is only ever text.

/** An element with attributes and children; strings become text nodes, never markup.
 * @param {string} name @param {Record<string, string | boolean | undefined>} attributes @param {...(Node | string)} children
 */
export function make(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(key, "");
    else if (value !== undefined && value !== false) node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}

/** A button that does one of the station's acts. @param {string} act @param {string} key @param {string} text */
export function command(act, key, text) {
  return make("button", { type: "button", class: "button button-quiet", "data-act": act }, make("kbd", {}, key), make("span", {}, text));
}

/** A dialog with a heading. @param {string} title @param {...(Node | string)} children @returns {HTMLDialogElement} */
export function dialog(title, ...children) {
  const close = make("form", { method: "dialog" }, make("button", { class: "button" }, "Close"));
  const body = make("div", { class: "dialog-body" }, make("h2", {}, title), ...children);
  const node = make("dialog", { class: "station-dialog", "aria-label": title }, body, make("div", { class: "dialog-foot" }, close));
  return /** @type {HTMLDialogElement} */ (node);
}

const KEYS = [
  ["s", "skip: let somebody else say"],
  ["f", "flag: something is wrong with this record"], ["c", "comment, or ask about the guidelines"],
  ["u", "undo, as far back as you like"], ["g", "guidelines"], ["h", "hide or show suggestions"], ["?", "this list"],
];

/** The list of keys. @param {[string, string][]} own those by which one answers */
export function keyList(own) {
  return make("dl", { class: "station-keys" }, ...[...own, ...KEYS].flatMap(([key, says]) => [make("dt", {}, make("kbd", {}, key)), make("dd", {}, says)]));
}

/** A value of a field in a few words. @param {unknown} value */
export const brief = (value) => (typeof value === "string" ? value : JSON.stringify(value)).slice(0, 400);

/** A name that may break after `_`, `-`, `/` and `.`, so that a long one stays inside its button. @param {string} name */
export const breakable = (name) => name.split(/(?<=[_\-/.])/).flatMap((part, at) => (at ? [make("wbr"), part] : [part]));

/** The guidelines as the server rendered them: Markdown without raw HTML, parsed with the page and never from a string. */
export function guidelines() {
  const template = document.querySelector("template#guidelines");
  return template instanceof HTMLTemplateElement ? template.content.cloneNode(true) : "";
}
