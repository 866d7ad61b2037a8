// @ts-check
// An answer with fields: the text on one side, with what is marked in it, the fields beside it.
import { Desk } from "./desk.js";
import { fieldCard, valueText } from "./field-card.js";
import { TextPanel } from "./text-panel.js";
import { Offsets } from "./tokens.js";
import { make } from "./view.js";

/** @typedef {import("./tokens.js").Range} Range */
/** @typedef {import("./desk.js").SetupField} SetupField */
/** What a field holds here, its spans in UTF-16 units. `answer` is null where it is not in the text.
 * @typedef {{ answer: any, isSuggested: boolean, why: string, problem: string, maybe: any[] }} Held */

const KEYS = "123456789qwertyiopadjklzvbnm"; // without the commands s f c u g h x
const READING = "It is being read.";
const OFFLINE = "It is read once the connection is back.";
const AGAIN_MS = 3000;
const VALUES = new Set(["number", "date", "money"]);

export class FieldDesk extends Desk {
  /** @type {Map<string, Held>} */ #held = new Map();
  #offsets = new Offsets("");
  /** @type {Range | null} the words that a key gives to a field */ #chosen = null;
  #anchor = 0;
  /** where the cursor was last */ #at = 0;
  #active = "";
  /** whether keys choose among the active field's options */ #isOpen = false;
  /** the mark whose edges arrows move: field id and number of its span */ #mark = "";
  /** @type {TextPanel} */ #panel = /** @type {any} */ (null);

