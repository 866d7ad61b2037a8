"""Small SVG drawings: no script, no style attribute, colours by class, so that a page's own style sheet rules them.

Every drawing carries a title for screen readers; the numbers stand in a table beside it.
"""

from __future__ import annotations

from math import log2
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 52, 16, 28, 44


def interval(value: float, low: float, high: float, floor: float = 0.0) -> Markup:
    """A share as a mark on a track from *floor* to 1, its interval drawn through it."""
    span = max(1e-9, 1 - floor)

    def x(v: float) -> float:
        return round(5 + 130 * min(1.0, max(0.0, (v - floor) / span)), 1)

    width = max(1.0, round(x(high) - x(low), 1))
    return Markup(  # noqa: S704 - numbers only
        f'<svg class="hg-interval" viewBox="0 0 140 14" width="140" height="14" aria-hidden="true">'
        f'<rect class="track" x="5" y="6" width="130" height="2" rx="1"/>'
        f'<rect class="span" x="{x(low)}" y="4" width="{width}" height="6" rx="3"/>'
        f'<circle class="dot" cx="{x(value)}" cy="7" r="4.5"/></svg>'
    )


class _Frame:
    """Axes of a chart over [x0, x1] × [y0, y1]."""

    def __init__(self, title: str, xs: tuple[float, float], ys: tuple[float, float]) -> None:
        self.title, self.xs, self.ys = title, xs, ys
        self.parts: list[str] = []

    def x(self, value: float) -> float:
        a, b = self.xs
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (value - a) / max(1e-9, b - a), 1)

    def y(self, value: float) -> float:
        a, b = self.ys
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - a) / max(1e-9, b - a), 1)

    def add(self, tag: str, text: object = None, **attributes: object) -> None:
        pairs = "".join(f' {k.rstrip("_").replace("_", "-")}="{escape(v)}"' for k, v in attributes.items())
        self.parts.append(f"<{tag}{pairs}/>" if text is None else f"<{tag}{pairs}>{escape(text)}</{tag}>")

    def axes(
        self,
        x_name: str,
        y_name: str,
        ticks: Callable[[float, float], Sequence[float]],
        x_marks: Sequence[tuple[float, str]] | None = None,
    ) -> None:
        for v in ticks(*self.ys):
            self.add("line", class_="grid", x1=LEFT, x2=WIDTH - RIGHT, y1=self.y(v), y2=self.y(v))
            self.add("text", f"{v:.0%}", class_="tick", x=LEFT - 8, y=self.y(v) + 4, text_anchor="end")
        for v, text in x_marks if x_marks is not None else [(v, f"{v:.0%}") for v in ticks(*self.xs)]:
            self.add("text", text, class_="tick", x=self.x(v), y=HEIGHT - BOTTOM + 18, text_anchor="middle")
        self.add("text", x_name, class_="axis", x=(LEFT + WIDTH - RIGHT) / 2, y=HEIGHT - 6, text_anchor="middle")
        self.add("text", y_name, class_="axis", x=LEFT, y=13)

    def path(self, points: Sequence[tuple[float, float]], class_: str) -> None:
        if points:
            self.add("path", class_=class_, d="M" + "L".join(f"{self.x(a)} {self.y(b)}" for a, b in points))

    def area(self, upper: Sequence[tuple[float, float]], lower: Sequence[tuple[float, float]]) -> None:
        around = [*upper, *reversed(list(lower))]
        self.add("path", class_="band", d="M" + "L".join(f"{self.x(a)} {self.y(b)}" for a, b in around) + "Z")

    def mark(self, x: float, y: float, text: str, class_: str = "mark", *, below: bool = False) -> None:
        self.add("circle", class_=class_, cx=self.x(x), cy=self.y(y), r=5)
        far = self.x(x) > WIDTH - 190
        dx, anchor = (-9, "end") if far else (9, "start")
        self.add(
            "text", text, class_="label", x=self.x(x) + dx, y=self.y(y) + (20 if below else -8), text_anchor=anchor
        )

    def svg(self) -> Markup:
        head = (
            f'<svg class="hg-chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" preserveAspectRatio="xMidYMid meet">'
            f"<title>{escape(self.title)}</title>"
        )
        return Markup(head + "".join(self.parts) + "</svg>")  # noqa: S704 - every text went through escape


