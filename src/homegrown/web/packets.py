"""What is written to a caller at once leaves as one packet: the head of an answer and its body, where they fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

MOST_HELD_BYTES = 1 << 16


class Packets:
    """A transport whose writes of one turn of the event loop leave together; in all else it is the one it wraps.

    Each packet costs a call of the system and wakes its receiver up.

    Args:
        transport: writes.
        loop: whose turns are meant.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._held: list[bytes] = []
        self._n_bytes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send *data* with what else is written in this turn."""
        if not data:
            return
        if not self._held:
            self._loop.call_soon(self._send)
        self._held.append(data)
        self._n_bytes += len(data)
        if self._n_bytes > MOST_HELD_BYTES:
            self._send()

    def _send(self) -> None:
        if self._held:
            data, self._held, self._n_bytes = b"".join(self._held), [], 0
            self._transport.write(data)

    def close(self) -> None:
        """Send what is held, then close."""
        self._send()
        self._transport.close()
