// @ts-check
// What was begun of a record and not saved, in the browser's storage: a closed tab costs nothing.

/** @param {string} key @param {string} record its id @returns {Record<string, any> | null} what was begun */
export function draft(key, record) {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "{}")[record] ?? null;
  } catch {
    return null;
  }
}

/** @param {string} key @param {string} record @param {Record<string, any>} said of one record at a time */
export function keepDraft(key, record, said) {
  try {
    if (Object.keys(said).length) localStorage.setItem(key, JSON.stringify({ [record]: said }));
    else localStorage.removeItem(key);
  } catch { /* the browser keeps nothing: it lives as long as the tab */ }
}
