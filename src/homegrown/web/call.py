"""One request, as a handler sees it: who asks, of which workspace, with what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.datastructures import FormData
from starlette.requests import Request

from homegrown.core.access import Actor
from homegrown.errors import InputError, UnauthenticatedError

if TYPE_CHECKING:
    from homegrown.govern.access import Access
    from homegrown.web.identity import Identity
    from homegrown.workspace import Workspace


KEY_CHARS = 200


@dataclass(slots=True)
class Doors:
    """What the running server holds and every handler may use.

    Attributes:
        ws: the workspace, acting as the system; handlers use ``Call.ws``, which acts as the caller.
        access: keys, links, sessions.
        identity: who is behind a request.
        origin: the address that people open, such as ``http://127.0.0.1:8700``.
        parts: what faces put here at start-up (the serving engine, the jobs), by name.
    """

    ws: Workspace
    access: Access
    identity: Identity
    origin: str
    parts: dict[str, Any] = field(default_factory=dict)

    @property
    def is_https(self) -> bool:
        """Whether people reach the server by TLS (through a proxy that the operator named)."""
        return self.origin.startswith("https://")


Part = Callable[[Doors], AbstractAsyncContextManager[Any]]
"""What a face starts with the server and stops with it; its value lies in ``Doors.parts`` under the part's name."""


@dataclass(slots=True)
class Call:
    """A request that was let in.

    Attributes:
        request: Starlette's request; its body may not exceed the route's limit.
        doors: what the server holds.
        visitor: who asks; None on a public route without credentials.
        body: the JSON body, decoded and checked, where the route declares one.
        query: the query string, decoded and checked, where the route declares one.
        form: the posted form, where the route declares one.
    """

    request: Request
    doors: Doors
    visitor: Actor | None
    request_id: str
    body: Any = None
    query: Any = None
    form: FormData = field(default_factory=FormData)

    @property
    def actor(self) -> Actor:
        """Who asks; never None on a route that is not public."""
        if self.visitor is None:
            raise UnauthenticatedError
        return self.visitor

    @property
    def ws(self) -> Workspace:
        """The workspace, acting as the caller: events and votes carry their id."""
        return self.doors.ws.acting_as(self.actor)

    @property
    def path(self) -> Mapping[str, Any]:
        """Parts of the path: opaque ids and names, never a file."""
        return self.request.path_params

    @property
    def idempotency_key(self) -> str | None:
        """What the client calls this request, so that a repetition of it makes nothing twice.

        Raises:
            InputError: the header is there twice, empty, or no word of 200 characters.
        """
        sent = list(header_values(self.request.scope["headers"], b"idempotency-key"))
        if not sent:
            return None
        if len(sent) > 1 or not 0 < len(sent[0]) <= KEY_CHARS or not (sent[0].isascii() and sent[0].isprintable()):
            raise InputError(f"An Idempotency-Key has 1 to {KEY_CHARS} printable ASCII characters, and comes once.")
        return sent[0]

    def part(self, name: str) -> Any:
        """What a face put into the server at start-up."""
        return self.doors.parts[name]


def header_values(headers: list[tuple[bytes, bytes]], name: bytes) -> Iterator[str]:
    """All values of one header, as text."""
    for key, value in headers:
        if key == name:
            yield value.decode("latin-1")
