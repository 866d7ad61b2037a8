// @ts-check

/** Says one sentence in the corner, for readers and for screen readers, and takes it back after a while.
 * @param {string} words @param {"plain" | "wrong"} [kind] */
export function toast(words, kind = "plain") {
  const shelf = document.querySelector(".toasts");
  if (!shelf) return;
  const note = document.createElement("div");
  note.className = "toast";
  note.textContent = words;
  shelf.append(note);
  setTimeout(() => note.remove(), kind === "wrong" ? 8000 : 3500);
}

/** Failures of the network or the server are told, not swallowed; what was typed stays on the page. What asks by itself
 * (`data-quiet`) asks again soon and says nothing. */
export function bindToasts() {
  document.addEventListener("htmx:error", (event) => {
    if (/** @type {Element} */ (event.target).closest?.("[data-quiet]")) return;
    toast("The server did not answer. Nothing you typed is lost: try again in a moment.", "wrong");
  });
  document.addEventListener("toast", (event) => toast(/** @type {CustomEvent} */ (event).detail?.value ?? ""));
}
