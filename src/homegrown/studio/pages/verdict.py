"""The verdict on a model that answered silently: SWITCH, KEEP or NEED n MORE, and what people must judge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from starlette.responses import Response

from homegrown import evaluate
from homegrown.core.access import Permission
from homegrown.errors import HomegrownError, InputError
from homegrown.evaluate.running import Point, running, telling, where
from homegrown.studio import charts, words
from homegrown.studio.answer import asked, go, posted, show
from homegrown.studio.pages.gateway_route import shadow_facts
from homegrown.studio.view import AsCode, Figure
from homegrown.web import Route, Shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.core.models import ModelVersion
    from homegrown.evaluate.running import Where
    from homegrown.web import Call
    from homegrown.workspace import Workspace
    from homegrown.workspace.exams import GoldSample

MARGINS = ((0.01, "1 point"), (0.02, "2 points"), (0.03, "3 points"), (0.05, "5 points"))
N_CASES = (10, 25, 50, 100, 200)
_KINDS = {"SWITCH": "good", "NEED": "doubt", "KEEP": "wrong"}
_MEANS = {
    "SWITCH": "It may take the upstream's place.",
    "KEEP": "The upstream should stay: the model is surely worse.",
    "NEED": "Neither can be told yet.",
}
_ROWS = 20


@dataclass(frozen=True, kw_only=True)
class WhereRow:
    """Calls that have something in common, and how the two did on them."""

    what: str
    agreement: Figure
    lost: str


@dataclass(frozen=True, kw_only=True)
class SliceRow:
    """The verdict on all calls, or on those with one value of a tag."""

    where: str
    says: str
    kind: str
    n: int
    difference: str
    interval: str


@dataclass(frozen=True, kw_only=True)
class FieldRow:
    """The verdict on one field of documents."""

    name: str
    says: str
    kind: str
    agreement: Figure
    difference: str
    interval: str
    ours: Figure | None
    theirs: Figure | None


@dataclass(frozen=True, kw_only=True)
class PointRow:
    """A point of the running comparison."""

    n: int
    difference: str
    interval: str


@dataclass(frozen=True, kw_only=True)
class VerdictPage:
    """The verdict, in large type, and everything behind it."""

    template: ClassVar[str] = "evaluate/verdict.html"
    model: str
    model_id: str
    report_href: str
    word: str
    kind: str
    means: str
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    agreement: Figure | None
    ours: Figure | None
    theirs: Figure | None
    facts: tuple[tuple[str, str], ...]
    chart: dict[str, Any] | None
    points: tuple[PointRow, ...]
    wheres: tuple[WhereRow, ...]
    tags: tuple[tuple[str, bool], ...]
    slices: tuple[SliceRow, ...]
    fields: tuple[FieldRow, ...]
    sample: str
    n_waiting: int
    n_left: int
    station_href: str
    n_cases: tuple[int, ...]
    margins: tuple[tuple[str, str, bool], ...]
    routes: tuple[tuple[str, str], ...]
    is_blind: bool
    may_build: bool
    problem: str
    as_code: AsCode


def verdict(call: Call) -> Response:
    """``GET /evaluate/verdict/{model}``."""
    try:
        margin = float(asked(call, "margin", "0.02"))
        if not 0 < margin < 1:
            raise ValueError(margin)
    except ValueError as error:
        raise InputError("The margin is a share above 0 and below 1: 0.02 bears two points of loss.") from error
    slice_by = call.request.query_params.getlist("slice")
    return show(call, _page(call, call.ws.store.models.version(call.path["model"]), margin, slice_by))


def _page(
    call: Call, version: ModelVersion, margin: float, slice_by: Sequence[str] = (), problem: str = ""
) -> VerdictPage:
    ws = call.ws
    name = f"{version.model_name}@{version.number}"
    try:
        sample = ws.gold_sample(version)
        found = evaluate.read_shadowed(ws.store, version.version_id)
        tags = telling(found)
        chosen = [t for t in tags if t in slice_by]
        said = ws.verdict(version, margin=margin, slice_by=chosen)
    except HomegrownError as error:
        if error.status >= 500:
            raise
        return _nothing(call, version, error.message)
    points = running(found.answers(), margin=margin)
    shadow = ws.shadow_report(version)
    ours, theirs = _accuracies(said)
    return VerdictPage(
        model=name,
        model_id=version.version_id,
        report_href=f"/evaluate/{version.version_id}",
        word=f"NEED {said['n_more']:,} MORE" if said["verdict"] == "NEED" else said["verdict"],
        kind=_KINDS[said["verdict"]],
        means=_MEANS[said["verdict"]],
        reasons=tuple(said["reasons"]),
        notes=tuple(said["not_told"]),
        agreement=_figure(said["agreement"], said["agreement_ci95"], said["n"]),
        ours=ours,
        theirs=theirs,
        facts=shadow_facts(ws, shadow) if shadow else (),
        chart=charts.verdict(points, margin) if len(points) > 1 else None,
        points=tuple(map(_point, points[:: max(1, -(-len(points) // _ROWS))])),
        wheres=tuple(map(_where, where(found))),
        tags=tuple((t, t in chosen) for t in tags),
        slices=tuple(_slice(p) for p in (said["overall"], *said["slices"])) if chosen else (),
        fields=tuple(map(_field, said.get("fields", ()))),
        sample=sample.sentence,
        n_waiting=sample.n_waiting,
        n_left=sample.n_left,
        station_href=_station(sample),
        n_cases=tuple(n for n in N_CASES if n <= max(sample.n_left, N_CASES[0])),
        margins=tuple((f"{value:g}", says, value == margin) for value, says in MARGINS),
        routes=tuple((r, f"{words.route_page(r)}?model={version.version_id}#step-4") for r in _routes(ws, version)),
        is_blind=found.has_gold,
        may_build=call.actor.may(Permission.BUILD),
        problem=problem,
        as_code=_as_code(name, margin, chosen),
    )


def _nothing(call: Call, version: ModelVersion, problem: str) -> VerdictPage:
    name = f"{version.model_name}@{version.number}"
    hrefs = {r: f"{words.route_page(r)}?model={version.version_id}#step-3" for r in _routes(call.ws, version)}
    return VerdictPage(
        model=name, model_id=version.version_id, report_href=f"/evaluate/{version.version_id}", word="", kind="",
        means="", reasons=(), notes=(), agreement=None, ours=None, theirs=None, facts=(), chart=None, points=(),
        wheres=(), tags=(), slices=(), fields=(), sample="", n_waiting=0, n_left=0, station_href="", n_cases=(),
        margins=(),
        routes=tuple(hrefs.items()),
        is_blind=False, may_build=False, problem=problem, as_code=_as_code(name, 0.02),
    )  # fmt: skip


def _as_code(name: str, margin: float, slice_by: Sequence[str] = ()) -> AsCode:
    sliced = f" --slice {words.shell(slice_by[0])}" if len(slice_by) == 1 else ""
    by = f", slice_by={list(slice_by)!r}" if slice_by else ""
    return AsCode(
        cli=f"homegrown evaluate {words.shell(name)} --verdict --margin {margin:g}{sliced}\n"
        f"homegrown evaluate {words.shell(name)} --gold-sample 50",
        python=f'ws.verdict({name!r}, margin={margin:g}{by})["sentence"]\nws.draw_gold({name!r}, 50)',
    )


def _slice(p: dict[str, Any]) -> SliceRow:
    low, high = (100 * x for x in p["interval"])
    return SliceRow(
        where=f"{p['field']} = {p['value']}" if p["field"] else "all calls",
        says=f"NEED {p['n_more']:,} MORE" if p["verdict"] == "NEED" else p["verdict"],
        kind=_KINDS[p["verdict"]],
        n=p["n"],
        difference=f"{100 * p['difference']:+.1f}",
        interval=f"{low:+.1f} to {high:+.1f}",
    )


def _field(one: dict[str, Any]) -> FieldRow:
    low, high = (100 * x for x in one["interval"])
    is_judged = one["against"] == "gold"
    ours, theirs = _accuracies(one)
    return FieldRow(
        name=one["field"],
        says=f"NEED {one['n_more']:,} MORE" if one["verdict"] == "NEED" else one["verdict"],
        kind=_KINDS[one["verdict"]],
        agreement=_figure(one["agreement"], one["agreement_ci95"], one["n"]),
        difference=f"{100 * one['difference']:+.1f}" if is_judged else "",
        interval=f"{low:+.1f} to {high:+.1f}" if is_judged else "",
        ours=ours,
        theirs=theirs,
    )


def _figure(value: float, interval: tuple[float, float], n: int) -> Figure:
    return Figure(value=value, low=interval[0], high=interval[1], n=n)


def _accuracies(said: dict[str, Any]) -> tuple[Figure | None, Figure | None]:
    if said.get("student_accuracy") is None:
        return None, None
    ours, theirs = (
        _figure(said[f"{who}_accuracy"], said[f"{who}_accuracy_ci95"], said[f"{who}_n_gold"])
        for who in ("student", "incumbent")
    )
    return ours, theirs


def _point(p: Point) -> PointRow:
    return PointRow(
        n=p.n, difference=f"{100 * p.difference:+.1f}", interval=f"{100 * p.low:+.1f} to {100 * p.high:+.1f}"
    )


def _where(w: Where) -> WhereRow:
    lost = f"{w.n_lost:,} lost, {w.n_won:,} won" if w.n_lost or w.n_won else "nobody has judged"
    return WhereRow(
        what=f"{w.field} = {w.value}" if w.field else f"it says {_spoken(w.value)}",
        agreement=_figure(w.n_same / w.n, w.agreement_ci95, w.n), lost=lost,
    )  # fmt: skip


def _spoken(answer: str) -> str:
    """A set of classes as it is said."""
    try:
        names = msgspec.json.decode(answer, type=list[str])
    except msgspec.DecodeError:
        return answer
    return ", ".join(names) or "none of these"


def _station(sample: GoldSample) -> str:
    if not sample.n_waiting:
        return ""
    return f"/label/tasks/{sample.task_id}/station?" + words.query_string(selection=sample.selection)


def _routes(ws: Workspace, version: ModelVersion) -> list[str]:
    """Routes whose calls the model is for: it answers there or did, or the prompt of its task passes there."""
    mine = {t.template_id for t in ws.store.templates.list() if version.task_id in t.tasks.values()}
    found = []
    for route in ws.routes():
        exits = [e.version_id for e in (*route.config.earlier, route.config.exit) if e is not None]
        if version.version_id in exits or mine & set(ws.store.route_traffic.by_template(route.route_id)):
            found.append(route.name)
    return found


def draw(call: Call) -> Response:
    """``POST /evaluate/verdict/draw``: draw calls for people, and go to the station where they wait."""
    version = call.ws.store.models.version(posted(call, "model"))
    try:
        n = int(posted(call, "n") or 25)
    except ValueError as error:
        raise InputError("Say how many cases as a whole number.") from error
    sample = call.ws.draw_gold(version, n)
    return go(_station(sample) or f"/evaluate/verdict/{version.version_id}")


ROUTES: tuple[Route, ...] = (
    Route("/evaluate/verdict/draw", draw, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
    Route("/evaluate/verdict/{model}", verdict, Permission.READ, shape=Shape.PAGE),
)
