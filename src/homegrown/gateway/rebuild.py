"""One answer out of the pieces of a stream, as it would have come whole."""

from __future__ import annotations

from typing import Any

import msgspec

from homegrown.core.traces import CallState, Wire
from homegrown.gateway.events import EventCutter

KEPT_BYTES = 4 << 20
_DECODER = msgspec.json.Decoder()
# Said once per answer, or over and over alike; everything else of a delta that is text is a piece of a longer one.
_ONCE = frozenset({"id", "type", "role", "name", "object", "finish_reason", "model", "status"})


class Rebuilt:
    """Hears a stream's bytes, and knows what they add up to and whether the answer is whole.

    Attributes:
        is_over: the stream has said that it is at its end.
        error: what went wrong, for a person; None while nothing has.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._cutter = EventCutter()
        self._answer: dict[str, Any] = {}
        self._choices: dict[int, dict[str, Any]] = {}
        self._blocks: dict[int, dict[str, Any]] = {}
        self._n_bytes = 0
        self._is_whole = False
        self.is_over = False
        self.error: str | None = None

    def feed(self, piece: bytes) -> None:
        """More of it came; what cannot be read is noted and never raised."""
        try:
            for event in self._cutter.feed(piece):
                self._hear(event.data)
        except ValueError:
            self._fail("an event of the stream does not end")
            self._cutter = EventCutter()

    def state(self) -> CallState:
        """How far the answer came."""
        return CallState.WHOLE if self._is_whole and self.error is None else CallState.TRUNCATED

    def answer(self) -> dict[str, Any] | None:
        """What the pieces add up to; None while there are none, or where they were too many to keep."""
        if self._n_bytes > KEPT_BYTES:
            return None
        if self._wire is Wire.CHAT and self._choices:
            choices = [self._choices[i] for i in sorted(self._choices)]
            return {**self._answer, "object": "chat.completion", "choices": choices}
        if self._wire is Wire.MESSAGES and self._answer:
            return {**self._answer, "content": [_closed(self._blocks[i]) for i in sorted(self._blocks)]}
        return self._answer or None

    def _fail(self, why: str) -> None:
        self.error = self.error or why

    def _hear(self, data: bytes) -> None:
        if data == b"[DONE]":
            self.is_over = True
            return
        if not data or self._n_bytes > KEPT_BYTES:
            return
        self._n_bytes += len(data)
        try:
            said = _DECODER.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._fail("an event of the stream is no JSON")
            return
        if not isinstance(said, dict):
            self._fail("an event of the stream is no object")
        elif said.get("error"):
            self._fail("the upstream told of an error in the middle of the stream")
        elif self._n_bytes > KEPT_BYTES:
            self._fail("the answer is longer than is kept")
        else:
            {Wire.CHAT: self._chat, Wire.RESPONSES: self._responses, Wire.MESSAGES: self._messages}[self._wire](said)

    def _chat(self, said: dict[str, Any]) -> None:
        self._answer |= {k: v for k, v in said.items() if k not in ("choices", "object") and v is not None}
        for part in _dicts(said.get("choices")):
            index = part.get("index", 0)
            choice = self._choices.setdefault(index, {"index": index, "message": {}, "finish_reason": None})
            merge(choice["message"], part.get("delta") or {})
            if part.get("logprobs"):
                merge(choice.setdefault("logprobs", {}), part["logprobs"])
            if part.get("finish_reason"):
                choice["finish_reason"] = part["finish_reason"]
        reasons = {c["finish_reason"] for c in self._choices.values()}
        self._is_whole = bool(reasons) and None not in reasons
        if "length" in reasons:
            self._fail("the answer was cut off at its longest length")

    def _responses(self, said: dict[str, Any]) -> None:
        if isinstance(said.get("response"), dict):
            self._answer = said["response"]
        kind = said.get("type")
        if kind in ("response.completed", "response.incomplete", "response.failed"):
            self.is_over = True
            self._is_whole = kind == "response.completed"

    def _messages(self, said: dict[str, Any]) -> None:
        kind, index = said.get("type"), said.get("index", 0)
        if kind == "message_start" and isinstance(said.get("message"), dict):
            self._answer = dict(said["message"])
        elif kind == "content_block_start":
            self._blocks[index] = dict(said.get("content_block") or {})
        elif kind == "content_block_delta":
            delta = {k: v for k, v in (said.get("delta") or {}).items() if k != "type"}
            merge(self._blocks.setdefault(index, {}), delta)
        elif kind == "message_delta":
            self._answer |= said.get("delta") or {}
            usage = {k: v for k, v in (said.get("usage") or {}).items() if v is not None}
            self._answer["usage"] = {**(self._answer.get("usage") or {}), **usage}
            if self._answer.get("stop_reason") == "max_tokens":
                self._fail("the answer was cut off at its longest length")
        elif kind == "message_stop":
            self.is_over = self._is_whole = True


def merge(whole: dict[str, Any], delta: dict[str, Any]) -> None:
    """Add a delta: texts grow, lists of numbered things are joined by their number, other lists grow.

    Example:
        >>> said = {"content": "re", "tool_calls": [{"index": 0, "function": {"arguments": '{"a"'}}]}
        >>> merge(said, {"content": "fund", "tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]})
        >>> said["content"], said["tool_calls"][0]["function"]["arguments"]
        ('refund', '{"a":1}')
    """
    for name, value in delta.items():
        had = whole.get(name)
        if isinstance(value, str) and isinstance(had, str) and name not in _ONCE:
            whole[name] = had + value
        elif isinstance(value, dict) and isinstance(had, dict):
            merge(had, value)
        elif isinstance(value, list) and isinstance(had, list):
            _merge_lists(had, value)
        elif value is not None or name not in whole:
            whole[name] = value


def _merge_lists(had: list[Any], new: list[Any]) -> None:
    for item in new:
        number = item.get("index") if isinstance(item, dict) else None
        same = [h for h in had if isinstance(h, dict) and number is not None and h.get("index") == number]
        if same:
            merge(same[0], item)
        else:
            had.append(item)


def _closed(block: dict[str, Any]) -> dict[str, Any]:
    """A block of Anthropic's messages as it stands in a whole answer: a tool's input as an object, not as pieces."""
    if "partial_json" not in block:
        return block
    written = block["partial_json"]
    rest = {k: v for k, v in block.items() if k != "partial_json"}
    try:
        return {**rest, "input": _DECODER.decode(written.encode()) if written else {}}
    except (msgspec.DecodeError, RecursionError):
        return {**rest, "input": written}


def _dicts(found: Any) -> list[dict[str, Any]]:
    return [x for x in found if isinstance(x, dict)] if isinstance(found, list) else []


def whole_state(wire: Wire, answer: dict[str, Any]) -> tuple[CallState, str | None]:
    """Whether an answer that came in one piece says that it is whole, and what it lacks."""
    if wire is Wire.CHAT:
        stopped = {c.get("finish_reason") for c in _dicts(answer.get("choices"))}
        is_cut = "length" in stopped
    elif wire is Wire.RESPONSES:
        is_cut = answer.get("status") not in (None, "completed")
    else:
        is_cut = answer.get("stop_reason") == "max_tokens"
    if is_cut:
        return CallState.TRUNCATED, "the answer was cut off at its longest length"
    return CallState.WHOLE, None


def tokens_of(answer: dict[str, Any] | None) -> tuple[int | None, int | None]:
    """Tokens sent and answered, as the upstream counted; None where it did not.

    Example:
        >>> tokens_of({"usage": {"prompt_tokens": 9, "completion_tokens": 2}})
        (9, 2)
        >>> tokens_of({"usage": {"input_tokens": 9, "cache_read_input_tokens": 4, "output_tokens": 2}})
        (13, 2)
    """
    usage = (answer or {}).get("usage")
    if not isinstance(usage, dict):
        return None, None
    sent = _count(usage, "prompt_tokens", "input_tokens")
    if sent is not None:  # Anthropic counts what its cache held apart
        sent += sum(_count(usage, k) or 0 for k in ("cache_read_input_tokens", "cache_creation_input_tokens"))
    answered = _count(usage, "completion_tokens", "output_tokens")
    # OpenAI's embeddings are counted by what was sent alone.
    return sent, 0 if answered is None and sent is not None else answered


def _count(usage: dict[str, Any], *names: str) -> int | None:
    for name in names:
        if isinstance(usage.get(name), int) and usage[name] >= 0:
            return usage[name]
    return None
