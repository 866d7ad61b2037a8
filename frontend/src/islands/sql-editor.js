// @ts-check

/** A SQL editor with highlighting and completion over the text area inside; the area keeps the value, so the form works
 * without this script too. The tables and columns come from the `schema` attribute, `{"records": ["text", …]}`. The editor
 * lives in a shadow root: its styles are constructed sheets there, which the strict Content-Security-Policy lets pass.
 */
class SqlEditor extends HTMLElement {
  /** @type {any} */ #view = null;

  async connectedCallback() {
    const area = this.querySelector("textarea");
    if (!area || this.shadowRoot) return;
    const { createEditor } = await import("../editor.js");
    const root = this.attachShadow({ mode: "open" });
    const label = this.querySelector("label")?.textContent ?? "SQL";
    this.#view = createEditor(root, {
      value: area.value,
      label,
      schema: JSON.parse(this.getAttribute("schema") ?? "{}"),
      onChange: (/** @type {string} */ value) => (area.value = value),
      onRun: () => area.form?.requestSubmit(),
    });
    this.addEventListener("insert", (event) => this.insert(/** @type {CustomEvent} */ (event).detail));
  }

  /** @param {string} text */
  insert(text) {
    this.#view?.dispatch(this.#view.state.replaceSelection(text));
    this.#view?.focus();
  }

  disconnectedCallback() {
    this.#view?.destroy();
  }
}

customElements.define("sql-editor", SqlEditor);
