// @ts-check
// What is said of one record: by field an answer, of a list rows of such. It knows nothing of how one says it.
import { Offsets } from "./tokens.js";

/** @typedef {import("./tokens.js").Range} Range */
/** @typedef {import("./desk.js").SetupField} SetupField */
/** What a field holds here, its spans in UTF-16 units. `answer` is null where it is not in the text; a list has `rows`.
 * `typed` is what somebody wrote that is not settled yet.
 * @typedef {{ answer: any, isSuggested: boolean, why: string, problem: string, maybe: any[], typed?: string, rows?: Row[] }} Held */
/** By field id. @typedef {Map<string, Held>} Row */
/** Where an answer lies: a field, or a cell of a row. `path` names it. @typedef {{ path: string, one: SetupField, list: SetupField | null, row: number }} Spot */
/** @typedef {import("./text-panel.js").Mark} Mark */

export const VALUES = new Set(["number", "date", "money"]);

/** @param {SetupField} one */
export const takesWords = (one) => one.type === "span" || VALUES.has(one.type);

/** @param {any} answer @param {Partial<Held>} [more] @returns {Held} */
export const held = (answer, more = {}) => ({ answer, isSuggested: false, why: "", problem: "", maybe: [], ...more });

export class AnswerSheet {
  #offsets;
  /** @type {Row} */ #said = new Map();

  /** @param {SetupField[]} fields @param {string} text */
  constructor(fields, text) {
    this.fields = fields;
    this.#offsets = new Offsets(text);
  }

  // Code points and units ----------------------------------------------------------------------------------------------

  /** @param {number} unit */
  toPoint(unit) {
    return this.#offsets.toPoint(unit);
  }

