"""The label station: the whole screen for one record and its answers."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from starlette.responses import Response

from homegrown.core.access import Permission
from homegrown.core.tasks import TaskKind
from homegrown.studio import words
from homegrown.studio.answer import asked, show
from homegrown.studio.pages import object_review
from homegrown.studio.view import AsCode
from homegrown.web import Route, Shape

if TYPE_CHECKING:
    from homegrown.core.schema import Field
    from homegrown.core.tasks import Task
    from homegrown.web import Call


@dataclass(frozen=True, kw_only=True)
class StationPage:
    """The station of a task; `setup` is what the browser needs of it, as JSON."""

    template: ClassVar[str] = "label/station.html"
    has_step: ClassVar[bool] = True
    task: str
    guidelines: str
    setup: str
    as_code: AsCode


def station(call: Call) -> Response:
    """``GET /label/tasks/{task_id}/station``: label what waits for the caller."""
    return _station(call, reviews=False)


def review(call: Call) -> Response:
    """``GET /label/tasks/{task_id}/review``: settle what people disagree on."""
    task = call.ws.store.tasks.get(call.path["task_id"])
    return object_review.page_of(call, task) if task.fields else _station(call, reviews=True)


def _station(call: Call, *, reviews: bool) -> Response:
    ws, task = call.ws, call.ws.store.tasks.get(call.path["task_id"])
    ws.check_may_label(task)
    selection = asked(call, "selection")
    if not reviews:
        # The order is made while the browser still draws the page.
        threading.Thread(target=ws.warm_queue, args=(task, selection or None), name="warm", daemon=True).start()
    room = f"/label/tasks/{task.task_id}" + ("" if task.fields else "/people")
    back = room if call.actor.may(Permission.REVIEW) else "/label/mine"
    setup = {
        "task_id": task.task_id,
        "task": task.name,
        "actor_id": call.actor.actor_id,
        "back": back,
        "many": task.kind is TaskKind.CLASSES,
        "reviews": reviews,
        "selection": selection,
        "hides": ws.station_settings(task).hides_suggestions,
        "classes": [{"id": c.class_id, "name": c.name, "description": c.description} for c in task.classes],
        "fields": [_field(one) for one in task.fields],
        "suggests": bool(task.fields) and ws.store.models.champion(task.task_id) is not None,
    }
    page = StationPage(
        task=task.name,
        guidelines=task.guidelines,
        setup=msgspec.json.encode(setup).decode(),
        as_code=_as_code(task, reviews=reviews),
    )
    return show(call, page)


def _field(one: Field) -> dict[str, Any]:
    """What the browser needs of a field."""
    options = [{"id": c.class_id, "name": c.name} for c in one.choices]
    return {
        "id": one.field_id, "name": one.name, "type": one.type.value, "description": one.description,
        "required": one.is_required, "many": one.takes_many, "options": options,
        "fields": [_field(inner) for inner in one.fields],
    }  # fmt: skip


def _as_code(task: Task, *, reviews: bool) -> AsCode:
    cli = f"homegrown label queue {words.shell(task.name)}{' --conflicts' if reviews else ''} --json"
    python = f"ws.conflicts({task.name!r})" if reviews else f"ws.next_records({task.name!r}, 20)"
    sql = f"select * from votes where task = '{task.name}' and kind = 'person'"
    return AsCode(cli=cli, python=python, sql=sql)


ROUTES = (
    Route("/label/tasks/{task_id}/station", station, Permission.ANNOTATE, shape=Shape.PAGE),
    Route("/label/tasks/{task_id}/review", review, Permission.REVIEW, shape=Shape.PAGE),
)
