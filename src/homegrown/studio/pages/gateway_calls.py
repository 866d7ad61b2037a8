"""Calls that passed the gateway, newest first, and one of them whole. What was said is text, whatever it looks like."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from starlette.responses import Response

from homegrown.core.access import Permission
from homegrown.core.traces import AT_HOME, CallState, answer_of, messages_of
from homegrown.cost.sentences import usd
from homegrown.errors import InputError
from homegrown.studio import words
from homegrown.studio.answer import asked, show
from homegrown.studio.view import AsCode
from homegrown.web import Route, Shape

if TYPE_CHECKING:
    from homegrown.core.traces import Captured
    from homegrown.web import Call
    from homegrown.workspace import Workspace

_ON_A_PAGE = 50
_SHOWN = 160
_MOST_WIRE = 200_000
_BADGES = {"whole": "good", "failed": "wrong", "truncated": "doubt", "cancelled": "doubt", "open": "live"}
#: what became of a call of a prompt that a model of ours learned, for a person
WHAT = {
    "home": "answered at home",
    "part": "some fields given at home, the others by the upstream",
    "spare": "answered at home, for the upstream failed",
    "audit": "checked: both answered, the upstream's went out",
    "unsure": "the model was not sure",
    "out_of_scope": "the model took it for none of its classes",
    "shadow": "the model answered silently",
    "rest": "not among the share that the model answers",
    "no_bound": "no bound could be had",
    "breach": "the model had fallen back: too many checks differed",
    "drift": "the model had fallen back: calls looked unlike those before",
    "fallen": "the model that would have been sure had fallen back",
    "problem": "something of ours failed; the upstream answered",
    "other": "something else",
}


@dataclass(frozen=True, kw_only=True)
class CallRow:
    """A call in the list."""

    href: str
    at: str
    state: str
    badge: str
    model: str
    who: str
    asked: str
    answer: str
    took: str
    cost: str


@dataclass(frozen=True, kw_only=True)
class CallsPage:
    """Calls, with what they are filtered by."""

    template: ClassVar[str] = "gateway/calls.html"
    calls: tuple[CallRow, ...]
    total: str
    states: tuple[str, ...]
    routes: tuple[str, ...]
    prompts: tuple[tuple[str, str], ...]
    state: str
    route: str
    prompt: str
    next_href: str
    problem: str
    as_code: AsCode


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One turn of a call."""

    role: str
    content: str


@dataclass(frozen=True, kw_only=True)
class OneCallPage:
    """A call, opened."""

    template: ClassVar[str] = "gateway/call.html"
    trace_id: str
    at: str
    state: str
    badge: str
    error: str
    facts: tuple[tuple[str, str], ...]
    tags: tuple[tuple[str, str], ...]
    turns: tuple[Turn, ...]
    answer: str
    wire: tuple[tuple[str, str], ...]
    prompt_href: str
    as_code: AsCode


def calls(call: Call) -> Response:
    """``GET /gateway/calls``."""
    ws = call.ws
    state, route, prompt, before = (asked(call, n) for n in ("state", "route", "prompt", "before"))
    names, problem, found = _names(ws), "", []
    try:
        if state and state not in set(CallState):
            raise InputError(f"There is no state {state[:40]!r} of a call.")
        found = ws.calls(
            limit=_ON_A_PAGE, before=before or None, state=CallState(state) if state else None, route=route or None,
            template=prompt or None,
        )  # fmt: skip
    except InputError as error:
        problem = error.message
    more = words.query_string(state=state, route=route, prompt=prompt, before=found[-1].trace_id) if found else ""
    counts = ws.store.captured.counts()
    page = CallsPage(
        calls=tuple(_row(c, names) for c in found),
        total=", ".join(f"{n:,} {name}" for name, n in sorted(counts.items(), key=lambda one: -one[1])),
        states=tuple(s.value for s in CallState),
        routes=tuple(r.name for r in ws.routes()),
        prompts=tuple((t.template_id, t.name) for t in ws.store.templates.list()),
        state=state,
        route=route,
        prompt=prompt,
        next_href=f"/gateway/calls?{more}" if len(found) == _ON_A_PAGE else "",
        problem=problem,
        as_code=AsCode(
            cli="homegrown gateway calls" + (f" --state {words.shell(state)}" if state else ""),
            python=f"ws.calls(limit=50{f', route={route!r}' if route else ''})",
        ),
    )
    return show(call, page, 422 if problem else 200)