  /** An answer in code points with offsets in units. @param {any} answer */
  inUnits(answer) {
    return turned(answer, (point) => this.#offsets.toUnit(point));
  }

  /** An answer in code points as it is held. @param {SetupField} one @param {any} answer @param {Partial<Held>} [more] @returns {Held} */
  #holding(one, answer, more = {}) {
    if (one.type !== "list" || !answer) return held(this.inUnits(answer), more);
    const row = (/** @type {any} */ item) => new Map(one.fields.flatMap((cell) => (cell.id in item ? [[cell.id, this.#holding(cell, item[cell.id])]] : [])));
    return held(undefined, { ...more, rows: (answer.items ?? []).map(row) });
  }

  // What is there ------------------------------------------------------------------------------------------------------

  /** @param {Record<string, any>} answers in code points */
  load(answers) {
    for (const one of this.fields) if (one.id in answers) this.#said.set(one.id, this.#holding(one, answers[one.id]));
  }

  /** Suggestions for fields of which nothing was said, in place of earlier ones.
   * @param {import("./choices.js").FieldSuggestion[]} answers */
  suggest(answers) {
    for (const [id, one] of this.#said) if (one.isSuggested) this.#said.delete(id);
    for (const { field_id, answer, why } of answers) {
      const one = this.fields.find((field) => field.id === field_id);
      if (one && !this.#said.has(field_id)) this.#said.set(field_id, this.#holding(one, answer, { isSuggested: true, why }));
    }
  }

  /** What goes to the server: by field id, offsets in code points. Of a row what is empty is not there; an empty row is none.
   * @param {boolean} withSuggested @returns {Record<string, any>} */
  answers(withSuggested) {
    const said = this.fields.flatMap((one) => {
      const there = this.#said.get(one.id);
      if (!there || (there.isSuggested && !withSuggested)) return [];
      if (!there.rows) return [[one.id, this.#out(there)]];
      const items = there.rows.filter((row) => [...row.values()].some((cell) => cell.answer));
      return items.length ? [[one.id, { items: items.map((row) => Object.fromEntries(one.fields.map((cell) => [cell.id, this.#out(row.get(cell.id))]))) }]] : [];
    });
    return Object.fromEntries(said);
  }

  /** @param {Held | undefined} there */
  #out(there) {
    return turned(there?.answer ?? null, (unit) => this.#offsets.toPoint(unit));
  }

  /** @param {string} path a field's id, or `list/row/cell` @returns {Spot | null} */
  spot(path) {
    const [id, row, cell] = path.split("/");
    const one = this.fields.find((field) => field.id === id);
    if (!one) return null;
    if (cell === undefined) return { path, one, list: null, row: -1 };
    const inner = one.fields.find((field) => field.id === cell);
    return inner ? { path, one: inner, list: one, row: Number(row) } : null;
  }

  /** @param {string} path @returns {Held | undefined} */
  get(path) {
    const spot = this.spot(path);
    if (!spot?.list) return this.#said.get(path);
    return this.#said.get(spot.list.id)?.rows?.[spot.row]?.get(spot.one.id);
  }

  /** Say something; of a list that was suggested the rest is taken with it. @param {Spot} spot @param {Held} what */
  set(spot, what) {
    if (!spot.list) return void this.#said.set(spot.path, what);
    const rows = this.#own(spot.list);
    while (rows.length <= spot.row) rows.push(new Map());
    rows[spot.row].set(spot.one.id, what);
  }

  /** The rows of a list, said from now on. @param {SetupField} list @returns {Row[]} */
  #own(list) {
    const there = this.#said.get(list.id), rows = there?.rows ?? [];
    if (!there?.rows || there.isSuggested) this.#said.set(list.id, held(undefined, { rows }));
    return rows;
  }

  /** @param {Spot} spot */
  empty(spot) {
    if (!spot.list) this.#said.delete(spot.path);
    else this.#own(spot.list)[spot.row]?.delete(spot.one.id);
  }

  /** @param {SetupField} list @returns {Row[]} */
  rows(list) {
    return this.#said.get(list.id)?.rows ?? [];
  }

  /** @param {SetupField} list @param {number} at */
  removeRow(list, at) {
    if (at >= this.rows(list).length) return;
    const rows = this.#own(list);
    rows.splice(at, 1);
    if (!rows.length) this.#said.delete(list.id);
  }

  /** Where words go that are given to a field: of a list to the first cell of a new row. @param {string} path @returns {Spot | null} */
  target(path) {
    const spot = this.spot(path);
    if (spot?.one.type !== "list") return spot;
    const rows = this.rows(spot.one), last = rows.at(-1);
    return this.spot(`${spot.path}/${last && !last.size ? rows.length - 1 : rows.length}/${spot.one.fields[0].id}`);
  }

  /** The next field of which nothing is said, else the same; in a list the next empty cell, behind the last one of a new row.
   * @param {string} path @returns {string} */
  next(path) {
    const spot = this.spot(path), fields = spot?.list?.fields ?? this.fields;
    const from = spot ? fields.indexOf(spot.one) : -1;
    const pathOf = (/** @type {SetupField} */ one) => (spot?.list ? `${spot.list.id}/${spot.row}/${one.id}` : one.id);
    const next = [...fields.slice(from + 1), ...fields.slice(0, from + 1)].find((one) => !this.get(pathOf(one)));
    if (next) return pathOf(next);
    return spot?.list ? `${spot.list.id}/${this.rows(spot.list).length}/${fields[0].id}` : path;
  }

  /** The first cell of another row; null where one is in no list. @param {string} path @param {1 | -1} step @returns {string | null} */
  beside(path, step) {
    const spot = this.spot(path), list = spot?.one.type === "list" ? spot.one : spot?.list;
    if (!list || !spot) return null;
    const n = this.rows(list).length;
    const row = spot.list ? Math.min(n, Math.max(0, spot.row + step)) : step > 0 ? n : Math.max(0, n - 1);
    return `${list.id}/${row}/${list.fields[0].id}`;
  }

  /** Where a row begins in the text, else where the one before ends. @param {SetupField} list @param {number} at */
  begin(list, at) {
    const rows = this.rows(list);
    const spans = (/** @type {Row | undefined} */ row) => [...(row?.values() ?? [])].flatMap((cell) => cell.answer?.spans ?? []);
    const own = spans(rows[at]).map(([start]) => start);
    return own.length ? Math.min(...own) : Math.max(0, ...rows.slice(0, at).flatMap(spans).map(([, end]) => end));
  }

  /** Everything that is held, with where: fields, and the cells of rows. @returns {Generator<[string, Held]>} */
  *all() {
    for (const one of this.fields) {
      const there = this.#said.get(one.id);
      if (there) yield [one.id, there];
      for (const [number, row] of (there?.rows ?? []).entries()) {
        for (const cell of one.fields) {
          const inner = row.get(cell.id);
          if (inner) yield [`${one.id}/${number}/${cell.id}`, inner];
        }
      }
    }
  }

  /** Where something lies by now: rows may have gone or come. @param {Held} what @returns {Spot | null} */
  where(what) {
    for (const [path, there] of this.all()) if (there === what) return this.spot(path);
    return null;
  }

  /** The first place that is not settled. @returns {Spot | null} */
  unsettled() {
    for (const [path, there] of this.all()) if (there.problem || there.maybe.length) return this.spot(path);
    return null;
  }

  /** What is marked in the text. @param {string} taken the id of the mark that is held @returns {Mark[]} */
  marks(taken) {
    /** @type {Mark[]} */ const found = [];
    for (const [path, there] of this.all()) {
      const spans = there.answer?.spans;
      if (!spans) continue;
      const spot = /** @type {Spot} */ (this.spot(path));
      const isSuggested = spot.list ? Boolean(this.#said.get(spot.list.id)?.isSuggested) : there.isSuggested;
      const name = spot.list ? `${spot.one.name} ${spot.row + 1}` : spot.one.name, field = this.colour(spot);
      spans.forEach((/** @type {[number, number]} */ [start, end], /** @type {number} */ at) => {
        const id = `${path}:${at}`;
        found.push({ id, start, end, field, name, isSuggested, isHeld: id === taken });
      });
    }
    return found;
  }

  /** The number of a field's colour: its own; the cells of a list go on behind it. @param {Spot} spot */
  colour(spot) {
    const at = this.fields.indexOf(spot.list ?? spot.one);
    return spot.list ? at + spot.list.fields.indexOf(spot.one) : at;
  }
}

/** The place in a mark's id. @param {string} id @returns {[string, number]} path and number of the span */
export function parted(id) {
  const at = id.lastIndexOf(":");
  return [id.slice(0, at), Number(id.slice(at + 1))];
}

/** The choices once an option was pressed. @param {SetupField} one @param {string[]} before @param {number} at @returns {string[]} */
export function toggled(one, before, at) {
  const { id } = one.options[at];
  if (!one.many) return [id];
  return before.includes(id) ? before.filter((other) => other !== id) : [...before, id];
}

/** An answer with other offsets. @param {any} answer @param {(at: number) => number} turn */
function turned(answer, turn) {
  return answer?.spans ? { ...answer, spans: answer.spans.map((/** @type {[number, number]} */ [start, end]) => [turn(start), turn(end)]) } : answer;
}
