// @ts-check
// An answer with fields: the text on one side, with what is marked in it, the fields beside it.
import { AnswerSheet, held, parted, takesWords, toggled, VALUES } from "./answer-sheet.js";
import { CardDeck } from "./card-deck.js";
import { Cursor, isSideways, stepOf, withEdge } from "./cursor.js";
import { Desk } from "./desk.js";
import { draft, keepDraft } from "./draft.js";
import { nOptions, shownText, valueText } from "./field-card.js";
import { found, Finder } from "./finder.js";
import { COMMANDS, KEYS, keysOf } from "./field-keys.js";
import { readWords } from "./reading.js";
import { TextPanel } from "./text-panel.js";
import { make } from "./view.js";

/** @typedef {import("./tokens.js").Range} Range */
/** @typedef {import("./desk.js").SetupField} SetupField */
/** @typedef {import("./answer-sheet.js").Held} Held */
/** @typedef {import("./answer-sheet.js").Spot} Spot */

const READING = "It is being read.";
const OFFLINE = "It is read once the connection is back.";
const AGAIN_MS = 3000;

export class FieldDesk extends Desk {
  #sheet = new AnswerSheet([], "");
  /** the field, or the cell of a list, that words go to: a path of the sheet */ #active = "";
  /** whether keys choose among its options */ #isOpen = false;
  /** the mark whose edges arrows move: a path and the number of its span */ #mark = "";
  /** @type {TextPanel} */ #panel = /** @type {any} */ (null);
  /** @type {Cursor} */ #cursor = /** @type {any} */ (null);
  /** @type {CardDeck} */ #deck = /** @type {any} */ (null);
  #finder = new Finder((words) => this.#find(words));
  /** what the server is asked about */ #reads = new Set();
  /** @type {boolean | null} save, once it is read; true: the rest is not in the text */ #waits = null;

