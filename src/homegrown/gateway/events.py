"""Server-sent events, cut out of bytes that come in pieces of any size."""

from __future__ import annotations

import re
from dataclasses import dataclass

_BLANK = re.compile(rb"\r\n\r\n|\n\n|\r\r|\r\n\n|\n\r\n")
MOST_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Event:
    """One event.

    Attributes:
        raw: all of it as it came, the blank line behind it included.
        data: its ``data:`` lines, joined; empty for a comment.
    """

    raw: bytes
    data: bytes


class EventCutter:
    r"""Gives whole events; what is begun waits for its end.

    Example:
        >>> cutter = EventCutter()
        >>> [e.data for e in cutter.feed(b'data: {"a"')], [e.data for e in cutter.feed(b': 1}\r\n\r\ndata: [DONE]')]
        ([], [b'{"a": 1}'])
        >>> cutter.rest()
        b'data: [DONE]'
    """

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._looked = 0  # up to here there is no end of an event: a long line is not searched again and again

    def feed(self, piece: bytes) -> list[Event]:
        """The events that *piece* brings to their end.

        Raises:
            ValueError: an event is longer than ``MOST_BYTES``.
        """
        self._waiting += piece
        found = []
        start = 0
        while match := _BLANK.search(self._waiting, max(start, self._looked)):
            raw = bytes(self._waiting[start : match.end()])
            found.append(Event(raw, data_of(raw)))
            start = self._looked = match.end()
        if start:
            del self._waiting[:start]
        self._looked = max(0, len(self._waiting) - 3)
        if len(self._waiting) > MOST_BYTES:
            raise ValueError("an event that does not end")
        return found

    def rest(self) -> bytes:
        """What is begun and has no end."""
        return bytes(self._waiting)


def data_of(raw: bytes) -> bytes:
    """What an event says."""
    lines = [line for line in re.split(rb"\r\n|\n|\r", raw) if line.startswith(b"data:")]
    return b"\n".join(line[5:].removeprefix(b" ") for line in lines)
