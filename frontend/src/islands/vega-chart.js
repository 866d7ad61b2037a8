// @ts-check

const NAMES = ["ink", "ink-2", "ink-3", "line", "surface", "leaf", "leaf-line", "doubt", "wrong", "chart-1", "chart-2", "chart-3", "chart-4", "chart-5", "chart-6"];

/** A chart drawn as SVG from a Vega-Lite description, in the colours of the page, with downloads.
 *
 * `<vega-chart spec="{…}" label="Accuracy per rung"><details>…the same as a table…</details></vega-chart>`. Expressions
 * run in vega-interpreter over a parsed tree, never through eval, so the strict Content-Security-Policy holds.
 */
class VegaChart extends HTMLElement {
  /** @type {any} */ #view = null;
  /** @type {HTMLElement | null} */ #stage = null;
  #width = 0;
  /** @type {ResizeObserver | null} */ #resize = null;
  #redraw = () => void this.#draw();

  connectedCallback() {
    if (this.#stage) return;
    this.#stage = document.createElement("div");
    this.#stage.className = "chart";
    this.#stage.setAttribute("role", "img");
    this.#stage.setAttribute("aria-label", this.getAttribute("label") ?? "Chart");
    this.prepend(this.#stage);
    this.#stage.after(this.#tools());
    document.addEventListener("theme-changed", this.#redraw);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", this.#redraw);
    this.#resize = new ResizeObserver(() => {
      if (Math.abs(this.clientWidth - this.#width) > 8) void this.#draw();
    });
    this.#resize.observe(this);
  }

  disconnectedCallback() {
    document.removeEventListener("theme-changed", this.#redraw);
    this.#resize?.disconnect();
    this.#view?.finalize();
  }

  async #draw() {
    this.#width = this.clientWidth;
    const { render } = await import("../charts.js");
    this.#view?.finalize();
    const spec = JSON.parse(this.getAttribute("spec") ?? "{}");
    this.#view = await render(/** @type {HTMLElement} */ (this.#stage), spec, this.#width, this.#colours());
  }

  /** The page's own colours, resolved for the theme that shows now. @returns {Record<string, string>} */
  #colours() {
    const probe = document.createElement("i");
    probe.hidden = true;
    this.append(probe);
    const found = Object.fromEntries(NAMES.map((name) => {
      probe.style.color = `var(--${name})`;
      return [name, getComputedStyle(probe).color];
    }));
    probe.remove();
    return found;
  }

  #tools() {
    const tools = document.createElement("div");
    tools.className = "chart-tools";
    for (const kind of ["SVG", "PNG", "CSV"]) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "button button-quiet button-s";
      button.textContent = kind;
      button.setAttribute("aria-label", `Download as ${kind}`);
      button.addEventListener("click", () => void this.#save(kind));
      tools.append(button);
    }
    return tools;
  }

  /** @param {string} kind */
  async #save(kind) {
    const { exported } = await import("../charts.js");
    const spec = JSON.parse(this.getAttribute("spec") ?? "{}");
    const href = URL.createObjectURL(await exported(this.#view, spec, kind));
    const link = Object.assign(document.createElement("a"), { href, download: `${this.getAttribute("name") ?? "chart"}.${kind.toLowerCase()}` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(href), 1000);
  }
}

customElements.define("vega-chart", VegaChart);
