"""What stands before every request, whatever its path: host, origin, header limits, security headers, request ids.

Nothing here decides who may do what: that is each route's own (``web.route``). Decisions read ``scope["path"]``
and the raw headers; ``Host`` never becomes part of a URL, and ``X-Forwarded-*`` is not believed.
"""

from __future__ import annotations

import ipaddress
import re
import time
from typing import TYPE_CHECKING

from homegrown.core.ids import IdPool
from homegrown.errors import ForbiddenError, HomegrownError, InputError, TooLargeError
from homegrown.web.answers import Shape, refusal
from homegrown.web.call import header_values
from homegrown.web.log import note_fault, note_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.routing import Router
    from starlette.types import Message, Receive, Scope, Send

    from homegrown.web.call import Doors

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
HEADER_BYTES = 32 << 10
MOST_HEADERS = 200
_REQUEST_IDS = IdPool("req")
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)(?::(\d{1,5}))?")

CSP = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
SECURITY_HEADERS = (
    (b"content-security-policy", CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    # Not no-referrer: with that a browser sends "Origin: null" with our own forms.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"cache-control", b"no-store"),
)


class Hosts:
    """Names under which the server may be asked for; anything else is a browser led here by somebody's DNS.

    Args:
        names: exact host names, lower case, without port.
        any_address: whether IP addresses are taken too (a server bound to all interfaces): a name that an attacker
            controls is never an address.

    Example:
        >>> Hosts({"localhost"}).allow("localhost:8700"), Hosts({"localhost"}).allow("a/?x=")
        (True, False)
    """

    def __init__(self, names: Iterable[str], *, any_address: bool = False) -> None:
        self._names = frozenset(n.lower() for n in names)
        self._any_address = any_address

    def allow(self, host: str) -> bool:
        """Whether the Host header *host* is one of ours."""
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        name = match.group(1).lower()
        return name in self._names or (self._any_address and _is_address(name.strip("[]")))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Guard:
    """ASGI application around the router."""

    def __init__(self, app: Router, hosts: Hosts, doors: Doors, shape: Callable[[str], Shape]) -> None:
        self.router, self.parts, self.cookie = app, doors.parts, doors.identity.cookie
        self._hosts, self._shape = hosts, shape
        self._cookie_mark = f"{self.cookie}=".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "lifespan":
            await self.router(scope, receive, send)
            return
        request_id = _REQUEST_IDS.new()
        scope["homegrown.request_id"] = request_id
        started = time.monotonic()
        status, begun = 500, False

        async def sending(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                message = {**message, "headers": with_security(message["headers"], request_id)}
            await send(message)

        try:
            self._check(scope)
            if scope["type"] == "websocket":
                await self.router(scope, receive, send)
            else:
                await self.router(scope, receive, sending)
        except HomegrownError as error:
            if begun:  # too late for a status of its own
                note_fault(request_id, error)
            else:
                await self._refuse(error, scope, receive, sending, send)
        except Exception as error:  # an answer that broke after its start: close, and say nothing
            note_fault(request_id, error)
        finally:
            actor = scope.get("homegrown.actor")
            endpoint = getattr(scope.get("endpoint"), "route", None)
            note_request(
                request_id,
                scope.get("method", "WS"),
                endpoint.path if endpoint else "-",
                status,
                time.monotonic() - started,
                actor.actor_id if actor else None,
            )

    async def _refuse(self, error: HomegrownError, scope: Scope, receive: Receive, sending: Send, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        await refusal(error, self._shape(scope["path"]), scope["homegrown.request_id"])(scope, receive, sending)

    def _check(self, scope: Scope) -> None:
        headers = scope["headers"]
        if len(headers) > MOST_HEADERS or sum(len(k) + len(v) for k, v in headers) > HEADER_BYTES:
            raise TooLargeError("The request's headers are too large.")
        hosts = list(header_values(headers, b"host"))
        if len(hosts) != 1:
            raise InputError("The request must name one host.")
        if not self._hosts.allow(hosts[0]):
            raise ForbiddenError(
                "This server does not answer under that host name. Allow it with: homegrown serve --allow-host NAME"
            )
        if scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS:
            self._check_origin(headers, hosts[0])

    def _check_origin(self, headers: list[tuple[bytes, bytes]], host: str) -> None:
        """A browser says where a request comes from; only our own pages may change anything."""
        origins = list(header_values(headers, b"origin"))
        sites = list(header_values(headers, b"sec-fetch-site"))
        for origin in origins:
            scheme, _, name = origin.partition("://")
            if scheme not in ("http", "https") or name.lower() != host.lower():
                raise ForbiddenError("A page of another site may not do that.")
        for site in sites:
            if site not in ("same-origin", "none"):
                raise ForbiddenError("A page of another site may not do that.")
        carries_session = any(k == b"cookie" and self._cookie_mark in v for k, v in headers)
        if carries_session and not origins and not sites:
            raise ForbiddenError("The request does not say which page it comes from; programs use a key instead.")


def with_security(headers: Iterable[tuple[bytes, bytes]], request_id: str) -> list[tuple[bytes, bytes]]:
    """*headers* with the security headers that a handler did not set itself, and the request's id.

    An upstream's own id, which its support asks for, keeps the usual name; ours has another one then.
    """
    found = list(headers)
    present = {k.lower() for k, _ in found}
    found.extend(h for h in SECURITY_HEADERS if h[0] not in present)
    name = b"x-homegrown-request-id" if b"x-request-id" in present else b"x-request-id"
    found.append((name, request_id.encode()))
    return found
