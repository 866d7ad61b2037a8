// @ts-check

/** Search or do: ⌘K (Ctrl+K, or /) opens a list of every page and action; typing narrows it, Enter goes there.
 *
 * The server renders the choices as plain links inside, so the list is in the page's own words and order:
 * `<command-palette><a href="/ingest" data-words="import file upload">Add data</a>…</command-palette>`.
 */
class CommandPalette extends HTMLElement {
  /** @type {HTMLDialogElement | null} */ #dialog = null;
  /** @type {HTMLInputElement | null} */ #input = null;
  /** @type {HTMLElement | null} */ #list = null;
  #at = 0;

  connectedCallback() {
    document.addEventListener("keydown", (event) => this.#onShortcut(event));
    document.addEventListener("click", (event) => {
      if (/** @type {Element} */ (event.target).closest?.("[data-palette]")) this.open();
    });
  }

  /** @param {KeyboardEvent} event */
  #onShortcut(event) {
    const typing = /** @type {Element} */ (event.target).closest?.("input, textarea, select, [contenteditable], sql-editor");
    const wanted = (event.key.toLowerCase() === "k" && (event.metaKey || event.ctrlKey)) || (event.key === "/" && !typing);
    if (!wanted) return;
    event.preventDefault();
    this.open();
  }

  open() {
    this.#build();
    if (this.#input) this.#input.value = "";
    this.#show();
    if (!this.#dialog?.open) this.#dialog?.showModal();
  }

  #build() {
    if (this.#dialog) return;
    const dialog = document.createElement("dialog");
    dialog.className = "palette";
    dialog.setAttribute("aria-label", "Search or do");
    const input = document.createElement("input");
    for (const [name, value] of Object.entries({
      type: "text", role: "combobox", placeholder: "Search or do …", autocomplete: "off", spellcheck: "false",
      "aria-label": "Search or do", "aria-controls": "palette-list", "aria-expanded": "true",
    })) input.setAttribute(name, value);
    const list = document.createElement("ul");
    list.id = "palette-list";
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", "Pages and actions");
    const foot = document.createElement("div");
    foot.className = "palette-foot";
    foot.textContent = "↑ ↓ to choose · Enter to go · Esc to close";
    dialog.append(input, list, foot);
    this.append(dialog);
    [this.#dialog, this.#input, this.#list] = [dialog, input, list];
    input.addEventListener("input", () => this.#show());
    input.addEventListener("keydown", (event) => this.#onKey(event));
    list.addEventListener("click", (event) => {
      const option = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("[role=option]"));
      if (option) this.#go(option.dataset.href ?? "");
    });
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  }

  /** The choices whose words hold every word typed; a last one searches the records for what was typed. */
  #show() {
    const typed = this.#input?.value.trim() ?? "";
    const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
    const found = [...this.querySelectorAll(":scope > a")].filter((link) => {
      const text = `${link.textContent} ${link.getAttribute("data-words") ?? ""}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
    const named = (/** @type {Element} */ link) => words.every((word) => (link.textContent ?? "").toLowerCase().includes(word));
    found.sort((one, other) => Number(named(other)) - Number(named(one)));
    const options = found.map((link) => this.#option(link.textContent ?? "", link.getAttribute("href") ?? "", link.getAttribute("data-kind") ?? ""));
    const search = this.getAttribute("search");
    if (typed && search) options.push(this.#option(`Records that say “${typed}”`, search + encodeURIComponent(typed), "Search"));
    this.#list?.replaceChildren(...options);
    this.#point(0);
  }

  /** @param {string} text @param {string} href @param {string} kind */
  #option(text, href, kind) {
    const option = document.createElement("li");
    option.setAttribute("role", "option");
    option.dataset.href = href;
    const name = document.createElement("span");
    name.textContent = text.trim();
    const small = document.createElement("small");
    small.textContent = kind;
    option.append(name, small);
    return option;
  }

  /** @param {number} at */
  #point(at) {
    const options = [...(this.#list?.children ?? [])];
    this.#at = options.length ? (at + options.length) % options.length : 0;
    options.forEach((option, index) => {
      option.id = `palette-${index}`;
      option.setAttribute("aria-selected", String(index === this.#at));
    });
    options[this.#at]?.scrollIntoView({ block: "nearest" });
    this.#input?.setAttribute("aria-activedescendant", options.length ? `palette-${this.#at}` : "");
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      this.#point(this.#at + step);
    }
    const chosen = /** @type {HTMLElement | undefined} */ (this.#list?.children[this.#at]);
    if (event.key === "Enter" && chosen) this.#go(chosen.dataset.href ?? "");
  }

  /** @param {string} href */
  #go(href) {
    if (href.startsWith("/")) location.assign(href);
  }
}

customElements.define("command-palette", CommandPalette);
