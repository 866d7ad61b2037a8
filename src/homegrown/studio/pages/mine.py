"""What waits for the caller: the tasks that they may label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from starlette.responses import Response

from homegrown.core.access import Permission
from homegrown.studio import words
from homegrown.studio.answer import show
from homegrown.studio.view import AsCode
from homegrown.web import Route, Shape

if TYPE_CHECKING:
    from homegrown.core.tasks import Task
    from homegrown.web import Call


@dataclass(frozen=True, kw_only=True)
class TaskRow:
    """A task to label."""

    name: str
    href: str
    says: str


@dataclass(frozen=True, kw_only=True)
class MinePage:
    """The tasks that the caller may label."""

    template: ClassVar[str] = "label/mine.html"
    tasks: tuple[TaskRow, ...]
    as_code: AsCode


def mine(call: Call) -> Response:
    """``GET /label/mine``."""
    ws = call.ws
    rows = [
        TaskRow(
            name=task.name,
            href=f"/label/tasks/{task.task_id}/station",
            says=f"{_answers(task)}, "
            f"{words.plural(ws.store.person_votes.n_of(call.actor, task.task_id), 'record')} by you so far",
        )
        for task in ws.my_tasks()
    ]
    as_code = AsCode(cli="homegrown label queue TASK", python="ws.my_tasks()\nws.next_records(TASK)")
    return show(call, MinePage(tasks=tuple(rows), as_code=as_code))


def _answers(task: Task) -> str:
    if task.fields:
        return words.plural(len(task.fields), "field")
    return words.plural(len(task.classes), "class", "classes")


ROUTES = (Route("/label/mine", mine, Permission.ANNOTATE, shape=Shape.PAGE),)
