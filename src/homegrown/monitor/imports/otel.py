"""OpenTelemetry: spans of the GenAI conventions in OTLP's JSON, in their present form and in the earlier ones.

Present: ``gen_ai.input.messages``, ``gen_ai.output.messages`` and ``gen_ai.system_instructions``, on the span or on its
event ``gen_ai.client.inference.operation.details``. Earlier: an event per message, and attributes with numbers
(``gen_ai.prompt.0.content``; OpenInference's ``llm.input_messages.0.message.content``).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from homegrown.monitor.imports.parts import (
    Format,
    Heard,
    Unusable,
    asked,
    completion,
    count,
    messages,
    moment,
    parsed,
    tags,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Iterator

_NUMBERED = (
    (
        re.compile(r"gen_ai\.prompt\.(\d+)\.(role|content)\Z"),
        re.compile(r"gen_ai\.completion\.(\d+)\.(role|content)\Z"),
    ),
    (
        re.compile(r"llm\.input_messages\.(\d+)\.message\.(role|content)\Z"),
        re.compile(r"llm\.output_messages\.(\d+)\.message\.(role|content)\Z"),
    ),
)
_ROLES = {"gen_ai.system.message": "system", "gen_ai.user.message": "user", "gen_ai.assistant.message": "assistant"}
_OTHER = ("embeddings", "execute_tool", "invoke_agent", "create_agent", "invoke_workflow", "retrieval")
_DEEPEST = 32


def _value(value: Any, depth: int = 0) -> Any:
    """An ``AnyValue`` as plain JSON."""
    if not isinstance(value, dict) or depth > _DEEPEST:
        return None
    for name in ("stringValue", "boolValue", "doubleValue"):
        if name in value:
            return value[name]
    if "intValue" in value:
        return count(value["intValue"])
    if isinstance(value.get("arrayValue"), dict):
        return [_value(v, depth + 1) for v in value["arrayValue"].get("values") or ()]
    if isinstance(value.get("kvlistValue"), dict):
        return _attributes(value["kvlistValue"].get("values"), depth + 1)
    return None


def _attributes(pairs: Any, depth: int = 0) -> dict[str, Any]:
    if isinstance(pairs, dict):
        return pairs
    found = pairs if isinstance(pairs, list) else []
    return {str(p.get("key")): _value(p.get("value"), depth) for p in found if isinstance(p, dict)}


def _spans(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for resource in _dicts(item.get("resourceSpans")):
        for scope in _dicts(resource.get("scopeSpans", resource.get("instrumentationLibrarySpans"))):
            yield from _dicts(scope.get("spans"))


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def _read(item: dict[str, Any]) -> list[Heard]:
    found, reason = [], ""
    for span in _spans(item):
        own = _attributes(span.get("attributes"))
        if not any(k.startswith(("gen_ai.", "llm.")) for k in own) or own.get("gen_ai.operation.name") in _OTHER:
            continue
        try:
            found.append(_call(span, own))
        except Unusable as problem:
            reason = str(problem)
    if not found and reason:
        raise Unusable(reason)
    return found


def _call(span: dict[str, Any], own: dict[str, Any]) -> Heard:
    status = span.get("status")
    if isinstance(status, dict) and status.get("code") in (2, "STATUS_CODE_ERROR"):
        raise Unusable("the call failed")
    events = [(str(e.get("name")), _attributes(e.get("attributes"))) for e in _dicts(span.get("events"))]
    every = own | {k: v for name, some in events if name.endswith("operation.details") for k, v in some.items()}
    said, answered = _said(every, events)
    if not said and not answered:
        raise Unusable("its instrumentation recorded no content of the messages")
    at, ended = moment(span.get("startTimeUnixNano")), moment(span.get("endTimeUnixNano"))
    names = {"temperature": "temperature", "top_p": "top_p", "max_tokens": "max_tokens"}
    more = {name: own.get(f"gen_ai.request.{k}") for k, name in names.items()}
    return Heard(
        asked(said, **more), completion(answered),
        str(own.get("gen_ai.request.model") or own.get("gen_ai.response.model") or own.get("llm.model_name") or ""),
        outside_id=f"{span.get('traceId', '')}{span.get('spanId', '')}" or None, at=at, ended=ended,
        latency_s=(ended - at).total_seconds() if at and ended and ended >= at else None,
        n_tokens_in=count(own.get("gen_ai.usage.input_tokens"), own.get("gen_ai.usage.prompt_tokens"),
                          own.get("llm.token_count.prompt")),
        n_tokens_out=count(own.get("gen_ai.usage.output_tokens"), own.get("gen_ai.usage.completion_tokens"),
                           own.get("llm.token_count.completion")),
        tags=tags({k: own.get(f"gen_ai.{k}") for k in ("agent.name", "prompt.name")}),
    )  # fmt: skip


def _said(every: dict[str, Any], events: list[tuple[str, dict[str, Any]]]) -> tuple[list[dict[str, Any]], Any]:
    """The turns, and the answer, in whichever form they were recorded."""
    if every.get("gen_ai.input.messages"):
        told = parsed(every.get("gen_ai.system_instructions"))
        rules = messages([{"role": "system", "parts": told}]) if isinstance(told, list) else []
        return [*rules, *messages(every["gen_ai.input.messages"])], every.get("gen_ai.output.messages")
    for before, after in _NUMBERED:
        turns, answers = _numbered(every, before), _numbered(every, after)
        if turns:
            return turns, answers[0] if answers else None
    turns, answer = [], None
    for name, some in events:
        if name in _ROLES and some.get("content"):
            turns.append({"role": _ROLES[name], "content": some["content"]})
        elif name == "gen_ai.choice":
            answer = parsed(some.get("message", some.get("content")))
        elif name == "gen_ai.content.prompt":
            turns += messages(some.get("gen_ai.prompt"))
        elif name == "gen_ai.content.completion":
            answer = some.get("gen_ai.completion")
    return turns, answer


def _numbered(every: dict[str, Any], pattern: re.Pattern[str]) -> list[dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for name, value in every.items():
        if match := pattern.match(name):
            found.setdefault(int(match[1]), {"role": "user"})[match[2]] = value
    return [found[i] for i in sorted(found) if "content" in found[i]]


OTEL = Format("opentelemetry", lambda i: isinstance(i.get("resourceSpans"), list), _read)
