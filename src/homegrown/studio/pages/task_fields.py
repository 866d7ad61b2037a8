"""Tasks that are answered with fields: named one by one or by a JSON Schema, and changed in place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from starlette.responses import Response

from homegrown.core.access import Permission
from homegrown.core.tasks import TaskKind
from homegrown.errors import InputError
from homegrown.studio.answer import go, part, posted
from homegrown.studio.field_form import TYPES, FieldLine, fields_in, posted_form
from homegrown.studio.pages import tasks
from homegrown.web import Route, Shape

if TYPE_CHECKING:
    from homegrown.web import Call


@dataclass(frozen=True, kw_only=True)
class LinePart:
    """One empty line more."""

    template: ClassVar[str] = "label/_field_line.html"
    line: FieldLine
    types: tuple[tuple[str, str], ...]


def line(call: Call) -> Response:
    """``GET /label/fields/line``: one empty line of the form."""
    return part(call, LinePart.template, LinePart(line=FieldLine(), types=TYPES))


def new(call: Call) -> Response:
    """``POST /label/fields``: ask a new question; what is wrong with its fields is said above what was written."""
    form = posted_form(call.form)
    try:
        name = tasks.new_name(call.ws, form.name)
        found = call.ws.task(name, fields=fields_in(form), guidelines=form.guidelines)
    except InputError as error:
        return tasks.show_all(call, replace(form, problem=error.message), 422)
    return go(f"/label/tasks/{found.noun.task_id}")


def change(call: Call) -> Response:
    """``POST /label/tasks/{task_id}/fields``: other fields; those of the same name keep their votes."""
    task = call.ws.store.tasks.get(call.path["task_id"])
    form = posted_form(call.form)
    try:
        if task.kind is not TaskKind.OBJECT:
            raise InputError(f"The task {task.name!r} is answered with classes; it has no fields.")
        if posted(call, "if_version") != str(task.version):
            raise InputError("Somebody has changed the task meanwhile. Load the page anew and change it there.")
        found = call.ws.define_object(task.name, fields_in(form, task.fields))
    except InputError as error:
        return tasks.show_one(call, task, replace(form, problem=error.message), 422)
    return go(f"/label/tasks/{task.task_id}?did={found.version}")


ROUTES = (
    Route("/label/fields/line", line, Permission.BUILD, shape=Shape.PAGE),
    Route("/label/fields", new, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
    Route("/label/tasks/{task_id}/fields", change, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
)
