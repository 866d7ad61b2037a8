"""HTTP/1.1 with a deadline for a request's head, and as many connections as there is room for.

A connection that says nothing, or one letter of a header a second, costs its place for ``HEAD_S`` and no longer; bodies
have their deadline in ``web.route``. Who connects beyond the bound is told so and let go before a byte is read: else a
crowd takes the files of this process, and then nobody is answered, and nothing can be opened or written.
"""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

from homegrown.web.packets import Packets

if TYPE_CHECKING:
    import asyncio

HEAD_S = 15.0
MOST_CONNECTIONS = 4096
_OWN_FILES = 256
_MOST_FILES = 65_536
FULL = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


def most_connections() -> int:
    """How many connections are borne: half of the files that this process may open, for each may need one more."""
    return min(MOST_CONNECTIONS, max(32, (_soft_limit() - _OWN_FILES) // 2))


def _soft_limit() -> int:
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _MOST_FILES if soft == resource.RLIM_INFINITY else soft


def take_files() -> None:
    """Let this process open as many files as the system lets it; often a quarter of that is the usual bound."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


class DeadlineProtocol(H11Protocol):
    """Closes connections whose next request's head is not whole in time; between requests the keep-alive time holds."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """A connection opens: its first head is awaited."""
        super().connection_made(cast("asyncio.Transport", Packets(transport, self.loop)))
        if len(self.connections) > most_connections():
            self.transport.write(FULL)
            self.transport.close()
            return
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
