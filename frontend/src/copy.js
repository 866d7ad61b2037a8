// @ts-check
import { toast } from "./toast.js";

/** `<button data-copy="#id">` copies that element's text, and says so. */
export function bindCopy() {
  document.addEventListener("click", async (event) => {
    const button = /** @type {Element} */ (event.target).closest?.("[data-copy]");
    if (!button) return;
    const source = document.querySelector(button.getAttribute("data-copy") ?? "");
    if (!source) return;
    try {
      await navigator.clipboard.writeText(source.textContent ?? "");
      toast("Copied.");
    } catch {
      // Without permission (or over plain HTTP) the browser refuses: select the text, so that one key finishes the copy.
      getSelection()?.selectAllChildren(source);
      toast("Selected: press Ctrl+C or ⌘C to copy.");
    }
  });
}