  /** @override */
  build() {
    this.#panel = new TextPanel((range, isSure) => this.#pointed(range, isSure), (id) => this.#hold(id));
    this.#cursor = new Cursor(this.#panel);
    this.#deck = new CardDeck();
    this.parts.text = this.#panel.node;
    this.parts.cards = this.#deck.node;
    this.parts.heard = make("p", { class: "visually-hidden", role: "status" });
    const path = (/** @type {Event} */ event) => /** @type {HTMLElement} */ (event.target).dataset.value;
    this.parts.cards.addEventListener("change", (event) => path(event) && this.#typed(/** @type {HTMLInputElement} */ (event.target)));
    this.parts.cards.addEventListener("focusin", (event) => this.#entered(path(event) ?? ""));
    this.parts.cards.addEventListener("keydown", (event) => path(event) && this.#written(event));
    return { record: [this.#finder.node, this.#panel.node], answers: [this.parts.cards, this.parts.heard], more: [] };
  }

  /** @override */
  close() {
    super.close();
    this.#panel.close();
  }

  /** @override @returns {[string, string, string][]} */
  get commands() { return COMMANDS; }

  /** @override @returns {[string, string][]} */
  get keys() { return keysOf(this.setup.fields.some((one) => one.type === "list")); }

  // What is said ------------------------------------------------------------------------------------------------------

  /** @override @param {import("./desk.js").Answer | null} before */
  begin(before) {
    this.#sheet = new AnswerSheet(this.setup.fields, this.now?.text ?? "");
    this.#cursor.reset();
    this.#mark = "";
    this.#reads = new Set();
    this.#waits = null;
    this.untell();
    this.#sheet.load(before ?? draft(this.#draftKey, this.now?.record_id ?? "") ?? {});
    if (before) this.#keepDraft();
    this.#suggest();
    this.#active = "";
    this.#advance();
    this.#deck.begin(this.now?.text ?? "");
    if (this.now) this.#panel.show(this.now.text, this.now.record_id);
  }

  #suggest() { this.#sheet.suggest(this.hides ? [] : this.now?.answers ?? []); }

  /** @override @param {import("./desk.js").Answer} answer */
  body(answer) { return { answer }; }

  /** @override @param {any} vote */
  answerOf(vote) { return vote.answer ?? {}; }

  /** @override @param {import("./desk.js").Answer} answer */
  words(answer) {
    const field = (/** @type {string} */ id) => this.setup.fields.find((one) => one.id === id);
    return Object.entries(answer).map(([id, one]) => `${field(id)?.name ?? "a field that is gone"}: ${valueText(field(id), one) || "words"}`).join("; ") || "nothing";
  }

  get #draftKey() { return `hg-draft:${this.setup.actor_id}:${this.setup.task_id}`; }

  #keepDraft() { if (this.now) keepDraft(this.#draftKey, this.now.record_id, this.#sheet.answers(false)); }

  /** @param {boolean} isAll whether fields that are empty are not in the text */
  #save(isAll) {
    if (!this.now) return;
    if (this.#reads.size) {
      this.#waits = isAll;
      return this.tell("It is saved as soon as your words are read.");
    }
    const wrong = this.#sheet.unsettled();
    if (wrong) {
      const there = this.#sheet.get(wrong.path);
      this.#go(wrong.path, Boolean(there?.maybe.length));
      return this.tell(`“${wrong.one.name}” is not settled yet: ${there?.problem || "choose what it means"}`);
    }
    const answer = this.#sheet.answers(true);
    if (isAll) for (const one of this.setup.fields) answer[one.id] ??= null;
    if (!Object.keys(answer).length) return this.tell("Nothing is said yet. Fill a field, or say with x that it is not in this text.");
    keepDraft(this.#draftKey, this.now.record_id, {});
    this.say(answer);
  }

  // How one says it -----------------------------------------------------------------------------------------------------

  /** Give words to a field, or open it where they say nothing for it. @param {Spot} spot @param {Range} range @param {boolean} [isExact] */
  #give(spot, range, isExact = false) {
    const { one } = spot;
    if (one.type === "span") {
      const before = one.many ? this.#sheet.get(spot.path)?.answer?.spans ?? [] : [];
      const spans = before.filter((/** @type {number[]} */ [start, end]) => start !== range.start || end !== range.end);
      this.#put(spot, { spans: [...spans, [range.start, range.end]].sort((a, b) => a[0] - b[0] || a[1] - b[1]) });
    } else if (VALUES.has(one.type)) {
      this.#put(spot, { spans: [[range.start, range.end]] });
      this.#read(spot, { span: [this.#sheet.toPoint(range.start), this.#sheet.toPoint(range.end)], exact: isExact });
    } else return this.#open(spot.path);
    this.#cursor.drop(range.start);
    if (!isExact) {
      this.#mark = "";
      if (spot.list) this.#active = spot.path;
      if (!one.many && this.#sheet.get(this.#active)) this.#advance(); // a field that waits still waits
    }
    this.#drawAll();
  }

  /** @param {Spot} spot @param {any} answer @param {Partial<Held>} [more] */
  #put(spot, answer, more = {}) {
    this.#sheet.set(spot, held(answer, more));
    this.untell();
    this.#keepDraft();
    const { one, list, row } = spot;
    this.parts.heard.textContent = `${list ? `${list.name}, row ${row + 1}, ` : ""}${one.name}: ${shownText(one, answer, (start, end) => this.now?.text.slice(start, end) ?? "")}`;
  }

  /** Ask what words mean; without an answer the server reads them when the document is saved. @param {Spot} spot @param {object} what */
  async #read(spot, what) {
    const record = this.now, asked = this.#sheet.get(spot.path), reads = this.#reads.add(asked);
    const read = await readWords(this.api("read"), { record_id: record?.record_id, field: spot.one.id, ...what });
    reads.delete(asked);
    const now = this.now === record && asked ? this.#sheet.where(asked) : null;
    if (asked && now) this.#understood(now, asked, read, what);
    if (reads === this.#reads && !reads.size && this.#waits !== null) this.#save(this.#waits);
  }

  /** @param {Spot} now where it lies @param {Held} asked @param {Awaited<ReturnType<typeof readWords>>} read @param {object} what */
  #understood(now, asked, read, what) {
    if (!read) {
      if (asked.problem) asked.problem = OFFLINE;
      setTimeout(() => {
        const there = this.#sheet.where(asked);
        if (there) this.#read(there, what);
      }, AGAIN_MS);
      return this.#drawAll();
    }
    const answers = read.answers.map((/** @type {any} */ answer) => this.#sheet.inUnits(answer));
    const usual = Number(localStorage.getItem(`hg-reads:${this.setup.task_id}:${now.one.id}`) ?? -1);
    if (!answers.length) this.#put(now, asked.answer, { problem: read.problem, typed: asked.typed });
    else if (read.is_sure || answers[usual]) this.#put(now, answers[read.is_sure ? 0 : usual]);
    else {
      this.#put(now, { spans: answers[0].spans }, { maybe: answers, typed: asked.typed });
      return this.#go(now.path, true);
    }
    this.#drawAll();
  }

  /** Words were typed: a value beside the words that are marked for it, or words to look for. @param {HTMLInputElement} input */
  #typed(input) {
    const spot = this.#sheet.spot(input.dataset.value ?? ""), typed = input.value.trim();
    if (!spot || !this.now) return;
    if (!typed) return this.#empty(spot);
    const [span] = VALUES.has(spot.one.type) ? this.#sheet.get(spot.path)?.answer?.spans ?? [] : [];
    const place = span ? { span: span.map((/** @type {number} */ unit) => this.#sheet.toPoint(unit)) } : {};
    const near = spot.list && !span ? { near: this.#sheet.toPoint(this.#sheet.begin(spot.list, spot.row)) } : {};
    this.#put(spot, span ? { spans: [span] } : {}, { problem: READING, typed });
    this.#read(spot, { words: typed, ...place, ...near });
  }

  /** Somebody goes into an input: what is pressed in the text goes there, too. @param {string} path */
  #entered(path) {
    const spot = this.#sheet.spot(path);
    if (!spot || path === this.#active) return;
    this.#active = path;
    this.#isOpen = false;
    this.#drawAll();
  }

  /** Enter and Escape in an input; in a row Enter goes on to the next cell. @param {KeyboardEvent} event */
  #written(event) {
    const input = /** @type {HTMLInputElement} */ (event.target), spot = this.#sheet.spot(input.dataset.value ?? "");
    if (!spot || (event.key !== "Enter" && event.key !== "Escape") || event.isComposing) return;
    event.preventDefault();
    const isMore = event.key === "Enter" && spot.list !== null && input.value.trim() !== "";
    input.blur(); // what is typed is taken by this
    if (event.key === "Enter" && this.#active === spot.path) this.#advance();
    this.#drawAll();
    if (isMore) this.#deck.type(this.#active);
  }

  /** @param {Spot} spot */
  #empty(spot) {
    this.#sheet.empty(spot);
    this.#mark = "";
    this.#keepDraft();
    this.#drawAll();
  }

  /** The field is not in the text; x in a new row says that there are no more rows. @param {Spot} spot */
  #absent(spot) {
    const { list } = spot, rows = list ? this.#sheet.rows(list) : [];
    const isNew = list && !rows[spot.row]?.size;
    if (!isNew) this.#put(spot, null);
    else if (!rows.length) this.#put(/** @type {Spot} */ (this.#sheet.spot(list.id)), null);
    this.#active = isNew ? list.id : spot.path;
    this.#advance();
    this.#drawAll();
  }

  /** Take what is suggested, whole; also once more after it was changed or emptied. @param {SetupField} one */
  #take(one) {
    const suggested = this.now?.answers.find((answer) => answer.field_id === one.id);
    if (!suggested) return;
    this.#sheet.load({ [one.id]: suggested.answer });
    this.untell();
    this.#keepDraft();
    this.#active = one.id;
    this.#advance();
    this.#drawAll();
  }

  /** @param {string} path @param {boolean} [isOpen] */
  #go(path, isOpen = false) {
    this.#active = path;
    this.#isOpen = isOpen;
    this.#drawAll();
  }

  /** Go to a field; a list is entered, or left where one is in it. @param {string} path */
  #open(path) {
    const spot = this.#sheet.spot(path);
    if (spot?.one.type === "list") return this.#go(this.#active.startsWith(`${path}/`) ? path : this.#sheet.target(path)?.path ?? path);
    this.#go(path, this.#active !== path || !this.#isOpen);
  }

  /** Choose one of a field's options by its number. @param {Spot} spot @param {number} at */
  #choose(spot, at) {
    const { one } = spot, there = this.#sheet.get(spot.path), maybe = there?.maybe ?? [];
    if (maybe.length) {
      localStorage.setItem(`hg-reads:${this.setup.task_id}:${one.id}`, String(at));
      this.#put(spot, maybe[at]);
    } else if (one.type === "boolean") this.#put(spot, { value: at === 0 });
    else {
      const choices = toggled(one, there?.answer?.choices ?? [], at);
      if (!choices.length) return this.#empty(spot);
      this.#put(spot, { choices });
      if (one.many) return this.#drawAll();
    }
    this.#active = spot.path;
    this.#advance();
    this.#drawAll();
  }

