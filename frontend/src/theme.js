// @ts-check

/** The theme button turns light to dark and back. A cookie keeps the choice, so the server paints the right one at once. */
export function bindTheme() {
  document.addEventListener("click", (event) => {
    const button = /** @type {Element} */ (event.target).closest?.("[data-theme-switch]");
    if (!button) return;
    const root = document.documentElement;
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    const next = (root.dataset.theme ?? system) === "dark" ? "light" : "dark";
    root.dataset.theme = next;
    document.cookie = `hg_theme=${next}; Path=/; Max-Age=31536000; SameSite=Lax`;
    document.dispatchEvent(new CustomEvent("theme-changed"));
  });
}
