// @ts-check
// An answer that is a class, or several: each has a key, and one key is the whole answer.
import { areFixed, dots, found, keyed, SEARCH_ABOVE } from "./choices.js";
import { Desk } from "./desk.js";
import { breakable, make } from "./view.js";

const NONE = "out_of_scope";

export class ClassDesk extends Desk {
  /** @type {Set<string>} */ #chosen = new Set();
  /** @type {string[]} */ #recent = [];
  /** @type {{ one: import("./choices.js").LabelClass, key: string }[]} */ #keys = [];

  /** @override */
  build() {
    const { classes } = this.setup;
    const search = make("input", {
      class: "input", type: "search", placeholder: `/ search ${classes.length} classes`, "aria-label": "Search classes",
      autocomplete: "off", spellcheck: "false", enterkeyhint: "done", hidden: classes.length <= SEARCH_ABOVE,
    });
    search.addEventListener("input", () => this.#showClasses());
    search.addEventListener("keydown", (event) => this.#onSearchKey(event));
    this.parts.search = search;
    this.parts.text = make("p", { class: "station-text", "aria-live": "polite", "data-record": "" });
    this.parts.classes = make("div", { class: "station-classes", role: "group", "aria-label": "Classes" });
    return { record: [this.parts.text], answers: [search, this.parts.classes], more: [] };
  }

  /** @override @returns {[string, string, string][]} */
  get commands() {
    const { reviews, many } = this.setup;
    /** @type {[string, string, string][]} */
    const found = [["none", "0", "none of these"]];
    if (!reviews) found.push(["skip", "s", "skip"], ["flag", "f", "flag"]);
    found.push(["comment", "c", "comment"], ["undo", "u", "undo"], ["guide", "g", "guideline"]);
    if (!reviews) found.push(["hide", "h", "suggestions"]);
    if (many) found.push(["submit", "↵", "that is all"]);
    return found;
  }

  /** @override @returns {[string, string][]} */
  get keys() {
    return [["1 – 9, letters", "the class that shows this key"], ["/", "search the classes"], ["0", "none of these"],
      ["Enter", "the suggestion; with several classes: that is all"]];
  }

  /** @override @param {import("./desk.js").Answer | null} before */
  begin(before) {
    this.#chosen = new Set(this.setup.many && Array.isArray(before) ? before : []);
  }

  /** @override @param {import("./desk.js").Answer} answer */
  body(answer) {
    return { class_ids: answer };
  }

  /** @override @param {any} vote @returns {string[]} */
  answerOf(vote) {
    return vote.class_ids ?? [];
  }

  /** @override @param {import("./desk.js").Answer} ids */
  words(ids) {
    const names = /** @type {string[]} */ (ids).map((id) => this.setup.classes.find((one) => one.id === id)?.name ?? (id === NONE ? "none of these" : "a class that is gone"));
    return names.join(", ") || "none of these";
  }

  /** @override @param {KeyboardEvent} event */
  key(event) {
    const target = /** @type {Element} */ (event.target);
    if (event.key === "Enter" && target.closest?.("a, button") && !target.closest("[data-class]")) return false;
    const known = this.#keys.find(({ key }) => key === event.key.toLowerCase());
    const act = { 0: "none", "/": "search", Enter: "enter" }[event.key];
    if (!known && !act) return false;
    if (event.repeat) return true; // a key held down says one thing
    if (act) this.act(act);
    else if (known) this.#choose(known.one.id);
    return true;
  }

  /** @param {Event} event */
  #onSearchKey(event) {
    const { key } = /** @type {KeyboardEvent} */ (event);
    const input = /** @type {HTMLInputElement} */ (this.parts.search);
    if (key !== "Enter" && key !== "Escape") return;
    event.preventDefault();
    const first = input.value.trim() ? found(this.setup.classes, input.value)[0] : null;
    input.value = "";
    input.blur();
    if (key === "Enter" && first) this.#choose(first.id);
    this.#showClasses();
  }

  /** @override @param {Event} event */
  click(event) {
    const chosen = /** @type {Element} */ (event.target).closest("[data-class]")?.getAttribute("data-class");
    if (chosen) this.#choose(chosen);
    return Boolean(chosen);
  }

  /** @override @param {string} act */
  act(act) {
    const suggested = this.now?.suggestions[0]?.class_id;
    if (act === "none") this.#answer([]);
    else if (act === "submit" || (act === "enter" && this.setup.many)) { if (this.#chosen.size) this.#answer([...this.#chosen]); }
    else if (act === "enter") { if (suggested && !this.hides) this.#choose(suggested); }
    else if (act === "search") this.parts.search.focus();
    else return false;
    return act !== "search";
  }

  /** @param {string} classId */
  #choose(classId) {
    if (classId === NONE) return this.#answer([]);
    if (!this.setup.many) return this.#answer([classId]);
    if (!this.#chosen.delete(classId)) this.#chosen.add(classId);
    this.#showClasses();
  }

  /** @param {string[]} classIds */
  #answer(classIds) {
    if (!this.now) return;
    this.#recent = [...classIds, ...this.#recent.filter((id) => !classIds.includes(id))];
    this.say(classIds);
  }

  /** @override */
  get why() {
    const best = this.now?.suggestions[0];
    return best && !this.hides ? ` · suggested: ${this.words([best.class_id])}, because ${best.why}` : "";
  }

  /** @override @param {string} nothing */
  draw(nothing) {
    this.parts.text.textContent = this.now ? this.now.text : nothing;
    this.parts.text.dataset.record = this.now?.record_id ?? "";
    this.#showClasses();
  }

  #showClasses() {
    const typed = /** @type {HTMLInputElement} */ (this.parts.search).value.trim();
    const suggestions = this.hides ? [] : this.now?.suggestions ?? [];
    const shares = new Map(suggestions.map((one) => [one.class_id, one.share]));
    this.#keys = this.now ? keyed(this.setup.classes, suggestions, this.#recent) : [];
    const shown = typed ? found(this.setup.classes, typed).map((one) => ({ one, key: "" })) : [...this.#keys];
    if (!areFixed(this.setup.classes) && !typed) {
      const there = new Set(shown.map(({ one }) => one.id));
      shown.push(...[...this.#chosen].filter((id) => !there.has(id)).flatMap((id) => this.setup.classes.filter((one) => one.id === id).map((one) => ({ one, key: "" }))));
    }
    this.parts.classes.replaceChildren(...shown.map(({ one, key }, at) => {
      const share = shares.get(one.id);
      const button = make("button", {
        type: "button", class: "station-class", "data-class": one.id, title: one.description || undefined, disabled: !this.now,
        "aria-pressed": this.setup.many ? String(this.#chosen.has(one.id)) : undefined, "data-best": Boolean(typed ? at === 0 : suggestions[0]?.class_id === one.id),
      }, key ? make("kbd", {}, key) : "", make("span", {}, ...breakable(one.name)));
      if (share !== undefined && share >= 0.05) button.append(make("span", { class: "station-dots", title: `${Math.round(100 * share)}%`, "aria-label": `suggested, ${Math.round(100 * share)}%` }, dots(share)));
      return button;
    }));
  }
}
