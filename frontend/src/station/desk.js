// @ts-check
// What every station does, whatever an answer is: records come and go, what is said lies in the outbox before the next
// record is shown, and all of it can be taken back. What an answer is, and how one gives it, is a subclass's.
import { newId, Outbox } from "./outbox.js";
import { brief, command, dialog, guidelines, keyList, make } from "./view.js";

/** @typedef {import("./choices.js").Waiting} Waiting */
/** @typedef {string[] | Record<string, any>} Answer ids of classes, or answers by field id */
/** @typedef {{ record: Waiting, act: string, id: string, answer: Answer }} Said */
/** @typedef {{ name: string, id: string, type: string, description: string, required: boolean, many: boolean, options: { id: string, name: string }[], fields: SetupField[] }} SetupField */
/** @typedef {{ task_id: string, task: string, actor_id: string, back: string, many: boolean, reviews: boolean, selection: string,
 *   hides: boolean, classes: import("./choices.js").LabelClass[], fields: SetupField[], suggests: boolean }} Setup */

const HELD = 20; // records fetched ahead
const FEW = 12; // with fewer than so many left, more are fetched
const RETRY_MS = 2000;
const MOST_ASKED = 15; // times for what a model suggests
const IDLE_MS = 10_000; // how often is asked again where nothing waits

/** @abstract */
export class Desk {
  /** @type {Waiting[]} */ #queue = [];
  /** @type {Waiting | null} */ now = null;
  /** @type {Said[]} */ #history = [];
  /** @type {Map<string, string>} the latest thing said of each record here: what the next one is based on */ #bases = new Map();
  /** @type {Set<string>} */ #done = new Set();
  /** @type {{ item: import("./outbox.js").Item, stands: any }[]} */ #stale = [];
  /** @type {Record<string, HTMLElement>} */ parts = {};
  /** @type {Outbox} */ #outbox;
  hides = false;
  #fetching = false;
  #asked = 0;
  #waiting = 0;
  /** How often an answer was counted along; null before the first page. @type {number | null} */
  #counted = null;
  #mine = 0;
  #started = performance.now();
  #trouble = "";
  #oldest = "";
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;

  /** @param {HTMLElement} host @param {Setup} setup */
  constructor(host, setup) {
    this.host = host;
    this.setup = setup;
    this.#outbox = new Outbox(`${setup.actor_id}:${setup.task_id}`);
  }

  // What a subclass says ---------------------------------------------------------------------------------------------

  /** The elements in which one answers; called once. @returns {{ record: Node[], answers: Node[], more: Node[] }} */
  build() { throw new Error("not here"); }

  /** The commands below the answers: act, key, words. @returns {[string, string, string][]} */
  get commands() { return []; }

  /** Rows of the list of keys. @returns {[string, string][]} */
  get keys() { return []; }

  /** Begin with the record that is shown now. @param {Answer | null} before what was said of it and taken back */
  begin(before) { void before; }

  /** Draw what depends on the record. @param {string} nothing what to say where there is none */
  draw(nothing) { void nothing; }

  /** The part of a vote that holds the answer. @param {Answer} answer @returns {object} */
  body(answer) { void answer; return {}; }

  /** The answer in a vote as it was sent, or in a vote that the server told of. @param {any} vote @returns {Answer} */
  answerOf(vote) { return vote; }

  /** An answer in a few words. @param {Answer} answer @returns {string} */
  words(answer) { return String(answer); }

  /** A key that nothing of the station's own took. @param {KeyboardEvent} event @returns {boolean} whether it did something */
  key(event) { void event; return false; }

  /** @param {Event} event @returns {boolean} whether it did something */
  click(event) { void event; return false; }

  /** @param {string} act @returns {boolean} whether there is such an act */
  act(act) { void act; return false; }

  // What the page does with it ---------------------------------------------------------------------------------------

