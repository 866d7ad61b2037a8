"""The label station's API: what waits for the caller, and what they send back, kept once however often it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from homegrown.api.schemas import Done, Limit, Name, Strict
from homegrown.core.access import Permission
from homegrown.core.assignments import Outcome, Submission
from homegrown.core.models import OUT_OF_SCOPE
from homegrown.core.schema import MOST_FIELDS
from homegrown.core.tasks import TaskKind
from homegrown.errors import InputError
from homegrown.web.answers import json_response
from homegrown.web.route import Route
from homegrown.workspace.station import said_in

if TYPE_CHECKING:
    from starlette.responses import Response

    from homegrown.core.tasks import Task
    from homegrown.web.call import Call
    from homegrown.workspace.station import QueuePage, Waiting

ClientId = Annotated[str, msgspec.Meta(min_length=8, max_length=64, pattern="^[A-Za-z0-9_-]+$")]
Id = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Comment = Annotated[str, msgspec.Meta(max_length=5000)]


class QueueQuery(msgspec.Struct):
    """How many records to hold, and of which Selection."""

    n: Annotated[int, msgspec.Meta(ge=1, le=200)] = 20
    selection: Name | None = None


class SuggestionOut(msgspec.Struct):
    """A class that the record may have, and why."""

    class_id: str
    share: float
    why: str


class FieldSuggestionOut(msgspec.Struct):
    """What a field of an answer may hold, as votes have it; null: it is not in the text. Offsets count code points."""

    field_id: str
    answer: Any
    share: float
    why: str


class HeardOut(msgspec.Struct):
    """What somebody says of the record; an empty list means none of these."""

    who: str
    class_ids: list[str]
    confidence: float | None = None


class SideOut(msgspec.Struct):
    """One answer to a field, as votes have it, and who gives it: people first, ``n_people`` of them."""

    answer: Any
    who: list[str]
    n_people: int


class DisputeOut(msgspec.Struct):
    """What is said of one field, the side of most people first."""

    field_id: str
    sides: list[SideOut]


class WaitingOut(msgspec.Struct):
    """A record that waits for the caller; ``base`` is the vote that stands where theirs would go.

    Of a task whose answer is an object ``answers`` says what its fields may hold, and ``suggestions`` and ``votes`` are
    empty; among conflicts ``disputes`` tells each side of the fields that are disputed.
    """

    record_id: str
    text: str
    fields: Any
    reason: str
    base: str | None
    suggestions: list[SuggestionOut]
    votes: list[HeardOut]
    answers: list[FieldSuggestionOut]
    disputes: list[DisputeOut]


class QueueOut(msgspec.Struct):
    """What waits for the caller, and how much there is."""

    records: list[WaitingOut]
    n_waiting: int
    n_mine: int


class SubmissionIn(Strict):
    """A vote, its undoing, or a skip.

    ``client_id`` is made by the sender once and sent again with each repetition. ``class_ids`` of a vote may be empty:
    none of these. ``base`` names the vote that stood when this one was made, ``undoes`` the one that is taken back;
    each by its id or its client id.

    Of a task whose answer is an object a vote has an ``answer`` instead: by field id what the field holds, null where
    it is not in the text; a field that is left out was not looked at. Spans are pairs of offsets in code points, the
    end exclusive. A number, date or amount that is left out beside its span is read from the words there.
    """

    client_id: ClientId
    record_id: Id
    act: Literal["vote", "undo", "skip"] = "vote"
    class_ids: Annotated[list[Id], msgspec.Meta(max_length=2000)] = msgspec.field(default_factory=list)
    answer: Annotated[dict[str, Any], msgspec.Meta(max_length=MOST_FIELDS)] | None = None
    base: Id | None = None
    undoes: Id | None = None


class VotesBody(Strict):
    """Submissions in the order in which they were made."""

    votes: Annotated[list[SubmissionIn], msgspec.Meta(min_length=1, max_length=200)]


class StandsOut(msgspec.Struct):
    """The vote that stands instead; no class ids where it was taken back, or says none of these."""

    vote_id: str
    actor_id: str
    class_ids: list[str]
    created_at: str
    answer: dict[str, Any] | None = None


class OutcomeOut(msgspec.Struct):
    """What became of one submission: ``kept``, ``stale`` (see ``stands``) or ``refused`` (for the ``reason``)."""

    client_id: str
    outcome: str
    vote_id: str | None
    stands: StandsOut | None
    reason: str


class VotesOut(msgspec.Struct):
    """One outcome per submission, in order; what is kept is on the disk."""

    votes: list[OutcomeOut]


class ReleaseBody(Strict):
    """Which records to give back; all that the caller holds where none is named."""

    record_ids: Annotated[list[Id], msgspec.Meta(max_length=200)] | None = None


class ReleasedOut(msgspec.Struct):
    """How many records were given back."""

    n: int


class CommentBody(Strict):
    """Something said of a record beside the vote."""

    client_id: ClientId
    record_id: Id
    kind: Literal["comment", "flag", "question"]
    text: Comment = ""


class MineOut(msgspec.Struct):
    """A vote of the caller's own that stands, with its record."""

    vote_id: str
    client_id: str | None
    record_id: str
    text: str
    class_ids: list[str]
    created_at: str
    answer: dict[str, Any] | None = None


