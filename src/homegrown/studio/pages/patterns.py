"""The pattern page: every component in each of its states, with made-up content. The studio's design in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from starlette.responses import Response

from homegrown.core.access import Permission
from homegrown.studio import charts
from homegrown.studio.answer import show
from homegrown.studio.pages.ingest import ColumnChip, Slot, slots
from homegrown.studio.pages.overview import Station
from homegrown.studio.pages.playground import Prob
from homegrown.studio.view import AsCode, Figure, NextStep, Rung
from homegrown.web import Route, Shape

if TYPE_CHECKING:
    from homegrown.web import Call


@dataclass(frozen=True, kw_only=True)
class PatternsPage:
    """Samples of everything."""

    template: ClassVar[str] = "patterns/patterns.html"
    has_step: ClassVar[bool] = True
    step: NextStep
    stations: tuple[Station, ...]
    best: Figure
    metrics: tuple[tuple[str, str], ...]
    records: tuple[tuple[str, str, str, int], ...]
    slots: tuple[Slot, ...]
    rungs: tuple[Rung, ...]
    answers: tuple[Prob, ...]
    neighbours: tuple[tuple[str, str, str], ...]
    events: tuple[tuple[str, str], ...]
    chart: dict[str, Any]
    as_code: AsCode


def _figure(value: float, half: float) -> Figure:
    return Figure(value=value, low=value - half, high=value + half, n=3080)


_RUNGS = (
    Rung(name="lexical", says="words and parts of words", state="done", score=_figure(0.881, 0.011), ms="0.2 ms",
         size="4 MB", took="3 s"),
    Rung(name="static", says="averaged word vectors", state="done", score=_figure(0.898, 0.011), ms="0.3 ms",
         size="31 MB", took="9 s"),
    Rung(name="linear", says="a sentence encoder with a small head", state="done", score=_figure(0.93, 0.009),
         ms="4.1 ms", size="91 MB", took="14 s", is_chosen=True,
         note="Chosen: the next rung gains 0.7 points for 5 more minutes."),
    Rung(name="finetune", says="the encoder itself learns too", state="running"),
)  # fmt: skip
_STATIONS = (("Records", 10003, "records"), ("Votes", 10003, "label"), ("Labels", 9874, "curate"),
             ("Snapshots", 1, "file"), ("Models", 3, "models"), ("Endpoints", 0, "serve"))  # fmt: skip
_COLUMNS = (("body", "text", "text"), ("category", "12 values", "label"), ("created_at", "date", "other"),
            ("channel", "3 values", "other"), ("ticket_id", "id", "other"))  # fmt: skip


def patterns(call: Call) -> Response:
    """``GET /patterns``."""
    chips = tuple(ColumnChip(index=i, name=n, type=t, role=r) for i, (n, t, r) in enumerate(_COLUMNS))
    curve = [
        {"coverage": c / 20, "accuracy": 1 - 0.07 * (c / 20) ** 2,
         "accuracy_ci95": (0.985 - 0.07 * (c / 20) ** 2, min(1.0, 1.008 - 0.07 * (c / 20) ** 2))}
        for c in range(1, 21)
    ]  # fmt: skip
    page = PatternsPage(
        step=NextStep(
            title="Label 60 more records you are shown",
            reason="The model confuses “card arrival” with “delivery estimate”.",
            action="Open the station",
            href="/",
        ),
        stations=tuple(Station(says="what it is", name=n, n=c, href="/", icon=i) for n, c, i in _STATIONS),
        best=_figure(0.924, 0.0095),
        metrics=(("Macro F1", "92.3%"), ("An answer", "4.1 ms"), ("Size", "91 MB"), ("Calibration error", "1.8%")),
        records=(
            ("my card still hasn't turned up and it has been two weeks", "card_arrival", "tickets.csv", 11),
            ("When will my money be back?", "refund", "tickets.csv", 6),
            ("wo ist meine karte", "card_arrival", "tickets.csv", 4),
            ("I was charged twice 😡", "double_charge", "chat.jsonl", 5),
        ),
        slots=slots(chips),
        rungs=_RUNGS,
        answers=tuple(Prob(label=n, prob=p) for n, p in (("card_arrival", 0.912), ("delivery_estimate", 0.061))),
        neighbours=(("where is my card, ordered it two weeks ago", "card_arrival", "0.93"),
                    ("how long does delivery take?", "delivery_estimate", "0.84")),
        events=(("ingest", "10,003 records came in from tickets.csv"), ("serve", "Ada Byron deployed intent v3")),
        chart=charts.coverage(curve),
        as_code=AsCode(cli="homegrown studio", python='ws.sql("select 1")', sql="select 1"),
    )  # fmt: skip
    return show(call, page)


ROUTES = (Route("/patterns", patterns, Permission.READ, shape=Shape.PAGE),)
