// @ts-check

/** "Answer 88 %, be right 97 %": a slider over the measured points of coverage against accuracy.
 *
 * The points are the rows of the table inside, each `<tr data-coverage data-accuracy data-low data-high data-threshold
 * data-n>`; without this script the table says the same.
 */
class CoverageSlider extends HTMLElement {
  connectedCallback() {
    const input = this.querySelector("input[type=range]");
    if (!input) return;
    input.addEventListener("input", () => this.#show());
    this.#show();
  }

  #show() {
    const input = /** @type {HTMLInputElement} */ (this.querySelector("input[type=range]"));
    const rows = [...this.querySelectorAll("tr[data-coverage]")].map((row) => /** @type {HTMLElement} */ (row));
    const wanted = Number(input.value) / 100;
    const gap = (/** @type {HTMLElement} */ row) => Math.abs(Number(row.dataset.coverage) - wanted);
    const row = rows.reduce((best, other) => (gap(other) < gap(best) ? other : best), rows[0]);
    if (!row) return;
    for (const other of rows) other.setAttribute("aria-selected", String(other === row));
    for (const name of ["coverage", "accuracy", "low", "high"]) this.#say(name, percent(row.dataset[name]));
    this.#say("n", row.dataset.n ?? "");
    this.#say("threshold", row.dataset.threshold ?? "");
    input.setAttribute("aria-valuetext", `answer ${percent(row.dataset.coverage)}, be right ${percent(row.dataset.accuracy)}`);
  }

  /** @param {string} name @param {string} words */
  #say(name, words) {
    for (const spot of this.querySelectorAll(`[data-say="${name}"]`)) spot.textContent = words;
  }
}

/** @param {string | undefined} share */
function percent(share) {
  return `${(100 * Number(share)).toFixed(1)}%`;
}

customElements.define("coverage-slider", CoverageSlider);
