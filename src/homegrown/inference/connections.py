"""Connections that are kept for the next request to the same origin; while a request runs, its connection is its own.

httpcore's own pool looks at every connection against every other one each time that a request begins or ends, and
asks the system about each idle one: half of what a call through the gateway cost with 32 callers. Here the one that
was used last is taken first, and looked at alone. The head and the body of a request leave as one packet where they
fit: its receiver wakes up once.
"""

from __future__ import annotations

import time
from collections import deque
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio
import httpcore

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

KEEP_S = 15.0
MOST_HELD_BYTES = 1 << 16
_Place = tuple[bytes, bytes, int]


@dataclass
class Pool:
    """Connections of one way out.

    Args:
        backend: opens them.
        ssl_context: judges certificates.
        most: at once; who comes then waits until another one is done.

    Attributes:
        n_open: requests that have a connection now.
    """

    backend: httpcore.AsyncNetworkBackend
    ssl_context: ssl.SSLContext | None
    most: int
    n_open: int = 0
    _idle: dict[_Place, deque[tuple[float, httpcore.AsyncHTTPConnection]]] = field(default_factory=dict)
    _places: anyio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._places = anyio.Semaphore(self.most, fast_acquire=True)

    @asynccontextmanager
    async def connection(
        self, origin: httpcore.Origin, wait_s: float | None
    ) -> AsyncIterator[httpcore.AsyncHTTPConnection]:
        """A connection to *origin* for one request; one whose answer was not read to its end is closed.

        Raises:
            httpcore.PoolTimeout: none became free within *wait_s*.
        """
        try:
            with anyio.fail_after(wait_s):
                await self._places.acquire()
        except TimeoutError as error:
            raise httpcore.PoolTimeout from error
        self.n_open += 1
        connection = None
        try:
            connection = await self._kept(origin) or self._new(origin)
            yield connection
        finally:
            self.n_open -= 1
            self._places.release()
            if connection is not None:
                await self._give_back(origin, connection)

    async def close(self) -> None:
        """Close what nobody uses."""
        for kept in self._idle.values():
            while kept:
                await kept.pop()[1].aclose()

    def _new(self, origin: httpcore.Origin) -> httpcore.AsyncHTTPConnection:
        return httpcore.AsyncHTTPConnection(
            origin, self.ssl_context, keepalive_expiry=KEEP_S, network_backend=self.backend
        )

    async def _kept(self, origin: httpcore.Origin) -> httpcore.AsyncHTTPConnection | None:
        """The one that was used last and is open still."""
        kept = self._idle.get(_place(origin))
        while kept:
            _, connection = kept.pop()
            if not connection.has_expired():
                return connection
            await connection.aclose()
        return None

    async def _give_back(self, origin: httpcore.Origin, connection: httpcore.AsyncHTTPConnection) -> None:
        with anyio.CancelScope(shield=True):
            if connection.is_closed():
                return
            if not connection.is_idle():
                await connection.aclose()
                return
            now = time.monotonic()
            kept = self._idle.setdefault(_place(origin), deque())
            kept.append((now, connection))
            while kept[0][0] < now - KEEP_S:
                await kept.popleft()[1].aclose()


def _place(origin: httpcore.Origin) -> _Place:
    return origin.scheme, origin.host, origin.port


class Joining(httpcore.AsyncNetworkStream):
    """A stream whose small writes leave together, at the latest when an answer is waited for.

    Args:
        stream: writes and reads.
    """

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._held: list[bytes] = []
        self._n_bytes = 0
        self._timeout: float | None = None

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Hold *buffer*, or send it with all that is held."""
        self._held.append(buffer)
        self._n_bytes += len(buffer)
        self._timeout = timeout
        if self._n_bytes > MOST_HELD_BYTES:
            await self._send()

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Send what is held, and wait for an answer. One may be there although not all could be sent."""
        if self._held:
            with suppress(httpcore.WriteError):
                await self._send()
        return await self._stream.read(max_bytes, timeout)

    async def _send(self) -> None:
        held, self._held, self._n_bytes = b"".join(self._held), [], 0
        await self._stream.write(held, self._timeout)

    async def aclose(self) -> None:
        """Close it; what is held is not sent."""
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        """The same over TLS."""
        return Joining(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """What the stream says of itself."""
        return self._stream.get_extra_info(info)
