"""The one way out: every request that homegrown sends to another machine goes through ``Outbound``.

What holds for each (RELIABILITY, section 0, rules 5 and 6):

- It goes to an origin that was registered, over a path below it; a redirect is an error.
- The name is resolved once per connection, every address that it has is judged, and the connection is made to the
  address that was judged: no second look-up can lead elsewhere.
- Loopback, private, shared and link-local networks are refused, unless the owner registered that very origin as
  private; link-local addresses are refused even then.
- Nothing of the environment is sent: no proxy, no cookie, no credentials of netrc. Headers in both directions are on a
  list. Answers are not decompressed.
- Time is bounded for the connection, for silence and as a whole; size is bounded both ways.
- Nothing goes out at all while the workspace is offline, or ``HOMEGROWN_OFFLINE`` is set.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpcore

from homegrown.core.upstreams import Origin, refusal_of
from homegrown.errors import OfflineError, RefusedAddressError, TooLargeError, UpstreamError, UpstreamTimeoutError
from homegrown.inference.connections import Joining, Pool

Resolver = Callable[[str, int], Awaitable[list[str]]]
"""``await resolve(host, port)`` gives the IP addresses of a name."""

SENT_HEADERS = frozenset({"accept", "authorization", "content-type"})
READ_HEADERS = frozenset({"content-type", "retry-after"})
# What the gateway passes on besides: to the upstream, and back to who asked.
PASSED_HEADERS = SENT_HEADERS | {"anthropic-beta", "anthropic-version", "idempotency-key", "openai-beta", "x-api-key"}
ANSWERED_HEADERS = READ_HEADERS | {
    "content-encoding", "openai-model", "openai-processing-ms", "openai-version", "request-id", "retry-after-ms",
    "x-request-id", "x-should-retry",
}  # fmt: skip
ANSWERED_PREFIXES = ("x-ratelimit-", "anthropic-ratelimit-")
OFFLINE_VARIABLE = "HOMEGROWN_OFFLINE"
_REDIRECTS = range(300, 400)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how large.

    Attributes:
        connect_s: until a connection is there, its name looked up and its certificate checked.
        silence_s: between two pieces of an answer, the first one included.
        total_s: until the answer is whole.
        sent_bytes: of a request's body.
        read_bytes: of an answer's body.
    """

    connect_s: float = 10.0
    silence_s: float = 60.0
    total_s: float = 120.0
    sent_bytes: int = 4 << 20
    read_bytes: int = 8 << 20


@dataclass(frozen=True, slots=True)
class Phases:
    """How long each phase of an answer that comes in pieces may take, in seconds.

    Attributes:
        connect_s: until a connection is there.
        first_byte_s: from then until the head of the answer.
        between_s: between two pieces.
        total_s: until the last one; looked at when a piece comes, so silence at the end adds up to ``between_s``.
    """

    connect_s: float = 10.0
    first_byte_s: float = 60.0
    between_s: float = 60.0
    total_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer.

    Attributes:
        headers: those of ``READ_HEADERS``, by name in lower case.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


def offline_by_environment() -> bool:
    """Whether ``HOMEGROWN_OFFLINE`` closes every way out of this process."""
    return os.environ.get(OFFLINE_VARIABLE, "0") not in ("", "0")


@dataclass(frozen=True)
class Outbound:
    """Calls registered origins, with a pool of connections of its own; use it inside ``async with outbound.open()``.

    Args:
        origins: that may be called.
        limits: for each request.
        resolve: looks names up; the system's resolver by default.
        n_connections: at once.
        closed: asked before each request: whether nothing may leave now; by ``HOMEGROWN_OFFLINE`` when not given.

    Example:
        >>> outbound = Outbound((upstream.origin,))  # doctest: +SKIP
        >>> async with outbound.open() as out:  # doctest: +SKIP
        ...     reply = await out.send("GET", upstream.origin, "/v1/models")
    """

    origins: tuple[Origin, ...]
    limits: Limits = field(default_factory=Limits)
    resolve: Resolver | None = None
    n_connections: int = 16
    closed: Callable[[], bool] = offline_by_environment

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Door]:
        """A pool that is closed at the end of the block, whatever happened inside."""
        backend = _Pinned({(o.host, o.port): o for o in self.origins}, self.resolve or _looked_up)
        context = httpcore.default_ssl_context() if any(o.scheme == "https" for o in self.origins) else None
        pool = Pool(backend, context, self.n_connections)
        try:
            yield Door(pool, frozenset(self.origins), self.limits, self.closed)
        finally:
            await pool.close()


