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
from typing import TYPE_CHECKING, Any

import anyio.to_thread
import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute

from homegrown.core.access import Permission
from homegrown.errors import (
    ForbiddenError,
    HomegrownError,
    InputError,
    TooLargeError,
    UnauthenticatedError,
    UnsupportedTypeError,
)
from homegrown.web.answers import Shape, refusal
from homegrown.web.call import Call, Doors, header_values
from homegrown.web.log import note_fault

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

Handler = Callable[[Call], Awaitable[Response]] | Callable[[Call], Response]
BODY_BYTES = 1 << 20
BODY_SECONDS = 60.0
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
        answer: the msgspec type of a good answer, for the OpenAPI document.
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
        except HTTPException as error:
            # Starlette's own form parser speaks in these.
            ours = TooLargeError() if error.status_code == 413 else InputError("The form could not be read.")
            response = self._refuse(ours, scope, request_id)
        except Exception as error:  # the last line of defence: nobody gets a stack trace
            note_fault(request_id, error)
            response = self._refuse(HomegrownError(), scope, request_id)
        await response(scope, receive, send)

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
        async with asyncio.timeout(BODY_SECONDS) if route.form or self._decoder else _forever():
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
            call.form = await call.request.form(
                max_files=FORM_FILES, max_fields=FORM_FIELDS, max_part_size=self.route.max_body
            )


class _forever:  # noqa: N801  # stands in for asyncio.timeout
    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *_: object) -> None: ...


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
    """*receive*, which raises ``TooLargeError`` at the first byte beyond *most*, before anything is parsed."""
    for value in header_values(scope["headers"], b"content-length"):
        if not value.isascii() or not value.isdigit() or int(value[:20]) > most:
            raise TooLargeError(f"The request is larger than the {most:,} bytes that are taken at once.")
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise TooLargeError(f"The request is larger than the {most:,} bytes that are taken at once.")
        return message

    return counted