def _names(ws: Workspace) -> dict[str, str]:
    """What stands in a call as an id: upstreams by name, versions as ``intent@3``."""
    found = {u.upstream_id: u.name for u in ws.upstreams()}
    return found | {v.version_id: f"{v.model_name}@{v.number}" for v in ws.store.models.versions()}


def _who(one: Captured, names: dict[str, str]) -> str:
    if one.version_id:
        return names.get(one.version_id, "a model of yours")
    return names.get(one.upstream_id or "", "an upstream that is gone") if one.upstream_id else one.origin


def _row(one: Captured, names: dict[str, str]) -> CallRow:
    turns = messages_of(one)
    return CallRow(
        href=f"/gateway/calls/{one.trace_id}",
        at=one.created_at,
        state=one.state.value,
        badge=_BADGES[one.state.value],
        model=one.model,
        who=_who(one, names),
        asked=_short(turns[-1]["content"]) if turns else "",
        answer=_short(answer_of(one) or one.error or ""),
        took=words.duration(one.latency_s),
        cost="" if one.cost_usd is None else usd(one.cost_usd),
    )


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _SHOWN else flat[: _SHOWN - 1] + "…"


def one_call(call: Call) -> Response:
    """``GET /gateway/calls/{trace_id}``."""
    ws = call.ws
    found = ws.captured_call(call.path["trace_id"])
    names = _names(ws)
    template = next((t for t in ws.store.templates.list() if t.template_id == found.template_id), None)
    page = OneCallPage(
        trace_id=found.trace_id,
        at=found.created_at,
        state=found.state.value,
        badge=_BADGES[found.state.value],
        error=found.error or "",
        facts=_facts(ws, found, names),
        tags=tuple(sorted((k, v) for k, v in found.tags.items() if k != AT_HOME)),
        turns=tuple(Turn(role=m["role"], content=m["content"]) for m in messages_of(found)),
        answer=answer_of(found) or "",
        wire=(("Request", _pretty(found.request)), ("Answer", _pretty(found.response))),
        prompt_href=f"/monitor/{template.template_id}" if template else "",
        as_code=AsCode(
            cli="homegrown gateway calls --json",
            python=f"ws.captured_call({found.trace_id!r})",
        ),
    )
    return show(call, page)


def _pretty(body: dict[str, Any] | None) -> str:
    if body is None:
        return "none was kept"
    text = json.dumps(body, indent=2, ensure_ascii=False)
    return text if len(text) <= _MOST_WIRE else text[:_MOST_WIRE] + "\n… cut here; the API has all of it"


def _facts(ws: Workspace, one: Captured, names: dict[str, str]) -> tuple[tuple[str, str], ...]:
    route = next((r.name for r in ws.routes() if r.route_id == one.route_id), "")
    said = one.tags.get(AT_HOME)
    found = [
        ("Answered by", _who(one, names)),
        ("What became of it", WHAT.get(said, said) if said else ""),
        ("Model asked for", one.model),
        ("Route", route),
        ("Caller", ws.store.route_traffic.caller(one.actor_id)),
        ("Protocol", one.wire.value + (", as a stream" if one.is_stream else "")),
        ("Status", str(one.status or "")),
        ("Took", words.duration(one.latency_s)),
        ("First piece after", words.duration(one.first_token_s)),
        ("Tokens", f"{one.n_tokens_in:,} in, {one.n_tokens_out or 0:,} out" if one.n_tokens_in is not None else ""),
        ("Cost", "no price is known" if one.cost_usd is None else usd(one.cost_usd)),
    ]
    return tuple((name, value) for name, value in found if value)


ROUTES: tuple[Route, ...] = (
    Route("/gateway/calls", calls, Permission.READ, shape=Shape.PAGE),
    Route("/gateway/calls/{trace_id}", one_call, Permission.READ, shape=Shape.PAGE),
)