class MinesOut(msgspec.Struct):
    """The caller's own votes, newest first."""

    votes: list[MineOut]


class ConflictsQuery(msgspec.Struct):
    """How many, the longest waiting first; of objects the worst first.

    ``sources``, of objects: also fields on which people agree and a rule, an import or a model says otherwise.
    """

    limit: Limit = 20
    sources: bool = False


class MineQuery(msgspec.Struct):
    """How many, and before which time."""

    limit: Limit = 20
    before: Annotated[str, msgspec.Meta(max_length=40)] | None = None


class ReadBody(Strict):
    """Words of a record for a field, by its id or name: marked by a ``span`` of code points, or typed (``words``).

    A field of a list's rows is named by its id, or as ``list.field``. ``exact``: the marked words alone; else the whole
    date or amount of which they are a part. ``near``: where the row of a list begins; of several places of typed words
    the first behind it is meant.
    """

    record_id: Id
    field: Id
    span: tuple[int, int] | None = None
    words: Annotated[str, msgspec.Meta(max_length=2000)] | None = None
    exact: bool = False
    near: Annotated[int, msgspec.Meta(ge=0)] | None = None


class ReadOut(msgspec.Struct):
    """What the words may mean, the likeliest first; where that is not sure, somebody must say which."""

    answers: list[dict[str, Any]]
    is_sure: bool
    problem: str


def _of(call: Call) -> Task:
    task = call.ws.store.tasks.get(call.path["task_id"])
    call.ws.check_may_label(task)
    return task


def queue(call: Call) -> Response:
    """What waits for the caller."""
    asked: QueueQuery = call.query
    page = call.ws.next_records(_of(call), asked.n, selection=asked.selection, wait=False)
    return json_response(queue_out(page))


def conflicts(call: Call) -> Response:
    """Records on which people disagree."""
    asked: ConflictsQuery = call.query
    return json_response(queue_out(call.ws.conflicts(_of(call), asked.limit, sources=asked.sources)))


def queue_out(page: QueuePage) -> QueueOut:
    """A page of the queue as it goes over the wire."""
    return QueueOut([_waiting(w) for w in page.records], page.n_waiting, page.n_mine)


def _waiting(one: Waiting) -> WaitingOut:
    return WaitingOut(
        record_id=one.record.record_id,
        text=one.record.text,
        fields=one.fields,
        reason=one.assignment.reason,
        base=one.base,
        suggestions=[SuggestionOut(s.class_id, s.share, s.why) for s in one.suggestions],
        votes=[HeardOut(v.who, [c for c in v.class_ids if c != OUT_OF_SCOPE], v.confidence) for v in one.votes],
        answers=[FieldSuggestionOut(a.field_id, a.answer, a.share, a.why) for a in one.answers],
        disputes=[
            DisputeOut(d.field_id, [SideOut(s.answer, list(s.who), s.n_people) for s in d.sides]) for d in one.disputes
        ],
    )


def votes(call: Call) -> Response:
    """Keep the caller's own votes."""
    return _kept(call, settles=False)


def settle(call: Call) -> Response:
    """Keep votes that settle their records."""
    return _kept(call, settles=True)


