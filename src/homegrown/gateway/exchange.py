"""One call on its way: out to an upstream, back to the caller, and into the book of calls."""

from __future__ import annotations

import asyncio
import contextlib
import time
import zlib
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import anyio
import msgspec
from starlette.responses import Response

from homegrown.core.traces import AT_HOME, CallState, Wire
from homegrown.errors import HomegrownError, UpstreamError
from homegrown.gateway.book import Book
from homegrown.gateway.cache import Again
from homegrown.gateway.rebuild import KEPT_BYTES, Rebuilt, whole_state
from homegrown.web.answers import Shape, refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import Message, Receive, Scope, Send

    from homegrown.core.routing import GatewayRoute
    from homegrown.gateway.forward import Answered, Sent
    from homegrown.gateway.home import Turn
    from homegrown.gateway.idempotency import Promise
    from homegrown.gateway.intake import Asked
    from homegrown.gateway.service import Gateway
    from homegrown.gateway.veil import Veil
    from homegrown.web.call import Call

MOST_READ_BYTES = 64 << 20
SEND_WITHIN_S = 60.0
ASK_EVERY_S = 2.0
EVENTS = "text/event-stream"
AGAIN = "homegrown.cache"
"""The tag of a call that got an answer again: the trace of the one that was answered."""


