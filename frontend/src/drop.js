// @ts-check

/** A `.drop` is a label round a file input: dropping a file is the same as choosing one; either sends its form. */
export function bindDrop() {
  document.addEventListener("change", (event) => {
    const input = /** @type {HTMLInputElement} */ (event.target);
    if (input.matches?.("input[type=file][data-send]") && input.files?.length) send(input);
  });
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => {
      const zone = zoneOf(event);
      if (!zone) return;
      event.preventDefault();
      zone.setAttribute("data-over", "");
    });
  }
  for (const kind of ["dragleave", "drop"]) {
    document.addEventListener(kind, (event) => zoneOf(event)?.removeAttribute("data-over"));
  }
  document.addEventListener("drop", (event) => {
    const input = zoneOf(event)?.querySelector("input");
    const files = /** @type {DragEvent} */ (event).dataTransfer?.files;
    if (!input || !files?.length) return;
    event.preventDefault();
    input.files = files;
    send(input);
  });
}

/** @param {Event} event @returns {HTMLElement | null} */
function zoneOf(event) {
  return /** @type {Element} */ (event.target).closest?.(".drop") ?? null;
}

/** @param {HTMLInputElement} input */
function send(input) {
  const form = input.form;
  if (!form) return;
  const name = form.querySelector("[data-file-name]");
  if (name) name.textContent = `Reading ${input.files?.[0]?.name ?? "the file"} …`;
  form.setAttribute("aria-busy", "true");
  form.requestSubmit();
}
