"""Issues: what is doubtful about records and labels, and deciding it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from homegrown.api import schemas as s
from homegrown.core.access import Permission
from homegrown.core.issues import Decision, Issue
from homegrown.web.answers import json_response
from homegrown.web.route import Route

if TYPE_CHECKING:
    from starlette.responses import Response

    from homegrown.web.call import Call


class IssueOut(msgspec.Struct):
    """An issue; ``harm`` is how much is to be expected of it, ``decisions`` what may be done about it."""

    issue_id: str
    kind: str
    task_id: str | None
    record_id: str
    other_id: str | None
    score: float
    harm: float
    reason: str
    details: Any
    state: str
    decisions: list[str]
    decided_by: str | None
    decided_at: str | None


class IssuesOut(msgspec.Struct):
    """The most harmful first, and how many there are by kind and state."""

    issues: list[IssueOut]
    counts: dict[str, dict[str, int]]


class IssuesQuery(msgspec.Struct):
    """Which issues: open ones by default; ``any`` for decided ones too."""

    limit: s.Limit = 50
    offset: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    kind: s.Name | None = None
    task: s.Name | None = None
    state: Literal["open", "kept", "relabelled", "dropped", "masked", "merged", "any"] = "open"


class DecisionBody(s.Strict):
    """What to do; ``labels``, or ``fields`` of an object, go with ``relabel``: without them the suggestion is taken."""

    decision: Decision
    labels: Annotated[list[s.Name], msgspec.Meta(max_length=1000)] | None = None
    fields: dict[str, Any] | None = None


def _out(issue: Issue) -> IssueOut:
    return IssueOut(
        issue.issue_id, issue.kind, issue.task_id, issue.record_id, issue.other_id, issue.score, issue.harm,
        issue.reason, dict(issue.details), issue.state, [d.value for d in issue.decisions], issue.decided_by,
        issue.decided_at,
    )  # fmt: skip


def listing(call: Call) -> Response:
    """Issues."""
    q: IssuesQuery = call.query
    state = None if q.state == "any" else q.state
    found = call.ws.issues(q.task, kind=q.kind, state=state, limit=q.limit, offset=q.offset)
    return json_response(IssuesOut([_out(i) for i in found], call.ws.store.issues.counts()))


def one(call: Call) -> Response:
    """One issue."""
    return json_response(_out(call.ws.store.issues.get(call.path["issue_id"])))


def decide(call: Call) -> Response:
    """Decide one."""
    body: DecisionBody = call.body
    return json_response(
        _out(
            call.ws.decide(
                call.path["issue_id"], body.decision, said=body.labels if body.fields is None else body.fields
            )
        )
    )


def undo(call: Call) -> Response:
    """Take a decision back."""
    return json_response(_out(call.ws.undo_decision(call.path["issue_id"])))


ROUTES = (
    Route(
        "/api/v1/issues", listing, Permission.READ, query=IssuesQuery, answer=IssuesOut,
        summary="What is doubtful about records and labels, the most harmful first.",
    ),
    Route("/api/v1/issues/{issue_id}", one, Permission.READ, answer=IssueOut, summary="One issue."),
    Route(
        "/api/v1/issues/{issue_id}/decision", decide, Permission.REVIEW, methods=("POST",), body=DecisionBody,
        answer=IssueOut, summary="Decide an issue: keep, relabel, drop, mask or merge.",
    ),
    Route(
        "/api/v1/issues/{issue_id}/undo", undo, Permission.REVIEW, methods=("POST",), answer=IssueOut,
        summary="Take a decision back.",
    ),
)  # fmt: skip
