"""One record with all that is known of it, and what a person says that it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from starlette.responses import Response

from homegrown.core.access import Permission
from homegrown.core.tasks import TaskKind
from homegrown.errors import NotFoundError
from homegrown.studio import search, words
from homegrown.studio.answer import asked, show
from homegrown.studio.pages.label import vote_done
from homegrown.studio.view import AsCode, Done
from homegrown.web import Route, Shape

if TYPE_CHECKING:
    from homegrown.web import Call
    from homegrown.workspace import Workspace

_WHO = {"imported": "the column “{}”", "rule": "the rule “{}”", "model": "the model {}"}


@dataclass(frozen=True, kw_only=True)
class VoteRow:
    """A vote on the record; `why_not` says why it does not count, where it does not."""

    who: str
    says: str
    confidence: str
    at: str
    stands: bool
    why_not: str


@dataclass(frozen=True, kw_only=True)
class Question:
    """A task that the record can be asked about, with its classes."""

    task_id: str
    name: str
    classes: tuple[str, ...]
    takes_many: bool


@dataclass(frozen=True, kw_only=True)
class RecordPage:
    """One record."""

    template: ClassVar[str] = "query/record.html"
    record_id: str
    text: str
    done: Done | None
    fields: tuple[tuple[str, str], ...]
    votes: tuple[VoteRow, ...]
    tasks: tuple[Question, ...]
    as_code: AsCode


def record(call: Call) -> Response:
    """``GET /query/records/{record_id}``."""
    record_id = call.path["record_id"]
    found = call.ws.store.records.get([record_id])
    if not found:
        raise NotFoundError("There is no such record here. It may have been forgotten.")
    fields = [("Source", found[0].source), *((name, str(value)) for name, value in found[0].fields.items())]
    page = RecordPage(
        record_id=record_id,
        text=found[0].text,
        done=vote_done(call.ws, asked(call, "voted"), call.actor),
        fields=tuple(fields),
        votes=_votes(search.votes(call.ws, record_id)),
        tasks=_questions(call.ws) if call.actor.may(Permission.ANNOTATE) else (),
        as_code=AsCode(
            cli=f"homegrown query \"select * from votes where record_id = '{record_id}'\"",
            python=f'ws.vote("{record_id}", TASK, CLASS)',
            sql=f"select * from records where record_id = '{record_id}'",
        ),
    )
    return show(call, page)


def _votes(rows: list[dict[str, Any]]) -> tuple[VoteRow, ...]:
    changed = {row["supersedes"] for row in rows}
    heard = {r["task"] for r in rows if r["vote_id"] is not None and r["value"] and r["vote_id"] not in changed}
    return tuple(_vote(row, changed, heard) for row in rows)


def _vote(row: dict[str, Any], changed: set[str | None], heard: set[str]) -> VoteRow:
    """*changed* are ids of votes that a later one supersedes, *heard* the tasks on which a person has spoken."""
    is_person = row["vote_id"] is not None
    why_not = ""
    if is_person and row["vote_id"] in changed:
        why_not = "changed since"
    elif not is_person and row["task"] in heard:
        why_not = "a person outweighs it"
    sure = row["confidence"]
    return VoteRow(
        who=_WHO.get(row["kind"], "{}").format(row["label_source"]),
        says=row["says"],
        confidence=words.percent(sure, 0) if sure is not None else "",
        at=row["created_at"],
        stands=not why_not and row["value"] is not None,
        why_not=why_not,
    )


def _questions(ws: Workspace) -> tuple[Question, ...]:
    return tuple(
        Question(task_id=t.task_id, name=t.name, classes=t.class_names, takes_many=t.kind is TaskKind.CLASSES)
        for t in ws.store.tasks.all()
        if t.kind is not TaskKind.OBJECT
    )


ROUTES = (Route("/query/records/{record_id}", record, Permission.READ, shape=Shape.PAGE),)
