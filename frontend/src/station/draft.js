// @ts-check
// What was begun of records and not saved, in the browser's storage: neither a closed tab nor a look at another record costs it.

const MOST = 20; // records; the oldest give way

/** @param {string} key @returns {Record<string, Record<string, any>>} by record, the one touched last at the end */
function drafts(key) {
  try {
    const kept = JSON.parse(localStorage.getItem(key) ?? "{}");
    return kept && typeof kept === "object" ? kept : {};
  } catch {
    return {};
  }
}

/** @param {string} key @param {string} record its id @returns {Record<string, any> | null} what was begun */
export const draft = (key, record) => drafts(key)[record] ?? null;

/** @param {string} key @param {string} record @param {Record<string, any>} said nothing: forget it */
export function keepDraft(key, record, said) {
  const { [record]: _, ...others } = drafts(key);
  const kept = Object.entries(Object.keys(said).length ? { ...others, [record]: said } : others).slice(-MOST);
  try {
    if (kept.length) localStorage.setItem(key, JSON.stringify(Object.fromEntries(kept)));
    else localStorage.removeItem(key);
  } catch { /* the browser keeps nothing: it lives as long as the tab */ }
}
