// @ts-check

const UNITS = /** @type {[Intl.RelativeTimeFormatUnit, number][]} */ ([
  ["year", 31_536_000], ["month", 2_592_000], ["day", 86_400], ["hour", 3_600], ["minute", 60],
]);

/** The server writes every time in UTC; the reader sees "5 minutes ago", with their own clock's time on hover. */
export function bindTimes() {
  refresh(document);
  setInterval(() => refresh(document), 30_000);
  document.addEventListener("htmx:after:swap", () => refresh(document));
}

/** @param {ParentNode} root */
function refresh(root) {
  const words = new Intl.RelativeTimeFormat(document.documentElement.lang || "en", { numeric: "auto" });
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.getAttribute("datetime") ?? "");
    if (Number.isNaN(at.valueOf())) continue;
    const ago = (at.valueOf() - Date.now()) / 1000;
    const [unit, size] = UNITS.find(([, seconds]) => Math.abs(ago) >= seconds) ?? ["second", 1];
    time.textContent = unit === "second" ? "just now" : words.format(Math.round(ago / size), unit);
    time.setAttribute("title", at.toLocaleString());
  }
}
