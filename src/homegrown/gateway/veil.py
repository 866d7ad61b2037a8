"""Personal data that stays here: placeholders go out in its stead, and it is put back into the answer.

What has a form is found (see ``inference.personal``): mail, phone, card and account numbers, identity numbers, network
addresses, secrets. Names, places and birthdays are not seen, and pictures and files are not looked into.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import msgspec

from homegrown.core.traces import Wire
from homegrown.errors import UpstreamError
from homegrown.gateway.events import EventCutter
from homegrown.inference.masking import SENT_WITHOUT
from homegrown.inference.personal import find_personal
from homegrown.inference.secrets import find_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Where people's words stand in a request; the rest steers the model.
_SAID = ("messages", "input", "instructions", "system", "prompt", "tools", "user", "metadata", "safety_identifier")
# Bytes of pictures and files, addresses of them, and words of the protocol.
_NOT_TEXT = frozenset({"type", "role", "id", "call_id", "tool_call_id", "tool_use_id", "url", "image_url", "file_data",
                       "file_id", "data", "media_type", "encrypted_content", "signature"})  # fmt: skip
_PLACEHOLDER = re.compile(r"\[[A-Z_]{2,20}_\d{1,6}\]")
_BEGUN = re.compile(r"\[(?:[A-Z_]{0,20}(?:_\d{0,6})?)?\Z")


class Veil:
    """The placeholders of one call.

    Example:
        >>> veil = Veil()
        >>> veil.hidden("write to anna@example.org")
        'write to [EMAIL_1]'
        >>> veil.lifted("done: [EMAIL_1]")
        'done: anna@example.org'
    """

    def __init__(self, wire: Wire = Wire.CHAT) -> None:
        self.wire = wire
        self._placeholders: dict[tuple[str, str], str] = {}
        self._values: dict[str, str] = {}
        self._taken: set[str] = set()

    @property
    def n_hidden(self) -> int:
        """Different things that are hidden."""
        return len(self._values)

    def hide(self, body: bytes) -> bytes:
        """A request without personal data; as it came where there is none."""
        self._taken = set(_PLACEHOLDER.findall(body.decode("utf-8")))  # written by the caller: never put in place of it
        said = msgspec.json.decode(body)
        changed = {k: _mapped(v, self.hidden) if k in _SAID else v for k, v in said.items()}
        return msgspec.json.encode(changed) if self._values else body

    def hidden(self, text: str) -> str:
        """*text* with a placeholder for each finding; the same for the same thing."""
        secrets = find_secrets(text)
        outside = [
            p
            for p in find_personal(text, SENT_WITHOUT)
            if not any(p.start < s.end and s.start < p.end for s in secrets)
        ]
        pieces, end = [], 0
        for one in sorted([*secrets, *outside], key=lambda p: p.start):
            pieces += [text[end : one.start], self._placeholder(one.kind, text[one.start : one.end])]
            end = one.end
        return "".join([*pieces, text[end:]])

    def _placeholder(self, kind: str, value: str) -> str:
        found = self._placeholders.get((kind, value))
        if found is None:
            word = re.sub(r"[^A-Z]", "_", kind.upper())[:20]
            number = 1 + sum(k == kind for k, _ in self._placeholders)
            while f"[{word}_{number}]" in self._taken:
                number += 1
            found = f"[{word}_{number}]"
            self._taken.add(found)
            self._placeholders[kind, value] = found
            self._values[found] = value
        return found

    def lifted(self, text: str, *, in_json: bool = False) -> str:
        """*text* with what was hidden in place of its placeholders.

        Args:
            text: of an answer.
            in_json: whether *text* is itself JSON (a tool's arguments), so that quotes in what is put back are escaped.
        """

        def value(found: re.Match[str]) -> str:
            hidden = self._values.get(found[0], found[0])
            return json.dumps(hidden, ensure_ascii=False)[1:-1] if in_json else hidden

        return _PLACEHOLDER.sub(value, text) if "[" in text else text

    def lift(self, body: bytes) -> bytes:
        """A whole answer with everything put back; as it came where there was nothing to put back."""
        if not any(p.encode() in body for p in self._values):
            return body
        try:
            said = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return body
        return msgspec.json.encode(self.lifted_value(said))

    def lifted_value(self, value: Any) -> Any:
        """A JSON value with everything put back."""
        return _mapped(value, self.lifted, lambda text: self.lifted(text, in_json=True))

    def stream(self) -> Lifting:
        """For an answer that comes in pieces."""
        return Lifting(self)


class Lifting:
    """Puts back what was hidden while a stream passes: an end of a text that may begin a placeholder waits for more."""

    def __init__(self, veil: Veil) -> None:
        self._veil = veil
        self._cutter = EventCutter()
        self._waiting: dict[tuple[Any, ...], tuple[str, dict[str, Any], bytes]] = {}

    def feed(self, piece: bytes) -> bytes:
        """What may go on to the caller now.

        Raises:
            UpstreamError: an event is too long to look into.
        """
        try:
            found = self._cutter.feed(piece)
        except ValueError as error:
            raise UpstreamError("An event of the answer is too long to put back what was masked.") from error
        return b"".join(self._event(event.raw, event.data) for event in found)

    def rest(self) -> bytes:
        """What waits still, at the end of the stream."""
        return self._flushed() + self._cutter.rest()

    def _event(self, raw: bytes, data: bytes) -> bytes:
        try:
            said = msgspec.json.decode(data) if data else None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            said = None
        if not isinstance(said, dict):
            return (self._flushed() if data else b"") + raw
        deltas = list(_deltas(self._veil.wire, said))
        if not deltas:
            lifted = self._veil.lifted_value(said)
            return self._flushed() + (raw if lifted == said else _written(raw, lifted))
        is_changed = False
        for key, box, name in deltas:
            before, text = self._waiting.pop(key, ("", {}, b""))[0], box[name]
            whole = before + text
            begun = _BEGUN.search(whole)
            held = whole[begun.start() :] if begun is not None else ""
            if held:
                self._waiting[key] = (held, said, raw)
            in_json = name in ("arguments", "partial_json") or key[0] == "arguments"
            box[name] = self._veil.lifted(whole[: len(whole) - len(held)], in_json=in_json)
            is_changed |= box[name] != text
        ends = self._flushed() if _has_end(said) else b""
        return ends + (_written(raw, said) if is_changed else raw)

    def _flushed(self) -> bytes:
        """Texts that began like a placeholder and turned out to be none, as deltas of their own."""
        out = b""
        for key, (held, said, raw) in self._waiting.items():
            again = msgspec.json.decode(msgspec.json.encode(said))
            for other, box, name in _deltas(self._veil.wire, again):
                box[name] = held if other == key else ""
            out += _written(raw, again)
        self._waiting.clear()
        return out


def _has_end(said: dict[str, Any]) -> bool:
    return any(isinstance(c, dict) and c.get("finish_reason") for c in said.get("choices") or [])


def _deltas(wire: Wire, said: dict[str, Any]) -> Iterator[tuple[tuple[Any, ...], dict[str, Any], str]]:
    """Where a piece of a longer text stands in an event: what text it belongs to, the object, and its name there."""
    if wire is Wire.CHAT:
        for choice in said.get("choices") or []:
            yield from _chat_deltas(choice, choice.get("delta") or {})
    elif wire is Wire.RESPONSES:
        kind = str(said.get("type"))
        if kind.endswith(".delta") and isinstance(said.get("delta"), str):
            what = "arguments" if "arguments" in kind else kind
            yield (what, said.get("item_id"), said.get("output_index"), said.get("content_index")), said, "delta"
    elif said.get("type") == "content_block_delta":
        delta = said.get("delta") or {}
        for name in ("text", "partial_json", "thinking"):
            if isinstance(delta.get(name), str):
                yield (name, said.get("index")), delta, name


def _chat_deltas(
    choice: dict[str, Any], delta: dict[str, Any]
) -> Iterator[tuple[tuple[Any, ...], dict[str, Any], str]]:
    for name in ("content", "refusal", "reasoning_content", "reasoning"):
        if isinstance(delta.get(name), str) and (delta[name] or choice.get("finish_reason") is None):
            yield (name, choice.get("index")), delta, name
    for tool in delta.get("tool_calls") or []:
        function = tool.get("function") or {}
        if isinstance(function.get("arguments"), str):
            yield ("arguments", choice.get("index"), tool.get("index")), function, "arguments"


def _written(raw: bytes, said: dict[str, Any]) -> bytes:
    """The event *raw* with another thing said; its other lines (``event:``, ``id:``) stay."""
    lines = [line for line in re.split(rb"\r\n|\n|\r", raw) if line and not line.startswith(b"data:")]
    return b"\n".join([*lines, b"data: " + msgspec.json.encode(said)]) + b"\n\n"


def _mapped(value: Any, plain: Callable[[str], str], of_json: Callable[[str], str] | None = None) -> Any:
    """*value* with every text in it changed, words of the protocol and bytes of files excepted."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, list):
        return [_mapped(v, plain, of_json) for v in value]
    if isinstance(value, dict):
        return {
            k: v
            if k in _NOT_TEXT and isinstance(v, str)
            else of_json(v)
            if of_json is not None and k == "arguments" and isinstance(v, str)
            else _mapped(v, plain, of_json)
            for k, v in value.items()
        }
    return value