  /** @override */
  build() {
    this.#panel = new TextPanel((range, isSure) => this.#pointed(range, isSure), (id) => this.#hold(id));
    this.parts.text = this.#panel.node;
    this.parts.cards = make("ol", { class: "field-cards" });
    this.parts.heard = make("p", { class: "visually-hidden", role: "status" });
    this.parts.cards.addEventListener("change", (event) => this.#typed(/** @type {HTMLInputElement} */ (event.target)));
    this.parts.cards.addEventListener("keydown", (event) => {
      if (event.key === "Escape" || event.key === "Enter") /** @type {HTMLElement} */ (event.target).blur();
    });
    return { record: [this.#panel.node], answers: [this.parts.cards, this.parts.heard], more: [] };
  }

  /** @override */
  close() {
    super.close();
    this.#panel.close();
  }

  /** @override @returns {[string, string, string][]} */
  get commands() {
    return [["save", "↵", "save, next"], ["rest", "⇧↵", "the rest is not in this text"], ["skip", "s", "skip"], ["flag", "f", "flag"],
      ["comment", "c", "comment"], ["undo", "u", "undo"], ["guide", "g", "guideline"], ["hide", "h", "suggestions"]];
  }

  /** @override @returns {[string, string][]} */
  get keys() {
    return [["← → ↑ ↓", "go from word to word"], ["Shift + arrows", "choose several words"], ["1 – 9, letters", "give the words to the field that shows this key; of a choice: open it, then a key chooses"],
      ["Space", "give the words to the field that is marked"], [", .", "take hold of the mark before or behind; then ← → move its end, Shift + ← → its start"],
      ["Backspace", "remove the mark that is held, or what the field holds"], ["x", "the field is not in this text"], ["Escape", "let go"],
      ["Enter", "save the document, suggestions that are shown included, and go on; empty fields count as not looked at"], ["Shift + Enter", "the same, and empty fields are not in this text"]];
  }

  // What is said ------------------------------------------------------------------------------------------------------

  /** @override @param {import("./desk.js").Answer | null} before */
  begin(before) {
    this.#offsets = new Offsets(this.now?.text ?? "");
    this.#chosen = null;
    this.#at = -1;
    this.#mark = "";
    this.#isOpen = false;
    this.untell();
    this.#held = new Map(Object.entries(before ?? this.#draft() ?? {}).map(([id, answer]) => [id, this.#holding(answer)]));
    if (before) this.#keepDraft();
    this.#suggest();
    this.#active = "";
    this.#advance();
    if (this.now) this.#panel.show(this.now.text, this.now.record_id);
  }

  /** Suggestions for fields of which nothing was said. */
  #suggest() {
    for (const [id, one] of this.#held) if (one.isSuggested) this.#held.delete(id);
    if (this.hides) return;
    for (const one of this.now?.answers ?? []) {
      if (this.#field(one.field_id) && !this.#held.has(one.field_id)) {
        this.#held.set(one.field_id, { ...this.#holding(one.answer), isSuggested: true, why: one.why });
      }
    }
  }

  /** An answer in code points as it is held. @param {any} answer @returns {Held} */
  #holding(answer) {
    return { answer: this.#turned(answer, (point) => this.#offsets.toUnit(point)), isSuggested: false, why: "", problem: "", maybe: [] };
  }

  /** An answer with other offsets. @param {any} answer @param {(at: number) => number} turn */
  #turned(answer, turn) {
    return answer?.spans ? { ...answer, spans: answer.spans.map((/** @type {[number, number]} */ [start, end]) => [turn(start), turn(end)]) } : answer;
  }

  /** What goes to the server: by field id, offsets in code points. @param {boolean} withSuggested */
  #answers(withSuggested) {
    const said = [...this.#held].filter(([, one]) => withSuggested || !one.isSuggested);
    return Object.fromEntries(said.map(([id, one]) => [id, this.#turned(one.answer, (unit) => this.#offsets.toPoint(unit))]));
  }

  /** @override @param {import("./desk.js").Answer} answer */
  body(answer) {
    return { answer };
  }

  /** @override @param {any} vote */
  answerOf(vote) {
    return vote.answer ?? {};
  }

  /** @override @param {import("./desk.js").Answer} answer */
  words(answer) {
    return Object.entries(answer).map(([id, one]) => `${this.#field(id)?.name ?? "a field that is gone"}: ${valueText(this.#field(id), one) || "words"}`).join("; ") || "nothing";
  }

  /** @param {string} id */
  #field(id) {
    return this.setup.fields.find((one) => one.id === id);
  }

  get #draftKey() {
    return `hg-draft:${this.setup.actor_id}:${this.setup.task_id}`;
  }

  /** What was begun of this record and not saved: a closed tab costs nothing. */
  #draft() {
    try {
      const kept = JSON.parse(localStorage.getItem(this.#draftKey) ?? "{}");
      return kept[this.now?.record_id ?? ""] ?? null;
    } catch {
      return null;
    }
  }

  #keepDraft() {
    const said = this.#answers(false);
    try {
      if (this.now && Object.keys(said).length) localStorage.setItem(this.#draftKey, JSON.stringify({ [this.now.record_id]: said }));
      else localStorage.removeItem(this.#draftKey);
    } catch { /* the browser keeps nothing: it lives as long as the tab */ }
  }

  /** @param {boolean} isAll whether fields that are empty are not in the text */
  #save(isAll) {
    if (!this.now) return;
    const wrong = this.setup.fields.find((one) => this.#held.get(one.id)?.problem || this.#held.get(one.id)?.maybe.length);
    if (wrong) {
      this.#active = wrong.id;
      this.#isOpen = Boolean(this.#held.get(wrong.id)?.maybe.length);
      this.#drawAll();
      return this.tell(`“${wrong.name}” is not settled yet: ${this.#held.get(wrong.id)?.problem || "choose what it means"}`);
    }
    const answer = this.#answers(true);
    if (isAll) for (const one of this.setup.fields) if (one.type !== "list") answer[one.id] ??= null;
    if (!Object.keys(answer).length) return this.tell("Nothing is said yet. Fill a field, or say with x that it is not in this text.");
    localStorage.removeItem(this.#draftKey);
    this.say(answer);
  }

  // How one says it -----------------------------------------------------------------------------------------------------

  /** Give words to a field, or open it where they say nothing for it. @param {SetupField} one @param {Range} range @param {boolean} [isExact] */
  #give(one, range, isExact = false) {
    if (one.type === "span") {
      const before = one.many ? this.#held.get(one.id)?.answer?.spans ?? [] : [];
      const spans = before.filter((/** @type {number[]} */ [start, end]) => start !== range.start || end !== range.end);
      this.#put(one, { spans: [...spans, [range.start, range.end]].sort((a, b) => a[0] - b[0] || a[1] - b[1]) });
    } else if (VALUES.has(one.type)) {
      this.#put(one, { spans: [[range.start, range.end]] });
      this.#read(one, { span: [this.#offsets.toPoint(range.start), this.#offsets.toPoint(range.end)], exact: isExact });
    } else return this.#open(one);
    this.#chosen = null;
    this.#at = range.start;
    if (!isExact) {
      this.#mark = "";
      if (!one.many) this.#advance();
    }
    this.#drawAll();
  }

  /** @param {SetupField} one @param {any} answer @param {Partial<Held>} [more] */
  #put(one, answer, more = {}) {
    this.#held.set(one.id, { answer, isSuggested: false, why: "", problem: "", maybe: [], ...more });
    this.untell();
    this.#keepDraft();
    this.parts.heard.textContent = `${one.name}: ${answer === null ? "not in this text" : this.#told(one, answer)}`;
  }

  /** @param {SetupField} one @param {any} answer */
  #told(one, answer) {
    return valueText(one, answer) || (answer?.spans ?? []).map((/** @type {number[]} */ [start, end]) => this.now?.text.slice(start, end)).join("; ");
  }

  /** Ask what words mean; without an answer the server reads them when the document is saved. @param {SetupField} one @param {object} what */
  async #read(one, what) {
    const record = this.now, held = this.#held.get(one.id);
    const read = await this.#asked({ record_id: record?.record_id, field: one.id, ...what });
    if (this.now !== record || this.#held.get(one.id) !== held || !held) return;
    if (!read) {
      if (held.problem) held.problem = OFFLINE;
      setTimeout(() => this.#held.get(one.id) === held && this.#read(one, what), AGAIN_MS);
      return this.#drawAll();
    }
    const answers = read.answers.map((/** @type {any} */ answer) => this.#turned(answer, (point) => this.#offsets.toUnit(point)));
    const usual = Number(localStorage.getItem(`hg-reads:${this.setup.task_id}:${one.id}`) ?? -1);
    if (!answers.length) this.#put(one, held.answer, { problem: read.problem });
    else if (read.is_sure || answers[usual]) this.#put(one, answers[read.is_sure ? 0 : usual]);
    else {
      this.#put(one, { spans: answers[0].spans }, { maybe: answers });
      this.#active = one.id;
      this.#isOpen = true;
    }
    this.#drawAll();
  }

  /** @param {object} body @returns {Promise<any>} null without an answer */
  async #asked(body) {
    try {
      const answer = await fetch(this.api("read"), {
        method: "POST", headers: { "Content-Type": "application/json", Accept: "application/json" }, body: JSON.stringify(body), signal: AbortSignal.timeout(10_000),
      });
      const said = await answer.json();
      return answer.ok ? said : { answers: [], is_sure: true, problem: said.error?.message ?? `answer ${answer.status}` };
    } catch {
      return null;
    }
  }

  /** A value was typed. @param {HTMLInputElement} input */
  #typed(input) {
    const one = this.#field(input.dataset.value ?? "");
    if (!one || !this.now) return;
    if (!input.value.trim()) return this.#empty(one);
    const [span] = this.#held.get(one.id)?.answer?.spans ?? [];
    const place = span ? { span: span.map((/** @type {number} */ unit) => this.#offsets.toPoint(unit)) } : {};
    this.#put(one, span ? { spans: [span] } : {}, { problem: READING });
    this.#read(one, { words: input.value.trim(), ...place });
  }

  /** @param {SetupField} one */
  #empty(one) {
    this.#held.delete(one.id);
    this.#mark = "";
    this.#keepDraft();
    this.#drawAll();
  }

  /** @param {SetupField} one */
  #absent(one) {
    this.#put(one, null);
    this.#active = one.id;
    this.#advance();
    this.#drawAll();
  }

  /** @param {SetupField} one */
  #open(one) {
    this.#isOpen = this.#active !== one.id || !this.#isOpen;
    this.#active = one.id;
    this.#drawAll();
  }

  /** Choose one of a field's options by its number. @param {SetupField} one @param {number} at */
  #choose(one, at) {
    const held = this.#held.get(one.id), maybe = held?.maybe ?? [];
    if (maybe.length) {
      if (!maybe[at]) return;
      localStorage.setItem(`hg-reads:${this.setup.task_id}:${one.id}`, String(at));
      this.#put(one, maybe[at]);
    } else if (one.type === "boolean") this.#put(one, { value: at === 0 });
    else {
      const id = one.options[at]?.id;
      if (!id) return;
      const before = one.many && held?.answer?.choices ? held.answer.choices : [];
      const choices = before.includes(id) ? before.filter((/** @type {string} */ other) => other !== id) : [...before, id];
      if (!choices.length) return this.#empty(one);
      this.#put(one, { choices });
      if (one.many) return this.#drawAll();
    }
    this.#isOpen = false;
    this.#active = one.id;
    this.#advance();
    this.#drawAll();
  }

  /** Go on to the next field of which nothing is said. */
  #advance() {
    const { fields } = this.setup, from = fields.findIndex((one) => one.id === this.#active);
    const next = [...fields.slice(from + 1), ...fields.slice(0, from + 1)].find((one) => one.type !== "list" && !this.#held.has(one.id));
    if (next) this.#active = next.id;
    this.#isOpen = false;
  }

  // The marks in the text -----------------------------------------------------------------------------------------------

  #marks() {
    return this.setup.fields.flatMap((one, field) => {
      const held = this.#held.get(one.id);
      return (held?.answer?.spans ?? []).map((/** @type {[number, number]} */ [start, end], /** @type {number} */ at) => {
        const id = `${one.id}:${at}`;
        return { id, start, end, field, name: one.name, isSuggested: held?.isSuggested ?? false, isHeld: id === this.#mark };
      });
    });
  }

  /** @param {string} id */
  #hold(id) {
    this.#mark = this.#mark === id ? "" : id;
    this.#chosen = null;
    if (this.#mark) this.#active = id.slice(0, id.lastIndexOf(":"));
    this.#isOpen = false;
    this.#drawAll();
  }

  /** Take hold of the next mark. @param {1 | -1} step */
  #nextMark(step) {
    const marks = this.#marks().sort((a, b) => a.start - b.start || a.end - b.end);
    if (!marks.length) return;
    const now = marks.findIndex((one) => one.id === this.#mark);
    const next = marks[now < 0 ? (step > 0 ? 0 : marks.length - 1) : (now + step + marks.length) % marks.length];
    this.#mark = "";
    this.#hold(next.id);
    this.#panel.reveal(next.start);
  }

  /** Move an edge of the mark that is held by a word. @param {1 | -1} step @param {boolean} isStart */
  #moveEdge(step, isStart) {
    const mark = this.#marks().find((one) => one.id === this.#mark), one = mark && this.setup.fields[mark.field];
    if (!mark || !one) return;
    const { words } = this.#panel;
    let { start, end } = mark;
    if (isStart) start = (step < 0 ? words.before(start) : words.after(words.after(start)?.end ?? start))?.start ?? start;
    else end = (step > 0 ? words.after(end) : words.before(words.before(end)?.start ?? end))?.end ?? end;
    if (start >= end) return;
    const held = this.#held.get(one.id), at = Number(mark.id.slice(mark.id.lastIndexOf(":") + 1));
    const spans = held?.answer.spans.map((/** @type {number[]} */ span, /** @type {number} */ number) => (number === at ? [start, end] : span));
    if (VALUES.has(one.type)) this.#give(one, { start, end }, true);
    else this.#put(one, { ...held?.answer, spans });
    this.#drawAll();
    this.#panel.reveal(isStart ? start : end - 1);
  }

  #removeMark() {
    const [id, at] = [this.#mark.slice(0, this.#mark.lastIndexOf(":")), Number(this.#mark.slice(this.#mark.lastIndexOf(":") + 1))];
    const one = this.#field(id || this.#active), spans = this.#held.get(id)?.answer?.spans ?? [];
    if (!one) return;
    if (id && one.type === "span" && spans.length > 1) {
      this.#put(one, { spans: spans.filter((/** @type {unknown} */ _, /** @type {number} */ number) => number !== at) });
      this.#mark = "";
      this.#drawAll();
    } else this.#empty(one);
  }

  /** Words were chosen by a pointer: they go to the field that is marked, if it takes words. @param {Range} range @param {boolean} isSure */
  #pointed(range, isSure) {
    if (!this.now) return;
    this.#mark = "";
    const one = this.#field(this.#active);
    if (isSure && one && (one.type === "span" || VALUES.has(one.type))) return this.#give(one, range);
    this.#chosen = range;
    this.#anchor = range.start;
    this.#drawAll();
  }

