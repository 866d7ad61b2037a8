// @ts-check
// Which key stands for which class, and which classes are shown.

/** @typedef {{ id: string, name: string, description: string }} LabelClass */
/** @typedef {{ class_id: string, share: number, why: string }} Suggestion */
/** @typedef {{ field_id: string, answer: any, share: number, why: string }} FieldSuggestion */
/** @typedef {{ who: string, class_ids: string[], confidence: number | null }} Heard */
/** @typedef {{ record_id: string, text: string, fields: Record<string, unknown>, reason: string, base: string | null, suggestions: Suggestion[], votes: Heard[], answers: FieldSuggestion[] }} Waiting */

const DIGITS = "123456789";
const LETTERS = "qwertyiopadjklzxvbnm"; // without the commands s f c u g h
export const SEARCH_ABOVE = 10;
const MOST_FOUND = 40;

/** With few classes each has a key of its own for good; with more the likeliest nine have the digits. @param {LabelClass[]} classes */
export const areFixed = (classes) => classes.length <= DIGITS.length + LETTERS.length;

/** The classes to show for a record with the key of each.
 * @param {LabelClass[]} classes @param {Suggestion[]} suggestions @param {string[]} recent ids, the newest first
 * @returns {{ one: LabelClass, key: string }[]}
 */
export function keyed(classes, suggestions, recent) {
  if (areFixed(classes)) return classes.map((one, at) => ({ one, key: (DIGITS + LETTERS)[at] }));
  const byId = new Map(classes.map((one) => [one.id, one]));
  const wanted = [...suggestions.map((s) => s.class_id), ...recent, ...byId.keys()];
  const chosen = [...new Set(wanted)].flatMap((id) => byId.get(id) ?? []).slice(0, DIGITS.length);
  return chosen.map((one, at) => ({ one, key: DIGITS[at] }));
}

/** Classes whose name or description holds every word typed, names that begin so first. @param {LabelClass[]} classes @param {string} typed */
export function found(classes, typed) {
  const plain = (/** @type {string} */ text) => text.toLowerCase().replaceAll(/[_-]/g, " ");
  const words = plain(typed).split(/\s+/).filter(Boolean);
  const holds = (/** @type {string} */ text) => words.every((word) => plain(text).includes(word));
  const rank = (/** @type {LabelClass} */ one) => (plain(one.name).startsWith(words[0] ?? "") ? 0 : holds(one.name) ? 1 : 2);
  return classes.filter((one) => holds(`${one.name} ${one.description}`)).sort((a, b) => rank(a) - rank(b)).slice(0, MOST_FOUND);
}

/** How likely, in five dots. @param {number} share */
export const dots = (share) => "●".repeat(Math.max(1, Math.round(5 * share))).padEnd(5, "○");
