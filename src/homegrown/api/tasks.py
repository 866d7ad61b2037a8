"""Tasks: classes that are added, renamed, merged and split; guidelines; versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from homegrown.api.schemas import Name, Strict
from homegrown.core.access import Permission
from homegrown.core.classes import MAX_EXAMPLES, MAX_GUIDELINES, MAX_TEXT
from homegrown.errors import InputError
from homegrown.web.answers import json_response
from homegrown.web.route import Route

if TYPE_CHECKING:
    from starlette.responses import Response

    from homegrown.core.schema import Field
    from homegrown.core.tasks import Task, TaskClass
    from homegrown.web.call import Call

Sentence = Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]
Several = Annotated[list[Name], msgspec.Meta(min_length=1, max_length=1000)]
Examples = Annotated[list[Sentence], msgspec.Meta(max_length=MAX_EXAMPLES)]
Guidelines = Annotated[str, msgspec.Meta(max_length=MAX_GUIDELINES)]
VersionNumber = Annotated[int, msgspec.Meta(ge=1, le=2**31)]


class ClassOut(msgspec.Struct):
    """A class; votes hold its id, which never changes."""

    class_id: str
    name: str
    description: str
    examples: list[str]


class FieldOut(msgspec.Struct):
    """A field of an answer that is an object; votes hold its id, which never changes. Choices are as classes are.

    ``former`` are names that it had.
    """

    field_id: str
    name: str
    type: str
    description: str
    is_required: bool
    takes_many: bool
    choices: list[ClassOut]
    fields: list[FieldOut]
    former: list[str]


class TaskOut(msgspec.Struct):
    """A task in its newest version; ``moved`` says what votes for classes that are no more mean now."""

    task_id: str
    name: str
    version: int
    kind: str
    classes: list[ClassOut]
    guidelines: str
    column: str | None
    moved: dict[str, list[str]]
    fields: list[FieldOut]


class TasksOut(msgspec.Struct):
    """All tasks."""

    tasks: list[TaskOut]


class ClassCountOut(msgspec.Struct):
    """Votes for one class; shared ones count in shares."""

    class_id: str
    name: str
    n_votes: float
    n_people: float


class CountsOut(msgspec.Struct):
    """How far a task is."""

    n_records: int
    n_voted: int
    n_undecided: int
    n_out_of_scope: int
    n_gone: int
    classes: list[ClassCountOut]


class VersionOut(msgspec.Struct):
    """One version of a task, with who made it."""

    task: TaskOut
    at: str
    actor: str
    what: str


class VersionsOut(msgspec.Struct):
    """Every version, newest first."""

    versions: list[VersionOut]


class NewTaskBody(Strict):
    """A question with its possible answers: classes, or the fields of an object.

    ``fields`` is a JSON Schema, or has by name a type (``"date"``, ``"span*"``, ``"money!"``) or a list of choices.
    """

    name: Name
    classes: Annotated[list[Name], msgspec.Meta(max_length=1000)] = msgspec.field(default_factory=list)
    many: bool = False
    guidelines: Guidelines = ""
    fields: dict[str, Any] | None = None


class NewClassBody(Strict):
    """A class more."""

    name: Name
    description: Sentence = ""
    examples: Examples = msgspec.field(default_factory=list)


class ClassBody(Strict):
    """What changes about a class; what is null stays."""

    name: Name | None = None
    description: Sentence | None = None
    examples: Examples | None = None


class FieldBody(Strict):
    """Another name for a field: a letter, then letters, digits and ``_``; refused when the task has another version."""

    name: Name
    if_version: VersionNumber | None = None


class MergeBody(Strict):
    """Classes, by id or name, that become one: a present one or a new name."""

    classes: Several
    into: Name


class SplitBody(Strict):
    """A class, by id or name, and the names of the parts that take its place."""

    class_id: Name
    parts: Several


class GuidelinesBody(Strict):
    """How to decide, in Markdown; refused when the task has another version than ``if_version``."""

    guidelines: Guidelines
    if_version: VersionNumber | None = None


class RestoreBody(Strict):
    """The version to put in place again, as a new one."""

    version: VersionNumber


def _out(task: Task) -> TaskOut:
    moved = {k: list(v) for k, v in task.moved.items()}
    return TaskOut(
        task_id=task.task_id, name=task.name, version=task.version, kind=task.kind.value,
        classes=[_class(c) for c in task.classes], guidelines=task.guidelines, column=task.column, moved=moved,
        fields=[_field(f) for f in task.fields],
    )  # fmt: skip


def _class(one: TaskClass) -> ClassOut:
    return ClassOut(one.class_id, one.name, one.description, list(one.examples))


def _field(one: Field) -> FieldOut:
    return FieldOut(
        field_id=one.field_id, name=one.name, type=one.type.value, description=one.description,
        is_required=one.is_required, takes_many=one.takes_many, choices=[_class(c) for c in one.choices],
        fields=[_field(f) for f in one.fields], former=list(one.former),
    )  # fmt: skip


def _task(call: Call) -> Task:
    return call.ws.store.tasks.get(call.path["task_id"])


def tasks(call: Call) -> Response:
    """All tasks."""
    return json_response(TasksOut([_out(task) for task in call.ws.store.tasks.all()]))


def new_task(call: Call) -> Response:
    """Ask a new question; one that is there gets the classes that it lacks, or the fields that are named."""
    body: NewTaskBody = call.body
    if body.fields is None:
        found = call.ws.task(body.name, classes=body.classes, many=body.many, guidelines=body.guidelines)
    elif body.classes or body.many:
        raise InputError("The answer is an object with fields, or a choice among classes: name one of them.")
    else:
        found = call.ws.task(body.name, fields=body.fields, guidelines=body.guidelines)
    return json_response(_out(found.noun))


def task(call: Call) -> Response:
    """One task."""
    return json_response(_out(_task(call)))


def counts(call: Call) -> Response:
    """How far a task is."""
    return json_response(msgspec.convert(msgspec.to_builtins(call.ws.task_counts(_task(call))), CountsOut))


def versions(call: Call) -> Response:
    """A task's history."""
    found = call.ws.task_history(_task(call))
    return json_response(VersionsOut([VersionOut(_out(v.task), v.at, v.actor, v.what) for v in found]))


