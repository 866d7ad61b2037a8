// @ts-check
import { ClassDesk } from "../station/class-desk.js";
import { FieldDesk } from "../station/field-desk.js";

/** The label station: one record, one key, the next record.
 *
 * `data-setup` holds the task as JSON: its classes, or the fields of an answer. Nothing waits for the server: a vote lies
 * in the outbox before the next record is shown, and records are fetched ahead. `?` lists the keys.
 */
class LabelStation extends HTMLElement {
  /** @type {import("../station/desk.js").Desk | undefined} */ #desk;

  connectedCallback() {
    const setup = JSON.parse(this.dataset.setup ?? "{}");
    this.#desk = setup.fields.length ? new FieldDesk(this, setup) : new ClassDesk(this, setup);
    this.#desk.open();
  }

  disconnectedCallback() {
    this.#desk?.close();
  }
}

customElements.define("label-station", LabelStation);