class Exchange(Response):
    """The answer to a call that an upstream gives; runs when it is sent."""

    def __init__(
        self, gateway: Gateway, call: Call, asked: Asked, route: GatewayRoute, sent: Sent, *, trace_id: str,
        tags: dict[str, str], veil: Veil | None, promise: Promise | None, cache_key: str | None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._gateway, self._call, self._asked, self._route, self._sent = gateway, call, asked, route, sent
        self._trace_id, self._veil, self._promise = trace_id, veil, promise
        self._cache_key = cache_key
        self._shape = shape_of(asked.wire)
        self._book = Book(gateway, call.actor.actor_id, asked, route, trace_id, tags)
        self._book.promise = promise
        self._attempts: list[str] = []
        self._has_begun = False
        self._sending_since: float | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        with anyio.CancelScope() as here:
            leaving = asyncio.create_task(_until_gone(receive, here))
            stalling = asyncio.create_task(self._until_stalled(here))
            try:
                await self._run(scope, receive, send)
            finally:
                leaving.cancel()
                stalling.cancel()
                if self._promise is not None:
                    self._book.keep_promise()
                    self._promise.drop()

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        book, config = self._book, self._route.config
        try:
            actor_id = self._call.actor.actor_id
            with self._gateway.admission.slot(actor_id, self._route.name, config.max_open):
                try:
                    await book.begin()
                    turn = book.turn = await self._turn()
                    is_home = turn is not None and turn.is_home
                    if turn is not None and turn.part is not None and await self._ask_part(send, turn):
                        return
                    if turn is not None and (is_home or not await self._ask_upstream(send, turn)):
                        await self._answer_at_home(send, turn)
                    elif turn is None and not await self._answer_again(send):
                        await self._ask_upstream(send, None)
                except BaseException as error:
                    await self._note(error)
                    raise
        except HomegrownError as error:
            if not self._has_begun:
                response = refusal(error, self._shape, self._call.request_id)
                response.headers["x-homegrown-trace"] = self._trace_id
                await response(scope, receive, send)
            elif isinstance(error, UpstreamError):
                await self._break_off(send, error)

    async def _turn(self) -> Turn | None:
        """What a model of ours makes of the call, where one has a say in it."""
        gateway, tags = self._gateway, self._book.tags
        tags.pop(AT_HOME, None)
        tags.pop(AGAIN, None)
        turn = await gateway.exits.turn(
            self._route, self._asked, tags, self._call.actor.actor_id, self._trace_id,
            self._call.part("engine").batcher,
            gateway.masked if self._route.config.mask_kept else None,
        )  # fmt: skip
        if turn is not None:
            tags[AT_HOME] = turn.what
        return turn

    async def _ask_upstream(self, send: Send, turn: Turn | None) -> bool:
        """Pass an upstream's answer on; False where it failed and the model's own may go out."""
        book, may_stand_in = self._book, turn is not None and turn.is_sure
        try:
            async with self._gateway.forwarder.answered(self._sent, self._route.config, self._attempts) as got:
                status = got.streamed.status
                if may_stand_in and status >= HTTPStatus.BAD_REQUEST:
                    (got.breaker.failed if status >= HTTPStatus.INTERNAL_SERVER_ERROR else got.breaker.left)()
                    return False
                book.got = got
                await self._pass(send, got)
        except HomegrownError:
            if not may_stand_in or self._has_begun:
                raise
            if book.got is not None:
                book.got.breaker.failed()
                book.got = None
            return False
        return True

    async def _ask_part(self, send: Send, turn: Turn) -> bool:
        """Have the upstream give the fields that the model is not sure of; False where it is to be asked for all."""
        book, part = self._book, turn.part
        if self._veil is not None or part is None:  # masked words would have to be put back into parts of it
            turn.refuse_part()
            book.tags[AT_HOME] = turn.what
            return False
        sent = replace(self._sent, body_for=lambda model: _body(part, model))
        async with self._gateway.forwarder.answered(sent, self._route.config, self._attempts) as got:
            book.got = got
            if got.streamed.status >= HTTPStatus.BAD_REQUEST:
                await self._pass(send, got)
                return True
            plain = _unpacked(await got.streamed.read(MOST_READ_BYTES), got.streamed.header("content-encoding"))
            got.breaker.well()
            answer = _object(plain)
            is_whole = answer is not None and whole_state(self._asked.wire, answer)[0] is CallState.WHOLE
            if answer is None or not is_whole or not turn.join(answer):
                turn.refuse_part()
                book.tags[AT_HOME], book.got = turn.what, None
                return False
            self._tell_attempts()
            book.first_piece()
            named = {"content-type": turn.kind, "x-homegrown-trace": self._trace_id}
            named |= {"x-homegrown-upstream": got.upstream.name, "x-homegrown-model": f"{turn.model}+{got.model}"}
            if not self._asked.is_stream:
                named["content-length"] = str(sum(map(len, turn.pieces)))
            headers = self._promised(named, turn.pieces)
            text = msgspec.json.encode(turn.answer).decode()
            await book.end(CallState.WHOLE, HTTPStatus.OK, None, text, turn.answer)
            await self._give(send, headers, turn.pieces)
        return True

    async def _answer_again(self, send: Send) -> bool:
        """Give the answer that the same request got before, where the route keeps them; False where there is none."""
        again = self._gateway.cache.find(self._cache_key) if self._cache_key is not None else None
        if again is None:
            return False
        book = self._book
        book.again = again
        book.tags[AGAIN] = again.trace_id
        ours = {"x-homegrown-trace": self._trace_id, "x-homegrown-upstream": again.upstream}
        named = {"content-type": again.kind, **ours, "x-homegrown-model": again.model, "x-homegrown-cache": "hit"}
        if again.encoding:
            named["content-encoding"] = again.encoding
        book.first_piece()
        unpack = _unpacker(again.encoding)
        plain = [unpack(p) for p in again.pieces] if unpack is not None else None
        if again.is_stream:
            book.rebuilt = Rebuilt(self._asked.wire)
            for piece in plain or ():
                book.rebuilt.feed(piece)
            headers = self._promised(named, again.pieces)
            await book.end(CallState.WHOLE, HTTPStatus.OK, None)
        else:
            named["content-length"] = str(sum(map(len, again.pieces)))
            headers = self._promised(named, again.pieces)
            await book.end_whole(HTTPStatus.OK, None if plain is None else b"".join(plain))
        await self._give(send, headers, again.pieces)
        return True

    def _promised(self, named: dict[str, str], pieces: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
        headers = [(k.encode("latin-1"), v.encode("latin-1", "replace")) for k, v in named.items()]
        self._book.promised(HTTPStatus.OK, headers, b"".join(pieces))
        return headers

    async def _give(self, send: Send, headers: list[tuple[bytes, bytes]], pieces: Sequence[bytes]) -> None:
        """Send an answer that is there as a whole."""
        self._book.keep_promise()
        self._has_begun = True
        await self._send(send, {"type": "http.response.start", "status": HTTPStatus.OK, "headers": headers})
        for piece in pieces:
            await self._send(send, {"type": "http.response.body", "body": piece, "more_body": True})
        await self._send(send, {"type": "http.response.body", "body": b""})

    def _keep_answer(self, got: Answered, pieces: Sequence[bytes], *, is_packed: bool, is_stream: bool = False) -> None:
        """Keep an answer that came whole for who asks the same again."""
        is_good = self._book.state is CallState.WHOLE and got.streamed.status == HTTPStatus.OK
        if self._cache_key is None or not is_good or self._book.turn is not None:
            return
        kind = got.streamed.header("content-type") or "application/json"
        encoding = got.streamed.header("content-encoding") if is_packed else None
        up = got.upstream
        answer = Again(self._trace_id, up.upstream_id, up.name, got.model, tuple(pieces), kind, encoding, is_stream)
        self._gateway.cache.keep(self._cache_key, self._route, answer)

    async def _answer_at_home(self, send: Send, turn: Turn) -> None:
        """Give the model's answer in the shape in which the upstream would have."""
        if not turn.is_home:
            self._book.tags[AT_HOME] = turn.stands_in()
        self._tell_attempts()
        named = {"content-type": turn.kind, "x-homegrown-trace": self._trace_id, "x-homegrown-model": turn.model}
        if not self._asked.is_stream:
            named["content-length"] = str(sum(map(len, turn.pieces)))
        self._book.version_id = turn.version_id
        self._book.first_piece()
        text = msgspec.json.encode(turn.answer).decode()
        headers = self._promised(named, turn.pieces)
        await self._book.end(CallState.WHOLE, HTTPStatus.OK, None, text, turn.answer)
        await self._give(send, headers, turn.pieces)

    async def _note(self, error: BaseException) -> None:
        """What went wrong goes into the book before anybody is told."""
        book = self._book
        self._tell_attempts()
        if book.got is not None and isinstance(error, UpstreamError):
            book.got.breaker.failed()
        elif book.got is not None:
            book.got.breaker.left()
        if isinstance(error, HomegrownError):
            state = CallState.TRUNCATED if self._has_begun else CallState.FAILED
            await book.end(state, None if self._has_begun else error.status, error.message)
        else:
            with anyio.CancelScope(shield=True):
                await book.end(CallState.CANCELLED, None, "the caller left")

    def _tell_attempts(self) -> None:
        if len(self._attempts) > 1:
            self._book.tags["attempts"] = "; ".join(self._attempts)[:1000]

    async def _pass(self, send: Send, got: Answered) -> None:
        self._tell_attempts()
        kind = (got.streamed.header("content-type") or "").partition(";")[0].strip().lower()
        is_json = kind in ("application/json", "text/html") or kind.endswith("+json")
        if kind == EVENTS or (self._asked.is_stream and got.streamed.status == HTTPStatus.OK and not is_json):
            await self._pass_stream(send, got)
        else:
            await self._pass_whole(send, got)

    def _head(self, got: Answered) -> list[tuple[bytes, bytes]]:
        ours = {"x-homegrown-trace": self._trace_id, "x-homegrown-upstream": got.upstream.name}
        named = [*got.streamed.headers, *ours.items(), ("x-homegrown-model", got.model)]
        return [(k.encode("latin-1"), v.encode("latin-1", "replace")) for k, v in named]

    async def _pass_whole(self, send: Send, got: Answered) -> None:
        body = await got.streamed.read(MOST_READ_BYTES)
        status, headers = got.streamed.status, self._head(got)
        (got.breaker.failed if status >= HTTPStatus.INTERNAL_SERVER_ERROR else got.breaker.well)()
        self._book.first_piece()
        plain = _unpacked(body, got.streamed.header("content-encoding"))
        if self._veil is not None:
            body = self._lifted(plain)
            headers = [(k, v) for k, v in headers if k != b"content-encoding"]
        headers.append((b"content-length", str(len(body)).encode()))
        self._book.promised(status, headers, body)
        await self._book.end_whole(status, plain if self._veil is None else body)
        self._keep_answer(got, [body], is_packed=self._veil is None)
        self._book.keep_promise()
        self._has_begun = True
        await self._send(send, {"type": "http.response.start", "status": status, "headers": headers})
        await self._send(send, {"type": "http.response.body", "body": body})

    def _lifted(self, plain: bytes | None) -> bytes:
        if plain is None or self._veil is None:
            raise UpstreamError("The upstream packed its answer, in which masked words are to be put back.")
        return self._veil.lift(plain)

    async def _pass_stream(self, send: Send, got: Answered) -> None:
        book, veil = self._book, self._veil
        encoding = got.streamed.header("content-encoding")
        unpack = _unpacker(encoding)
        if veil is not None and encoding not in (None, "", "identity"):
            self._lifted(None)
        book.rebuilt = rebuilt = Rebuilt(self._asked.wire)
        headers = [*self._head(got), (b"x-accel-buffering", b"no")]
        self._has_begun = True
        await self._send(send, {"type": "http.response.start", "status": got.streamed.status, "headers": headers})
        lifting = veil.stream() if veil is not None else None
        kept = Pieces() if self._promise is not None or self._cache_key is not None else None
        due = time.monotonic() + ASK_EVERY_S
        async for piece in got.streamed.pieces():
            book.first_piece()
            piece = lifting.feed(piece) if lifting is not None else piece
            if unpack is not None:
                rebuilt.feed(unpack(piece))
            if kept is not None:
                kept.add(piece)
            if rebuilt.is_over:
                self._promise_stream(got, headers, kept)
                await book.end_stream()
            if piece:
                await self._send(send, {"type": "http.response.body", "body": piece, "more_body": True})
            if time.monotonic() > due:
                due = await self._still_admitted()
        last = lifting.rest() if lifting is not None else b""
        rebuilt.feed(last)
        got.breaker.well()
        if kept is not None:
            kept.add(last)
        self._promise_stream(got, headers, kept)
        await book.end_stream()
        if kept is not None:
            self._keep_stream(got, headers, kept)
        await self._send(send, {"type": "http.response.body", "body": last})

    def _promise_stream(self, got: Answered, headers: list[tuple[bytes, bytes]], kept: Pieces | None) -> None:
        """Before a stream's row ends: what is written under the caller's Idempotency-Key."""
        if self._promise is not None and kept is not None and self._book.state is None:
            self._book.promised(got.streamed.status, headers, kept.body())

    def _keep_stream(self, got: Answered, headers: list[tuple[bytes, bytes]], kept: Pieces) -> None:
        self._book.promised(got.streamed.status, headers, kept.body())
        self._book.keep_promise()
        if kept.pieces is not None:
            self._keep_answer(got, kept.pieces, is_packed=True, is_stream=True)

    async def _still_admitted(self) -> float:
        """End the stream of a caller whose key was revoked meanwhile; when to ask again."""
        await self._call.doors.identity.of(self._call.request.scope)
        return time.monotonic() + ASK_EVERY_S

    async def _break_off(self, send: Send, error: UpstreamError) -> None:
        """Say in the stream that it broke, then close: nobody takes half an answer for a whole one."""
        # Without the last chunk the server closes the connection: HTTP's own sign that something is missing.
        sentence = "The upstream's answer broke off." if error.code == "upstream" else type(error)().message
        if self._asked.wire is Wire.MESSAGES:
            said: dict[str, Any] = {"type": "error", "error": {"type": "api_error", "message": sentence}}
            event = b"event: error\ndata: "
        else:
            said = {"error": {"message": sentence, "type": "server_error", "param": None, "code": error.code}}
            event = b"data: "
        body = b"\n\n" + event + msgspec.json.encode(said) + b"\n\n"
        await self._send(send, {"type": "http.response.body", "body": body, "more_body": True})

    async def _send(self, send: Send, message: Message) -> None:
        """Hand on, and note since when it has been waited for."""
        self._sending_since = time.monotonic()
        await send(message)
        self._sending_since = None

    async def _until_stalled(self, here: anyio.CancelScope) -> None:
        """Let go of a caller that takes nothing for ``SEND_WITHIN_S``."""
        while True:
            await asyncio.sleep(SEND_WITHIN_S / 4)
            if self._sending_since is not None and time.monotonic() - self._sending_since > SEND_WITHIN_S:
                here.cancel()


def _body(request: dict[str, Any], model: str | None) -> bytes:
    return msgspec.json.encode(request if model is None else {**request, "model": model})


def _object(body: bytes | None) -> dict[str, Any] | None:
    try:
        found = msgspec.json.decode(body) if body is not None else None
    except (msgspec.DecodeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def shape_of(wire: Wire) -> Shape:
    """How a call of this protocol is refused."""
    return Shape.ANTHROPIC if wire is Wire.MESSAGES else Shape.OPENAI


async def _until_gone(receive: Receive, here: anyio.CancelScope) -> None:
    """Cancel *here* when the caller leaves."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            here.cancel()
            return


class Pieces:
    """The pieces of a stream so far, for who sends the same request again; None once they are too many."""

    def __init__(self) -> None:
        self.pieces: list[bytes] | None = []
        self._n_bytes = 0

    def add(self, piece: bytes) -> None:
        """One more."""
        self._n_bytes += len(piece)
        if self._n_bytes > KEPT_BYTES:
            self.pieces = None
        if self.pieces is not None and piece:
            self.pieces.append(piece)

    def body(self) -> bytes | None:
        """All of them."""
        return None if self.pieces is None else b"".join(self.pieces)


def _unpacker(encoding: str | None) -> Any:
    """For the book alone: what was asked for is unpacked, yet some upstreams pack; None where it cannot be read."""
    if encoding in (None, "", "identity"):
        return lambda piece: piece
    if encoding != "gzip":
        return None
    inside = zlib.decompressobj(31)

    def unpack(piece: bytes) -> bytes:
        with contextlib.suppress(zlib.error):
            return inside.decompress(piece, KEPT_BYTES)
        return b""

    return unpack


def _unpacked(body: bytes, encoding: str | None) -> bytes | None:
    unpack = _unpacker(encoding)
    return None if unpack is None else unpack(body)