class Door:
    """An open pool of connections."""

    def __init__(self, pool: Pool, origins: frozenset[Origin], limits: Limits, closed: Callable[[], bool]) -> None:
        self._pool, self._origins, self.limits, self._closed = pool, origins, limits, closed

    async def send(
        self,
        method: str,
        origin: Origin,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        total_s: float | None = None,
    ) -> Reply:
        """Send one request and read its answer whole.

        Args:
            method: of HTTP.
            origin: one that was registered.
            path: begins with a slash.
            headers: of ``SENT_HEADERS`` only.
            body: of the request.
            total_s: until when the answer must be whole, instead of the limit; never longer than it.

        Raises:
            RefusedAddressError: the origin is not registered, or leads where nothing may be sent.
            UpstreamTimeoutError: it took too long.
            UpstreamError: no connection, a redirect, an answer that is cut, too large or no HTTP.
            TooLargeError: the body is larger than what is sent at once.
        """
        self._check(origin)
        if len(body) > self.limits.sent_bytes:
            raise TooLargeError(f"This is larger than the {self.limits.sent_bytes:,} bytes that are sent at once.")
        limits = self.limits
        timeout = _timeouts(limits.connect_s, limits.silence_s, limits.total_s)
        request = _request(method, origin, path, _checked(headers or {}, SENT_HEADERS), body, timeout)
        most = self.limits.total_s if total_s is None else min(total_s, self.limits.total_s)
        started = _Started()
        try:
            with anyio.fail_after(most):
                return await self._answer(request, origin, started)
        except TimeoutError as error:
            raise UpstreamTimeoutError(
                f"{origin} did not answer whole within {most:.3g} s.", may_have_cost=started.sent
            ) from error

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        origin: Origin,
        path: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        phases: Phases,
    ) -> AsyncIterator[Streamed]:
        """Send one request; its answer comes in pieces, and the connection is closed on every way out of the block.

        Leaving before the last piece, also by a cancellation, closes the connection at once: the upstream notices and
        stops working.

        Args:
            method: of HTTP.
            origin: one that was registered.
            path: begins with a slash.
            headers: of ``PASSED_HEADERS`` only.
            body: of the request, sent as it is.
            phases: how long each part may take.

        Raises:
            RefusedAddressError: the origin is not registered, or leads where nothing may be sent.
            UpstreamTimeoutError: it took too long; also while pieces are read.
            UpstreamError: no connection, a redirect, an answer that is cut or no HTTP; also while pieces are read.

        Example:
            >>> async with door.stream("POST", o, "/v1", headers={}, phases=Phases()) as answer:  # doctest: +SKIP
            ...     async for piece in answer.pieces():
            ...         print(piece)
        """
        self._check(origin)
        started = _Started()
        timeout = _timeouts(phases.connect_s, phases.first_byte_s, phases.total_s)
        request = _request(method, origin, path, _checked(headers, PASSED_HEADERS), body, timeout)
        request.extensions["trace"] = started.hear
        end = time.monotonic() + phases.total_s
        async with AsyncExitStack() as stack:
            with _told(origin, started):
                try:
                    with anyio.fail_after(min(phases.connect_s + phases.first_byte_s, phases.total_s)):
                        response = await self._answered(stack, request)
                except TimeoutError as error:
                    raise httpcore.ReadTimeout from error
            if response.status in _REDIRECTS:
                raise _redirected(origin, response.status)
            timeout["read"] = min(phases.between_s, max(0.01, end - time.monotonic()))
            yield Streamed(response, origin, end, started)

    def _check(self, origin: Origin) -> None:
        if self._closed():
            raise OfflineError
        if origin not in self._origins:
            raise RefusedAddressError

    async def _answer(self, request: httpcore.Request, origin: Origin, started: _Started) -> Reply:
        request.extensions["trace"] = started.hear
        async with AsyncExitStack() as stack:
            with _told(origin, started):
                return await self._read(await self._answered(stack, request), origin)

    async def _answered(self, stack: AsyncExitStack, request: httpcore.Request) -> httpcore.Response:
        """The head of an answer; its connection is given back, or closed, when *stack* ends."""
        wait_s = request.extensions["timeout"]["pool"]
        connection = await stack.enter_async_context(self._pool.connection(request.url.origin, wait_s))
        response = await connection.handle_async_request(request)
        stack.push_async_callback(_closed, response)
        return response

    async def _read(self, response: httpcore.Response, origin: Origin) -> Reply:
        headers: dict[str, str] = {}
        for name, value in response.headers:
            key = name.decode("latin-1").lower()
            if key in READ_HEADERS and key not in headers:
                headers[key] = value.decode("latin-1")[:1000]
            if key == "content-encoding" and value.strip().lower() not in (b"", b"identity"):
                raise UpstreamError(f"{origin} sent a compressed answer that nobody asked for.", may_have_cost=True)
        if response.status in _REDIRECTS:
            raise _redirected(origin, response.status)
        body = bytearray()
        async for piece in response.aiter_stream():
            body += piece
            if len(body) > self.limits.read_bytes:
                raise UpstreamError(
                    f"{origin} answered with more than {self.limits.read_bytes:,} bytes.", may_have_cost=True
                )
        return Reply(response.status, headers, bytes(body))


