"""Retrain: what is new to a model, the verdict on its challenger, its schedule, and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from starlette.responses import Response

from homegrown.core.access import Permission
from homegrown.errors import InputError
from homegrown.studio import words, work
from homegrown.studio.answer import asked, go, posted, show
from homegrown.studio.view import AsCode, Done
from homegrown.web import Route, Shape
from homegrown.workspace.retrain import MARGIN

if TYPE_CHECKING:
    from homegrown.core.models import ModelVersion
    from homegrown.web import Call

PERIODS = (("", "only by hand"), ("86400", "every day"), ("604800", "every week"), ("2592000", "every 30 days"))
_KINDS = {"passes": "good", "open": "doubt", "loses": "wrong"}
_SAYS = {"passes": "no loss", "open": "not known yet", "loses": "loses"}


@dataclass(frozen=True, kw_only=True)
class Part:
    """The challenger against the champion on one set of gold records."""

    where: str
    says: str
    kind: str
    difference: str
    n: int


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was decided, in large type, and on which figures."""

    word: str
    kind: str
    sentence: str
    parts: tuple[Part, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class RetrainPage:
    """A model and its challengers."""

    template: ClassVar[str] = "evaluate/retrain.html"
    model_id: str
    name: str
    champion: str
    n_new: int
    verdict: Verdict | None
    job_href: str
    margin: str
    periods: tuple[tuple[str, str, bool], ...]
    next_at: str
    can_go_back: bool
    can_build: bool
    done: Done | None
    as_code: AsCode


def page(call: Call) -> Response:
    """``GET /evaluate/{version_id}/retrain``; of whichever version, it is about the model's champion."""
    version = _champion(call)
    ws, name = call.ws, version.model_name
    schedule = ws.retrain_schedule(name)
    every = f"{schedule.every_s:.0f}" if schedule else ""
    running = [j for j in work.queue(ws).list(50) if j.verb == "retrain" and j.arguments.get("name") == name]
    running = [j for j in running if j.status in ("queued", "running")]
    found, last = ws.last_verdict(name), ws.store.models.promoted(name)
    return show(
        call,
        RetrainPage(
            model_id=version.version_id,
            name=name,
            champion=f"{name}@{version.number}",
            n_new=ws.n_new_votes(name),
            verdict=_verdict(found) if found else None,
            job_href=f"/jobs/{running[0].job_id}" if running else "",
            margin=f"{100 * MARGIN:g}",
            periods=tuple((value, says, value == every) for value, says in PERIODS),
            next_at=schedule.next_at if schedule else "",
            can_go_back=last is not None and last[1] == version.version_id,
            can_build=call.actor.may(Permission.BUILD),
            done=Done(sentence=f"{name}@{version.number} answers again.") if asked(call, "back") else None,
            as_code=AsCode(
                cli=f"homegrown retrain {words.shell(name)} --margin {MARGIN}",
                python=f'ws.retrain("{name}")["sentence"]',
                sql="select result from evaluations where split = 'gold' order by created_at desc",
            ),
        ),
    )


def _champion(call: Call) -> ModelVersion:
    return call.ws.store.models.version(call.ws.store.models.version(call.path["version_id"]).model_name)


def _verdict(found: dict[str, Any]) -> Verdict:
    word = f"NEED {found['n_more']:,} MORE" if found["verdict"] == "NEED" else found["verdict"]
    parts = [("all gold records", found["overall"])]
    parts += [(f"{p['field']} = {p['value']}", p) for p in found["slices"]]
    return Verdict(
        word=word,
        kind={"SWITCH": "good", "NEED": "doubt", "KEEP": "wrong"}[found["verdict"]],
        sentence=found["sentence"],
        parts=tuple(_part(where, p) for where, p in parts),
        notes=tuple(found["not_told"]),
    )


def _part(where: str, p: dict[str, Any]) -> Part:
    low, high = (100 * x for x in p["difference_ci95"])
    difference = f"{100 * p['difference']:+.1f} points ({low:+.1f} to {high:+.1f})"
    return Part(where=where, says=_SAYS[p["verdict"]], kind=_KINDS[p["verdict"]], difference=difference, n=p["n"])


def start(call: Call) -> Response:
    """``POST …/retrain``: build a challenger in the background."""
    name, wanted = _champion(call).model_name, _arguments(call)
    return go(f"/jobs/{work.submit(call.ws, call.actor, 'retrain', {'name': name, **wanted})}")


def schedule(call: Call) -> Response:
    """``POST …/schedule``: retrain it again and again, or only by hand."""
    name, every = _champion(call).model_name, posted(call, "every_s")
    if every not in {value for value, _ in PERIODS}:
        raise InputError("Choose one of the periods that are offered.")
    if every:
        call.ws.retrain_every(name, float(every), **_arguments(call))
    else:
        call.ws.retrain_every(name, None)
    return go(f"/evaluate/{call.path['version_id']}/retrain")


def _arguments(call: Call) -> dict[str, Any]:
    slices = [field.strip() for field in posted(call, "slices").split(",") if field.strip()]
    try:
        points = float(posted(call, "margin", f"{100 * MARGIN:g}"))
    except ValueError:
        points = 0.0
    if not 0 < points < 100:
        raise InputError("The margin is in points of accuracy, above 0 and below 100.")
    return {"margin": points / 100, "slices": slices[:20]}


def roll_back(call: Call) -> Response:
    """``POST …/rollback``: the champion before answers again."""
    back = call.ws.roll_back(_champion(call).model_name)
    return go(f"/evaluate/{back.version_id}/retrain?back=1")


_ONE = "/evaluate/{version_id}"
_FORM: dict[str, Any] = {"methods": ("POST",), "shape": Shape.PAGE, "form": True}
ROUTES: tuple[Route, ...] = (
    Route(f"{_ONE}/retrain", page, Permission.READ, shape=Shape.PAGE),
    Route(f"{_ONE}/retrain", start, Permission.BUILD, **_FORM),
    Route(f"{_ONE}/schedule", schedule, Permission.BUILD, **_FORM),
    Route(f"{_ONE}/rollback", roll_back, Permission.BUILD, **_FORM),
)
