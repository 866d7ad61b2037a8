"""A captured call as template mining sees it: what the system said, the examples, the last turn, the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from homegrown.core.ids import canonical_json, digest
from homegrown.core.traces import answer_of, forced_tool, messages_of

if TYPE_CHECKING:
    from homegrown.core.traces import Captured

MAX_CHARS = 200_000
_SYSTEM = ("system", "developer")


class Said(NamedTuple):
    """One call.

    Attributes:
        setting: digest of the answer's schema and of the tools' names; empty without them.
        system: all that the system and the developer said.
        user: the last turn.
        pairs: the turns between, as (question, answer): examples, or a conversation.
        answer: None where the model answered by no words.
    """

    trace_id: str
    setting: str
    model: str
    system: str
    user: str
    pairs: tuple[tuple[str, str], ...]
    answer: str | None


def said_in(call: Captured) -> Said | None:
    """The parts of a call; None where nothing was said, or more than ``MAX_CHARS`` characters.

    Example:
        >>> from homegrown.core.traces import Captured, CallState, Wire
        >>> request = {"messages": [{"role": "system", "content": "Label."}, {"role": "user", "content": "my card"}]}
        >>> said_in(Captured("t", "gateway", Wire.CHAT, "m", CallState.WHOLE, request, None, "")).user
        'my card'
    """
    turns = messages_of(call)
    system = "\n\n".join(t["content"] for t in turns if t["role"] in _SYSTEM)
    rest = [t for t in turns if t["role"] not in _SYSTEM and t["content"]]
    while rest and rest[-1]["role"] == "assistant":  # words put into the model's mouth
        rest.pop()
    if not rest:
        if not system:
            return None
        system, rest = "", [{"role": "user", "content": system}]
    if len(system) + sum(len(t["content"]) for t in rest) > MAX_CHARS:
        return None
    pairs = _pairs(rest[:-1])
    return Said(
        call.trace_id, setting_of(call.request), call.model, system, rest[-1]["content"], pairs, answer_of(call)
    )


def _pairs(turns: list[dict[str, str]]) -> tuple[tuple[str, str], ...]:
    found, asked = [], ""
    for turn in turns:
        if turn["role"] == "assistant":
            found.append((asked, turn["content"]))
            asked = ""
        else:
            asked = turn["content"]
    return (*found, (asked, "")) if asked else tuple(found)


def setting_of(request: dict[str, Any]) -> str:
    """What of a request, beside its words, makes another task of it: the answer's schema and the tools."""
    schema = schema_of(request)
    tools = [_name(t) for t in request.get("tools") or request.get("functions") or () if isinstance(t, dict)]
    return digest(canonical_json([schema, sorted(tools)]))[:12] if schema or tools else ""


def _name(tool: dict[str, Any]) -> str:
    inner = tool.get("function")
    return str((inner if isinstance(inner, dict) else tool).get("name", ""))


def schema_of(request: dict[str, Any]) -> dict[str, Any] | None:
    """The JSON schema that the answer was asked to fit; of chat completions, responses or Anthropic's messages."""
    form = request.get("response_format") or request.get("output_format")
    for box in ("text", "output_config"):
        inside = request.get(box)
        if not isinstance(form, dict):
            form = inside.get("format") if isinstance(inside, dict) else None
    if not isinstance(form, dict) or form.get("type") == "text":
        return None
    inner = form.get("json_schema")
    found = (inner if isinstance(inner, dict) else form).get("schema")
    return found if isinstance(found, dict) else {"type": "object"}


def asked_schema(request: dict[str, Any]) -> dict[str, Any] | None:
    """The JSON schema of the answer: of the text, else of the one function that is to be called; None without any.

    Example:
        >>> tool = {"name": "read", "input_schema": {"type": "object", "properties": {"total": {"type": "number"}}}}
        >>> asked_schema({"tools": [tool], "tool_choice": {"type": "any"}})["properties"]
        {'total': {'type': 'number'}}
    """
    tool = forced_tool(request)
    return tool["schema"] if tool is not None else schema_of(request)


def enums_of(schema: dict[str, Any] | None) -> dict[str, tuple[str, ...]]:
    """Values that a schema allows for its fields.

    Example:
        >>> enums_of({"properties": {"intent": {"enum": ["refund", "card"]}, "why": {"type": "string"}}})
        {'intent': ('refund', 'card')}
    """
    fields = (schema or {}).get("properties")
    found = {}
    for name, one in fields.items() if isinstance(fields, dict) else ():
        inner = one.get("items", one) if isinstance(one, dict) else {}
        values = inner.get("enum") if isinstance(inner, dict) else None
        if isinstance(values, list) and values:
            found[str(name)] = tuple(str(v) for v in values if isinstance(v, (str, int, bool)))
    return found