  /** Move the cursor, or the end of what is chosen. @param {Range | null} word @param {boolean} isMore */
  #goTo(word, isMore) {
    if (!word) return;
    if (!isMore || !this.#chosen) this.#anchor = word.start;
    this.#at = word.start;
    const anchor = this.#panel.words.after(this.#anchor) ?? word;
    this.#chosen = isMore ? { start: Math.min(anchor.start, word.start), end: Math.max(anchor.end, word.end) } : word;
    this.#drawMarks();
    this.#panel.reveal(word.start);
    this.parts.heard.textContent = this.now?.text.slice(this.#chosen.start, this.#chosen.end) ?? "";
  }

  /** The word that moves: the end of what is chosen which is not the anchor. @returns {Range | null} */
  get #head() {
    if (!this.#chosen) return null;
    const { words } = this.#panel;
    return this.#anchor > this.#chosen.start ? words.after(this.#chosen.start) : words.before(this.#chosen.end);
  }

  /** @param {KeyboardEvent} event */
  #arrow(event) {
    const { words } = this.#panel;
    let step = /** @type {1 | -1} */ (event.key === "ArrowRight" || event.key === "ArrowDown" ? 1 : -1);
    const isSideways = event.key === "ArrowLeft" || event.key === "ArrowRight";
    const mark = this.#marks().find((one) => one.id === this.#mark);
    const head = this.#head ?? (this.#at < 0 ? null : words.after(this.#at));
    if (isSideways && words.isRtl(mark?.start ?? head?.start ?? 0)) step = step > 0 ? -1 : 1;
    if (mark && isSideways) return this.#moveEdge(step, event.shiftKey);
    this.#mark = "";
    if (!head) return this.#goTo(words.after(0), false);
    if (isSideways) return this.#goTo(step > 0 ? words.after(head.end) : words.before(head.start), event.shiftKey);
    this.#goTo(this.#panel.beside(head.start, step), event.shiftKey);
  }

