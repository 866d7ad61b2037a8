"""What readers of several formats share: messages in all their shapes, times, figures, tags."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from homegrown.core.ids import timestamp
from homegrown.core.traces import Wire

MAX_TAGS = 20
MAX_TAG_CHARS = 200
_SECRET = re.compile(r"key|token|secret|auth|password|cookie|header", re.IGNORECASE)
_NEVER = ("api_key", "api_base", "base_url", "headers", "extra_headers", "authorization", "litellm_params", "metadata")


class Unusable(Exception):  # noqa: N818
    """Why an item is no call that can be used; holds nothing of its texts."""


class Skipped(Exception):  # noqa: N818
    """An item that is no call at all (a span of a database): it is not even told."""


@dataclass(slots=True)
class Heard:
    """A call as a reader understood it.

    Attributes:
        outside_id: its id where it comes from; None where it has none.
        at, ended: when it began and ended; None where that is not told.
        is_dated: whether *at* was told.
    """

    request: dict[str, Any]
    response: dict[str, Any]
    model: str = ""
    wire: Wire = Wire.CHAT
    outside_id: str | None = None
    at: datetime | None = None
    ended: datetime | None = None
    latency_s: float | None = None
    first_token_s: float | None = None
    n_tokens_in: int | None = None
    n_tokens_out: int | None = None
    cost_usd: float | None = None
    tags: dict[str, str] = field(default_factory=dict)


class Format(NamedTuple):
    """A format of files.

    Attributes:
        fits: whether an item looks like it.
        read: the calls of an item; raises ``Unusable`` or ``Skipped``.
    """

    name: str
    fits: Callable[[dict[str, Any]], bool]
    read: Callable[[dict[str, Any]], list[Heard]]


def parsed(value: Any) -> Any:
    """A value that may be JSON written as a string."""
    if isinstance(value, str) and value[:1] in "{[":
        try:
            return msgspec.json.decode(value.encode("utf-8", "surrogatepass"))
        except (msgspec.DecodeError, RecursionError):
            return value
    return value


def messages(value: Any) -> list[dict[str, Any]]:
    """The turns of whatever a tool calls an input: a list, a document with one, a text.

    Example:
        >>> messages('{"messages": [{"role": "user", "content": "hello"}]}')
        [{'role': 'user', 'content': 'hello'}]
    """
    found = parsed(value)
    if isinstance(found, dict):
        inner = found.get("messages", found.get("data", found.get("prompt")))
        if inner is None and "content" in found:
            return messages([found])
        return messages(inner)
    if isinstance(found, str):
        return [{"role": "user", "content": found}] if found.strip() else []
    turns = []
    for one in found if isinstance(found, list) else ():
        if isinstance(one, str):
            turns.append({"role": "user", "content": one})
        elif isinstance(one, dict) and ("content" in one or "parts" in one):
            kept = {k: one[k] for k in ("name", "tool_calls", "tool_call_id") if one.get(k)}
            turns.append({"role": str(one.get("role") or "user"), "content": content(one), **kept})
    return turns


def content(message: dict[str, Any]) -> Any:
    """A message's content, the parts of OpenTelemetry as one text."""
    if isinstance(message.get("parts"), list):
        texts = [p.get("content") for p in message["parts"] if isinstance(p, dict) and p.get("type") == "text"]
        return "\n".join(t for t in texts if isinstance(t, str))
    return message.get("content")


def completion(value: Any) -> dict[str, Any]:
    """An answer as the body of a chat completion, whatever shape a tool keeps it in.

    Raises:
        Unusable: it holds no words.
    """
    found = parsed(value)
    if isinstance(found, list) and found:
        found = found[-1]
    if isinstance(found, dict) and isinstance(found.get("choices"), list) and found["choices"]:
        return found
    if isinstance(found, dict):
        inner = content(found)
        if inner is None:
            inner = next((found[k] for k in ("completion", "text", "output") if isinstance(found.get(k), str)), None)
        if inner is None and not found.get("tool_calls") and "role" not in found:
            inner = msgspec.json.encode(found).decode()  # a structured answer that a tool kept decoded
        calls = {"tool_calls": found["tool_calls"]} if found.get("tool_calls") else {}
        if inner or calls:
            return {"choices": [{"index": 0, "message": {"role": "assistant", "content": inner, **calls}}]}
    if isinstance(found, str) and found.strip():
        return {"choices": [{"index": 0, "message": {"role": "assistant", "content": found}}]}
    raise Unusable("it has no answer")


def asked(value: Any, **more: Any) -> dict[str, Any]:
    """A request of a chat completion.

    Raises:
        Unusable: nothing was asked.
    """
    turns = messages(value)
    if not turns:
        raise Unusable("it has no messages")
    return {"messages": turns, **{k: v for k, v in more.items() if v is not None}}


def clean(request: dict[str, Any]) -> dict[str, Any]:
    """A request without what names a key or an address."""
    return {k: v for k, v in request.items() if k not in _NEVER}


def moment(value: Any) -> datetime | None:
    """A time in any of the ways in which tools write one; without a zone it is UTC.

    Example:
        >>> moment("2024-05-29 13:46:19.963000") == moment(1716990379963) == moment("2024-05-29T13:46:19.963Z")
        True
    """
    if isinstance(value, str) and value.strip().isdigit():
        value = int(value)
    if isinstance(value, bool) or value is None:
        return None
    try:
        if isinstance(value, (int, float)):
            size = float(value)
            while size > 1e11:  # milliseconds, microseconds, nanoseconds
                size /= 1000
            return datetime.fromtimestamp(size, UTC) if size > 1e8 else None
        found = datetime.fromisoformat(str(value).strip())
    except (ValueError, OverflowError, OSError):
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def stamp(at: datetime | None) -> str | None:
    """A time as it is stored."""
    return None if at is None else timestamp(at)


def figure(*values: Any) -> float | None:
    """The first of some values that is a number of 0 or more."""
    for value in values:
        try:
            found = float(value) if value is not None and not isinstance(value, (bool, dict, list)) else None
        except ValueError:
            continue
        if found is not None and math.isfinite(found) and found >= 0:
            return found
    return None


def count(*values: Any) -> int | None:
    """``figure`` as a whole number."""
    found = figure(*values)
    return None if found is None or found > 1e12 else int(found)


def tags(*values: Any) -> dict[str, str]:
    """Tags out of documents and lists (``"feature:triage"``); values that look like secrets, and long ones, are left.

    Example:
        >>> tags({"feature": "triage", "api_key": "sk-1"}, ["team:support"])
        {'feature': 'triage', 'team': 'support'}
    """
    found: dict[str, str] = {}
    for value in map(parsed, values):
        pairs = value.items() if isinstance(value, dict) else ()
        if isinstance(value, list):
            pairs = [t.partition(":")[::2] if ":" in t else ("tag", t) for t in value if isinstance(t, str)]
        for k, v in pairs:
            name = str(k).strip()
            if isinstance(v, (str, int, bool)) and name and not _SECRET.search(name) and len(found) < MAX_TAGS:
                text = str(v).strip()
                if text and len(text) <= MAX_TAG_CHARS and len(name) <= MAX_TAG_CHARS:
                    found.setdefault(name, text)
    return found
