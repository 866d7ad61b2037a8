// @ts-check
// What a person said and the server has not acknowledged yet. Each thing lies in the browser's storage from before the
// next record is shown until its answer is here, so that a lost network, a killed server or a closed tab cost nothing;
// sent again it carries the same id, and the server keeps it once.

const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 15_000;
const PATIENCE_MS = 20_000;
const MOST_AT_ONCE = 50;
// Where the server can never take it as it is; anything else is worth another try.
const HOPELESS = new Set([400, 404, 409, 413, 415, 422]);

/** @typedef {{ act?: string, client_id: string, record_id: string, class_ids?: string[], answer?: object, base?: string | null, undoes?: string, kind?: string, text?: string }} Body */
/** @typedef {{ key: string, path: string, body: Body, note: { text: string, says: string } }} Item */

/** An id that nobody else makes; also where the page is not served over TLS and `randomUUID` is missing. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Says `change` when something was added, acknowledged or refused, and `stale` where something else stands by now. */
export class Outbox extends EventTarget {
  #prefix;
  #refused;
  /** @type {Map<string, string>} what the browser's storage did not take */ #held = new Map();
  #wait = FIRST_WAIT_MS;
  #batch = MOST_AT_ONCE;
  #counter = 0;
  #sending = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  /** why the last try failed; empty after a good one */ trouble = "";

  /** @param {string} owner whose things these are: a person and a task */
  constructor(owner) {
    super();
    this.#prefix = `hg-outbox:${owner}:`;
    this.#refused = `hg-refused:${owner}:`;
    addEventListener("online", () => this.flush());
    addEventListener("storage", (event) => event.key?.startsWith(this.#prefix) && this.#changed());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.flush());
  }

  /** Whether everything that waits would outlive this tab. */
  get isDurable() {
    return this.#held.size === 0;
  }

  /** What waits, the oldest first. @returns {Item[]} */
  items() {
    return this.#read(this.#prefix);
  }

  /** What the server refused for good, with the reason in `note.says`, until the person has seen it. */
  refused() {
    return this.#read(this.#refused);
  }

  /** @param {string} prefix @returns {Item[]} */
  #read(prefix) {
    const keys = [...this.#held.keys()];
    for (let at = 0; at < localStorage.length; at++) keys.push(localStorage.key(at) ?? "");
    return keys.filter((key) => key.startsWith(prefix)).sort().flatMap((key) => {
      try {
        return [{ ...JSON.parse(this.#held.get(key) ?? localStorage.getItem(key) ?? ""), key }];
      } catch {
        return [];  // another tab took it out meanwhile
      }
    });
  }

  /** Keep one thing and send it when possible. @param {string} path @param {Body} body @param {Item["note"]} note */
  add(path, body, note) {
    const order = `${String(Date.now()).padStart(15, "0")}-${String(this.#counter++).padStart(6, "0")}-${body.client_id.slice(0, 8)}`;
    this.#put(this.#prefix + order, { path, body, note });
    this.#changed();
    this.flush();
  }

  /** @param {string} key @param {Omit<Item, "key">} item */
  #put(key, item) {
    const text = JSON.stringify(item);
    try {
      localStorage.setItem(key, text);
    } catch {
      this.#held.set(key, text);
    }
  }

  /** @param {string} key */
  remove(key) {
    this.#held.delete(key);
    localStorage.removeItem(key);
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }

  /** Send what waits, now. */
  flush() {
    clearTimeout(this.#timer);
    if (!this.#sending) this.#run();
  }

  async #run() {
    this.#sending = true;
    try {
      for (let next = this.#next(); next.length; next = this.#next()) {
        if (!(await this.#send(next))) {
          const jitter = 0.75 + Math.random() / 2;
          this.#timer = setTimeout(() => this.flush(), this.#wait * jitter);
          this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT_MS);
          break;
        }
        this.#wait = FIRST_WAIT_MS;
      }
    } finally {
      this.#sending = false;
      this.#changed();
    }
  }

  /** The oldest things that go to one address: votes together, everything else alone. @returns {Item[]} */
  #next() {
    const items = this.items();
    const together = items.findIndex((item) => item.path !== items[0].path);
    const many = items[0]?.body.kind ? 1 : this.#batch;
    return items.slice(0, Math.min(together < 0 ? items.length : together, many));
  }

  /** @param {Item[]} items @returns {Promise<boolean>} whether to go on */
  async #send(items) {
    const body = items[0].body.kind ? items[0].body : { votes: items.map((item) => item.body) };
    let answer, said;
    try {
      answer = await fetch(items[0].path, {
        method: "POST", credentials: "same-origin", signal: AbortSignal.timeout(PATIENCE_MS),
        headers: { "Content-Type": "application/json", Accept: "application/json" }, body: JSON.stringify(body),
      });
      said = await answer.json();
    } catch {
      this.trouble = "no connection";
      return false;
    }
    if (Array.isArray(said.votes)) return this.#told(items, said.votes);
    if (answer.ok) return this.#settled(items);
    const message = said.error?.message ?? `answer ${answer.status}`;
    if (!HOPELESS.has(answer.status)) {
      this.trouble = answer.status === 401 ? "sign in again" : message;
      return false;
    }
    if (items.length > 1) this.#batch = 1;  // one of them spoils the rest: find it
    else this.#refuse(items[0], message);
    return true;
  }

  /** @param {Item[]} items */
  #settled(items) {
    this.trouble = "";
    for (const item of items) this.remove(item.key);
    return true;
  }

  /** @param {Item[]} items @param {{client_id: string, outcome: string, reason: string, stands: any}[]} outcomes */
  #told(items, outcomes) {
    this.#batch = MOST_AT_ONCE;
    this.trouble = "";
    const byId = new Map(outcomes.map((one) => [one.client_id, one]));
    for (const item of items) {
      const one = byId.get(item.body.client_id);
      if (one?.outcome === "refused") this.#refuse(item, one.reason);
      else if (one) this.remove(item.key);
      if (one?.outcome === "stale") this.dispatchEvent(new CustomEvent("stale", { detail: { item, stands: one.stands } }));
    }
    return byId.size > 0;
  }

  /** @param {Item} item @param {string} reason */
  #refuse(item, reason) {
    const { key, path, body, note } = item;
    this.#put(key.replace(this.#prefix, this.#refused), { path, body, note: { ...note, says: reason } });
    this.remove(key);
  }
}

/** On any other page: send what the signed-in person left behind in the station. */
export async function sendLeftovers() {
  const keys = Array.from({ length: localStorage.length }, (_, at) => localStorage.key(at) ?? "");
  const owners = new Set(keys.filter((key) => key.startsWith("hg-outbox:")).map((key) => key.split(":").slice(1, 3).join(":")));
  if (!owners.size || document.querySelector("label-station")) return;
  const me = await fetch("/api/v1/me", { headers: { Accept: "application/json" } }).then((answer) => answer.json()).catch(() => ({}));
  for (const owner of owners) if (owner.split(":")[0] === me.actor_id) new Outbox(owner).flush();
}
