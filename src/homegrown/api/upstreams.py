"""Registered model APIs, what asking one would cost, and labels in the formats of other software."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from starlette.responses import StreamingResponse

from homegrown.api import schemas as s
from homegrown.core.access import Permission
from homegrown.web.answers import json_response
from homegrown.web.route import Route
from homegrown.workspace.exchange import suffix_of

if TYPE_CHECKING:
    from starlette.responses import Response

    from homegrown.core.upstreams import Upstream
    from homegrown.web.call import Call

Price = Annotated[float, msgspec.Meta(ge=0, le=1e6)]


class UpstreamBody(s.Strict):
    """A model API that speaks OpenAI's protocol. The key is never given back; another origin drops it."""

    base_url: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    model: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    key: Annotated[str, msgspec.Meta(min_length=1, max_length=4000)] | None = None
    price_in_usd: Price | None = None
    price_out_usd: Price | None = None
    terms: Annotated[str, msgspec.Meta(max_length=100)] = ""
    private: bool = False


class UpstreamOut(msgspec.Struct):
    """A registered model API; prices are in USD for a million tokens."""

    upstream_id: str
    name: str
    base_url: str
    model: str
    price_in_usd: float
    price_out_usd: float
    terms: str
    private: bool
    has_key: bool
    created_at: str


class UpstreamsOut(msgspec.Struct):
    """All of them, by name."""

    upstreams: list[UpstreamOut]


class AskBody(s.Strict):
    """What would be asked of which upstream."""

    upstream: s.Name
    budget_usd: Annotated[float, msgspec.Meta(ge=0, le=1e6)] = 1.0
    limit: Annotated[int, msgspec.Meta(ge=1)] | None = None
    per_call: Annotated[int, msgspec.Meta(ge=1, le=20)] | None = None


class PromptOut(msgspec.Struct):
    """One call as it would be sent."""

    system: str
    user: str


class DryRunOut(msgspec.Struct):
    """What asking would cost; nothing was sent."""

    upstream: str
    model: str
    prompts: list[PromptOut]
    n_records: int
    n_known: int
    n_asked: int
    n_calls: int
    cost_usd: float
    cost_usd_low: float
    cost_usd_high: float
    spent_usd: float
    budget_usd: float
    is_enough: bool
    n_masked: dict[str, int]


class FormatQuery(msgspec.Struct):
    """For which software."""

    format: Literal["label-studio", "argilla", "prodigy", "doccano", "openai", "conll"]


def _out(u: Upstream) -> UpstreamOut:
    return UpstreamOut(
        u.upstream_id, u.name, u.base_url, u.model, u.price_in_usd, u.price_out_usd, u.terms, u.is_private, u.has_key,
        u.created_at,
    )  # fmt: skip


def upstreams(call: Call) -> Response:
    """All registered model APIs."""
    return json_response(UpstreamsOut([_out(u) for u in call.ws.upstreams()]))


def put_upstream(call: Call) -> Response:
    """Register one, or change it."""
    b: UpstreamBody = call.body
    made = call.ws.add_upstream(
        call.path["name"], b.base_url, model=b.model, key=b.key, price_in_usd=b.price_in_usd,
        price_out_usd=b.price_out_usd, terms=b.terms, private=b.private,
    )  # fmt: skip
    return json_response(_out(made))


def remove_upstream(call: Call) -> Response:
    """Remove one with its key."""
    return json_response(s.Done(call.ws.remove_upstream(call.path["name"]).upstream_id))


def dry_run(call: Call) -> Response:
    """The first prompts, and the cost."""
    b: AskBody = call.body
    task = call.ws.store.tasks.get(call.path["task_id"])
    plan = call.ws.ask(task, b.upstream, budget_usd=b.budget_usd, limit=b.limit, per_call=b.per_call, dry_run=True)
    return json_response(plan)


def labels(call: Call) -> Response:
    """All records with their labels, as a file of other software."""
    query: FormatQuery = call.query
    task = call.ws.store.tasks.get(call.path["task_id"])
    content = call.ws.stream_labels(task, format=query.format)
    headers = {"Content-Disposition": f'attachment; filename="labels.{suffix_of(query.format)}"'}
    return StreamingResponse(content, media_type="application/octet-stream", headers=headers)


ROUTES = (
    Route(
        "/api/v1/upstreams", upstreams, Permission.BUILD, answer=UpstreamsOut,
        summary="Model APIs that may be called, without their keys.",
    ),
    Route(
        "/api/v1/upstreams/{name}", put_upstream, Permission.GOVERN, methods=("PUT",), body=UpstreamBody,
        answer=UpstreamOut, summary="Register a model API or change it; a new origin drops its key.",
    ),
    Route(
        "/api/v1/upstreams/{name}", remove_upstream, Permission.GOVERN, methods=("DELETE",), answer=s.Done,
        summary="Remove a model API with its key.",
    ),
    Route(
        "/api/v1/tasks/{task_id}/teachers/dry-run", dry_run, Permission.BUILD, methods=("POST",), body=AskBody,
        answer=DryRunOut, summary="What a model API would be asked about a task, and what it would cost.",
    ),
    Route(
        "/api/v1/tasks/{task_id}/labels", labels, Permission.READ, query=FormatQuery,
        summary="Download all records with their labels for other labelling software.",
    ),
)  # fmt: skip
