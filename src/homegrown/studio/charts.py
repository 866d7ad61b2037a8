"""Descriptions of charts (Vega-Lite) that pages draw in their own colours; no colour is named here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from homegrown.evaluate.running import Point
    from homegrown.metrics.learning import Learning

_SHARE = {"type": "quantitative", "axis": {"format": ".0%", "tickCount": 6}}


def coverage(curve: list[dict[str, Any]]) -> dict[str, Any]:
    """Accuracy against the share of records answered, with its 95% band."""
    rows = [
        {"answered": p["coverage"], "right": p["accuracy"], "low": low, "high": high}
        for p in curve
        for low, high in [p["accuracy_ci95"]]
    ]
    x = {"field": "answered", **_SHARE, "title": "Share of records answered"}
    y = {**_SHARE, "title": "Right", "scale": {"zero": False}}
    return {
        "height": 220,
        "data": {"values": rows},
        "encoding": {"x": x},
        "layer": [
            {
                "mark": {"type": "area", "opacity": 0.18},
                "encoding": {"y": {**y, "field": "low"}, "y2": {"field": "high"}},
            },
            {"mark": {"type": "line", "strokeWidth": 2}, "encoding": {"y": {**y, "field": "right"}}},
        ],
    }


def calibration(bins: list[dict[str, Any]]) -> dict[str, Any]:
    """What was promised against what came true, with intervals, beside the line on which the two agree."""
    rows = [
        {"promised": b["confidence"], "true": b["accuracy"], "low": low, "high": high, "n": b["n"]}
        for b in bins
        for low, high in [b["accuracy_ci95"]]
    ]
    floor = max(0.0, min([*(r["low"] for r in rows), *(r["promised"] for r in rows)], default=0.0) - 0.05)
    scale = {"scale": {"domain": [floor, 1.0]}}
    x = {"field": "promised", **_SHARE, **scale, "title": "Confidence given"}
    y = {**_SHARE, **scale, "title": "Came true"}
    line = [{"promised": floor, "true": floor}, {"promised": 1.0, "true": 1.0}]
    return {
        "height": 220,
        "data": {"values": rows},
        "layer": [
            {"data": {"values": line}, "mark": {"type": "line", "strokeDash": [4, 4], "opacity": 0.5, "strokeWidth": 1},
             "encoding": {"x": x, "y": {**y, "field": "true"}}},
            {"mark": {"type": "rule", "strokeWidth": 1.5},
             "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}}},
            {"mark": {"type": "point", "filled": True, "size": 60, "opacity": 1},
             "encoding": {"x": x, "y": {**y, "field": "true"}}},
        ],
    }  # fmt: skip


def learning(curve: Learning) -> dict[str, Any]:
    """Accuracy against the number of labels, measured and then forecast, with its 95% band."""
    rows = [
        {"labels": p.n, "right": p.accuracy, "low": p.accuracy_ci95[0], "high": p.accuracy_ci95[1], "is": what}
        for what, points in (("measured", curve.points), ("forecast", (curve.points[-1], *curve.ahead)))
        for p in points
    ]
    x = {"field": "labels", "type": "quantitative", "title": "Labels learnt from", "scale": {"zero": False}}
    y = {**_SHARE, "title": "Right", "scale": {"zero": False}}
    is_what = {"field": "is", "type": "nominal", "legend": None}
    dash = {"condition": {"test": "datum.is === 'forecast'", "value": [5, 4]}, "value": [1, 0]}
    return {
        "height": 220,
        "data": {"values": rows},
        "encoding": {"x": x, "detail": is_what},
        "layer": [
            {
                "mark": {"type": "area", "opacity": 0.18},
                "encoding": {"y": {**y, "field": "low"}, "y2": {"field": "high"}},
            },
            {
                "mark": {"type": "line", "strokeWidth": 2, "point": True},
                "encoding": {"y": {**y, "field": "right"}, "strokeDash": dash},
            },
        ],
    }


def of_result(columns: list[tuple[str, bool]], rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """A bar for each row of a query's result, when it has one name and one number; None when it has not."""
    names = [name for name, is_number in columns if not is_number]
    numbers = [name for name, is_number in columns if is_number]
    if len(names) != 1 or len(numbers) != 1 or not 2 <= len(rows) <= 40:
        return None
    return {
        "height": {"step": 24},
        "data": {"values": [{"name": str(row[names[0]]), "value": row[numbers[0]]} for row in rows]},
        "mark": {"type": "bar", "height": {"band": 0.7}, "cornerRadiusEnd": 2},
        "encoding": {
            "y": {"field": "name", "type": "nominal", "sort": None, "title": None},
            "x": {"field": "value", "type": "quantitative", "title": numbers[0]},
        },
    }


def verdict(points: list[Point], margin: float) -> dict[str, Any]:
    """The paired difference as it ran, with its confidence sequence; zero, and the loss that is borne."""
    rows = [{"calls": p.n, "points": 100 * p.difference, "low": 100 * p.low, "high": 100 * p.high} for p in points]
    x = {"field": "calls", "type": "quantitative", "title": "Calls", "scale": {"nice": False}}
    # The first intervals are as wide as can be and would leave the rest no room.
    reach = max(5.0, *(abs(r["points"]) for r in rows), 3 * max(rows[-1]["high"], -rows[-1]["low"]))
    y = {"type": "quantitative", "title": "Points of accuracy", "scale": {"domain": [-reach, reach], "clamp": True}}
    lines = [
        {
            "data": {"values": [{"at": at}]},
            "mark": {"type": "rule", "strokeDash": dash, "strokeWidth": 1, "opacity": 0.7, "aria": False},
            "encoding": {"y": {"field": "at", "type": "quantitative"}},
        }
        for at, dash in ((0.0, [1, 0]), (-100 * margin, [5, 4]))
    ]
    band = {
        "mark": {"type": "area", "opacity": 0.18, "clip": True},
        "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
    }
    line = {
        "mark": {"type": "line", "strokeWidth": 2, "clip": True},
        "encoding": {"x": x, "y": {**y, "field": "points"}},
    }
    return {"height": 240, "data": {"values": rows}, "layer": [*lines, band, line]}
