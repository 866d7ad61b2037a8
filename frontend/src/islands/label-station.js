// @ts-check
import { areFixed, dots, found, keyed, SEARCH_ABOVE } from "../station/choices.js";
import { newId, Outbox } from "../station/outbox.js";
import { breakable, brief, command, dialog, guidelines, keyList, make } from "../station/view.js";

/** @typedef {import("../station/choices.js").Waiting} Waiting */
/** @typedef {{ record: Waiting, act: string, id: string, classIds: string[] }} Said */
/** @typedef {{ task_id: string, task: string, actor_id: string, back: string, many: boolean, reviews: boolean, selection: string,
 *   hides: boolean, classes: import("../station/choices.js").LabelClass[] }} Setup */

const HELD = 20; // records fetched ahead
const FEW = 12; // with fewer than so many left, more are fetched
const RETRY_MS = 2000;
const IDLE_MS = 10_000; // how often is asked again where nothing waits
const NONE = "out_of_scope";

/** The label station: one record, one key, the next record.
 *
 * `data-setup` holds the task as JSON. Nothing waits for the server: a vote lies in the outbox before the next record is
 * shown, and records are fetched ahead. `?` lists the keys.
 */
class LabelStation extends HTMLElement {
  /** @type {Setup} */ #setup = JSON.parse(this.dataset.setup ?? "{}");
  /** @type {Waiting[]} */ #queue = [];
  /** @type {Waiting | null} */ #now = null;
  /** @type {Said[]} */ #history = [];
  /** @type {Map<string, string>} the latest thing said of each record here: what the next one is based on */ #bases = new Map();
  /** @type {Set<string>} */ #done = new Set();
  /** @type {Set<string>} */ #chosen = new Set();
  /** @type {string[]} */ #recent = [];
  /** @type {{ one: import("../station/choices.js").LabelClass, key: string }[]} */ #keys = [];
  /** @type {{ item: import("../station/outbox.js").Item, stands: any }[]} */ #stale = [];
  /** @type {Record<string, HTMLElement>} */ #parts = {};
  /** @type {Outbox} */ #outbox = /** @type {any} */ (null);
  #hides = false;
  #fetching = false;
  #waiting = 0;
  #mine = 0;
  #started = performance.now();
  #trouble = "";
  #oldest = "";
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;

