// @ts-check

/** What each column of a file is used for: chips moved between the slots "text", "label" and "other", by mouse or keys.
 *
 * The server renders the slots and one chip per column, `<span data-column="3"><button class="chip-column">…</button>
 * <input type="hidden" name="role_3" value="text"></span>`; this element only moves them, keeps the hidden inputs true,
 * colours the preview's columns, and says `roles-changed` so that the page can ask the server what that means.
 */
class ColumnRoles extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", (event) => this.#onClick(event));
    this.addEventListener("keydown", (event) => this.#onKey(event));
    this.addEventListener("dragstart", (event) => this.#onDragStart(event));
    this.addEventListener("dragend", () => this.#clearDrag());
    this.addEventListener("dragover", (event) => this.#onDragOver(event));
    this.addEventListener("drop", (event) => this.#onDrop(event));
    this.#paint();
  }

  /** @returns {HTMLElement[]} */
  get #slots() {
    return [...this.querySelectorAll(".slot")].map((slot) => /** @type {HTMLElement} */ (slot));
  }

  /** @param {Element | null} node @returns {HTMLElement | null} */
  #itemOf(node) {
    return node?.closest("[data-column]") ?? null;
  }

  /** A press moves the chip on to the next slot: text, label, other, text … @param {MouseEvent} event */
  #onClick(event) {
    const item = this.#itemOf(/** @type {Element} */ (event.target));
    if (item) this.#step(item, 1);
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const item = this.#itemOf(/** @type {Element} */ (event.target));
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!item || !step) return;
    event.preventDefault();
    this.#step(item, step);
  }

  /** @param {HTMLElement} item @param {number} by */
  #step(item, by) {
    const slots = this.#slots;
    const at = slots.findIndex((slot) => slot.contains(item));
    this.#move(item, slots[(at + by + slots.length) % slots.length]);
    item.querySelector("button")?.focus();
  }

  /** @param {DragEvent} event */
  #onDragStart(event) {
    const item = this.#itemOf(/** @type {Element} */ (event.target));
    if (!item) return;
    event.dataTransfer?.setData("text/plain", item.dataset.column ?? "");
    item.querySelector("button")?.classList.add("dragging");
  }

  /** @param {DragEvent} event */
  #onDragOver(event) {
    const slot = /** @type {Element} */ (event.target).closest(".slot");
    if (!slot) return;
    event.preventDefault();
    for (const other of this.#slots) other.toggleAttribute("data-over", other === slot);
  }

  /** @param {DragEvent} event */
  #onDrop(event) {
    const slot = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest(".slot"));
    const column = event.dataTransfer?.getData("text/plain") ?? "";
    const item = /** @type {HTMLElement | null} */ (this.querySelector(`[data-column="${CSS.escape(column)}"]`));
    event.preventDefault();
    this.#clearDrag();
    if (slot && item) this.#move(item, slot);
  }

  #clearDrag() {
    for (const slot of this.#slots) slot.removeAttribute("data-over");
    for (const chip of this.querySelectorAll(".dragging")) chip.classList.remove("dragging");
  }

  /** @param {HTMLElement} item @param {HTMLElement} slot */
  #move(item, slot) {
    if (slot.contains(item)) return;
    const single = slot.hasAttribute("data-single") ? this.#itemOf(slot.querySelector("[data-column]")) : null;
    const rest = this.#slots.at(-1);
    if (single && rest) rest.querySelector(".slot-chips")?.append(single);
    slot.querySelector(".slot-chips")?.append(item);
    this.#paint();
    this.dispatchEvent(new CustomEvent("roles-changed", { bubbles: true }));
  }

  #paint() {
    for (const slot of this.#slots) {
      const role = slot.dataset.role ?? "other";
      const items = [...slot.querySelectorAll("[data-column]")];
      slot.querySelector(".none")?.toggleAttribute("hidden", items.length > 0);
      for (const node of items) {
        const item = /** @type {HTMLElement} */ (node);
        const input = item.querySelector("input");
        if (input) input.value = role;
        const says = item.querySelector("[data-says]");
        if (says) says.textContent = `, ${slot.dataset.says}. Press to change.`;
        for (const cell of document.querySelectorAll(`.preview [data-col="${item.dataset.column}"]`)) {
          cell.setAttribute("data-role", role);
        }
      }
    }
  }
}

customElements.define("column-roles", ColumnRoles);
