// @ts-check
// Vega, fetched by <vega-chart> when the first chart comes into a page.
import { Error as onlyErrors, View, logger, parse } from "vega";
import { expressionInterpreter } from "vega-interpreter";
import { compile } from "vega-lite";

/** Draws a Vega-Lite description into `stage` at `width` pixels.
 * @param {HTMLElement} stage @param {any} spec @param {number} width @param {Record<string, string>} colours */
export async function render(stage, spec, width, colours) {
  const sized = { ...spec, width: spec.width ?? Math.max(200, width), autosize: { type: spec.height?.step ? "fit-x" : "fit", contains: "padding" }, background: null };
  const { spec: full } = compile({ ...sized, config: themed(colours, stage) }, { logger: logger(onlyErrors) });
  const runtime = parse(full, undefined, { ast: true });
  const view = new View(runtime, { renderer: "svg", expr: expressionInterpreter, hover: true, logLevel: 1 });
  view.initialize(stage);
  return view.runAsync();
}

/** A file of the chart, or of the rows it was drawn from.
 * @param {any} view @param {any} spec @param {string} kind @returns {Promise<Blob>} */
export async function exported(view, spec, kind) {
  if (kind === "SVG") return new Blob([await view.toSVG()], { type: "image/svg+xml" });
  if (kind === "PNG") {
    const canvas = await view.toCanvas(2);
    return new Promise((done) => canvas.toBlob(done, "image/png"));
  }
  const rows = spec.data?.values ?? [];
  const columns = Object.keys(rows[0] ?? {});
  const lines = [columns, ...rows.map((/** @type {any} */ row) => columns.map((column) => row[column]))];
  return new Blob([lines.map((line) => line.map(cell).join(",")).join("\r\n")], { type: "text/csv" });
}

/** One CSV cell; a leading formula sign is quoted away, so that no spreadsheet runs it. @param {unknown} value */
function cell(value) {
  const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value ?? "");
  return `"${text.replaceAll('"', '""')}"`;
}

/** @param {Record<string, string>} colour @param {HTMLElement} stage */
function themed(colour, stage) {
  const font = getComputedStyle(stage).fontFamily;
  const quiet = { labelColor: colour["ink-2"], titleColor: colour["ink-2"], labelFont: font, titleFont: font, labelFontSize: 12, titleFontSize: 12, titleFontWeight: 500 };
  return {
    font,
    view: { stroke: null },
    axis: { ...quiet, gridColor: colour.line, domainColor: colour.line, tickColor: colour.line, labelPadding: 6, titlePadding: 10, labelLimit: 220, tickCount: 6 },
    legend: { ...quiet, orient: "top", symbolSize: 80 },
    header: quiet,
    title: { color: colour.ink, font, fontSize: 14, fontWeight: 600, anchor: "start" },
    mark: { color: colour["chart-1"], tooltip: true },
    text: { color: colour["ink-2"], font, fontSize: 12 },
    rule: { color: colour["ink-3"] },
    range: {
      category: [1, 2, 3, 4, 5, 6].map((n) => colour[`chart-${n}`]),
      ramp: [colour.surface, colour["chart-1"]],
      heatmap: [colour.surface, colour["chart-1"]],
    },
  };
}