class Streamed:
    """An answer whose head is there and whose body comes in pieces.

    Attributes:
        status: of HTTP.
        headers: those of ``ANSWERED_HEADERS`` and ``ANSWERED_PREFIXES``, by name in lower case, in order.
    """

    def __init__(self, response: httpcore.Response, origin: Origin, end: float, started: _Started) -> None:
        self._response, self._origin, self._end, self._started = response, origin, end, started
        self.status = response.status
        self.headers = [
            (name, value.decode("latin-1")[:4000])
            for name, value in ((k.decode("latin-1").lower(), v) for k, v in response.headers)
            if name in ANSWERED_HEADERS or name.startswith(ANSWERED_PREFIXES)
        ]

    def header(self, name: str) -> str | None:
        """The first value of a header, or None."""
        return next((v for k, v in self.headers if k == name), None)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes, undecoded.

        Raises:
            UpstreamTimeoutError: the next piece, or the whole, took too long.
            UpstreamError: it broke off.
        """
        with _told(self._origin, self._started):
            async for piece in self._response.aiter_stream():
                if time.monotonic() > self._end:
                    raise UpstreamTimeoutError(f"{self._origin} took too long as a whole.", may_have_cost=True)
                yield piece

    async def read(self, most: int) -> bytes:
        """The body whole.

        Raises:
            UpstreamError: as ``pieces`` does, and where it is longer than *most* bytes.
        """
        body = bytearray()
        async for piece in self.pieces():
            body += piece
            if len(body) > most:
                raise UpstreamError(f"{self._origin} answered with more than {most:,} bytes.", may_have_cost=True)
        return bytes(body)


async def _closed(response: httpcore.Response) -> None:
    with anyio.CancelScope(shield=True):
        await response.aclose()


def _timeouts(connect_s: float, silence_s: float, total_s: float) -> dict[str, float | None]:
    return {"connect": connect_s, "read": silence_s, "write": silence_s, "pool": total_s}


def _checked(headers: Mapping[str, str], allowed: frozenset[str]) -> dict[str, str]:
    named = {k.lower(): v for k, v in headers.items()}
    if named.keys() - allowed or not all(v.isascii() and v.isprintable() for v in named.values()):
        raise RefusedAddressError("A header of this request is not on the list, or holds more than printable ASCII.")
    return named


def _request(
    method: str, origin: Origin, path: str, headers: dict[str, str], body: bytes, timeout: dict[str, float | None]
) -> httpcore.Request:
    if not path.startswith("/") or not path.isascii() or not path.isprintable() or " " in path:
        raise RefusedAddressError("The path of a request is plain ASCII and begins with a slash.")
    fixed = {"accept-encoding": "identity", "user-agent": "homegrown"}
    url = httpcore.URL(scheme=origin.scheme, host=origin.host, port=origin.port, target=path)
    host = str(origin).partition("://")[2]
    named = [("host", host), *{**headers, **fixed, "content-length": str(len(body))}.items()]
    return httpcore.Request(method, url, headers=named, content=body, extensions={"timeout": timeout})


def _redirected(origin: Origin, status: int) -> UpstreamError:
    return UpstreamError(
        f"{origin} sends on to another address, which is not followed. Register the final address.", status_code=status
    )


@contextmanager
def _told(origin: Origin, started: _Started) -> Iterator[None]:
    """The errors of the connection as ours, with whether the request may have had an effect."""
    try:
        yield
    except httpcore.TimeoutException as error:
        raise UpstreamTimeoutError(f"{origin} was silent for too long.", may_have_cost=started.sent) from error
    except TimeoutError:  # of a deadline round this; an OSError too
        raise
    except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError, OSError) as error:
        what = "broke off in the middle" if started.sent else "could not be reached"
        raise UpstreamError(f"{origin} {what} ({_reason(error)}).", may_have_cost=started.sent) from error


class _Started:
    """Hears whether a request's head was sent: from then on it may have had an effect."""

    def __init__(self) -> None:
        self.sent = False

    async def hear(self, event: str, _: dict[str, Any]) -> None:
        if event == "http11.send_request_headers.complete":
            self.sent = True