def _kept(call: Call, *, settles: bool) -> Response:
    body: VotesBody = call.body
    task = _of(call)
    submissions = [Submission(v.client_id, v.act, v.record_id, _value(task, v), v.base, v.undoes) for v in body.votes]
    outcomes = call.ws.submit(task, submissions, settles=settles)
    found = VotesOut([_outcome(task, o) for o in outcomes])
    if all(o.outcome == "kept" for o in outcomes):
        return json_response(found)
    is_stale = any(o.outcome == "stale" for o in outcomes)
    message = (
        "Something else was said of a record since; what stands is told with each vote."
        if is_stale
        else next(o.reason for o in outcomes if o.outcome == "refused")
    )
    fault = {"code": "conflict" if is_stale else "bad_input", "message": message, "request_id": call.request_id}
    return json_response({"error": fault, "votes": found.votes}, 409 if is_stale else 422)


def _value(task: Task, one: SubmissionIn) -> dict[str, Any]:
    is_object = task.kind is TaskKind.OBJECT
    if one.act == "vote" and (one.answer is not None) != is_object:
        wanted = "fields: send an “answer”" if is_object else "classes: send “class_ids”"
        raise InputError(f"The task {task.name!r} is answered with {wanted}.")
    return {"fields": one.answer or {}} if is_object else {"classes": one.class_ids}


def _outcome(task: Task, one: Outcome) -> OutcomeOut:
    told, stands = one.stands, None
    if told is not None:
        said = said_in(task, told["value"])
        stands = StandsOut(vote_id=told["vote_id"], actor_id=told["actor_id"], created_at=told["created_at"], **said)
    return OutcomeOut(one.client_id, one.outcome, one.vote_id, stands, one.reason)


def mine(call: Call) -> Response:
    """The caller's own votes, newest first, to go back by."""
    asked: MineQuery = call.query
    return json_response(MinesOut([MineOut(**row) for row in call.ws.my_votes(_of(call), asked.limit, asked.before)]))


def read(call: Call) -> Response:
    """What words mean for a field."""
    body: ReadBody = call.body
    how = {"span": body.span, "words": body.words, "exact": body.exact, "near": body.near}
    found = call.ws.read_mark(_of(call), body.record_id, body.field, **how)
    return json_response(ReadOut(list(found.answers), found.is_sure, found.problem))


def release(call: Call) -> Response:
    """Give back what the caller holds."""
    return json_response(ReleasedOut(call.ws.release_records(_of(call), call.body.record_ids)))


def comment(call: Call) -> Response:
    """Keep a comment, a flag or a question."""
    body: CommentBody = call.body
    return json_response(Done(call.ws.comment(_of(call), body.record_id, body.kind, body.text, body.client_id)))


_TASK = "/api/v1/tasks/{task_id}"
ROUTES = (
    Route(
        f"{_TASK}/queue", queue, Permission.ANNOTATE, query=QueueQuery, answer=QueueOut,
        summary="The records that wait for the caller; nobody else gets them for a while.",
    ),
    Route(
        f"{_TASK}/votes", votes, Permission.ANNOTATE, methods=("POST",), body=VotesBody, answer=VotesOut,
        summary="Keep votes, undos and skips, each once however often it is sent.",
    ),
    Route(
        f"{_TASK}/votes/mine", mine, Permission.ANNOTATE, query=MineQuery, answer=MinesOut,
        summary="The caller's own votes that stand, newest first.",
    ),
    Route(
        f"{_TASK}/read", read, Permission.ANNOTATE, methods=("POST",), body=ReadBody, answer=ReadOut,
        summary="What marked or typed words mean for a field of an answer; nothing is kept.",
    ),
    Route(
        f"{_TASK}/release", release, Permission.ANNOTATE, methods=("POST",), body=ReleaseBody, answer=ReleasedOut,
        summary="Give back records that the caller holds, for others to take.",
    ),
    Route(
        f"{_TASK}/comments", comment, Permission.ANNOTATE, methods=("POST",), body=CommentBody, answer=Done,
        summary="Comment on a record, flag it, or ask about the guidelines.",
    ),
    Route(
        f"{_TASK}/conflicts", conflicts, Permission.REVIEW, query=ConflictsQuery, answer=QueueOut,
        summary="Records on which people disagree and which no reviewer settled; of objects with the fields.",
    ),
    Route(
        f"{_TASK}/settle", settle, Permission.REVIEW, methods=("POST",), body=VotesBody, answer=VotesOut,
        summary="Keep a reviewer's votes, which settle their records, or the fields that they name.",
    ),
)  # fmt: skip
