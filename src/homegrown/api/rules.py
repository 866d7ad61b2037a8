"""Rules of a task as JSON: list, add, try, run, remove, bring back. Rules in Python do not come by this way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from homegrown.core.access import Permission
from homegrown.core.rules import Condition, Fill, Name, Says
from homegrown.jobs import JobQueue
from homegrown.web.answers import json_response
from homegrown.web.route import Route

if TYPE_CHECKING:
    from starlette.responses import Response

    from homegrown.core.tasks import Task
    from homegrown.label.rules.measure import Estimate
    from homegrown.web.call import Call
    from homegrown.workspace.rules import StandingRule

_NAME = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class RuleBody(msgspec.Struct, forbid_unknown_fields=True):
    """A rule: ``says`` (names of classes) and ``when`` (conditions); for a task with fields ``fills``, not ``says``."""

    name: Name
    when: Annotated[list[Condition], msgspec.Meta(max_length=20)] = []
    says: Says | msgspec.UnsetType = msgspec.UNSET
    fills: Annotated[list[Fill], msgspec.Meta(min_length=1, max_length=50)] | msgspec.UnsetType = msgspec.UNSET


class AccuracyOut(msgspec.Struct):
    """How often a rule is right where it votes; `basis` is people (counted) or sources (expected)."""

    value: float
    low: float
    high: float
    n: int
    basis: str


class RuleOut(msgspec.Struct):
    """A standing rule; `rule` is null where it is written in Python."""

    name: str
    label_source_id: str
    version: int
    sentence: str
    rule: RuleBody | None
    has_run: bool
    n_votes: int
    coverage: float
    n_overlap: int
    n_conflict: int
    accuracy: AccuracyOut | None


class RulesOut(msgspec.Struct):
    """The rules of a task."""

    rules: list[RuleOut]


class AddedOut(msgspec.Struct):
    """A rule was kept; it votes at the next run."""

    label_source_id: str


class BesideOut(msgspec.Struct):
    """Another source on the records that a rule votes on."""

    kind: str
    name: str
    n_both: int
    n_conflict: int


class ShownOut(msgspec.Struct):
    """A record to look at; ``marks``, of fields: name, start and end in ``text``, in code points."""

    record_id: str
    text: str
    label: str
    would_be: str
    marks: list[tuple[str, int, int]]


class FieldTriedOut(msgspec.Struct):
    """A field that a rule fills: on how many records, and of what people say of it there how much it says too."""

    name: str
    n_fills: int
    n_judged: int
    n_right: int


class RulePreviewOut(msgspec.Struct):
    """What a rule would do."""

    n_records: int
    n_matches: int
    coverage: float
    is_sample: bool
    n_overlap: int
    n_conflict: int
    n_new: int
    n_changed: int
    accuracy: AccuracyOut | None
    beside: list[BesideOut]
    matches: list[ShownOut]
    conflicts: list[ShownOut]
    misses: list[ShownOut]
    changes: list[ShownOut]
    judge: list[ShownOut]
    thresholds: list[float]
    seconds: float
    note: str
    by_field: list[FieldTriedOut]


class RunBody(msgspec.Struct, forbid_unknown_fields=True):
    """Which rules run, all when none are named; and whether over all records again."""

    names: list[_NAME] | None = None
    again: bool = False


class RunOut(msgspec.Struct):
    """The job that runs them."""

    job_id: str


class NamedBody(msgspec.Struct, forbid_unknown_fields=True):
    """A rule by its name."""

    name: _NAME


class VersionBody(msgspec.Struct, forbid_unknown_fields=True):
    """A version of a rule by its id."""

    label_source_id: _NAME


def _task(call: Call) -> Task:
    return call.ws.store.tasks.get(call.path["task_id"])


def _said(call: Call) -> dict[str, Any]:
    """The rule of a body; which of its parts it must have, the task says."""
    return msgspec.to_builtins(call.body)


def _accuracy(found: Estimate | None) -> AccuracyOut | None:
    return None if found is None else AccuracyOut(found.value, found.low, found.high, found.n, found.basis)


def _rule(one: StandingRule) -> RuleOut:
    f = one.figures
    rule = None if one.rule is None else msgspec.convert(msgspec.to_builtins(one.rule), RuleBody)
    return RuleOut(
        one.name, one.label_source_id, one.version, one.sentence, rule, one.has_run, f.n_votes, f.coverage,
        f.n_overlap, f.n_conflict, _accuracy(f.accuracy),
    )  # fmt: skip


def rules(call: Call) -> Response:
    """The rules of a task with what they do."""
    return json_response(RulesOut([_rule(r) for r in call.ws.rules(_task(call))]))


def add(call: Call) -> Response:
    """Keep a rule."""
    return json_response(AddedOut(call.ws.add_rule(_task(call), _said(call))))


def preview(call: Call) -> Response:
    """What a rule would do; nothing is kept."""
    found = call.ws.preview_rule(_task(call), _said(call))
    facts: dict[str, Any] = {**msgspec.to_builtins(found), "coverage": found.coverage}
    return json_response(msgspec.convert(facts, RulePreviewOut))


def run(call: Call) -> Response:
    """Queue a run of the rules; when this answers it is durable."""
    body: RunBody = call.body
    task = _task(call)
    if body.names is not None:
        call.ws.store.rules.list(task.task_id, body.names)  # names that are none are told now, not by the job
    arguments = {"task_id": task.task_id, "names": body.names, "again": body.again}
    queue = JobQueue(call.ws.store.db)
    return json_response(RunOut(queue.submit(call.actor, "rules", arguments, key=call.idempotency_key)))


def remove(call: Call) -> Response:
    """A rule votes no more; the answer names what brings it back."""
    return json_response(AddedOut(call.ws.remove_rule(_task(call), call.body.name)))


def restore(call: Call) -> Response:
    """A version of a rule counts again, with the votes that it had."""
    return json_response(AddedOut(call.ws.restore_rule(_task(call), call.body.label_source_id)))


_PATH = "/api/v1/tasks/{task_id}/rules"
ROUTES = (
    Route(_PATH, rules, Permission.READ, answer=RulesOut, summary="The rules of a task, with what they do."),
    Route(
        _PATH, add, Permission.BUILD, methods=("POST",), body=RuleBody, answer=AddedOut,
        summary="Keep a rule; one of the same name is changed.",
    ),
    Route(
        f"{_PATH}/preview", preview, Permission.BUILD, methods=("POST",), body=RuleBody, answer=RulePreviewOut,
        summary="What a rule would do on the records that are here; nothing is kept.",
    ),
    Route(
        f"{_PATH}/run", run, Permission.BUILD, methods=("POST",), body=RunBody, answer=RunOut,
        summary="Queue a run of the rules over the records that they have not seen.",
    ),
    Route(
        f"{_PATH}/remove", remove, Permission.BUILD, methods=("POST",), body=NamedBody, answer=AddedOut,
        summary="Let a rule vote no more; answers the version that stood.",
    ),
    Route(
        f"{_PATH}/restore", restore, Permission.BUILD, methods=("POST",), body=VersionBody, answer=AddedOut,
        summary="Bring a version of a rule back with its votes.",
    ),
)  # fmt: skip
