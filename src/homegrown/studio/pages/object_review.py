"""Fields on which people disagree, side by side beside the text: a reviewer's word settles one by one key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from starlette.responses import Response

from homegrown.core.access import Permission
from homegrown.core.assignments import Outcome, Submission
from homegrown.core.documents import document_of
from homegrown.core.ids import new_id
from homegrown.core.schema import Field, FieldType
from homegrown.core.tasks import Task
from homegrown.errors import InputError, NotFoundError
from homegrown.evaluate.object_errors import in_words
from homegrown.studio import words
from homegrown.studio.answer import asked, go, posted, show
from homegrown.studio.field_form import TYPES
from homegrown.studio.marked_text import COLOURS, Piece, pieces, shortened
from homegrown.studio.view import AsCode, Done
from homegrown.web import Route, Shape

if TYPE_CHECKING:
    from homegrown.label.disputes import Dispute, DisputedField, Side
    from homegrown.web import Call
    from homegrown.workspace import Workspace

NOT_THERE = "not in this text"
MOST_SIDES = 9
LONG, AROUND = 20_000, 1_500
SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class SideRow:
    """One answer: its key, who gives it, and the answer as it is posted; `look` is the colour of its mark."""

    key: str
    says: str
    is_absent: bool
    who: str
    n_people: int
    answer: str
    look: str
    mark: str


@dataclass(frozen=True, kw_only=True)
class Case:
    """A field of a record on which not all say the same.

    `writes` is how another value is written: ``line``, ``lines``, ``rows`` of a list, ``one`` or ``several`` options.
    """

    record_id: str
    field_id: str
    field: str
    type: str
    description: str
    pieces: tuple[Piece, ...]
    sides: tuple[SideRow, ...]
    has_absent: bool
    settled: str
    base: str
    writes: str
    options: tuple[str, ...]
    typed: str
    problem: str


@dataclass(frozen=True, kw_only=True)
class Then:
    """A field that waits behind."""

    field: str
    says: str
    href: str


@dataclass(frozen=True, kw_only=True)
class ObjectReviewPage:
    """What a reviewer settles of a task whose answer is an object."""

    template: ClassVar[str] = "label/object_review.html"
    has_step: ClassVar[bool] = True
    task_id: str
    task: str
    n_people: int
    n_records: int
    n_sources: int
    asks_sources: bool
    after: int
    tabs: tuple[tuple[str, str], ...]
    case: Case | None
    skip_href: str
    queue: tuple[Then, ...]
    done: Done | None
    as_code: AsCode


def page_of(call: Call, task: Task, *, problem: str = "", typed: str = "") -> Response:
    """The page of a task: of the field that is named in the address or was posted, else of the worst."""
    ws = call.ws
    asks_sources = bool(_of(call, "sources"))
    queue = ws.disputed_fields(task, sources=asks_sources)
    n_people = sum(d.among_people for d in queue)
    at, wanted = _chosen(call, queue)
    dispute = _dispute(ws, task, wanted) if wanted else None
    if wanted and dispute is None and _of(call, "field"):
        raise NotFoundError("There is no such record or field here any more.")
    name = words.shell(task.name)
    flag = " --sources" if asks_sources else ""
    page = ObjectReviewPage(
        task_id=task.task_id,
        task=task.name,
        n_people=n_people,
        n_records=len({d.record_id for d in queue if d.among_people}),
        n_sources=len(queue) - n_people,
        asks_sources=asks_sources,
        after=at,
        tabs=(("People disagree", _here(task)), ("Other sources too", _here(task, sources=1))),
        case=_case(ws, task, dispute, problem, typed) if dispute else None,
        skip_href=_here(task, sources=asks_sources, after=at + 1) if len(queue) > 1 else "",
        queue=tuple(_then(task, one, asks_sources) for one in queue[at + 1 : at + 1 + SHOWN]),
        done=_done(call, task),
        as_code=AsCode(
            cli=f"homegrown label queue {name} --conflicts{flag}\nhomegrown label settle {name} RECORD FIELD=VALUE",
            python=f"record = ws.conflicts({task.name!r}{', sources=True' if asks_sources else ''}).records[0]\n"
            f"ws.settle({task.name!r}, record.record.record_id, {{'FIELD': 'VALUE'}})",
            sql=f"select record_id, actor_id, value from votes where task = '{task.name}' and kind = 'person'",
        ),
    )
    return show(call, page, 422 if problem else 200)


def _of(call: Call, name: str) -> str:
    """A part of the address, or of what was posted."""
    return posted(call, name) if call.request.method == "POST" else asked(call, name)


def _chosen(call: Call, queue: Sequence[DisputedField]) -> tuple[int, tuple[str, str] | None]:
    """The place in the queue, and the record and field that are shown."""
    after = _of(call, "after")
    start = int(after) if after.isascii() and after.isdigit() and len(after) < 7 else 0
    record_id, field_id = _of(call, "record"), _of(call, "field")
    if record_id and field_id:
        at = next((i for i, d in enumerate(queue) if (d.record_id, d.field_id) == (record_id, field_id)), start - 1)
        return at, (record_id, field_id)
    # The other fields of a record come first, those that were passed over aside.
    same = next((i for i, d in enumerate(queue) if i >= start and d.record_id == record_id), start)
    at = same if same < len(queue) else 0
    return at, (queue[at].record_id, queue[at].field_id) if queue else None


def _dispute(ws: Workspace, task: Task, wanted: tuple[str, str]) -> Dispute | None:
    return next(iter(ws.disputes(task, [wanted])), None)


def _case(ws: Workspace, task: Task, dispute: Dispute, problem: str, typed: str) -> Case:
    one = next(f for f in task.fields if f.field_id == dispute.field_id)
    text = ws.store.records.texts([dispute.record_id])[dispute.record_id]
    marks: list[tuple[str, int, int]] = []
    rows = []
    for number, side in enumerate(dispute.sides[:MOST_SIDES], 1):
        spans = _spans(side.answer)
        look = f"field-{len({m[0] for m in marks}) % COLOURS}" if spans else ""
        marks += [(str(number), start, end) for start, end in spans]
        rows.append(_side(one, side, text, number, look))
    parts = pieces(text, marks)
    settled = dispute.settled
    return Case(
        record_id=dispute.record_id,
        field_id=one.field_id,
        field=one.name,
        type=dict(TYPES).get(one.type.value + "*" * one.takes_many, "a list of objects"),
        description=one.description,
        pieces=shortened(parts, AROUND) if len(text) > LONG else parts,
        sides=tuple(rows),
        has_absent=any(row.is_absent for row in rows),
        settled=f"{settled.who[0]} settled it: {_told(one, settled.answer, text)}" if settled else "",
        base=dispute.base or "",
        writes=_writes(one),
        options=("yes", "no") if one.type is FieldType.BOOLEAN else tuple(c.name for c in one.choices),
        typed=typed or _rows(one, dispute, text),
        problem=problem,
    )


def _side(one: Field, side: Side, text: str, number: int, look: str) -> SideRow:
    is_absent = side.answer is None
    return SideRow(
        key="x" if is_absent else str(number),
        says=_told(one, side.answer, text),
        is_absent=is_absent,
        who=", ".join(side.who),
        n_people=side.n_people,
        answer=msgspec.json.encode(side.answer).decode(),
        look=look,
        mark=str(number) if look else "",
    )


def _spans(answer: dict[str, Any] | None) -> list[tuple[int, int]]:
    """Where an answer stands; of a list, its parts."""
    if answer is None:
        return []
    found = [(start, end) for start, end in answer.get("spans") or ()]
    for item in answer.get("items", ()):
        found += [span for part in item.values() for span in _spans(part)]
    return sorted(set(found))


def _told(one: Field, answer: dict[str, Any] | None, text: str) -> str:
    if answer is None:
        return NOT_THERE
    if one.type is FieldType.BOOLEAN:
        return "yes" if answer["value"] else "no"
    return in_words(document_of((one,), {"fields": {one.field_id: answer}}, text)[one.name])


def _rows(one: Field, dispute: Dispute, text: str) -> str:
    """Of a list what most say, a row a line, for the reviewer to change: ``item: Tea | price: 3.00``."""
    items = next((s.answer["items"] for s in dispute.sides if s.answer), []) if one.type is FieldType.LIST else []
    documents = [document_of(one.fields, {"fields": item}, text) for item in items]
    return "\n".join(
        " | ".join(f"{name}: {in_words(value)}" for name, value in row.items() if value not in (None, []))
        for row in documents
    )


def _row_of(one: Field, line: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in line.split("|"):
        name, _, value = part.partition(":")
        inner = next((f for f in one.fields if f.name == name.strip()), None)
        if inner is None or not value.strip():
            names = " | ".join(f"{f.name}: …" for f in one.fields)
            raise InputError(f"“{part.strip()[:80]}” says no field of a row. A row is written as {names}")
        found[inner.name] = [v.strip() for v in value.split(";")] if inner.takes_many else value.strip()
    return found


def _writes(one: Field) -> str:
    if one.type is FieldType.LIST:
        return "rows"
    if one.type in (FieldType.CHOICE, FieldType.BOOLEAN):
        return "several" if one.takes_many else "one"
    return "lines" if one.takes_many else "line"


def _then(task: Task, one: DisputedField, asks_sources: bool) -> Then:
    name = next(f.name for f in task.fields if f.field_id == one.field_id)
    says = f"{one.n_voices} people disagree" if one.among_people else "other sources say otherwise"
    href = _here(task, sources=asks_sources, record=one.record_id, field=one.field_id)
    return Then(field=name, says=says, href=href)


def _here(task: Task, **values: Any) -> str:
    query = words.query_string(**{name: value for name, value in values.items() if value})
    return f"/label/tasks/{task.task_id}/review" + (f"?{query}" if query else "")


def settle(call: Call) -> Response:
    """``POST /label/tasks/{task_id}/review``: one field is settled; the next one follows."""
    ws, task = call.ws, call.ws.store.tasks.get(call.path["task_id"])
    record_id, field_id, typed = posted(call, "record"), posted(call, "field"), posted(call, "words")
    one = next((f for f in task.fields if f.field_id == field_id), None)
    if one is None:
        raise NotFoundError("The task has no such field any more.")
    base, given = posted(call, "base") or None, posted(call, "answer")
    try:
        if given:
            outcome = _take(ws, task, record_id, {field_id: _decoded(given)}, base)
        else:
            outcome = ws.settle(task, record_id, {one.name: _written(call, one)}, base=base)
    except InputError as error:
        return page_of(call, task, problem=error.message, typed=typed)
    where = {"sources": posted(call, "sources"), "record": record_id}
    if outcome.outcome == "stale":
        return go(_here(task, **where, field=field_id, clash=1))
    return go(_here(task, **where, after=posted(call, "after"), done=outcome.vote_id, settled=field_id))


def _decoded(given: str) -> Any:
    try:
        return msgspec.json.decode(given)
    except msgspec.DecodeError as error:
        raise InputError("That is no answer.") from error


def _take(ws: Workspace, task: Task, record_id: str, said: dict[str, Any], base: str | None) -> Outcome:
    vote = Submission(new_id("client"), "vote", record_id, {"fields": said}, base)
    (outcome,) = ws.submit(task, [vote], settles=True)
    if outcome.outcome == "refused":
        raise InputError(outcome.reason)
    return outcome


def _written(call: Call, one: Field) -> str | list[Any]:
    """What somebody wrote instead of all sides."""
    chosen = [v for v in call.form.getlist("words") if isinstance(v, str) and v.strip()]
    if not chosen:
        raise InputError(f"Write what “{one.name}” is, or press x where it is not in this text.")
    lines = [line.strip() for line in chosen[0].splitlines() if line.strip()]
    if one.type is FieldType.LIST:
        return [_row_of(one, line) for line in lines]
    if one.type is FieldType.SPAN and one.takes_many:
        return lines
    return chosen if one.takes_many else chosen[0].strip()


def undo(call: Call) -> Response:
    """``POST /label/tasks/{task_id}/review/undo``: a settled field waits again."""
    task = call.ws.store.tasks.get(call.path["task_id"])
    record_id = posted(call, "record")
    one = Submission(new_id("client"), "undo", record_id, undoes=posted(call, "vote_id"))
    (outcome,) = call.ws.submit(task, [one], settles=True)
    where = {"sources": posted(call, "sources"), "record": record_id, "field": posted(call, "field")}
    return go(_here(task, **where, undone=1 if outcome.outcome == "kept" else "late"))


def _done(call: Call, task: Task) -> Done | None:
    if asked(call, "undone"):
        if asked(call, "undone") == "1":
            return Done(sentence="Taken back: it waits again.")
        return Done(sentence="It stays.", more="A reviewer said something else of this record since.")
    if asked(call, "clash"):
        return Done(sentence="Nothing was changed.", more="Another reviewer settled this field meanwhile; see below.")
    vote = call.ws.store.person_votes.find(asked(call, "done")) if asked(call, "done") else None
    one = next((f for f in task.fields if f.field_id == asked(call, "settled")), None)
    if vote is None or one is None or vote["task_id"] != task.task_id or vote["value"] is None:
        return None
    said = msgspec.json.decode(vote["value"])["fields"]
    if one.field_id not in said:
        return None
    text = call.ws.store.records.texts([vote["record_id"]]).get(vote["record_id"], "")
    back = {"vote_id": vote["vote_id"], "record": vote["record_id"], "field": one.field_id}
    return Done(
        sentence=f"“{one.name}” is settled: {_told(one, said[one.field_id], text)[:200]}.",
        undo=f"/label/tasks/{task.task_id}/review/undo",
        fields=(*back.items(), ("sources", asked(call, "sources"))),
    )


_PATH = "/label/tasks/{task_id}/review"
ROUTES = (
    Route(_PATH, settle, Permission.REVIEW, methods=("POST",), shape=Shape.PAGE, form=True),
    Route(f"{_PATH}/undo", undo, Permission.REVIEW, methods=("POST",), shape=Shape.PAGE, form=True),
)
