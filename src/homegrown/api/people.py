"""Who labels a task, over the wire: agreement, and what people asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from homegrown.api.schemas import Done, Strict
from homegrown.api.station import Comment
from homegrown.core.access import Permission
from homegrown.web.answers import json_response
from homegrown.web.route import Route

if TYPE_CHECKING:
    from starlette.responses import Response

    from homegrown.web.call import Call


class TeamOut(msgspec.Struct):
    """Krippendorff's alpha over all, per class (of objects per field) and per pair; and each person's work.

    Each alpha comes with its interval and n; of spans it is the unitizing one, with the mean F1 of each two people.
    """

    agreement: Any
    classes: list[Any]
    fields: list[Any]
    pairs: list[Any]
    people: list[Any]
    n_conflicts: int
    n_questions: int


class RemarkOut(msgspec.Struct):
    """A comment, flag or question."""

    comment_id: str
    record_id: str
    actor: str
    kind: str
    text: str
    created_at: str
    resolved_at: str | None
    answer: str | None


class RemarksOut(msgspec.Struct):
    """Open ones first, then the newest."""

    comments: list[RemarkOut]


class RemarksQuery(msgspec.Struct):
    """Of one kind, or all."""

    kind: Literal["comment", "flag", "question"] | None = None


class AnswerBody(Strict):
    """What is answered; may be empty: seen."""

    answer: Comment = ""


def team(call: Call) -> Response:
    """Who labels a task and how far they agree."""
    found = call.ws.team(call.ws.store.tasks.get(call.path["task_id"]))
    return json_response(TeamOut(**found.document()))


def remarks(call: Call) -> Response:
    """What people said beside their votes."""
    task = call.ws.store.tasks.get(call.path["task_id"])
    rows = call.ws.store.comments.of_task(task.task_id, kind=call.query.kind)
    fields = RemarkOut.__struct_fields__
    return json_response(RemarksOut([RemarkOut(**{f: row[f] for f in fields}) for row in rows]))


def answer(call: Call) -> Response:
    """Close a remark with an answer."""
    call.ws.answer(call.path["comment_id"], call.body.answer)
    return json_response(Done(call.path["comment_id"]))


ROUTES = (
    Route(
        "/api/v1/tasks/{task_id}/people", team, Permission.REVIEW, answer=TeamOut,
        summary="Who labels a task, how far they agree, and what each seems to confuse.",
    ),
    Route(
        "/api/v1/tasks/{task_id}/comments", remarks, Permission.REVIEW, query=RemarksQuery, answer=RemarksOut,
        summary="What people asked, flagged or remarked, open ones first.",
    ),
    Route(
        "/api/v1/comments/{comment_id}/answer", answer, Permission.REVIEW, methods=("POST",), body=AnswerBody,
        answer=Done, summary="Answer a question, or mark a remark as seen.",
    ),
)  # fmt: skip