  #advance() {
    this.#isOpen = false;
    this.#active = this.#sheet.next(this.#active);
  }

  // The rows of a list --------------------------------------------------------------------------------------------------

  /** Go to another row. @param {1 | -1} step @returns {boolean} whether there is a list to go through */
  #nextRow(step) {
    const path = this.#sheet.beside(this.#active, step);
    if (path === null) return false;
    this.#mark = "";
    this.#go(path);
    return true;
  }

  /** @param {SetupField} list @param {number} row */
  #dropRow(list, row) {
    this.#sheet.removeRow(list, row);
    this.#mark = "";
    this.#keepDraft();
    const rows = this.#sheet.rows(list);
    this.#go(`${list.id}/${Math.min(row, rows.length)}/${list.fields[0].id}`);
  }

  // The marks in the text -----------------------------------------------------------------------------------------------

  /** @param {string} id */
  #hold(id) {
    this.#mark = this.#mark === id ? "" : id;
    this.#cursor.chosen = null;
    if (this.#mark) this.#active = parted(id)[0];
    this.#isOpen = false;
    this.#drawAll();
  }

  get #taken() { return this.#sheet.marks(this.#mark).find((one) => one.id === this.#mark); }

  /** Take hold of the next mark. @param {1 | -1} step @param {string} [path] of this field alone */
  #nextMark(step, path) {
    const all = this.#sheet.marks(this.#mark).filter((one) => path === undefined || parted(one.id)[0] === path);
    const marks = all.sort((a, b) => a.start - b.start || a.end - b.end);
    if (!marks.length) return;
    const now = marks.findIndex((one) => one.id === this.#mark);
    const next = marks[now < 0 ? (step > 0 ? 0 : marks.length - 1) : (now + step + marks.length) % marks.length];
    this.#mark = "";
    this.#hold(next.id);
    this.#panel.reveal(next.start);
  }

  /** Move an edge of the mark that is held by a word. @param {1 | -1} step @param {boolean} isStart */
  #moveEdge(step, isStart) {
    const mark = this.#taken, [path, at] = parted(this.#mark), spot = this.#sheet.spot(path);
    const range = mark && withEdge(this.#panel.words, mark, step, isStart);
    if (!spot || !range) return;
    const there = this.#sheet.get(path);
    const spans = there?.answer.spans.map((/** @type {number[]} */ span, /** @type {number} */ number) => (number === at ? [range.start, range.end] : span));
    if (VALUES.has(spot.one.type)) this.#give(spot, range, true);
    else this.#put(spot, { ...there?.answer, spans });
    this.#drawAll();
    this.#panel.reveal(isStart ? range.start : range.end - 1);
  }

  /** @param {boolean} isRow the whole row */
  #remove(isRow) {
    const [path, at] = this.#mark ? parted(this.#mark) : [this.#active, 0], spot = this.#sheet.spot(path);
    if (!spot) return;
    const there = this.#sheet.get(path), spans = there?.answer?.spans ?? [];
    if (spot.list && (isRow || !this.#sheet.rows(spot.list)[spot.row]?.size)) this.#dropRow(spot.list, spot.row);
    else if (this.#mark && spot.one.type === "span" && spans.length > 1) {
      this.#put(spot, { spans: spans.filter((/** @type {unknown} */ _, /** @type {number} */ number) => number !== at) });
      this.#mark = "";
      this.#drawAll();
    } else this.#empty(spot);
  }

  /** Words were chosen by a pointer: they go to the field that is marked, if it takes words. @param {Range} range @param {boolean} isSure */
  #pointed(range, isSure) {
    if (!this.now) return;
    this.#mark = "";
    this.#waits = null;
    const spot = this.#sheet.target(this.#active);
    if (isSure && spot && takesWords(spot.one)) return this.#give(spot, range);
    this.#cursor.point(range);
    this.#drawAll();
  }

  /** Choose the next place of some words, whole. @param {string} words */
  #find(words) {
    const { text } = this.#panel.words, from = this.#cursor.chosen?.end ?? Math.max(0, this.#cursor.at);
    const place = found(text, words, from), range = place && this.#panel.words.snap(place.start, place.end);
    if (!range || !this.now) return false;
    this.#mark = "";
    this.#cursor.point(range);
    this.#drawMarks();
    this.#panel.reveal(range.start);
    return true;
  }

  // Keys and presses ----------------------------------------------------------------------------------------------------

  /** @param {KeyboardEvent} event */
  #arrow(event) {
    const mark = this.#taken;
    if (mark && isSideways(event)) return this.#moveEdge(stepOf(event, this.#panel.words.isRtl(mark.start)), event.shiftKey);
    this.#mark = "";
    this.#cursor.move(event);
    const { chosen, at } = this.#cursor;
    this.#drawMarks();
    if (!chosen) return;
    this.#panel.reveal(at);
    this.parts.heard.textContent = this.now?.text.slice(chosen.start, chosen.end) ?? "";
  }

  /** @override @param {KeyboardEvent} event */
  key(event) {
    if (!this.now) return false;
    const target = /** @type {Element} */ (event.target);
    const isButton = Boolean(target.closest?.("a, button"));
    if (isButton && (event.key === "Enter" || event.key === " ")) return false;
    if (event.key !== "Enter") this.#waits = null;
    if (/^Arrow|^Home$|^End$/.test(event.key)) return this.#arrow(event), true;
    if (event.repeat) return ["Enter", "x", "Backspace"].includes(event.key);
    const spot = this.#sheet.spot(this.#active), { chosen } = this.#cursor;
    const take = () => spot && this.#take(spot.list ?? spot.one);
    const acts = {
      Enter: () => this.#save(event.shiftKey),
      " ": () => chosen && spot && this.#give(/** @type {Spot} */ (this.#sheet.target(spot.path)), chosen),
      ",": () => this.#nextMark(-1), ".": () => this.#nextMark(1),
      Backspace: () => this.#remove(event.shiftKey), Delete: () => this.#remove(event.shiftKey),
      x: () => spot && this.#absent(spot),
      "/": () => this.#finder.open(),
      "+": take, "=": take,
      Escape: () => this.#letGo(),
    };
    const act = acts[/** @type {keyof typeof acts} */ (event.key)];
    if (act) return act(), true;
    if (event.key.toLowerCase() === "n" && this.#nextRow(event.key === "n" ? 1 : -1)) return true;
    const at = KEYS.indexOf(event.key.toLowerCase());
    return at >= 0 && event.key.length === 1 && this.#numbered(at);
  }

  /** The key with a number: of an option, of a cell in the row, else of a field. @param {number} at @returns {boolean} */
  #numbered(at) {
    const spot = this.#sheet.spot(this.#active);
    if (this.#isOpen && spot && nOptions(spot.one, this.#sheet.get(spot.path)) > at) return this.#choose(spot, at), true;
    const cell = spot?.list?.fields[at];
    const wanted = cell ? `${spot.list?.id}/${spot.row}/${cell.id}` : this.setup.fields[at]?.id;
    if (!wanted) return false;
    const mark = this.#taken;
    const range = this.#cursor.chosen ?? (mark && parted(mark.id)[0] !== wanted ? { start: mark.start, end: mark.end } : null);
    const goal = range && this.#sheet.target(wanted);
    if (goal) this.#give(goal, range);
    else if (wanted !== this.#active || !this.#deck.type(wanted)) this.#open(wanted);
    return true;
  }

  #letGo() {
    const spot = this.#sheet.spot(this.#active), mark = this.#taken;
    if (this.#isOpen) this.#isOpen = false;
    else if (mark) this.#cursor.drop(mark.start);
    else if (spot?.list) this.#active = spot.list.id; // what is chosen may go to a field of the document then
    else this.#cursor.drop();
    this.#mark = "";
    this.#drawAll();
  }

  /** @override @param {Event} event */
  click(event) {
    const target = /** @type {Element} */ (event.target);
    const at = (/** @type {string} */ name) => target.closest(`[data-${name}]`)?.getAttribute(`data-${name}`) ?? null;
    const card = this.#sheet.spot(at("field") ?? ""), spot = this.#sheet.spot(at("cell") ?? at("field") ?? "");
    if (!spot || !card || !this.now || target.closest("input")) return false;
    const option = at("option"), row = at("drop"), { chosen } = this.#cursor, goal = this.#sheet.target(spot.path);
    if (option !== null) this.#choose(spot, Number(option));
    else if (at("absent") !== null) this.#absent(card);
    else if (at("empty") !== null) { this.#active = card.path; this.#empty(card); }
    else if (at("take") !== null) this.#take(card.one);
    else if (row !== null) this.#dropRow(card.one, Number(row));
    else if (at("more") !== null) this.#go(goal?.path ?? card.path);
    else if (at("go") !== null) this.#nextMark(1, spot.path);
    else if (chosen && goal && takesWords(goal.one)) { getSelection()?.removeAllRanges(); this.#give(goal, chosen); }
    else if (spot.list) this.#show(spot);
    else this.#open(spot.path);
    return true;
  }

  /** Go to a cell, and show where its words stand. @param {Spot} spot */
  #show(spot) {
    this.#mark = "";
    this.#go(spot.path);
    const [place] = this.#sheet.get(spot.path)?.answer?.spans ?? [];
    if (place) this.#panel.reveal(place[0]);
  }

  /** @override @param {string} act */
  act(act) {
    if (act === "find") return this.#finder.open(), false;
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
    const suggested = new Set(this.hides ? [] : this.now?.answers.map((one) => one.field_id));
    this.#deck.draw(this.#sheet, { isEmpty: !this.now, active: this.#active, isOpen: this.#isOpen, suggested });
  }

  #drawMarks() { this.#panel.mark(this.#sheet.marks(this.#mark), this.#cursor.chosen); }
}
