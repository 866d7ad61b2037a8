"""Tasks that are answered with fields: named one by one or by a JSON Schema, and changed in place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from starlette.responses import Response

from homegrown.core.access import Permission
from homegrown.core.tasks import TaskKind
from homegrown.errors import ConflictError, InputError
from homegrown.studio.answer import go, part, posted
from homegrown.studio.field_form import TYPES, FieldLine, field_name, fields_in, posted_form
from homegrown.studio.pages import tasks
from homegrown.web import Route, Shape

if TYPE_CHECKING:
    from homegrown.core.tasks import Task
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
    """``POST /label/tasks/{task_id}/fields``: other fields; those of the same name keep their votes, see ``rename``."""
    task = call.ws.store.tasks.get(call.path["task_id"])
    form = posted_form(call.form)
    try:
        if task.kind is not TaskKind.OBJECT:
            raise InputError(f"The task {task.name!r} is answered with classes; it has no fields.")
        if posted(call, "if_version") != str(task.version):
            raise InputError("Somebody has changed the task meanwhile. Load the page anew and change it there.")
        fields = fields_in(form, task.fields)
        _check_names(task, [f.name for f in fields])
        found = call.ws.define_object(task.name, fields)
    except InputError as error:
        return tasks.show_one(call, task, replace(form, problem=error.message), 422)
    return go(f"/label/tasks/{task.task_id}?did={found.version}")


def _check_names(task: Task, names: list[str]) -> None:
    """Whoever writes a name that a field had before, in place of its own, wants to rename it."""
    for one in task.fields:
        back = next((n for n in one.former if n in names and one.name not in names), None)
        if back:
            raise InputError(f"“{back}” is a name that “{one.name}” had. To call it so again, rename it above.")


def rename(call: Call) -> Response:
    """``POST …/fields/rename``: another name for a field, which keeps all that was said of it."""
    task = call.ws.store.tasks.get(call.path["task_id"])
    seen, name = posted(call, "if_version"), field_name(posted(call, "name"))
    if seen != str(task.version):
        raise ConflictError("Somebody has changed the task meanwhile. Load the page anew and rename it there.")
    found = call.ws.rename_field(task, posted(call, "field_id"), name, if_version=task.version)
    return go(f"/label/tasks/{task.task_id}?did={found.version}")


ROUTES = (
    Route("/label/fields/line", line, Permission.BUILD, shape=Shape.PAGE),
    Route("/label/fields", new, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
    Route(
        "/label/tasks/{task_id}/fields/rename", rename, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True
    ),
    Route("/label/tasks/{task_id}/fields", change, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
)