  connectedCallback() {
    const { actor_id, task_id, reviews, hides } = this.#setup;
    this.#outbox = new Outbox(`${actor_id}:${task_id}`);
    this.#hides = (localStorage.getItem(`hg-hides:${task_id}`) ?? String(hides)) === "true" && !reviews;
    this.#build();
    this.#outbox.addEventListener("change", () => this.#showOutbox());
    this.#outbox.addEventListener("stale", (event) => {
      this.#stale.push(/** @type {CustomEvent} */ (event).detail);
      this.#showStale();
    });
    document.addEventListener("keydown", this.#onKey);
    this.addEventListener("click", (event) => this.#onClick(event));
    addEventListener("online", this.#more);
    addEventListener("pagehide", this.#leave);
    this.#showOutbox();
    this.#outbox.flush();
    this.#more();
  }

  disconnectedCallback() {
    document.removeEventListener("keydown", this.#onKey);
    removeEventListener("online", this.#more);
    removeEventListener("pagehide", this.#leave);
    clearTimeout(this.#timer);
  }

  /** Where a part of the task is asked for or sent to. @param {string} part */
  #api(part) {
    return `/api/v1/tasks/${encodeURIComponent(this.#setup.task_id)}/${part}`;
  }

  #build() {
    const { task, back, classes, reviews } = this.#setup;
    const search = make("input", {
      class: "input", type: "search", placeholder: `/ search ${classes.length} classes`, "aria-label": "Search classes",
      autocomplete: "off", spellcheck: "false", enterkeyhint: "done", hidden: classes.length <= SEARCH_ABOVE,
    });
    search.addEventListener("input", () => this.#showClasses());
    search.addEventListener("keydown", (event) => this.#onSearchKey(event));
    const text = make("textarea", { class: "input", "aria-label": "Comment", maxlength: "5000" });
    const say = (/** @type {string} */ kind, /** @type {string} */ words, main = "") => {
      const button = make("button", { type: "button", class: `button ${main}` }, words);
      button.addEventListener("click", () => this.#comment(kind));
      return button;
    };
    this.#parts = {
      progress: make("span", { class: "station-progress" }),
      saved: make("span", { class: "station-saved", role: "status" }),
      notice: make("div", { class: "station-notices" }),
      text: make("p", { class: "station-text", "aria-live": "polite", "data-record": "" }),
      fields: make("dl", { class: "station-fields" }),
      reason: make("p", { class: "faint" }),
      classes: make("div", { class: "station-classes", role: "group", "aria-label": "Classes" }),
      search, comment: text,
      votes: make("ul", { class: "station-votes", "aria-label": "What others say" }),
      guide: make("aside", { class: "station-guide card", "aria-label": "Guidelines", hidden: true },
        make("h2", {}, "Guidelines"), guidelines(),
        make("dl", {}, ...classes.flatMap((one) => one.description ? [make("dt", {}, one.name), make("dd", {}, one.description)] : []))),
      keys: dialog("Keys", keyList()),
      say: dialog("Say something of this record", text,
        make("div", { class: "row" }, say("comment", "Comment", "button-main"), say("question", "Ask about the guidelines"))),
    };
    const p = this.#parts;
    const acts = make("div", { class: "station-acts" },
      command("none", "0", "none of these"), ...(reviews ? [] : [command("skip", "s", "skip"), command("flag", "f", "flag")]),
      command("comment", "c", "comment"), command("undo", "u", "undo"), command("guide", "g", "guideline"),
      ...(reviews ? [] : [command("hide", "h", "suggestions")]), ...(this.#setup.many ? [command("submit", "↵", "that is all")] : []));
    this.replaceChildren(
      make("header", { class: "station-top" },
        make("a", { href: back, class: "button button-quiet" }, `‹ ${task}${reviews ? ": conflicts" : ""}`), p.progress, p.saved, command("keys", "?", "keys")),
      p.notice,
      make("main", { class: "station-main" },
        make("h1", { class: "visually-hidden" }, `${reviews ? "Settle conflicts" : "Label"}: ${task}`),
        make("section", { class: "station-record", "aria-label": "Record" }, p.text, p.fields, p.reason),
        make("section", { class: "station-answers", "aria-label": "Answers" }, search, p.classes, acts, p.votes), p.guide),
      p.keys, p.say);
  }

  // What the keys and buttons do -------------------------------------------------------------------------------------

  #onKey = (/** @type {KeyboardEvent} */ event) => {
    const target = /** @type {Element} */ (event.target);
    // A dialog that just closed may hold the focus for a moment; its keys are the station's again.
    const dialog = target.closest?.("dialog");
    const writes = dialog ? dialog.open : target.closest?.("input, textarea, command-palette");
    if (event.ctrlKey || event.metaKey || event.altKey || writes) return;
    if (event.key === "Enter" && target.closest?.("a, button") && !target.closest("[data-class]")) return;
    const known = this.#keys.find(({ key }) => key === event.key.toLowerCase());
    const act = { 0: "none", s: "skip", f: "flag", c: "comment", u: "undo", g: "guide", h: "hide", "?": "keys", "/": "search", Enter: "enter" }[event.key];
    if (!known && !act) return;
    event.preventDefault();
    if (event.repeat && act !== "undo") return; // a key held down says one thing
    if (act) this.#do(act);
    else if (known) this.#choose(known.one.id);
  };

  /** @param {Event} event */
  #onSearchKey(event) {
    const { key } = /** @type {KeyboardEvent} */ (event);
    const input = /** @type {HTMLInputElement} */ (this.#parts.search);
    if (key !== "Enter" && key !== "Escape") return;
    event.preventDefault();
    const first = input.value.trim() ? found(this.#setup.classes, input.value)[0] : null;
    input.value = "";
    input.blur();
    if (key === "Enter" && first) this.#choose(first.id);
    this.#showClasses();
  }

  /** @param {MouseEvent} event */
  #onClick(event) {
    const target = /** @type {Element} */ (event.target);
    const chosen = target.closest("[data-class]")?.getAttribute("data-class");
    const act = target.closest("[data-act]")?.getAttribute("data-act");
    if (chosen) this.#choose(chosen);
    else if (act) this.#do(act);
    if (chosen || act) /** @type {HTMLElement} */ (document.activeElement)?.blur?.();
  }

  /** @param {string} act */
  #do(act) {
    const { keys, say, guide, search, comment } = this.#parts;
    const suggested = this.#now?.suggestions[0]?.class_id;
    const acts = {
      none: () => this.#say([]),
      skip: () => this.#pass("skip"),
      flag: () => this.#pass("flag"),
      submit: () => this.#chosen.size && this.#say([...this.#chosen]),
      enter: () => (this.#setup.many ? acts.submit() : suggested && !this.#hides && this.#choose(suggested)),
      comment: () => { if (this.#now) /** @type {HTMLDialogElement} */ (say).showModal(); comment.focus(); },
      undo: () => this.#undo(),
      guide: () => guide.toggleAttribute("hidden"),
      hide: () => this.#hide(),
      keys: () => /** @type {HTMLDialogElement} */ (keys).showModal(),
      search: () => search.focus(),
    };
    acts[/** @type {keyof typeof acts} */ (act)]?.();
  }

  #hide() {
    this.#hides = !this.#hides;
    localStorage.setItem(`hg-hides:${this.#setup.task_id}`, String(this.#hides));
    this.#show();
  }

  /** @param {string} classId */
  #choose(classId) {
    if (classId === NONE) return this.#say([]);
    if (!this.#setup.many) return this.#say([classId]);
    if (!this.#chosen.delete(classId)) this.#chosen.add(classId);
    this.#showClasses();
  }

  /** Give the answer for the record that is shown, and show the next. @param {string[]} classIds */
  #say(classIds) {
    if (!this.#now) return;
    const record = this.#now;
    this.#vote(record, classIds, this.#bases.get(record.record_id) ?? record.base);
    this.#recent = [...classIds, ...this.#recent.filter((id) => !classIds.includes(id))];
    this.#next();
  }

  /** @param {Waiting} record @param {string[]} classIds @param {string | null} base */
  #vote(record, classIds, base) {
    const id = newId();
    const body = { act: "vote", client_id: id, record_id: record.record_id, class_ids: classIds, base };
    this.#outbox.add(this.#api(this.#setup.reviews ? "settle" : "votes"), body, this.#note(record, this.#names(classIds)));
    this.#bases.set(record.record_id, id);
    this.#done.add(record.record_id);
    this.#count(1);
    this.#history.push({ record, act: "vote", id, classIds });
  }

  /** Count along until the server's own numbers come with the next page. @param {number} by */
  #count(by) {
    this.#mine = Math.max(0, this.#mine + by);
    this.#waiting = Math.max(0, this.#waiting - by);
  }

  /** What is shown of a thing that waits, or that clashed. @param {Waiting} record @param {string} says */
  #note(record, says) {
    return { text: record.text.slice(0, 200), says };
  }

  /** @param {string[]} classIds */
  #names(classIds) {
    const names = classIds.map((id) => this.#setup.classes.find((one) => one.id === id)?.name ?? (id === NONE ? "none of these" : "a class that is gone"));
    return names.join(", ") || "none of these";
  }

  /** Let a record go without an answer. @param {"skip" | "flag"} act */
  #pass(act) {
    if (!this.#now || this.#setup.reviews) return;
    const record = this.#now;
    const note = this.#note(record, act);
    if (act === "flag") {
      this.#outbox.add(this.#api("comments"), { client_id: newId(), record_id: record.record_id, kind: "flag", text: "" }, note);
    }
    this.#outbox.add(this.#api("votes"), { act: "skip", client_id: newId(), record_id: record.record_id }, note);
    this.#done.add(record.record_id);
    this.#history.push({ record, act, id: "", classIds: [] });
    this.#next();
  }

  /** @param {string} kind */
  #comment(kind) {
    const box = /** @type {HTMLTextAreaElement} */ (this.#parts.comment);
    const text = box.value.trim();
    if (!this.#now || !text) return;
    const record = this.#now;
    this.#outbox.add(this.#api("comments"), { client_id: newId(), record_id: record.record_id, kind, text }, this.#note(record, text));
    box.value = "";
    /** @type {HTMLDialogElement} */ (this.#parts.say).close();
  }

  /** Take the last answer back and show its record again; before this visit's, those of earlier ones. */
  async #undo() {
    if (!this.#history.length) await this.#remember();
    const last = this.#history.pop();
    if (!last) return;
    if (last.act === "vote") {
      const id = newId();
      const body = { act: "undo", client_id: id, record_id: last.record.record_id, undoes: last.id };
      this.#outbox.add(this.#api(this.#setup.reviews ? "settle" : "votes"), body, this.#note(last.record, "take it back"));
      this.#bases.set(last.record.record_id, id);
      this.#count(-1);
    }
    this.#done.delete(last.record.record_id);
    if (this.#now) this.#queue.unshift(this.#now);
    this.#queue = this.#queue.filter((one) => one.record_id !== last.record.record_id);
    this.#now = last.record;
    this.#chosen = new Set(this.#setup.many ? last.classIds : []);
    this.#show();
  }

  async #remember() {
    const before = this.#oldest ? `&before=${encodeURIComponent(this.#oldest)}` : "";
    const said = await this.#ask(`votes/mine?limit=20${before}`);
    const waiting = new Set(this.#outbox.items().map((item) => item.body.record_id));
    for (const vote of said?.votes ?? []) {
      this.#oldest = vote.created_at;
      if (waiting.has(vote.record_id) || this.#done.has(vote.record_id)) continue;
      const record = { record_id: vote.record_id, text: vote.text, fields: {}, reason: "you said this before", base: null, suggestions: [], votes: [] };
      this.#history.unshift({ record, act: "vote", id: vote.vote_id, classIds: vote.class_ids });
    }
  }

  // Records that come and go --------------------------------------------------------------------------------------------

  #next() {
    this.#now = this.#queue.shift() ?? null;
    this.#chosen = new Set();
    this.#show();
    if (this.#queue.length < FEW) this.#more();
  }

  #more = async () => {
    if (this.#fetching) return;
    this.#fetching = true;
    const { reviews, selection } = this.#setup;
    const pending = new Set(this.#outbox.items().map((item) => item.body.record_id));
    const n = Math.min(200, HELD + this.#queue.length + pending.size + (this.#now ? 1 : 0));
    const of = selection ? `&selection=${encodeURIComponent(selection)}` : "";
    const page = await this.#ask(reviews ? `conflicts?limit=${n}` : `queue?n=${n}${of}`);
    this.#fetching = false;
    if (page === null) return this.#again(RETRY_MS);
    const known = new Set([...this.#queue.map((one) => one.record_id), this.#now?.record_id, ...this.#done, ...pending]);
    const fresh = page.records.filter((/** @type {Waiting} */ one) => !known.has(one.record_id));
    this.#queue.push(...fresh);
    this.#waiting = page.n_waiting;
    this.#mine = page.n_mine + this.#outbox.items().filter((item) => item.body.act === "vote").length;
    if (this.#now) this.#showProgress();
    else if (fresh.length) this.#next();
    else {
      this.#show();
      this.#again(pending.size ? RETRY_MS : IDLE_MS);
    }
  };

  /** Ask for more in a while. @param {number} ms */
  #again(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#more, ms);
  }

  /** @param {string} path @returns {Promise<any>} null where there is no answer; why is kept */
  async #ask(path) {
    try {
      const answer = await fetch(this.#api(path), { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(20_000) });
      const said = await answer.json();
      this.#trouble = answer.ok ? "" : answer.status === 401 ? "sign in again" : said.error?.message ?? "";
      return answer.ok ? said : null;
    } catch {
      this.#trouble = "no connection";
      return null;
    } finally {
      this.#showProgress();
    }
  }

  /** Give back what is held but not answered, so that others need not wait for it. */
  #leave = () => {
    const ids = [...this.#queue, ...(this.#now ? [this.#now] : [])].map((one) => one.record_id);
    if (!ids.length || this.#setup.reviews) return;
    fetch(this.#api("release"), {
      method: "POST", keepalive: true, headers: { "Content-Type": "application/json" }, body: JSON.stringify({ record_ids: ids.slice(0, 200) }),
    }).catch(() => {});
  };

  // What is shown ---------------------------------------------------------------------------------------------------------

  #show() {
    const { text, fields, reason, votes } = this.#parts;
    const now = this.#now;
    const nothing = this.#trouble ? "Waiting for the connection; what you said is kept here." : this.#fetching ? "…" : this.#setup.reviews
      ? "No conflicts: people agree on everything that several of them saw." : "Nothing waits for you here.";
    text.textContent = now ? now.text : nothing;
    text.dataset.record = now?.record_id ?? "";
    fields.replaceChildren(...Object.entries(now?.fields ?? {}).flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, brief(value))]));
    const best = now?.suggestions[0];
    const why = best && !this.#hides ? ` · suggested: ${this.#names([best.class_id])}, because ${best.why}` : "";
    reason.textContent = now ? `${now.reason}${why}` : "";
    const heard = this.#hides && !this.#setup.reviews ? [] : now?.votes ?? [];
    votes.replaceChildren(...heard.map((one) => make("li", {}, make("span", { class: "quiet" }, one.who), " → ",
      make("strong", {}, this.#names(one.class_ids)), one.confidence == null ? "" : ` (${one.confidence.toFixed(2)})`)));
    this.#showClasses();
    this.#showProgress();
  }

  #showClasses() {
    const typed = /** @type {HTMLInputElement} */ (this.#parts.search).value.trim();
    const suggestions = this.#hides ? [] : this.#now?.suggestions ?? [];
    const shares = new Map(suggestions.map((one) => [one.class_id, one.share]));
    this.#keys = this.#now ? keyed(this.#setup.classes, suggestions, this.#recent) : [];
    const shown = typed ? found(this.#setup.classes, typed).map((one) => ({ one, key: "" })) : [...this.#keys];
    if (!areFixed(this.#setup.classes) && !typed) {
      const there = new Set(shown.map(({ one }) => one.id));
      shown.push(...[...this.#chosen].filter((id) => !there.has(id)).flatMap((id) => this.#setup.classes.filter((one) => one.id === id).map((one) => ({ one, key: "" }))));
    }
    this.#parts.classes.replaceChildren(...shown.map(({ one, key }, at) => {
      const share = shares.get(one.id);
      const button = make("button", {
        type: "button", class: "station-class", "data-class": one.id, title: one.description || undefined, disabled: !this.#now,
        "aria-pressed": this.#setup.many ? String(this.#chosen.has(one.id)) : undefined, "data-best": Boolean(typed ? at === 0 : suggestions[0]?.class_id === one.id),
      }, key ? make("kbd", {}, key) : "", make("span", {}, ...breakable(one.name)));
      if (share !== undefined && share >= 0.05) button.append(make("span", { class: "station-dots", title: `${Math.round(100 * share)}%`, "aria-label": `suggested, ${Math.round(100 * share)}%` }, dots(share)));
      return button;
    }));
  }

  #showProgress() {
    const n = this.#history.length;
    const hours = (performance.now() - this.#started) / 3.6e6;
    const pace = n >= 5 ? n / hours : 0;
    const left = pace && this.#waiting ? ` · about ${Math.max(1, Math.round((60 * this.#waiting) / pace))} min left` : "";
    this.#parts.progress.textContent = this.#setup.reviews ? `${n} settled · ${this.#waiting} wait`
      : `${(this.#mine).toLocaleString("en")} by you · ${this.#waiting.toLocaleString("en")} wait${left}`;
    if (!this.#now) this.#parts.text.textContent ||= "…";
  }

  #showOutbox() {
    const n = this.#outbox.items().length;
    const why = n && this.#outbox.trouble ? ` · ${this.#outbox.trouble}` : "";
    const saved = this.#parts.saved;
    saved.textContent = n ? `${n} not saved yet${why}` : "all saved ✓";
    saved.dataset.count = String(n);
    saved.toggleAttribute("data-trouble", Boolean(why));
    if (n && !this.#outbox.isDurable) saved.textContent += " · this browser keeps nothing: do not close the tab";
    this.#showStale();
  }

  /** Answers that met another one, and such as the server could not take. */
  #showStale() {
    const clashes = this.#stale.map((one) => {
      const { item, stands } = one;
      const done = (/** @type {boolean} */ again) => {
        this.#stale = this.#stale.filter((other) => other !== one);
        const ids = item.body.class_ids ?? [];
        const record = { record_id: item.body.record_id, text: item.note.text, fields: {}, reason: "", base: null, suggestions: [], votes: [] };
        this.#bases.set(record.record_id, stands.vote_id);
        if (again) this.#vote(record, ids, stands.vote_id);
        this.#showStale();
      };
      const keep = make("button", { type: "button", class: "button button-s" }, `Keep: ${this.#names(stands?.class_ids ?? [])}`);
      const say = make("button", { type: "button", class: "button button-s" }, `Say: ${item.note.says}`);
      keep.addEventListener("click", () => done(false));
      say.addEventListener("click", () => done(true));
      return make("div", { class: "notice notice-doubt station-stale", role: "alert" }, make("div", {}, make("strong", {}, "Something else was said of this meanwhile."),
        make("p", { class: "clip" }, item.note.text)), make("div", { class: "row-s" }, keep, ...(item.body.act === "vote" ? [say] : [])));
    });
    const refused = this.#outbox.refused().map((item) => {
      const seen = make("button", { type: "button", class: "button button-s" }, "Seen");
      seen.addEventListener("click", () => this.#outbox.remove(item.key));
      return make("div", { class: "notice notice-wrong station-refused", role: "alert" }, make("div", {}, make("strong", {}, "This could not be kept."),
        make("p", {}, item.note.says), make("p", { class: "clip quiet" }, item.note.text)), seen);
    });
    this.#parts.notice.replaceChildren(...clashes, ...refused);
  }
}

customElements.define("label-station", LabelStation);
