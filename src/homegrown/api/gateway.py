"""The way out of a model API, as JSON: routes, calls, who answers and within which bound."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from homegrown.api import schemas as s
from homegrown.core.access import Permission
from homegrown.core.routing import CaptureMode, Leaves
from homegrown.core.traces import CallState, answer_of, messages_of
from homegrown.web.answers import json_response
from homegrown.web.route import Route

if TYPE_CHECKING:
    from starlette.responses import Response

    from homegrown.core.routing import Exit, GatewayRoute
    from homegrown.core.traces import Captured
    from homegrown.evaluate import Bound
    from homegrown.store.route_traffic import RouteCounts
    from homegrown.web.call import Call
    from homegrown.workspace.leaving import ExitReport
    from homegrown.workspace.switching import Switched

Share = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Id = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Moment = Annotated[str, msgspec.Meta(max_length=40)]


class TargetOut(msgspec.Struct):
    """An upstream by its name, and the model that it is asked for; null: the one that the caller names."""

    upstream: str
    model: str | None


class ExitOut(msgspec.Struct):
    """Models of ours that answer calls of a route: at home, or silently in the shadow; several are named in order."""

    exit_id: str
    model: str
    version_id: str
    template_id: str
    mode: str
    threshold: float | None
    alpha: float
    delta: float
    audit_share: float
    share: float


class TrafficOut(msgspec.Struct):
    """Calls of the last day: all, answered by a model of ours, not whole; what they cost."""

    n: int
    n_home: int
    n_bad: int
    cost_usd: float
    last_at: str | None


class RouteOut(msgspec.Struct):
    """A route, its traffic of the last day and who answers."""

    route_id: str
    name: str
    targets: list[TargetOut]
    leaves: str
    capture: str
    sample: float
    keep_days: float | None
    mask_kept: bool
    max_open: int | None
    created_at: str
    exit: ExitOut | None
    can_go_back: bool
    day: TrafficOut


class RoutesOut(msgspec.Struct):
    """All routes, by name."""

    routes: list[RouteOut]


class RouteBody(s.Strict):
    """What a route does; `upstreams` are names, or NAME=MODEL."""

    upstreams: Annotated[list[s.Name], msgspec.Meta(max_length=8)] = msgspec.field(default_factory=list)
    model: s.Name | None = None
    leaves: Leaves = Leaves.ALLOW
    capture: CaptureMode = CaptureMode.DURABLE
    sample: float = 1.0
    keep_days: float | None = None
    mask_kept: bool = False
    max_open: int | None = None


class GoneOut(msgspec.Struct):
    """What was removed."""

    route_id: str
    removed: bool


class CallOut(msgspec.Struct):
    """A call without its texts; `model` is what the caller named, `version_id` the model of ours that answered."""

    trace_id: str
    created_at: str
    state: str
    model: str
    wire: str
    route_id: str | None
    template_id: str | None
    upstream_id: str | None
    version_id: str | None
    actor_id: str | None
    status: int | None
    is_stream: bool
    n_tokens_in: int | None
    n_tokens_out: int | None
    cost_usd: float | None
    latency_s: float | None
    first_token_s: float | None
    tags: dict[str, str]
    error: str | None


class CallsOut(msgspec.Struct):
    """A page of calls, newest first; `next_before` goes back as `before`."""

    calls: list[CallOut]
    next_before: str | None


class MessageOut(msgspec.Struct):
    """One turn, as plain text."""

    role: str
    content: str


class WholeCallOut(msgspec.Struct):
    """A call with what was said, as text and as it went over the wire."""

    call: CallOut
    messages: list[MessageOut]
    answer: str | None
    request: Any
    response: Any


class CallsQuery(msgspec.Struct):
    """Which calls."""

    state: CallState | None = None
    route: s.Name | None = None
    template: Id | None = None
    since: Moment | None = None
    before: Id | None = None
    limit: s.Limit = 50


class SwitchBody(s.Strict):
    """Which model shall answer, and within which bound; `shadow`: silently. A `share` alone changes that alone."""

    models: Annotated[list[s.Name], msgspec.Meta(max_length=8)] = msgspec.field(default_factory=list)
    alpha: Share = 0.02
    delta: Share = 0.05
    audit_share: Share = 0.02
    template: Id | None = None
    shadow: bool = False
    share: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None
    by: Literal["document", "field"] = "document"


class HomeFieldOut(msgspec.Struct):
    """One field of documents: of how many it is given at home, and in how many of these it differs."""

    name: str
    n_home: int
    n_differ: int
    coverage: float


class BoundOut(msgspec.Struct):
    """What the held-out calls say of a bound: `threshold` is null where none can be vouched for.

    Of a model of objects `n`, `n_home` and `coverage` are of whole documents, and `by` says what `alpha` bounds.
    """

    alpha: float
    delta: float
    threshold: float | None
    n: int
    n_home: int
    disagreement: float | None
    coverage: float
    coverage_ci95: tuple[float, float]
    agreement: float
    n_more: int | None
    sentence: str
    by: str | None = None
    fields_coverage: float | None = None
    fields_coverage_ci95: tuple[float, float] | None = None
    fields_differ: float | None = None
    fields: list[HomeFieldOut] = msgspec.field(default_factory=list)


class SwitchedOut(msgspec.Struct):
    """What became of a route."""

    switched: bool
    exit: ExitOut | None
    bound: BoundOut | None
    sentence: str


class BoundsQuery(msgspec.Struct):
    """Of which model (several by commas), with which delta; of documents, given whole or field by field."""

    model: s.Name
    delta: Share = 0.05
    template: Id | None = None
    by: Literal["document", "field"] = "document"


class BoundsOut(msgspec.Struct):
    """The same model at several alphas."""

    bounds: list[BoundOut]


class StageOut(msgspec.Struct):
    """What one of the models that are asked in turn has done; `fallen` says why it answers no more."""

    model: str
    threshold: float | None
    n_calls: int
    n_home: int
    n_audits: int
    n_differ: int
    fallen: str | None
    reason: str | None
    n_labels: int | None


class ReportOut(msgspec.Struct):
    """What the models that answer have done since they were switched on; intervals of checks hold at every moment."""

    exit: ExitOut
    since: str
    outcomes: dict[str, int]
    stages: list[StageOut]
    n_calls: int
    n_home: int
    coverage: float | None
    coverage_ci95: tuple[float, float] | None
    n_audits: int
    n_differ: int
    differ: float | None
    differ_interval: tuple[float, float] | None
    fallen: str | None
    home_s: float | None
    upstream_s: float | None
    saved_usd: float | None


class StateOut(msgspec.Struct):
    """Who answers a route's calls in the upstream's place; null where nothing does."""

    report: ReportOut | None


def _route(call: Call, route: GatewayRoute, traffic: dict[str, RouteCounts]) -> RouteOut:
    c, names = route.config, {u.upstream_id: u.name for u in call.ws.upstreams()}
    targets = [TargetOut(names.get(t.upstream_id, t.upstream_id), t.model) for t in c.targets]
    day = msgspec.convert(asdict(traffic[route.name]), TrafficOut)
    return RouteOut(
        route.route_id, route.name, targets, c.leaves.value, c.capture.value, c.sample, c.keep_days, c.mask_kept,
        c.max_open, route.created_at, _exit(c.exit), bool(c.earlier), day,
    )  # fmt: skip


def _exit(exit: Exit | None) -> ExitOut | None:
    if exit is None:
        return None
    return ExitOut(
        exit.exit_id, exit.model, exit.version_id, exit.template_id, exit.mode.value, exit.threshold, exit.alpha,
        exit.delta, exit.audit_share, exit.share,
    )  # fmt: skip


def _bound(found: Bound) -> BoundOut:
    return msgspec.convert(found, BoundOut, from_attributes=True)


def _call(one: Captured) -> CallOut:
    return msgspec.convert(one, CallOut, from_attributes=True)


def _report(found: ExitReport | None) -> ReportOut | None:
    if found is None:
        return None
    facts = {n: getattr(found, n) for n in ReportOut.__struct_fields__ if n not in ("exit", "stages")}
    stages = [msgspec.convert(asdict(one), StageOut) for one in found.stages]
    exit = _exit(found.exit)
    assert exit is not None
    return ReportOut(exit=exit, stages=stages, **facts)


def routes(call: Call) -> Response:
    """All of them."""
    traffic = call.ws.route_traffic()
    return json_response(RoutesOut([_route(call, r, traffic) for r in call.ws.routes()]))


def put_route(call: Call) -> Response:
    """Make one, or change it."""
    made = call.ws.put_route(call.path["name"], **msgspec.structs.asdict(call.body))
    return json_response(_route(call, made, call.ws.route_traffic()))


def drop_route(call: Call) -> Response:
    """Remove one."""
    return json_response(GoneOut(call.ws.remove_route(call.path["name"]).route_id, True))


def calls(call: Call) -> Response:
    """A page of them."""
    q: CallsQuery = call.query
    found = call.ws.calls(**msgspec.structs.asdict(q))
    return json_response(CallsOut([_call(c) for c in found], found[-1].trace_id if len(found) == q.limit else None))


def one_call(call: Call) -> Response:
    """One, whole."""
    found = call.ws.captured_call(call.path["trace_id"])
    turns = [MessageOut(m["role"], m["content"]) for m in messages_of(found)]
    return json_response(WholeCallOut(_call(found), turns, answer_of(found), found.request, found.response))


def state(call: Call) -> Response:
    """Who answers, and what came of it."""
    return json_response(StateOut(_report(call.ws.exit_report(call.path["name"]))))


def bounds(call: Call) -> Response:
    """What each alpha would bring."""
    q: BoundsQuery = call.query
    models = q.model.split(",")
    found = call.ws.exit_choices(call.path["name"], *models, delta=q.delta, template=q.template, by=q.by)
    return json_response(BoundsOut([_bound(b) for b in found]))


def switch(call: Call) -> Response:
    """Let a model answer."""
    body = msgspec.structs.asdict(call.body)
    models = body.pop("models")
    before = call.ws.store.routes.get(call.path["name"]).config.exit
    return _switched(call.ws.switch_route(call.path["name"], *models, **body), before)


def off(call: Call) -> Response:
    """The upstream answers everything again."""
    before = call.ws.store.routes.get(call.path["name"]).config.exit
    return _switched(call.ws.switch_route(call.path["name"], off=True), before)


def back(call: Call) -> Response:
    """What answered before answers again."""
    before = call.ws.store.routes.get(call.path["name"]).config.exit
    return _switched(call.ws.switch_route(call.path["name"], back=True), before)


def _switched(done: Switched, before: Exit | None) -> Response:
    bound = None if done.bound is None else _bound(done.bound)
    return json_response(SwitchedOut(done.exit != before, _exit(done.exit), bound, done.sentence))


_ROUTE = "/api/v1/gateway/routes/{name:path}"

ROUTES = (
    Route(
        "/api/v1/gateway/routes", routes, Permission.READ, answer=RoutesOut,
        summary="All routes of the gateway, with their traffic of the last day and who answers.",
    ),
    Route(
        f"{_ROUTE}/exit", state, Permission.READ, answer=StateOut,
        summary="What a model of yours that answers calls of a route has done, and whether it fell back.",
    ),
    Route(
        f"{_ROUTE}/exit", switch, Permission.GOVERN, methods=("PUT",), body=SwitchBody, answer=SwitchedOut,
        summary="Let a model answer the calls of a route that it is sure of, or answer silently.",
    ),
    Route(
        f"{_ROUTE}/exit", off, Permission.GOVERN, methods=("DELETE",), answer=SwitchedOut,
        summary="Let the upstream answer everything again.",
    ),
    Route(
        f"{_ROUTE}/exit/back", back, Permission.GOVERN, methods=("POST",), answer=SwitchedOut,
        summary="Let what answered before answer again.",
    ),
    Route(
        f"{_ROUTE}/exit/bounds", bounds, Permission.READ, query=BoundsQuery, answer=BoundsOut,
        summary="Which share of the calls a model could answer at several bounds.",
    ),
    Route(
        _ROUTE, put_route, Permission.GOVERN, methods=("PUT",), body=RouteBody, answer=RouteOut,
        summary="Say where calls of a model's name go, what may leave and what is kept.",
    ),
    Route(
        _ROUTE, drop_route, Permission.GOVERN, methods=("DELETE",), answer=GoneOut,
        summary="Remove a route; the calls that came by it stay.",
    ),
    Route(
        "/api/v1/gateway/calls", calls, Permission.READ, query=CallsQuery, answer=CallsOut,
        summary="Calls that were kept, newest first, without their texts.",
    ),
    Route(
        "/api/v1/gateway/calls/{trace_id}", one_call, Permission.READ, answer=WholeCallOut,
        summary="One call with what was said.",
    ),
)  # fmt: skip
