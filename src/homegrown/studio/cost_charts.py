"""Descriptions of the charts on the pages of cost (Vega-Lite); no colour is named here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from homegrown.cost import Comparison

SHOWN_BARS = 10
_USD = {"type": "quantitative", "axis": {"format": "~s", "tickCount": 6}}


def months(done: Comparison) -> dict[str, Any]:
    """What each alternative has cost in all by the end of each month; the month of break-even is marked."""
    rows = [
        {"month": m, "usd": usd, "alternative": option.title}
        for option in done.options
        for m, usd in enumerate(option.cumulative_usd)
    ]
    titles = [option.title for option in done.options]
    legend = {"title": None, "columns": 1, "labelLimit": 320, "symbolType": "stroke", "symbolSize": 300}
    lines = {
        "mark": {"type": "line", "strokeWidth": 2},
        "encoding": {
            "x": {
                "field": "month",
                "type": "quantitative",
                "title": "Month",
                "axis": {"tickMinStep": 1},
                "scale": {"domain": [0, done.horizon_months], "nice": False},
            },
            "y": {**_USD, "field": "usd", "title": "Paid in all, USD"},
            "color": {"field": "alternative", "type": "nominal", "sort": titles, "legend": legend},
            "strokeDash": {"field": "alternative", "type": "nominal", "sort": titles, "legend": legend},
        },
    }
    return {"height": 340, "data": {"values": rows}, "layer": [lines, *_crossing(done)]}


def _crossing(done: Comparison) -> list[dict[str, Any]]:
    if not done.break_even_month:
        return []
    at = {"month": done.break_even_month, "says": f"month {done.break_even_month}"}
    x = {"field": "month", "type": "quantitative"}
    is_late = done.break_even_month > done.horizon_months / 2
    words = {"type": "text", "align": "right" if is_late else "left", "dx": -6 if is_late else 6, "baseline": "top"}
    return [
        {"data": {"values": [at]}, "mark": {"type": "rule", "strokeDash": [3, 3], "aria": False}, "encoding": {"x": x}},
        {
            "data": {"values": [at]},
            "mark": words,
            "encoding": {"x": x, "y": {"value": 0}, "text": {"field": "says", "type": "nominal"}},
        },
    ]


def tornado(done: Comparison) -> dict[str, Any]:
    """What is saved over the horizon when one input goes to its low, and to its high end."""
    rows = [
        {"input": bar.title, "end": end, "now": done.saving_usd, "saved": saved}
        for bar in done.tornado[:SHOWN_BARS]
        for end, saved in (("at its low end", bar.saving_low_usd), ("at its high end", bar.saving_high_usd))
    ]
    return {
        "height": {"step": 26},
        "data": {"values": rows},
        "encoding": {"y": {"field": "input", "type": "nominal", "sort": None, "title": None}},
        "layer": [
            {
                "mark": {"type": "bar", "height": {"band": 0.6}, "opacity": 0.9},
                "encoding": {
                    "x": {**_USD, "field": "now", "title": f"Saved over {done.horizon_months} months, USD"},
                    "x2": {"field": "saved"},
                    "color": {"field": "end", "type": "nominal", "sort": None, "legend": {"title": None, "columns": 1}},
                },
            },
            {
                "mark": {"type": "rule", "strokeWidth": 1.5, "aria": False},
                "encoding": {"x": {"datum": done.saving_usd, "type": "quantitative"}, "y": None},
            },
        ],
    }
