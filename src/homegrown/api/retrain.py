"""The loop closes: the last verdict on a model, its schedule, and the way back. Retraining itself is a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from homegrown.api.schemas import Name, Strict
from homegrown.core.access import Permission
from homegrown.errors import NotFoundError
from homegrown.web.answers import json_response
from homegrown.web.route import Route
from homegrown.workspace.retrain import MARGIN

if TYPE_CHECKING:
    from starlette.responses import Response

    from homegrown.web.call import Call


class RetrainOut(msgspec.Struct):
    """Where a model stands: people's votes that are new to its champion, the last verdict, when it is due."""

    model: str
    champion: str
    n_new_votes: int
    verdict: Any
    every_s: float | None
    next_at: str | None


class ScheduleBody(Strict):
    """How often, and what must not be lost."""

    every_s: Annotated[float, msgspec.Meta(ge=60, le=366 * 86400)]
    margin: Annotated[float, msgspec.Meta(gt=0, lt=1)] = MARGIN
    slices: Annotated[list[Name], msgspec.Meta(max_length=20)] = msgspec.field(default_factory=list)


class ScheduleOut(msgspec.Struct):
    """When it is due next; null when it is not repeated."""

    next_at: str | None


class ChampionOut(msgspec.Struct):
    """The version that answers now."""

    model: str
    version_id: str


def state(call: Call) -> Response:
    """Where a model stands."""
    ws, name = call.ws, _name(call)
    champion, schedule = ws.store.models.version(name), ws.retrain_schedule(name)
    return json_response(
        RetrainOut(
            name, f"{name}@{champion.number}", ws.n_new_votes(name), ws.last_verdict(name),
            schedule.every_s if schedule else None, schedule.next_at if schedule else None,
        )
    )  # fmt: skip


def set_schedule(call: Call) -> Response:
    """Retrain it again and again."""
    body: ScheduleBody = call.body
    found = call.ws.retrain_every(_name(call), body.every_s, margin=body.margin, slices=body.slices)
    return json_response(ScheduleOut(found.next_at if found else None))


def remove_schedule(call: Call) -> Response:
    """Retrain it no more by itself."""
    call.ws.retrain_every(_name(call), None)
    return json_response(ScheduleOut(None))


def roll_back(call: Call) -> Response:
    """Take the last promotion back."""
    back = call.ws.roll_back(_name(call))
    return json_response(ChampionOut(f"{back.model_name}@{back.number}", back.version_id))


def _name(call: Call) -> str:
    """The model's name, of one that is there."""
    name: str = call.path["name"]
    version = call.ws.store.models.version(name)
    if version.model_name != name:
        raise NotFoundError(f"There is no model called {name[:60]!r}; give its name alone.")
    return name


_ONE = "/api/v1/retrain/{name}"
ROUTES = (
    Route(
        _ONE, state, Permission.READ, answer=RetrainOut, summary="What is new to a model, and the last verdict on it."
    ),
    Route(
        f"{_ONE}/schedule", set_schedule, Permission.BUILD, methods=("PUT",), body=ScheduleBody, answer=ScheduleOut,
        summary="Retrain a model again and again while the server runs.",
    ),
    Route(
        f"{_ONE}/schedule", remove_schedule, Permission.BUILD, methods=("DELETE",), answer=ScheduleOut,
        summary="Retrain a model by itself no more.",
    ),
    Route(
        f"{_ONE}/rollback", roll_back, Permission.BUILD, methods=("POST",), answer=ChampionOut,
        summary="Let the champion before the last promotion answer again, at once.",
    ),
)  # fmt: skip
