"""Label: what to label next, what more labels would bring, and when to stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from starlette.responses import Response

from homegrown.core.access import Permission
from homegrown.errors import EmptyDataError
from homegrown.studio import charts, words
from homegrown.studio.answer import show
from homegrown.studio.view import AsCode
from homegrown.web import Route, Shape

if TYPE_CHECKING:
    from homegrown.label.outlook import Forecast
    from homegrown.web import Call

SHOWN = 20
_KINDS = {"go on": "info", "soon": "doubt", "stop": "good", "too early": "info"}


@dataclass(frozen=True, kw_only=True)
class NextRow:
    """A record of the next batch."""

    record_id: str
    text: str
    reason: str
    suggestion: str
    prob: str


@dataclass(frozen=True, kw_only=True)
class NextPage:
    """The learning curve with its forecast, the advice, and the next batch with its reasons."""

    template: ClassVar[str] = "label/next.html"
    task_id: str
    task: str
    is_ready: bool
    problem: str
    n_labelled: int
    sentence: str
    advice_kind: str
    advice: str
    caution: str
    chart: dict[str, Any] | None
    points: tuple[tuple[str, str], ...]
    rows: tuple[NextRow, ...]
    as_code: AsCode


def following(call: Call) -> Response:
    """``GET /label/tasks/{task_id}/next``."""
    ws = call.ws
    task = ws.store.tasks.get(call.path["task_id"])
    problem, ready = "", None
    if not ws.store.records.count():
        problem = "There are no records here yet: drop a file first."
    else:
        try:
            ready = ws.ready(task)
        except EmptyDataError as error:
            problem = error.message
    ahead = ready[1] if ready else None
    chosen = ws.learner(ws.store, task, SHOWN) if ready else []
    texts = ws.store.records.texts([row[0] for row in chosen])
    page = NextPage(
        task_id=task.task_id,
        task=task.name,
        is_ready=ready is not None,
        problem=problem,
        n_labelled=ahead.n_labelled if ahead else 0,
        sentence=ahead.sentence if ahead else "",
        advice_kind=_KINDS[ahead.advice] if ahead else "info",
        advice=ahead.why if ahead and ahead.curve else "",
        caution=ahead.caution if ahead else "",
        chart=charts.learning(ahead.curve) if ahead and ahead.curve else None,
        points=_points(ahead),
        rows=tuple(
            NextRow(record_id=r, text=texts[r], reason=why, suggestion=guess or "", prob=words.percent(prob, 0))
            for r, why, guess, prob in chosen
            if r in texts
        ),
        as_code=AsCode(
            cli=f"homegrown label next {words.shell(task.name)}",
            python=f"ws.suggest({task.name!r}, 20); ws.forecast({task.name!r})",
            sql=f"select * from labels where task = '{task.name.replace(chr(39), chr(39) * 2)}'",
        ),
    )
    return show(call, page)


def _points(ahead: Forecast | None) -> tuple[tuple[str, str], ...]:
    """Labels and accuracy with its interval, measured and then forecast."""
    if ahead is None or ahead.curve is None:
        return ()
    found = [(f"{p.n:,}", p) for p in ahead.curve.points] + [(f"{p.n:,} (forecast)", p) for p in ahead.curve.ahead]
    return tuple((n, words.with_doubt(p.accuracy, *p.accuracy_ci95, ahead.n_valid)) for n, p in found)


ROUTES: tuple[Route, ...] = (Route("/label/tasks/{task_id}/next", following, Permission.READ, shape=Shape.PAGE),)