  /** @override @param {KeyboardEvent} event */
  key(event) {
    if (!this.now) return false;
    const target = /** @type {Element} */ (event.target);
    const isButton = Boolean(target.closest?.("a, button"));
    if (isButton && (event.key === "Enter" || event.key === " ")) return false;
    if (event.key.startsWith("Arrow")) return this.#arrow(event), true;
    if (event.repeat) return ["Enter", "x", "Backspace"].includes(event.key);
    const one = this.#field(this.#active);
    const acts = {
      Enter: () => this.#save(event.shiftKey),
      " ": () => this.#chosen && one && this.#give(one, this.#chosen),
      ",": () => this.#nextMark(-1), ".": () => this.#nextMark(1),
      Backspace: () => this.#removeMark(), Delete: () => this.#removeMark(),
      x: () => one && this.#absent(one),
      Escape: () => this.#letGo(),
    };
    const act = acts[/** @type {keyof typeof acts} */ (event.key)];
    if (act) return act(), true;
    const at = KEYS.indexOf(event.key.toLowerCase());
    if (at < 0 || event.key.length !== 1) return false;
    if (this.#isOpen && one && this.#nOptions(one) > at) return this.#choose(one, at), true;
    const wanted = this.setup.fields[at];
    if (!wanted || wanted.type === "list") return false;
    const mark = this.#marks().find((held) => held.id === this.#mark);
    const range = this.#chosen ?? (mark && mark.field !== at ? { start: mark.start, end: mark.end } : null);
    if (range) this.#give(wanted, range);
    else this.#open(wanted);
    return true;
  }

  /** @param {SetupField} one */
  #nOptions(one) {
    return this.#held.get(one.id)?.maybe.length || (one.type === "boolean" ? 2 : one.options.length);
  }

