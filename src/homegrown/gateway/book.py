"""What is written down of one call, while it runs and when it ends."""

from __future__ import annotations

import asyncio
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from homegrown.core.ids import timestamp
from homegrown.core.routing import CaptureMode
from homegrown.core.traces import CallState
from homegrown.gateway.rebuild import KEPT_BYTES, Rebuilt, tokens_of, whole_state
from homegrown.store.captured import Begun, Ended
from homegrown.store.repeats import Repeat

if TYPE_CHECKING:
    from homegrown.core.routing import GatewayRoute
    from homegrown.gateway.cache import Again
    from homegrown.gateway.forward import Answered
    from homegrown.gateway.home import Turn
    from homegrown.gateway.idempotency import Promise
    from homegrown.gateway.intake import Asked
    from homegrown.gateway.service import Gateway


class Book:
    """What is written down of one call.

    Attributes:
        tags: what is said of it beside what passed.
        got: the answer, once there is one.
        rebuilt: what a stream adds up to, where the answer is one.
        turn: hears what the upstream said, where a model of ours has a say in the call.
        version_id: of ours that answered; None while an upstream does.
        again: the answer that is given again, where nobody is asked.
        promise: of the caller's Idempotency-Key, where there is one.
        repeat: what is answered under it from now on.
        state: how it ended; None while it has not.
    """

    def __init__(
        self, gateway: Gateway, actor_id: str, asked: Asked, route: GatewayRoute, trace_id: str, tags: dict[str, str]
    ) -> None:
        self._gateway, self._actor_id, self._asked, self._route = gateway, actor_id, asked, route
        self._trace_id, self.tags = trace_id, tags
        # What is masked for good in the row may not lie beside it as it was.
        self._may_keep_answers = not route.config.mask_kept
        self._is_durable = route.config.capture is not CaptureMode.FAST
        self._is_synced = route.config.capture is CaptureMode.SYNCED
        self._is_kept = gateway.is_sampled(route.config.sample)
        self._started = time.monotonic()
        self._first_s: float | None = None
        self._begun: Begun | None = None
        self._is_ended = False
        self.got: Answered | None = None
        self.rebuilt: Rebuilt | None = None
        self.turn: Turn | None = None
        self.version_id: str | None = None
        self.again: Again | None = None
        self.promise: Promise | None = None
        self.repeat: Repeat | None = None
        self._promised: tuple[int, list[tuple[bytes, bytes]], bytes | None] | None = None
        self.state: CallState | None = None

    async def begin(self) -> None:
        """The call is about to leave."""
        if not self._is_kept:
            return
        asked, targets = self._asked, self._route.config.targets
        request = asked.text if len(asked.body) <= KEPT_BYTES else _too_long(asked.model)
        if self._route.config.mask_kept:
            request = await asyncio.to_thread(self._gateway.masked, request)
        self._begun = Begun(
            self._trace_id, self._route.route_id, asked.wire.value, asked.model, self._actor_id,
            targets[0].upstream_id if targets else None, int(asked.is_stream), request, _json(self.tags), timestamp(),
            self._key(),
        )  # fmt: skip
        self._gateway.tally.begun()
        if self._is_durable:
            self._gateway.writer.begin(self._begun)
        if self._is_synced:
            await self._gateway.writer.noted()

    def _key(self) -> Repeat | None:
        return self.promise.repeat if self.promise is not None and self._may_keep_answers else None

    def promised(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes | None) -> None:
        """This is about to be answered: it is written with the row's end, under the caller's Idempotency-Key."""
        if self.promise is not None and self._key() is not None:
            self.repeat = self.promise.answered(status, headers, body)
        self._promised = status, headers, body

    def keep_promise(self) -> None:
        """What was promised stands in the row: from now on it is the answer, also where the caller left just now."""
        if self.promise is not None and self._promised is not None and self.state is not None:
            is_on_disk = self._begun is not None and self.repeat is not None
            self.promise.keep(*self._promised, is_on_disk=is_on_disk)

    def first_piece(self) -> None:
        """The first piece of an answer is there."""
        if self._first_s is None:
            self._first_s = time.monotonic() - self._started

    async def end_whole(self, status: int, body: bytes | None) -> None:
        """An answer came in one piece."""
        answer = _object(body)
        if status >= HTTPStatus.BAD_REQUEST:
            state, why = CallState.FAILED, f"the upstream answered with status {status}"
        elif answer is None:
            state, why = CallState.FAILED, "the answer is no JSON object"
        else:
            state, why = whole_state(self._asked.wire, answer)
        text = body.decode("utf-8", "replace") if body is not None and answer is not None else None
        await self.end(state, status, why, text, answer)

    async def end_stream(self) -> None:
        """An answer came to its end in pieces."""
        if self.rebuilt is None or self.got is None:
            return
        status = self.got.streamed.status
        state = self.rebuilt.state() if status < HTTPStatus.BAD_REQUEST else CallState.FAILED
        why = self.rebuilt.error or ("the stream ended before the answer did" if state is not CallState.WHOLE else None)
        await self.end(state, status, why)

    async def end(
        self, state: CallState, status: int | None, why: str | None, text: str | None = None,
        answer: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Write down how it ended; the first time counts."""
        if self._is_ended:
            return
        self._is_ended = True
        self.state = state
        if self.rebuilt is not None:
            answer = self.rebuilt.answer()
            text = None if answer is None else _json(answer)
        status = status if status is not None or self.got is None else self.got.streamed.status
        sent, answered = tokens_of(answer)
        cost = self.got.cost_usd(sent, answered) if self.got is not None else None
        cost = 0.0 if self.version_id or self.again else cost
        seconds = time.monotonic() - self._started
        self._gateway.note(self._actor_id, self._route.name, state, cost, seconds)
        if self.turn is not None and self.version_id is None and state is CallState.WHOLE:
            self.turn.heard(answer, is_kept=self._begun is not None)
        if self._begun is None:
            return
        if text is not None and self._route.config.mask_kept:
            text = await asyncio.to_thread(self._gateway.masked, text)
        if text is not None and len(text) > 2 * KEPT_BYTES:
            text, why = None, why or "the answer is longer than is kept"
        upstream_id = self.got.upstream.upstream_id if self.got else self._begun.upstream_id
        upstream_id = self.again.upstream_id if self.again else upstream_id
        ended = Ended(
            self._trace_id, state.value, status, None if self.version_id else upstream_id,
            text, sent, answered, cost, seconds, self._first_s, _json(self.tags), why,
            timestamp(), self.version_id, self.repeat or self._key(),
        )  # fmt: skip
        rows = (ended,) if self._is_durable else (self._begun, ended)
        await self._gateway.writer.put(*rows, durable=self._is_durable)


def _object(body: bytes | None) -> dict[str, Any] | None:
    try:
        found = msgspec.json.decode(body or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _too_long(model: str) -> str:
    return _json({"model": model, "left_out": f"longer than the {KEPT_BYTES:,} bytes that are kept"})