class _Pinned(httpcore.AsyncNetworkBackend):
    """Connects to an address that was judged, never to a name."""

    def __init__(self, origins: Mapping[tuple[str, int], Origin], resolve: Resolver) -> None:
        self._origins, self._resolve = origins, resolve
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        origin = self._origins.get((host, port))
        if origin is None:
            raise RefusedAddressError
        try:
            with anyio.fail_after(timeout):
                found = await self._resolve(host, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout from error
        judge(found, origin)
        problem: Exception = httpcore.ConnectError("no address")
        for address in found:
            try:
                return Joining(await self._inner.connect_tcp(address, port, timeout, local_address, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
        raise problem

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        raise RefusedAddressError

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)


def judge(addresses: list[str], origin: Origin) -> None:
    """Refuse an origin one of whose addresses may not be called: a name that leads to two networks is a trick.

    Raises:
        RefusedAddressError: there is such an address.
        httpcore.ConnectError: there is none at all.
    """
    if not addresses:
        raise httpcore.ConnectError("the name has no address")
    for address in addresses:
        try:
            reason = refusal_of(ipaddress.ip_address(address.partition("%")[0]), is_private=origin.is_private)
        except ValueError:
            reason = "The name was resolved to something that is no address."
        if reason:
            raise RefusedAddressError(f"{origin} is not called. {reason}")


async def _looked_up(host: str, port: int) -> list[str]:
    try:
        found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise httpcore.ConnectError("its name is not known") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _reason(error: Exception) -> str:
    if isinstance(error.__cause__, ssl.SSLCertVerificationError) or isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate is not valid"
    text = str(error)
    return text if text in ("its name is not known", "the name has no address") else type(error).__name__
