// @ts-check

/** `<details data-remember="as-code">` keeps its state across pages, on this browser only. */
export function bindRemembered() {
  const key = (/** @type {Element} */ details) => `homegrown:${details.getAttribute("data-remember")}`;
  for (const details of document.querySelectorAll("details[data-remember]")) {
    if (localStorage.getItem(key(details)) === "open") details.setAttribute("open", "");
  }
  document.addEventListener(
    "toggle",
    (event) => {
      const details = /** @type {HTMLDetailsElement} */ (event.target);
      if (details.matches?.("details[data-remember]")) localStorage.setItem(key(details), details.open ? "open" : "shut");
    },
    true,
  );
}