  open() {
    const { task_id, reviews, hides } = this.setup;
    this.hides = (localStorage.getItem(`hg-hides:${task_id}`) ?? String(hides)) === "true" && !reviews;
    this.#build();
    this.#outbox.addEventListener("change", () => this.#showOutbox());
    this.#outbox.addEventListener("stale", (event) => {
      this.#stale.push(/** @type {CustomEvent} */ (event).detail);
      this.#showStale();
    });
    document.addEventListener("keydown", this.#onKey);
    this.host.addEventListener("click", this.#onClick);
    addEventListener("online", this.more);
    addEventListener("pagehide", this.#leave);
    this.#showOutbox();
    this.#outbox.flush();
    this.more();
  }

  close() {
    document.removeEventListener("keydown", this.#onKey);
    this.host.removeEventListener("click", this.#onClick);
    removeEventListener("online", this.more);
    removeEventListener("pagehide", this.#leave);
    clearTimeout(this.#timer);
  }

  /** Where a part of the task is asked for or sent to. @param {string} part */
  api(part) {
    return `/api/v1/tasks/${encodeURIComponent(this.setup.task_id)}/${part}`;
  }

  #build() {
    const { task, back, classes, fields, reviews } = this.setup;
    const text = make("textarea", { class: "input", "aria-label": "Comment", maxlength: "5000" });
    const say = (/** @type {string} */ kind, /** @type {string} */ words, main = "") => {
      const button = make("button", { type: "button", class: `button ${main}` }, words);
      button.addEventListener("click", () => this.#comment(kind));
      return button;
    };
    const described = [...classes, ...fields].flatMap((one) => one.description ? [make("dt", {}, one.name), make("dd", {}, one.description)] : []);
    this.parts = {
      progress: make("span", { class: "station-progress" }),
      saved: make("span", { class: "station-saved", role: "status" }),
      notice: make("div", { class: "station-notices" }),
      fields: make("dl", { class: "station-fields" }),
      reason: make("p", { class: "faint" }),
      comment: text,
      votes: make("ul", { class: "station-votes", "aria-label": "What others say" }),
      guide: make("aside", { class: "station-guide card", "aria-label": "Guidelines", hidden: true },
        make("h2", {}, "Guidelines"), guidelines(), make("dl", {}, ...described)),
      keys: dialog("Keys", keyList(this.keys)),
      say: dialog("Say something of this record", text,
        make("div", { class: "row" }, say("comment", "Comment", "button-main"), say("question", "Ask about the guidelines"))),
    };
    const p = this.parts;
    const { record, answers, more } = this.build();
    const acts = make("div", { class: "station-acts" }, ...this.commands.map(([act, key, words]) => command(act, key, words)));
    this.host.replaceChildren(
      make("header", { class: "station-top" },
        make("a", { href: back, class: "button button-quiet" }, `‹ ${task}${reviews ? ": conflicts" : ""}`), p.progress, p.saved, command("keys", "?", "keys")),
      p.notice,
      make("main", { class: fields.length ? "station-main station-wide" : "station-main" },
        make("h1", { class: "visually-hidden" }, `${reviews ? "Settle conflicts" : "Label"}: ${task}`),
        make("section", { class: "station-record", "aria-label": "Record" }, ...record, p.fields, p.reason),
        make("section", { class: "station-answers", "aria-label": "Answers" }, ...answers, acts, p.votes), p.guide),
      p.keys, p.say, ...more);
  }

  #onKey = (/** @type {KeyboardEvent} */ event) => {
    const target = /** @type {Element} */ (event.target);
    // A dialog that just closed may hold the focus for a moment; its keys are the station's again.
    const dialog = target.closest?.("dialog");
    const writes = dialog ? dialog.open : target.closest?.("input, textarea, select, command-palette");
    if (event.ctrlKey || event.metaKey || event.altKey || writes) return;
    if (this.key(event)) return event.preventDefault();
    const act = { s: "skip", f: "flag", c: "comment", u: "undo", g: "guide", h: "hide", "?": "keys" }[event.key];
    if (!act) return;
    event.preventDefault();
    if (event.repeat && act !== "undo") return; // a key held down says one thing
    this.#do(act);
  };

  #onClick = (/** @type {MouseEvent} */ event) => {
    const act = /** @type {Element} */ (event.target).closest("[data-act]")?.getAttribute("data-act");
    const isDone = act ? this.#do(act) : this.click(event);
    if (isDone) /** @type {HTMLElement} */ (document.activeElement)?.blur?.();
  };

  /** @param {string} act @returns {boolean} */
  #do(act) {
    const { keys, say, guide, comment } = this.parts;
    const acts = {
      skip: () => this.#pass("skip"),
      flag: () => this.#pass("flag"),
      comment: () => { if (this.now) /** @type {HTMLDialogElement} */ (say).showModal(); comment.focus(); },
      undo: () => this.#undo(),
      guide: () => guide.toggleAttribute("hidden"),
      hide: () => this.#hide(),
      keys: () => /** @type {HTMLDialogElement} */ (keys).showModal(),
    };
    const own = acts[/** @type {keyof typeof acts} */ (act)];
    if (!own) return this.act(act);
    own();
    return act !== "comment";
  }

  #hide() {
    this.hides = !this.hides;
    localStorage.setItem(`hg-hides:${this.setup.task_id}`, String(this.hides));
    this.show();
  }

  /** Give the answer for the record that is shown, and show the next. @param {Answer} answer */
  say(answer) {
    if (!this.now) return;
    const record = this.now;
    this.#vote(record, answer, this.#bases.get(record.record_id) ?? record.base);
    this.#next();
  }

  /** @param {Waiting} record @param {Answer} answer @param {string | null} base */
  #vote(record, answer, base) {
    const id = newId();
    const body = { act: "vote", client_id: id, record_id: record.record_id, ...this.body(answer), base };
    this.#outbox.add(this.api(this.setup.reviews ? "settle" : "votes"), body, this.#note(record, this.words(answer)));
    this.#bases.set(record.record_id, id);
    this.#done.add(record.record_id);
    this.#count(1);
    this.#history.push({ record, act: "vote", id, answer });
  }

  /** Count along until the server's own numbers come with the next page. @param {number} by */
  #count(by) {
    this.#counted = (this.#counted ?? 0) + 1;
    this.#mine = Math.max(0, this.#mine + by);
    this.#waiting = Math.max(0, this.#waiting - by);
  }

  /** What is shown of a thing that waits, or that clashed. @param {Waiting} record @param {string} says */
  #note(record, says) {
    return { text: record.text.slice(0, 200), says };
  }

  /** Let a record go without an answer. @param {"skip" | "flag"} act */
  #pass(act) {
    if (!this.now || this.setup.reviews) return;
    const record = this.now;
    const note = this.#note(record, act);
    if (act === "flag") {
      this.#outbox.add(this.api("comments"), { client_id: newId(), record_id: record.record_id, kind: "flag", text: "" }, note);
    }
    this.#outbox.add(this.api("votes"), { act: "skip", client_id: newId(), record_id: record.record_id }, note);
    this.#done.add(record.record_id);
    this.#history.push({ record, act, id: "", answer: [] });
    this.#next();
  }

  /** @param {string} kind */
  #comment(kind) {
    const box = /** @type {HTMLTextAreaElement} */ (this.parts.comment);
    const text = box.value.trim();
    if (!this.now || !text) return;
    const record = this.now;
    this.#outbox.add(this.api("comments"), { client_id: newId(), record_id: record.record_id, kind, text }, this.#note(record, text));
    box.value = "";
    /** @type {HTMLDialogElement} */ (this.parts.say).close();
  }

  /** Take the last answer back and show its record again; before this visit's, those of earlier ones. */
  async #undo() {
    if (!this.#history.length) await this.#remember();
    const last = this.#history.pop();
    if (!last) return;
    if (last.act === "vote") {
      const id = newId();
      const body = { act: "undo", client_id: id, record_id: last.record.record_id, undoes: last.id };
      this.#outbox.add(this.api(this.setup.reviews ? "settle" : "votes"), body, this.#note(last.record, "take it back"));
      this.#bases.set(last.record.record_id, id);
      this.#count(-1);
    }
    this.#done.delete(last.record.record_id);
    if (this.now) this.#queue.unshift(this.now);
    this.#queue = this.#queue.filter((one) => one.record_id !== last.record.record_id);
    this.now = last.record;
    this.begin(last.act === "vote" ? last.answer : null);
    this.show();
  }

  async #remember() {
    const before = this.#oldest ? `&before=${encodeURIComponent(this.#oldest)}` : "";
    const said = await this.#ask(`votes/mine?limit=20${before}`);
    const waiting = new Set(this.#outbox.items().map((item) => item.body.record_id));
    for (const vote of said?.votes ?? []) {
      this.#oldest = vote.created_at;
      if (waiting.has(vote.record_id) || this.#done.has(vote.record_id)) continue;
      const record = { record_id: vote.record_id, text: vote.text, fields: {}, reason: "you said this before", base: null, suggestions: [], votes: [], answers: [] };
      this.#history.unshift({ record, act: "vote", id: vote.vote_id, answer: this.answerOf(vote) });
    }
  }

  // Records that come and go --------------------------------------------------------------------------------------------

  #next() {
    this.now = this.#queue.shift() ?? null;
    this.begin(null);
    this.show();
    if (this.#queue.length < FEW) this.more();
  }

  more = async () => {
    if (this.#fetching) return;
    this.#fetching = true;
    const { reviews, selection } = this.setup;
    const pending = new Set(this.#outbox.items().map((item) => item.body.record_id));
    const counted = this.#counted;
    const n = Math.min(200, HELD + this.#queue.length + pending.size + (this.now ? 1 : 0));
    const of = selection ? `&selection=${encodeURIComponent(selection)}` : "";
    const page = await this.#ask(reviews ? `conflicts?limit=${n}` : `queue?n=${n}${of}`);
    this.#fetching = false;
    if (page === null) return this.#again(RETRY_MS);
    // What waits here already comes again, by now with what a model suggests that was still being loaded.
    const again = new Map(page.records.map((/** @type {Waiting} */ one) => [one.record_id, one]));
    this.#queue = this.#queue.map((one) => again.get(one.record_id) ?? one);
    const newer = this.now && again.get(this.now.record_id);
    if (this.now && newer && !this.now.answers.length && newer.answers.length) {
      this.now.answers = newer.answers;
      this.show();
    }
    const known = new Set([...this.#queue.map((one) => one.record_id), this.now?.record_id, ...this.#done, ...pending]);
    const fresh = page.records.filter((/** @type {Waiting} */ one) => !known.has(one.record_id));
    this.#queue.push(...fresh);
    // The server's numbers know nothing of what was on its way to it meanwhile; what was counted along here does.
    if (counted === null || (!pending.size && counted === this.#counted)) {
      const sending = this.#outbox.items().filter((item) => item.body.act === "vote").length;
      this.#waiting = Math.max(0, page.n_waiting - sending);
      this.#mine = page.n_mine + sending;
      this.#counted ??= 0;
    }
    // A model that is still being loaded suggests a little later.
    if (this.setup.suggests && this.#asked++ < MOST_ASKED && page.records.some((/** @type {Waiting} */ one) => !one.answers.length)) this.#again(RETRY_MS);
    if (this.now) this.#showProgress();
    else if (fresh.length) this.#next();
    else {
      this.show();
      this.#again(pending.size ? RETRY_MS : IDLE_MS);
    }
  };

  /** Ask for more in a while. @param {number} ms */
  #again(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.more, ms);
  }

  /** @param {string} path @returns {Promise<any>} null where there is no answer; why is kept */
  async #ask(path) {
    try {
      const answer = await fetch(this.api(path), { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(20_000) });
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
    const ids = [...this.#queue, ...(this.now ? [this.now] : [])].map((one) => one.record_id);
    if (!ids.length || this.setup.reviews) return;
    fetch(this.api("release"), {
      method: "POST", keepalive: true, headers: { "Content-Type": "application/json" }, body: JSON.stringify({ record_ids: ids.slice(0, 200) }),
    }).catch(() => {});
  };

  // What is shown ---------------------------------------------------------------------------------------------------------

  show() {
    const { fields, reason, votes } = this.parts;
    const now = this.now;
    const nothing = this.#trouble ? "Waiting for the connection; what you said is kept here." : this.#fetching ? "…" : this.setup.reviews
      ? "No conflicts: people agree on everything that several of them saw." : "Nothing waits for you here.";
    fields.replaceChildren(...Object.entries(now?.fields ?? {}).flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, brief(value))]));
    reason.textContent = now ? `${now.reason}${this.why}` : "";
    const heard = this.hides && !this.setup.reviews ? [] : now?.votes ?? [];
    votes.replaceChildren(...heard.map((one) => make("li", {}, make("span", { class: "quiet" }, one.who), " → ",
      make("strong", {}, this.words(one.class_ids)), one.confidence == null ? "" : ` (${one.confidence.toFixed(2)})`)));
    this.draw(nothing);
    this.#showProgress();
  }

  /** Why something is suggested, behind the reason why the record comes. */
  get why() { return ""; }

  /** Something that the person must know before the record can be left. @param {string} words */
  tell(words) {
    const seen = make("button", { type: "button", class: "button button-s" }, "Seen");
    const line = make("div", { class: "notice notice-doubt station-told", role: "alert" }, make("div", {}, words), seen);
    seen.addEventListener("click", () => line.remove());
    this.untell();
    this.parts.notice.append(line);
  }

  untell() {
    this.parts.notice.querySelector(".station-told")?.remove();
  }

  #showProgress() {
    const n = this.#history.length;
    const hours = (performance.now() - this.#started) / 3.6e6;
    const pace = n >= 5 ? n / hours : 0;
    const left = pace && this.#waiting ? ` · about ${Math.max(1, Math.round((60 * this.#waiting) / pace))} min left` : "";
    this.parts.progress.textContent = this.setup.reviews ? `${n} settled · ${this.#waiting} wait`
      : `${(this.#mine).toLocaleString("en")} by you · ${this.#waiting.toLocaleString("en")} wait${left}`;
  }

  #showOutbox() {
    const n = this.#outbox.items().length;
    const why = n && this.#outbox.trouble ? ` · ${this.#outbox.trouble}` : "";
    const saved = this.parts.saved;
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
        const answer = this.answerOf(item.body);
        const record = { record_id: item.body.record_id, text: item.note.text, fields: {}, reason: "", base: null, suggestions: [], votes: [], answers: [] };
        this.#bases.set(record.record_id, stands.vote_id);
        if (again) this.#vote(record, answer, stands.vote_id);
        this.#showStale();
      };
      const keep = make("button", { type: "button", class: "button button-s" }, `Keep: ${this.words(this.answerOf(stands ?? {}))}`);
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
    this.parts.notice.replaceChildren(...clashes, ...refused);
  }
}
