"""Calls of a model API with what was said: those that passed the gateway, and those that a team already had."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

AT_HOME = "homegrown.exit"
"""The tag that says what a model of ours made of a call of its prompt: ``home``, ``unsure``, ``audit``, ``shadow``;
``part`` where it gave some fields of a document and the upstream was asked for the others; ``rest`` where it answers a
share of the calls and this is none of them; ``fallen`` where one of several stages would
have answered had it not fallen back."""
SELECTED = frozenset({"unsure", "out_of_scope", "audit", "home", "part", "spare", "fallen"})
"""Of its values those under which a call is no part of a plain sample: a model answered at home when it came."""


class Wire(StrEnum):
    """The protocol in which a call was made."""

    CHAT = "chat"
    RESPONSES = "responses"
    EMBEDDINGS = "embeddings"
    MESSAGES = "messages"


SPOKEN = frozenset({Wire.CHAT, Wire.RESPONSES, Wire.MESSAGES})
"""The protocols that answer by words."""


class CallState(StrEnum):
    """How far a call came.

    ``OPEN`` until its end is known; ``WHOLE`` with a good answer to its end; ``TRUNCATED`` when the answer broke off;
    ``FAILED`` when there was none; ``CANCELLED`` when the caller left. Only ``WHOLE`` ones teach.
    """

    OPEN = "open"
    WHOLE = "whole"
    TRUNCATED = "truncated"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Captured:
    """One call of a model API.

    Attributes:
        origin: ``gateway``, or the name of the import that brought it.
        model: as the caller named it.
        upstream_id: that answered; None where a version of ours did, or where it is not known.
        version_id: of ours that answered.
        request: the body as the caller sent it, decoded (of ``chat``: ``messages`` and the rest).
        response: the body of a whole answer, decoded; of a stream, the answer that its pieces add up to.
        tags: what callers or imports said of it: ``{"feature": "triage"}``.
        created_at: when it came, UTC, as ``core.ids.timestamp`` writes it.
    """

    trace_id: str
    origin: str
    wire: Wire
    model: str
    state: CallState
    request: dict[str, Any]
    response: dict[str, Any] | None
    created_at: str
    route_id: str | None = None
    actor_id: str | None = None
    upstream_id: str | None = None
    version_id: str | None = None
    status: int | None = None
    is_stream: bool = False
    template_id: str | None = None
    n_tokens_in: int | None = None
    n_tokens_out: int | None = None
    cost_usd: float | None = None
    latency_s: float | None = None
    first_token_s: float | None = None
    tags: dict[str, str] = field(default_factory=dict)
    error: str | None = None
    ended_at: str | None = None


def messages_of(call: Captured) -> list[dict[str, str]]:
    """What was said to the model, oldest first, as ``role`` and plain ``content``; parts that are no text are left out.

    Example:
        >>> asked = {"messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}]}
        >>> messages_of(Captured("t", "gateway", Wire.CHAT, "m", CallState.WHOLE, asked, None, ""))
        [{'role': 'user', 'content': 'hello'}]
    """
    request = call.request
    found = [{"role": "system", "content": _plain(request[k])} for k in ("system", "instructions") if request.get(k)]
    said = request.get("messages", request.get("input", []))
    listed = [{"role": "user", "content": said}] if isinstance(said, str) else said
    for turn in listed if isinstance(listed, list) else []:
        if isinstance(turn, dict) and "content" in turn:
            found.append({"role": str(turn.get("role", "user")), "content": _plain(turn["content"])})
    return found


def answer_of(call: Captured) -> str | None:
    """What the model said, as plain text; None where there is none of words (a vector, a failure, a tool call).

    Where the request left the model no choice but to call one function, what it was called with is the answer: that
    is how structured answers were asked for before there were schemas, and still is with Anthropic's messages.

    Example:
        >>> said = {"choices": [{"message": {"role": "assistant", "content": "refund"}}]}
        >>> answer_of(Captured("t", "gateway", Wire.CHAT, "m", CallState.WHOLE, {}, said, ""))
        'refund'
    """
    response = call.response or {}
    tool = forced_tool(call.request)
    if tool is not None:
        return _called(call.wire, response, tool["name"])
    if call.wire is Wire.CHAT:
        choices = response.get("choices") or [{}]
        return _plain((choices[0].get("message") or {}).get("content")) or None
    if call.wire is Wire.RESPONSES:
        said = [item for item in response.get("output", []) if item.get("type") == "message"]
        return "".join(_plain(item.get("content")) for item in said) or None
    if call.wire is Wire.MESSAGES:
        return _plain(response.get("content")) or None
    return None


def forced_tool(request: dict[str, Any]) -> dict[str, Any] | None:
    """Name and schema of the one function that a request has the model call; None where it may do otherwise.

    Example:
        >>> tool = {"type": "function", "function": {"name": "read", "parameters": {"type": "object"}}}
        >>> forced_tool({"tools": [tool], "tool_choice": {"type": "function", "function": {"name": "read"}}})
        {'name': 'read', 'schema': {'type': 'object'}}
        >>> forced_tool({"tools": [tool]}) is None
        True
    """
    choice, listed = request.get("tool_choice"), request.get("tools")
    if not choice or not isinstance(listed, list):
        return None
    tools = [_tool(t) for t in listed if isinstance(t, dict)]
    kind = choice.get("type") if isinstance(choice, dict) else choice
    if kind in ("required", "any"):
        return tools[0] if len(tools) == 1 == len(listed) else None
    name = _tool(choice)["name"] if isinstance(choice, dict) and kind in ("function", "tool") else ""
    return next((t for t in tools if name and t["name"] == name), None)


def _tool(said: dict[str, Any]) -> dict[str, Any]:
    """Name and schema, in the words of chat completions, responses or messages."""
    inner = said.get("function")
    one = inner if isinstance(inner, dict) else said
    schema = one.get("parameters", one.get("input_schema"))
    return {"name": str(one.get("name", "")), "schema": schema if isinstance(schema, dict) else {}}


def _called(wire: Wire, response: dict[str, Any], name: str) -> str | None:
    """What the function was called with, as JSON; None where it was not called, or more than once."""
    found: list[Any] = []
    if wire is Wire.CHAT:
        message = ((response.get("choices") or [{}])[0] or {}).get("message") or {}
        calls = message.get("tool_calls") or []
        found = [(c.get("function") or {}).get("arguments") for c in calls if _tool(c)["name"] == name]
    elif wire is Wire.RESPONSES:
        items = [i for i in response.get("output", []) if i.get("type") == "function_call"]
        found = [i.get("arguments") for i in items if i.get("name") == name]
    elif wire is Wire.MESSAGES:
        blocks = [b for b in response.get("content") or [] if isinstance(b, dict) and b.get("type") == "tool_use"]
        found = [b.get("input") for b in blocks if b.get("name") == name]
    if len(found) != 1:
        return None
    said = found[0]
    return said if isinstance(said, str) else json.dumps(said, ensure_ascii=False) if said is not None else None


def _plain(content: Any) -> str:
    """A message's content as text: a string, or the texts of its parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(str(p.get("text") or "") for p in parts if isinstance(p, dict) and p.get("text"))