def add_class(call: Call) -> Response:
    """A class more."""
    body: NewClassBody = call.body
    return json_response(_out(call.ws.add_class(_task(call), body.name, body.description, body.examples)))


def change_class(call: Call) -> Response:
    """Another name, description or examples."""
    body: ClassBody = call.body
    found, which = _task(call), call.path["class_id"]
    if body.name is not None:
        found = call.ws.rename_class(found, which, body.name)
    return json_response(_out(call.ws.describe_class(found, which, body.description, body.examples)))


def remove_class(call: Call) -> Response:
    """A class less; its votes are kept."""
    return json_response(_out(call.ws.remove_class(_task(call), call.path["class_id"])))


def rename_field(call: Call) -> Response:
    """Another name for a field."""
    body: FieldBody = call.body
    found = call.ws.rename_field(_task(call), call.path["field_id"], body.name, if_version=body.if_version)
    return json_response(_out(found))


def merge(call: Call) -> Response:
    """Several classes become one."""
    body: MergeBody = call.body
    return json_response(_out(call.ws.merge_classes(_task(call), body.classes, body.into)))


def split(call: Call) -> Response:
    """One class becomes several."""
    body: SplitBody = call.body
    return json_response(_out(call.ws.split_class(_task(call), body.class_id, body.parts)))


def guidelines(call: Call) -> Response:
    """Other guidelines."""
    body: GuidelinesBody = call.body
    return json_response(_out(call.ws.set_guidelines(_task(call), body.guidelines, if_version=body.if_version)))


def restore(call: Call) -> Response:
    """An earlier version again."""
    body: RestoreBody = call.body
    return json_response(_out(call.ws.restore_task(_task(call), body.version)))


_ONE = "/api/v1/tasks/{task_id}"
_POST = ("POST",)
ROUTES = (
    Route("/api/v1/tasks", tasks, Permission.READ, answer=TasksOut, summary="All tasks."),
    Route(
        "/api/v1/tasks", new_task, Permission.BUILD, methods=_POST, body=NewTaskBody, answer=TaskOut,
        summary="Ask a new question; one that is there gets the classes that it lacks, or the fields that are named.",
    ),
    Route(_ONE, task, Permission.READ, answer=TaskOut, summary="One task."),
    Route(f"{_ONE}/counts", counts, Permission.READ, answer=CountsOut, summary="How far a task is."),
    Route(f"{_ONE}/versions", versions, Permission.READ, answer=VersionsOut, summary="Every version of a task."),
    Route(
        f"{_ONE}/classes", add_class, Permission.BUILD, methods=_POST, body=NewClassBody, answer=TaskOut,
        summary="Add a class.",
    ),
    Route(
        f"{_ONE}/classes/{{class_id}}", change_class, Permission.BUILD, methods=("PATCH",), body=ClassBody,
        answer=TaskOut, summary="Rename or describe a class; its votes stay.",
    ),
    Route(
        f"{_ONE}/classes/{{class_id}}", remove_class, Permission.BUILD, methods=("DELETE",), answer=TaskOut,
        summary="Take a class away; its votes are kept, and count again once that is undone.",
    ),
    Route(
        f"{_ONE}/fields/{{field_id}}", rename_field, Permission.BUILD, methods=("PATCH",), body=FieldBody,
        answer=TaskOut, summary="Rename a field, by its id or name (lines.price in a list); its votes stay.",
    ),
    Route(
        f"{_ONE}/merge", merge, Permission.BUILD, methods=_POST, body=MergeBody, answer=TaskOut,
        summary="Make several classes one; all their votes count for it.",
    ),
    Route(
        f"{_ONE}/split", split, Permission.BUILD, methods=_POST, body=SplitBody, answer=TaskOut,
        summary="Make one class several; its votes are shared until somebody says which.",
    ),
    Route(
        f"{_ONE}/guidelines", guidelines, Permission.BUILD, methods=("PUT",), body=GuidelinesBody, answer=TaskOut,
        summary="Say anew how to decide, in Markdown.",
    ),
    Route(
        f"{_ONE}/restore", restore, Permission.BUILD, methods=_POST, body=RestoreBody, answer=TaskOut,
        summary="Put an earlier version in place again, as a new one.",
    ),
)  # fmt: skip