def ticks(low: float, high: float) -> list[float]:
    """Round marks between two shares.

    Example:
        >>> ticks(0.0, 1.0)
        [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    step = next(s for s in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2) if (high - low) / s <= 6 or s == 0.2)
    first = round(low / step)
    return [round(i * step, 4) for i in range(first, round(high / step) + 1) if low - 1e-9 <= i * step <= high + 1e-9]


def coverage(curve: Sequence[dict[str, Any]], wanted: Sequence[dict[str, Any]]) -> Markup:
    """Accuracy of the answers against the share of texts that are answered, with its 95% band."""
    floor = min(p["accuracy_ci95"][0] for p in curve if p["coverage"] >= 0.2) if curve else 0.0
    floor = max(0.0, min(0.95, int(floor * 20) / 20))
    frame = _Frame("Accuracy against the share of texts answered", (0.0, 1.0), (floor, 1.0))
    frame.axes("share of texts answered at home, most confident first", "right, of those answered", ticks)
    kept = [p for p in curve if p["coverage"] >= 0.05]
    frame.area(
        [(p["coverage"], max(floor, p["accuracy_ci95"][1])) for p in kept],
        [(p["coverage"], max(floor, p["accuracy_ci95"][0])) for p in kept],
    )
    frame.path([(p["coverage"], max(floor, p["accuracy"])) for p in kept], "line")
    for point in wanted:
        if point["wanted"] in (0.97,) and 0.05 < point["coverage"] < 1:
            frame.mark(point["coverage"], point["accuracy"], f"{point['coverage']:.0%} at {point['accuracy']:.1%}")
    if kept:
        frame.mark(1.0, kept[-1]["accuracy"], f"all at {kept[-1]['accuracy']:.1%}", below=True)
    return frame.svg()


def reliability(bins: Sequence[dict[str, Any]]) -> Markup:
    """What was promised against what came true, with 95% intervals; the diagonal is the truth-teller."""
    low = min([b["confidence"] for b in bins] + [b["accuracy_ci95"][0] for b in bins])
    floor = max(0.0, min(0.8, int(low * 10) / 10))
    frame = _Frame("Confidence against accuracy", (floor, 1.0), (floor, 1.0))
    frame.axes("confidence that the model states", "share that is right", ticks)
    frame.path([(floor, floor), (1.0, 1.0)], "ideal")
    for b in bins:
        x = frame.x(b["confidence"])
        frame.add(
            "line", class_="whisker", x1=x, x2=x, y1=frame.y(b["accuracy_ci95"][0]), y2=frame.y(b["accuracy_ci95"][1])
        )
    frame.path([(b["confidence"], b["accuracy"]) for b in bins], "line")
    for b in bins:
        frame.add("circle", class_="mark", cx=frame.x(b["confidence"]), cy=frame.y(b["accuracy"]), r=4)
    return frame.svg()


def learning(found: dict[str, Any]) -> Markup:
    """Accuracy against the number of labelled rows, each step twice as many; ahead of what is there, dashed."""
    points, ahead = found["points"], found["ahead"]
    low = min(p["accuracy_ci95"][0] for p in points)
    high = max(p["accuracy_ci95"][1] for p in [*points, *ahead])
    floor, top = max(0.0, int(low * 20) / 20), min(1.0, (int(high * 20) + 1) / 20)
    frame = _Frame(
        "Accuracy against the number of labelled rows", (log2(points[0]["n"]), log2(ahead[-1]["n"])), (floor, top)
    )
    marks = [(log2(p["n"]), f"{p['n']:,}") for p in [*reversed(points[-1::-2]), *ahead]]
    frame.axes("labelled rows to learn from", "right, on validation rows", ticks, marks)
    dots = [(log2(p["n"]), p) for p in points]
    later = [dots[-1], *((log2(p["n"]), p) for p in ahead)]
    for part in (dots, later):
        upper, lower = ([(x, p["accuracy_ci95"][end]) for x, p in part] for end in (1, 0))
        frame.area(upper, lower)
    frame.path([(x, p["accuracy"]) for x, p in dots], "line")
    frame.path([(x, p["accuracy"]) for x, p in later], "ideal")
    frame.mark(dots[-1][0], dots[-1][1]["accuracy"], f"now {dots[-1][1]['accuracy']:.1%}", below=True)
    frame.mark(later[1][0], later[1][1]["accuracy"], f"about {later[1][1]['accuracy']:.1%}")
    return frame.svg()


def trade_off(scope: dict[str, Any]) -> Markup:
    """Out-of-scope recall against in-scope accuracy over all thresholds, the model's own one marked."""
    points = sorted(((p["recall"], p["in_scope_accuracy"]) for p in scope["curve"]), key=lambda p: (p[0], -p[1]))
    floor = max(0.0, min(0.9, int(min([scope["in_scope_accuracy"], 0.9]) * 10 - 1) / 10))
    frame = _Frame("Out-of-scope recall against in-scope accuracy", (0.0, 1.0), (floor, 1.0))
    frame.axes("out-of-scope texts that are recognised as such", "in-scope texts answered right", ticks)
    frame.path([(a, b) for a, b in points if b >= floor], "line")
    says = f"threshold in use: {scope['recall']:.0%} / {scope['in_scope_accuracy']:.1%}"
    frame.mark(scope["recall"], scope["in_scope_accuracy"], says)
    return frame.svg()
