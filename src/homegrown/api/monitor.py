"""Tasks found in captured calls, as JSON: the list, looking anew, making a Task of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from homegrown.api import schemas as s
from homegrown.core.access import Permission
from homegrown.jobs import JobQueue
from homegrown.web.answers import json_response
from homegrown.web.route import Route

if TYPE_CHECKING:
    from starlette.responses import Response

    from homegrown.monitor import Proposal
    from homegrown.web.call import Call

_Names = Annotated[dict[str, str | None], msgspec.Meta(max_length=2000)]


class PartOut(msgspec.Struct):
    """A part of the answers; `name` is empty for the whole answer, `agreement` how far single words predict it."""

    name: str
    kind: str
    classes: list[str]
    agreement: float | None


class FoundOut(msgspec.Struct):
    """A prompt that calls share; money is in USD, null where no cost or no time is known."""

    template_id: str
    name: str
    state: str
    suits: str
    reason: str
    n_calls: int
    n_wordings: int
    share: float
    calls_month: float | None
    cost_month_usd: float | None
    savings_month_usd: float | None
    models: dict[str, int]
    parts: list[PartOut]
    tasks: dict[str, str]


class BillOut(msgspec.Struct):
    """All calls together; shares are of cost, tokens or calls, as `by` says."""

    n_calls: int
    n_priced: int
    cost_usd: float
    by: str
    learnable: float
    unlearnable: float
    loose: float
    days: float | None
    is_simulated: bool


class TrafficOut(msgspec.Struct):
    """Task proposals, best savings first."""

    proposals: list[FoundOut]
    bill: BillOut


class JobOut(msgspec.Struct):
    """The job that does it."""

    job_id: str


class AcceptBody(s.Strict):
    """How a Task is made; `names`: label to class, null for none of the classes."""

    name: s.Name | None = None
    field: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    names: _Names = msgspec.field(default_factory=dict)


class TagBody(s.Strict):
    """Calls with a tag, of which somebody says that they are one task."""

    tag: s.Name
    value: s.Name
    name: s.Name | None = None
    field: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    names: _Names = msgspec.field(default_factory=dict)


def _found(p: Proposal) -> FoundOut:
    t = p.template
    parts = [
        PartOut(f.name, f.kind.value, list(f.classes), t.agreement[f.name].value if f.name in t.agreement else None)
        for f in t.shape.fields
    ]
    return FoundOut(
        t.template_id, t.name, t.state.value, p.suits.value, p.reason, t.volume.n_calls, len(t.variants), p.share,
        p.calls_month, p.cost_month_usd, p.savings_month_usd, t.models, parts, t.tasks,
    )  # fmt: skip


def tasks(call: Call) -> Response:
    """What was found the last time."""
    found = call.ws.traffic()
    bill = msgspec.convert(msgspec.to_builtins(found.bill), BillOut)
    return json_response(TrafficOut([_found(p) for p in found.proposals], bill))


def _submit(call: Call, verb: str, arguments: dict[str, Any]) -> Response:
    queue = JobQueue(call.ws.store.db)
    return json_response(JobOut(queue.submit(call.actor, verb, arguments, key=call.idempotency_key)))


def find(call: Call) -> Response:
    """Look through all captured calls, as a job."""
    return _submit(call, "find_tasks", {})


def accept(call: Call) -> Response:
    """Make a Task of a template, as a job."""
    template = call.ws.store.templates.get(call.path["template_id"])
    body = msgspec.to_builtins(call.body)
    return _submit(call, "accept_task", {"template_id": template.template_id, **body})


def accept_tag(call: Call) -> Response:
    """Make a Task of the calls with a tag, as a job."""
    return _submit(call, "accept_tag", msgspec.to_builtins(call.body))


ROUTES = (
    Route(
        "/api/v1/monitor/tasks", tasks, Permission.READ, answer=TrafficOut,
        summary="Tasks found in captured calls, best savings first, and the bill.",
    ),
    Route(
        "/api/v1/monitor/find", find, Permission.BUILD, methods=("POST",), answer=JobOut,
        summary="Queue a look through all captured calls for prompts that they share.",
    ),
    Route(
        "/api/v1/monitor/tasks/{template_id}/accept", accept, Permission.BUILD, methods=("POST",), body=AcceptBody,
        answer=JobOut, summary="Queue making a Task of a template; again, only what is new is added.",
    ),
    Route(
        "/api/v1/monitor/tags/accept", accept_tag, Permission.BUILD, methods=("POST",), body=TagBody, answer=JobOut,
        summary="Queue making a Task of all calls with a tag.",
    ),
)  # fmt: skip
