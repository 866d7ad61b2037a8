"""Label: every task with what waits; one task with its classes, guidelines and versions, all changed in place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from starlette.responses import Response

from homegrown.core.access import Permission
from homegrown.core.classes import changed_lines
from homegrown.core.tasks import TaskKind
from homegrown.errors import InputError
from homegrown.studio import words
from homegrown.studio.answer import asked, go, posted, show
from homegrown.studio.field_form import TYPES, FieldForm, form_of
from homegrown.studio.guide import label_more
from homegrown.studio.sentences import sentence
from homegrown.studio.view import AsCode, Done
from homegrown.web import Route, Shape

if TYPE_CHECKING:
    from homegrown.core.schema import Field
    from homegrown.core.tasks import Task, TaskClass
    from homegrown.store.tasks import TaskVersion
    from homegrown.web import Call
    from homegrown.workspace import Workspace

SHOWN_VERSIONS = 30
#: pages of a task that other rooms of the studio hold: name, end of the address, what one does there
ROOMS = (
    ("Label", "station", "One record after another, by keys."),
    ("What next", "next", "Which records teach the most now, and what more labels would bring."),
    ("Discover", "discover", "Find classes in texts that have none, and what no class covers."),
    ("Rules", "rules", "Say it once for many records: words, patterns, fields, examples."),
    ("In bulk", "bulk", "One answer for all that holds some words, after a look at a few."),
    ("Teachers", "teachers", "Let a model outside vote, within a budget."),
    ("People", "people", "Who labels, how far they agree, what they ask."),
)


#: those of a task whose answer is an object
OBJECT_ROOMS = (
    ("Label", "station", "Mark words in one text after another, by keys or by mouse."),
    ("Rules", "rules", "Say it once for many records: words, patterns, values."),
    ("Teachers", "teachers", "Let a model outside vote, within a budget."),
    ("People", "people", "Who labels, how far they agree, what they ask."),
)


@dataclass(frozen=True, kw_only=True)
class TaskRow:
    """A task with what waits in it."""

    name: str
    href: str
    kind: str
    n_classes: int
    n_voted: int
    n_records: int
    share: float
    waits: str


@dataclass(frozen=True, kw_only=True)
class LabelPage:
    """Every task, and how to begin one."""

    template: ClassVar[str] = "label/tasks.html"
    tasks: tuple[TaskRow, ...]
    n_records: int
    can_build: bool
    form: FieldForm
    asks_fields: bool
    as_code: AsCode


@dataclass(frozen=True, kw_only=True)
class ClassRow:
    """A class with its votes; ``former`` are names it had."""

    class_id: str
    name: str
    description: str
    examples: tuple[str, ...]
    former: tuple[str, ...]
    votes: str
    share: float


@dataclass(frozen=True, kw_only=True)
class VersionRow:
    """One version: who made it, what it was, and how it differs from the one before, line by line."""

    version: int
    at: str
    actor: str
    sentence: str
    diff: tuple[tuple[str, str], ...]
    is_newest: bool


@dataclass(frozen=True, kw_only=True)
class RoomLink:
    """A page of this task elsewhere in the studio."""

    name: str
    href: str
    says: str


@dataclass(frozen=True, kw_only=True)
class FieldRow:
    """One field of an answer that is an object, with names that it had; what it chooses among is *inside*.

    The fields of a list's rows stand behind it, with the name of the list before theirs.
    """

    field_id: str
    name: str
    above: str
    former: tuple[str, ...]
    type: str
    inside: list[str]
    description: str


@dataclass(frozen=True, kw_only=True)
class TaskPage:
    """One task: its classes, or the fields of its answer."""

    template: ClassVar[str] = "label/task.html"
    task_id: str
    name: str
    version: int
    kind: str
    classes: tuple[ClassRow, ...]
    fields: tuple[FieldRow, ...]
    learnt: tuple[str, ...]
    form: FieldForm
    n_voted: int
    n_records: int
    n_undecided: int
    n_out_of_scope: int
    n_gone: int
    guidelines: str
    versions: tuple[VersionRow, ...]
    rooms: tuple[RoomLink, ...]
    can_build: bool
    done: Done | None
    as_code: AsCode


def tasks(call: Call) -> Response:
    """``GET /label``."""
    return show_all(call, FieldForm())


def show_all(call: Call, form: FieldForm, status: int = 200) -> Response:
    """Every task, with what stands in the form that names the fields of a new one."""
    page = LabelPage(
        tasks=tuple(_row(call.ws, task) for task in call.ws.store.tasks.all()),
        n_records=call.ws.store.records.count(),
        can_build=call.actor.may(Permission.BUILD),
        form=form,
        asks_fields=form.is_begun or asked(call, "ask") == "fields",
        as_code=AsCode(
            cli="homegrown label tasks list",
            python='task = ws.task("intent", classes=["refund", "card lost"])\n'
            'task = ws.task("receipt", fields={"company": "span!", "total": "money"})',
            sql="select task, count(distinct record_id) as n from votes group by all",
        ),
    )
    return show(call, page, status)


def _row(ws: Workspace, task: Task) -> TaskRow:
    counts = ws.task_counts(task)
    waits = []
    if counts.n_undecided:
        waits.append(f"{counts.n_undecided:,} since a split")
    if counts.n_records > counts.n_voted:
        waits.append(f"{counts.n_records - counts.n_voted:,} without a vote")
    return TaskRow(
        name=task.name,
        href=f"/label/tasks/{task.task_id}",
        kind=_kind(task),
        n_classes=len(task.classes) or len(task.fields),
        n_voted=counts.n_voted,
        n_records=counts.n_records,
        share=counts.n_voted / max(counts.n_records, 1),
        waits=", ".join(waits) or "nothing",
    )


def _kind(task: Task) -> str:
    if task.kind is TaskKind.OBJECT:
        return "an object with fields per record"
    return "several classes per record" if task.kind is TaskKind.CLASSES else "one class per record"


def task(call: Call) -> Response:
    """``GET /label/tasks/{task_id}``."""
    found = call.ws.store.tasks.get(call.path["task_id"])
    return show_one(call, found, form_of(found.fields))


def show_one(call: Call, found: Task, form: FieldForm, status: int = 200) -> Response:
    """One task, with what stands in the form that changes its fields."""
    counts = call.ws.task_counts(found)
    history = call.ws.task_history(found)
    most = max([c.n_votes for c in counts.classes], default=0) or 1
    rows = (_class(one, n.n_votes, n.n_votes / most) for one, n in zip(found.classes, counts.classes, strict=True))
    page = TaskPage(
        task_id=found.task_id,
        name=found.name,
        version=found.version,
        kind=_kind(found),
        classes=tuple(rows),
        n_voted=counts.n_voted,
        n_records=counts.n_records,
        n_undecided=counts.n_undecided,
        n_out_of_scope=counts.n_out_of_scope,
        n_gone=counts.n_gone,
        guidelines=found.guidelines,
        versions=_versions(history),
        rooms=_rooms(found),
        fields=tuple(
            _field(one, above) for f in found.fields for one, above in ((f, ""), *((i, f.name) for i in f.fields))
        ),
        learnt=call.ws.names_learnt(found),
        form=form,
        can_build=call.actor.may(Permission.BUILD),
        done=_done(history, asked(call, "did")),
        as_code=AsCode(
            cli=f"homegrown label fields {words.shell(found.name)}"
            if found.fields
            else f"homegrown label tasks show {words.shell(found.name)} --versions",
            python=f'task = ws.task("{found.name}")'
            + (
                '\ntask.rename_field("one", "other")'
                if found.fields
                else '\ntask.split_class("one", ["first", "second"])'
            ),
            sql=f"select label_source, count(*) as n from votes where task_id = '{found.task_id}' group by all"
            if found.fields
            else f"select class, count(*) as n from labels where task_id = '{found.task_id}' group by all",
        ),
    )
    n_silent = counts.n_records - counts.n_voted
    return show(call, page, status, step=label_more(found.task_id, n_silent) if n_silent > 0 else None)


def _field(one: Field, above: str) -> FieldRow:
    says = dict(TYPES).get(one.type.value + ("*" if one.takes_many else ""), "a list of objects")
    return FieldRow(
        field_id=one.field_id, name=one.name, above=above, former=one.former, description=one.description,
        type=says + (", always there" if one.is_required else ""), inside=[c.name for c in one.choices],
    )  # fmt: skip


def _class(one: TaskClass, n_votes: float, share: float) -> ClassRow:
    return ClassRow(
        class_id=one.class_id,
        name=one.name,
        description=one.description,
        examples=one.examples,
        former=one.former,
        votes=f"{n_votes:,.0f}" if float(n_votes).is_integer() else f"{n_votes:,.1f}",
        share=share,
    )


def _rooms(task: Task) -> tuple[RoomLink, ...]:
    rooms = OBJECT_ROOMS if task.fields else ROOMS
    return tuple(RoomLink(name=name, href=f"/label/tasks/{task.task_id}/{end}", says=says) for name, end, says in rooms)


def _versions(history: list[TaskVersion]) -> tuple[VersionRow, ...]:
    before: list[Task | None] = [*(v.task for v in history[1:]), None]
    return tuple(
        VersionRow(
            version=v.task.version,
            at=v.at,
            actor=v.actor,
            sentence=sentence(v.what, v.details),
            diff=tuple(_diff(v.task, earlier)),
            is_newest=v is history[0],
        )
        for v, earlier in list(zip(history, before, strict=True))[:SHOWN_VERSIONS]
    )


def _diff(task: Task, before: Task | None) -> list[tuple[str, str]]:
    """Lines that went (``-``), came (``+``) or stand beside them."""
    lines = [] if before is None else changed_lines(before, task)
    return [(line[0], line[1:]) for line in lines if not line.startswith("@@")]


def _done(history: list[TaskVersion], version: str) -> Done | None:
    """What the change to *version* did, with the way back while it is the newest."""
    made = history[0]
    if version != str(made.task.version) or made.task.version < 2:
        return None
    return Done(
        sentence=f"{sentence(made.what, made.details)}.",
        more="Votes are kept, whatever becomes of their classes.",
        undo=f"/label/tasks/{made.task.task_id}/restore",
        fields=(("version", str(made.task.version - 1)), ("if_version", str(made.task.version))),
    )


def new_task(call: Call) -> Response:
    """``POST /label/tasks``: ask a new question."""
    name = new_name(call.ws, posted(call, "name").strip())
    many = bool(posted(call, "many"))
    found = call.ws.task(name, classes=_several(call, "classes"), many=many, guidelines=posted(call, "guidelines"))
    return go(f"/label/tasks/{found.noun.task_id}")


def new_name(ws: Workspace, name: str) -> str:
    """The name of a task that is to be made.

    Raises:
        InputError: it is none, or there is a task of that name.
    """
    if not name or len(name) > 200 or not name.isprintable():
        raise InputError("A task needs a name of at most 200 characters.")
    if ws.store.tasks.find(name) is not None:
        raise InputError(f"There is a task {name!r} already. Choose another name, or open it and change it.")
    return name


def _several(call: Call, name: str) -> list[str]:
    """The lines of a field, empty ones left out."""
    return [line.strip() for line in posted(call, name).splitlines() if line.strip()]


def add_class(call: Call) -> Response:
    """``POST /label/tasks/{task_id}/classes``: a class more."""
    return _changed(call.ws.add_class(_asked(call), posted(call, "name"), posted(call, "description")))


def change_class(call: Call) -> Response:
    """``POST …/describe``: another name, description or examples."""
    which = posted(call, "class_id")
    found = call.ws.rename_class(_asked(call), which, posted(call, "name"))
    return _changed(call.ws.describe_class(found, which, posted(call, "description"), _several(call, "examples")))


def merge(call: Call) -> Response:
    """``POST …/merge``: several classes become one."""
    which = [v for v in call.form.getlist("class_id") if isinstance(v, str)]
    into = posted(call, "into").strip()
    if len(which) < 2 or not into:
        raise InputError("Tick at least two classes, and say what they become: one of them, or a new name.")
    return _changed(call.ws.merge_classes(_asked(call), which, into))


def split(call: Call) -> Response:
    """``POST …/split``: one class becomes several."""
    return _changed(call.ws.split_class(_asked(call), posted(call, "class_id"), _several(call, "parts")))


def remove(call: Call) -> Response:
    """``POST …/remove``: a class less."""
    return _changed(call.ws.remove_class(_asked(call), posted(call, "class_id")))


def guidelines(call: Call) -> Response:
    """``POST …/guidelines``: how to decide, said anew."""
    found = call.ws.set_guidelines(_asked(call), posted(call, "guidelines"), if_version=_number(call, "if_version"))
    return _changed(found)


def restore(call: Call) -> Response:
    """``POST …/restore``: an earlier version again."""
    version, seen = _number(call, "version"), _number(call, "if_version")
    return _changed(call.ws.store.tasks.restore(call.actor, _asked(call).task_id, version, if_version=seen))


def _asked(call: Call) -> Task:
    return call.ws.store.tasks.get(call.path["task_id"])


def _number(call: Call, name: str) -> int:
    value = posted(call, name)
    if not value.isascii() or not value.isdigit() or len(value) > 9:
        raise InputError("That version does not exist. Load the page anew.")
    return int(value)


def _changed(found: Task) -> Response:
    return go(f"/label/tasks/{found.task_id}?did={found.version}")


_ONE = "/label/tasks/{task_id}"
_FORM: dict[str, Any] = {"methods": ("POST",), "shape": Shape.PAGE, "form": True}
ROUTES: tuple[Route, ...] = (
    Route("/label", tasks, Permission.READ, shape=Shape.PAGE),
    Route("/label/tasks", new_task, Permission.BUILD, **_FORM),
    Route(_ONE, task, Permission.READ, shape=Shape.PAGE),
    Route(f"{_ONE}/classes", add_class, Permission.BUILD, **_FORM),
    Route(f"{_ONE}/describe", change_class, Permission.BUILD, **_FORM),
    Route(f"{_ONE}/merge", merge, Permission.BUILD, **_FORM),
    Route(f"{_ONE}/split", split, Permission.BUILD, **_FORM),
    Route(f"{_ONE}/remove", remove, Permission.BUILD, **_FORM),
    Route(f"{_ONE}/guidelines", guidelines, Permission.BUILD, **_FORM),
    Route(f"{_ONE}/restore", restore, Permission.BUILD, **_FORM),
)
