// @ts-check

/** Where typing is meant as text. */
const TYPING = "input, textarea, select, [contenteditable], sql-editor, command-palette, dialog";

/**
 * A key alone presses what carries it: `<button data-key="k">`, `<a data-key="s">`; `u` presses the undo of the notice
 * inside `[data-key-undo]`. The page works the same without: every key is also a button and an access key.
 */
export function bindKeys() {
  let pressed = false;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.key.length !== 1) return;
    const at = /** @type {Element} */ (event.target);
    if (pressed || at.closest?.(TYPING)) return;
    const key = event.key.toLowerCase();
    const found = key === "u" ? document.querySelector("[data-key-undo] button") : document.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (!(found instanceof HTMLElement)) return;
    event.preventDefault();
    pressed = true; // one page takes one decision: the next key belongs to the next case
    setTimeout(() => {
      pressed = false; // unless the page never came
    }, 3000);
    found.click();
  });
  addEventListener("pageshow", () => {
    pressed = false;
  });
}
