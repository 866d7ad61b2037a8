"""HTTP/1.1 with a deadline for a request's head; bodies have theirs in ``web.route``.

A connection that says nothing, or one letter of a header a second, costs its place for ``HEAD_S`` and no longer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

HEAD_S = 15.0


class DeadlineProtocol(H11Protocol):
    """Closes connections whose next request's head is not whole in time; between requests the keep-alive time holds."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """A connection opens: its first head is awaited."""
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Bytes came: of a head, or of the body of a request under way."""
        if not self._is_under_way():
            self._await_head()
        super().data_received(data)
        if self._is_under_way():
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """It closed."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _is_under_way(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _await_head(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_S, self._too_late)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        self._deadline = None
        if not self._is_under_way():
            self.transport.abort()
