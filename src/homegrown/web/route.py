"""The one helper through which every route is declared, with its permission and its schema.

Authorisation is part of each route, never a test on a path's beginning: what is not declared here has no handler
at all, and a test walks the application for anything else.

Example:
    >>> async def hello(call: Call) -> Response:
    ...     return json_response({"hello": call.actor.name})
    >>> Route("/api/v1/hello", hello, Permission.READ, summary="Say hello.").methods
    ('GET',)
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio.to_thread
import msgspec
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route as StarletteRoute

from homegrown.core.access import Permission
from homegrown.errors import (
    ForbiddenError,
    HomegrownError,
    InputError,
    SlowRequestError,
    TooLargeError,
    UnauthenticatedError,
    UnsupportedTypeError,
)
from homegrown.web.answers import Shape, refusal
from homegrown.web.call import Call, Doors, header_values
from homegrown.web.log import note_fault
from homegrown.web.streams import while_admitted

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

Handler = Callable[[Call], Awaitable[Response]] | Callable[[Call], Response]
BODY_BYTES = 1 << 20
# A body has this long, and longer by its size at the slowest rate that is borne.
BODY_SECONDS = 30.0
SLOWEST_BYTES_PER_S = 64 << 10
FORM_FIELDS = 1000
FORM_FILES = 100


@dataclass(frozen=True)
class Route:
    """One route.

    Args:
        path: Starlette's path syntax; parts are opaque ids and names, resolved in the database and nowhere else.
        handler: ``async def`` runs on the event loop and must not wait; ``def`` runs in a thread and may.
        permission: what the caller's role must carry; ``PUBLIC`` lets everybody in.
        methods: HTTP methods.
        shape: how it speaks when it refuses.
        body: the msgspec type of the JSON body; anything but ``application/json`` is then refused with 415.
        query: the msgspec type of the query string.
        answer: the msgspec type of a good answer, for the OpenAPI document; None there means a file.
        form: whether a posted form (URL-encoded or multipart) is read.
        max_body: bytes of body that are taken at most.
        summary: one sentence for the OpenAPI document; routes without one are left out of it.
        refuse: draws a refusal instead of the built-in answer (the studio's pages); the request's id is in
            ``scope["homegrown.request_id"]``, the actor in ``scope.get("homegrown.actor")``.
    """

    path: str
    handler: Handler
    permission: Permission
    methods: tuple[str, ...] = ("GET",)
    shape: Shape = Shape.API
    body: Any = None
    query: Any = None
    answer: Any = None
    form: bool = False
    max_body: int = BODY_BYTES
    summary: str = ""
    refuse: Callable[[HomegrownError, Scope], Response] | None = None

    def mount(self, doors: Doors) -> StarletteRoute:
        """The route as Starlette serves it."""
        return StarletteRoute(self.path, Declared(self, doors), methods=list(self.methods))


class Declared:
    """A declared route, running: lets in, decodes, calls, answers. The only ASGI endpoint in the application."""

    def __init__(self, route: Route, doors: Doors) -> None:
        self.route = route
        self._doors = doors
        self._is_async = inspect.iscoroutinefunction(route.handler)
        self._decoder = msgspec.json.Decoder(route.body) if route.body is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        request_id = scope["homegrown.request_id"]
        try:
            response = await self._respond(scope, receive, request_id)
        except HomegrownError as error:
            response = self._refuse(error, scope, request_id)
        except ClientDisconnect:
            return
        except Exception as error:  # the last line of defence: nobody gets a stack trace
            note_fault(request_id, error)
            response = self._refuse(HomegrownError(), scope, request_id)
        if isinstance(response, StreamingResponse) and response.media_type == "text/event-stream":
            response.body_iterator = while_admitted(response.body_iterator, partial(self._admitted, scope))
        await response(scope, receive, send)

    async def _admitted(self, scope: Scope) -> bool:
        """Whether who asked may still see this: a session ends, a key is revoked while a stream is open."""
        if self.route.permission is Permission.PUBLIC:
            return True
        try:
            visitor = await self._doors.identity.of(scope)
        except UnauthenticatedError:
            return False
        return visitor is not None and visitor.may(self.route.permission)

    def _refuse(self, error: HomegrownError, scope: Scope, request_id: str) -> Response:
        if error.status >= 500:
            note_fault(request_id, error)
        if self.route.refuse is not None:
            return self.route.refuse(error, scope)
        is_program = any(header_values(scope["headers"], b"authorization"))
        shape = Shape.API if is_program and self.route.shape is Shape.PAGE else self.route.shape
        return refusal(error, shape, request_id)

    async def _respond(self, scope: Scope, receive: Receive, request_id: str) -> Response:
        visitor = await self._doors.identity.of(scope)
        scope["homegrown.actor"] = visitor
        route = self.route
        if route.permission is not Permission.PUBLIC:
            if visitor is None:
                raise UnauthenticatedError
            if not visitor.may(route.permission):
                await anyio.to_thread.run_sync(self._doors.access.refused, visitor, route.permission.value, route.path)
                raise ForbiddenError(f"Your role ({visitor.role.value}) does not allow this.")
        request = Request(scope, limited(scope, receive, route.max_body))
        call = Call(request, self._doors, visitor, request_id)
        if route.query is not None:
            call.query = _converted(dict(request.query_params), route.query)
        await self._read(call)
        try:
            if self._is_async:
                return await route.handler(call)  # type: ignore[misc]
            return await anyio.to_thread.run_sync(route.handler, call)  # type: ignore[arg-type,return-value]
        finally:
            await call.form.close()

    async def _read(self, call: Call) -> None:
        if self._decoder is not None:
            content_type = call.request.headers.get("content-type", "")
            if content_type.partition(";")[0].strip().lower() != "application/json":
                raise UnsupportedTypeError
            call.body = decoded(await call.request.body(), self._decoder)
        elif self.route.form:
            try:
                call.form = await call.request.form(
                    max_files=FORM_FILES, max_fields=FORM_FIELDS, max_part_size=self.route.max_body
                )
            except (MultiPartException, HTTPException) as error:
                raise InputError("The form could not be read, or has too many parts.") from error


def decoded(body: bytes, decoder: msgspec.json.Decoder[Any]) -> Any:
    """A JSON body, or a sentence about what is wrong with it."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise InputError(f"The request's body does not fit: {error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError("The request's body is not JSON.") from error
    except RecursionError as error:
        raise InputError("The request's body is nested too deep.") from error


def _converted(values: dict[str, str], kind: Any) -> Any:
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise InputError(f"The query string does not fit: {error}.") from error


def limited(scope: Scope, receive: Receive, most: int) -> Receive:
    """*receive* with bounds, before anything is parsed.

    Raises:
        TooLargeError: at the first byte beyond *most*.
        SlowRequestError: the body came more slowly than ``SLOWEST_BYTES_PER_S``, after its first ``BODY_SECONDS``.
    """
    for value in header_values(scope["headers"], b"content-length"):
        # A proxy in front might believe the one and we the other.
        if any(header_values(scope["headers"], b"transfer-encoding")):
            raise InputError("The request says twice, and differently, where its body ends.")
        if not value.isascii() or not value.isdigit() or int(value[:20]) > most:
            raise TooLargeError(f"The request is larger than the {most:,} bytes that are taken at once.")
    seen, whole = 0, False
    started = asyncio.get_running_loop().time()

    async def counted() -> Message:
        nonlocal seen, whole
        if whole:  # what comes now is the client's leaving
            return await receive()
        try:
            async with asyncio.timeout_at(started + BODY_SECONDS + seen / SLOWEST_BYTES_PER_S):
                message = await receive()
        except TimeoutError:
            raise SlowRequestError from None
        seen += len(message.get("body", b""))
        whole = not message.get("more_body", False)
        if seen > most:
            raise TooLargeError(f"The request is larger than the {most:,} bytes that are taken at once.")
        return message

    return counted
