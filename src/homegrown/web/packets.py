"""The head of an answer and what follows it leave as one packet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

_HEAD = b"HTTP/"


class Packets:
    """A transport that holds the head of an answer until its body comes; in all else it is the one it wraps.

    Each packet costs a call of the system and wakes its receiver up. A head whose body is not written in the same turn
    of the event loop leaves alone at the end of that turn, and nothing but heads is ever held: the pieces of a stream
    leave one by one.

    Args:
        transport: writes.
        loop: whose turns are meant.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._head = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send *data*, with the head that is held; a head is held."""
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(_HEAD):
            self._head = data
            self._loop.call_soon(self._send)
            return
        self._transport.write(data)

    def _send(self) -> None:
        if self._head:
            data, self._head = self._head, b""
            self._transport.write(data)

    def close(self) -> None:
        """Send what is held, then close."""
        self._send()
        self._transport.close()