  #letGo() {
    this.#at = this.#chosen?.start ?? this.#marks().find((one) => one.id === this.#mark)?.start ?? this.#at;
    this.#chosen = null;
    this.#mark = "";
    this.#isOpen = false;
    this.#drawAll();
  }

  /** @override @param {Event} event */
  click(event) {
    const target = /** @type {Element} */ (event.target), card = target.closest("[data-field]");
    const one = this.#field(card?.getAttribute("data-field") ?? "");
    if (!one || !this.now || target.closest("input")) return false;
    const option = target.closest("[data-option]")?.getAttribute("data-option");
    if (option) this.#choose(one, Number(option));
    else if (target.closest("[data-absent]")) this.#absent(one);
    else if (target.closest("[data-empty]")) { this.#active = one.id; this.#empty(one); }
    else if (target.closest("[data-go]")) this.#nextSpan(one);
    else if (this.#chosen && (one.type === "span" || VALUES.has(one.type))) { getSelection()?.removeAllRanges(); this.#give(one, this.#chosen); }
    else this.#open(one);
    return true;
  }

  /** Show where a field's words stand. @param {SetupField} one */
  #nextSpan(one) {
    const marks = this.#marks().filter((mark) => mark.id.startsWith(`${one.id}:`));
    const next = marks[(marks.findIndex((mark) => mark.id === this.#mark) + 1) % marks.length];
    if (!next) return;
    this.#mark = "";
    this.#hold(next.id);
    this.#panel.reveal(next.start);
  }

  /** @override @param {string} act */
  act(act) {
    if (act !== "save" && act !== "rest") return false;
    this.#save(act === "rest");
    return true;
  }

  // What is shown -------------------------------------------------------------------------------------------------------

  /** @override @param {string} nothing */
  draw(nothing) {
    if (!this.now) this.#panel.show(nothing, "");
    this.#suggest();
    this.#drawAll();
  }

  #drawAll() {
    this.#drawMarks();
    const { fields } = this.setup;
    this.parts.cards.replaceChildren(...(this.now ? fields : []).map((one, at) => fieldCard(one, {
      key: KEYS[at] ?? "", colour: at, held: this.#held.get(one.id), isActive: one.id === this.#active, isOpen: one.id === this.#active && this.#isOpen,
      words: (start, end) => this.now?.text.slice(start, end) ?? "", keys: KEYS,
    })));
  }

  #drawMarks() {
    this.#panel.mark(this.#marks(), this.#chosen);
  }
}
