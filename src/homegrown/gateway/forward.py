"""One call to whichever upstream of a route answers it: sent again where that is safe, else the next one."""

from __future__ import annotations

import asyncio
import contextlib
import math
import secrets
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from homegrown.core.routing import ANY_MODEL
from homegrown.core.traces import Wire
from homegrown.errors import UnavailableError, UpstreamError
from homegrown.inference.chat import retry_after_s
from homegrown.inference.outbound import Phases

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from homegrown.core.routing import RouteConfig, Target
    from homegrown.core.upstreams import Upstream
    from homegrown.gateway.breaker import Breaker
    from homegrown.gateway.switchboard import Switchboard
    from homegrown.inference.outbound import Streamed

PATHS = {
    Wire.CHAT: "/chat/completions",
    Wire.RESPONSES: "/responses",
    Wire.EMBEDDINGS: "/embeddings",
    Wire.MESSAGES: "/messages",
}
_REFUSED_BEFORE_WORK = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE, 529})
_FIRST_WAIT_S = 0.25
_MOST_ATTEMPTS = 4


@dataclass(frozen=True)
class Sent:
    """What is sent.

    Attributes:
        body_for: the body for a target's model.
        headers: of the caller, those that are passed on.
        may_repeat: whether the caller said by a key of its own that a repetition does no harm.
    """

    method: str
    path: str
    wire: Wire
    model: str
    body_for: Callable[[str | None], bytes]
    headers: dict[str, str]
    may_repeat: bool = False


@dataclass
class Answered:
    """An upstream's answer, whose body is to be read inside the block.

    Attributes:
        attempts: what each one that was asked said, in order.
    """

    streamed: Streamed
    upstream: Upstream
    model: str
    breaker: Breaker
    attempts: list[str] = field(default_factory=list)

    def cost_usd(self, n_tokens_in: int | None, n_tokens_out: int | None) -> float | None:
        """What it cost by the upstream's prices; None where they are not known, or not for this model."""
        up = self.upstream
        is_known = up.is_private or up.price_in_usd or up.price_out_usd
        if not is_known or up.model not in (ANY_MODEL, self.model) or n_tokens_in is None or n_tokens_out is None:
            return None
        return up.cost_usd(n_tokens_in, n_tokens_out)


class Forwarder:
    """Sends calls out."""

    def __init__(self, board: Switchboard) -> None:
        self._board = board

    @contextlib.asynccontextmanager
    async def answered(self, sent: Sent, config: RouteConfig, attempts: list[str]) -> AsyncIterator[Answered]:
        """The first answer that is worth giving back; its connection is closed at the end of the block.

        Args:
            sent: what is sent.
            config: of the route.
            attempts: filled with what each upstream said, also where all of them failed.

        Raises:
            UnavailableError: every upstream of the route is left alone just now.
            UpstreamError: none answered.
        """
        async with contextlib.AsyncExitStack() as stack:
            self._board.budget.first()
            yield await self._first(stack, sent, config, attempts)

    async def _first(
        self, stack: contextlib.AsyncExitStack, sent: Sent, config: RouteConfig, attempts: list[str]
    ) -> Answered:
        left_s = config.retry_s
        problem: UpstreamError | None = None
        targets = [t for t in config.targets if t.upstream_id in self._board.table.upstreams]
        for number, target in enumerate(targets):
            is_last = number == len(targets) - 1
            for attempt in range(_MOST_ATTEMPTS):
                upstream = self._board.table.upstreams[target.upstream_id]
                model = target.model or sent.model
                breaker = self._board.breaker(upstream.upstream_id, model)
                if not breaker.lets_through():
                    attempts.append(f"{upstream.name}: left alone")
                    break
                trying = contextlib.AsyncExitStack()
                try:
                    streamed = await self._try(trying, sent, config, target, upstream)
                except UpstreamError as error:
                    await trying.aclose()
                    breaker.failed()
                    problem = error
                    attempts.append(f"{upstream.name}: {error.code}")
                    is_safe = error.code in ("upstream", "upstream_timeout") and error.status_code is None
                    is_safe = is_safe and (sent.may_repeat or not error.may_have_cost)
                    wait_s = self._wait(None, attempt, left_s) if is_safe else None
                    if wait_s is None:
                        break
                    left_s -= wait_s
                    await asyncio.sleep(wait_s)
                    continue
                except BaseException:
                    breaker.left()
                    await trying.aclose()
                    raise
                attempts.append(f"{upstream.name}: {streamed.status}")
                answered = Answered(streamed, upstream, model, breaker, attempts)
                wait_s = self._again(answered, sent, attempt, left_s)
                if wait_s is None and (is_last or not _is_failure(streamed.status)):
                    stack.push_async_callback(trying.aclose)
                    return answered
                await trying.aclose()
                _settle(answered)
                if wait_s is None:
                    break
                left_s -= wait_s
                await asyncio.sleep(wait_s)
        if problem is not None:
            raise problem
        raise UnavailableError("Every upstream of this route failed lately and is left alone; try again in a moment.")

    async def _try(
        self, trying: contextlib.AsyncExitStack, sent: Sent, config: RouteConfig, target: Target, upstream: Upstream
    ) -> Streamed:
        door = await self._board.door(upstream.origin)
        path = urlsplit(upstream.base_url).path.rstrip("/") + sent.path
        headers = sent.headers | _credentials(sent.wire, self._board.table.keys.get(upstream.upstream_id))
        phases = Phases(config.connect_s, config.first_byte_s, config.between_s, config.total_s)
        body = sent.body_for(target.model)
        stream = door.stream(sent.method, upstream.origin, path, headers=headers, body=body, phases=phases)
        return await trying.enter_async_context(stream)

    def _again(self, answered: Answered, sent: Sent, attempt: int, left_s: float) -> float | None:
        """How long to wait before this one is asked again; None where it is not."""
        status = answered.streamed.status
        if status in _REFUSED_BEFORE_WORK:
            return self._wait(retry_after_s(answered.streamed.header("retry-after")), attempt, left_s)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR and sent.may_repeat:
            return self._wait(None, attempt, left_s)
        return None

    def _wait(self, asked_s: float | None, attempt: int, left_s: float) -> float | None:
        """As long as the upstream asks, else twice as long each time, with jitter; None where that is too long."""
        chance = secrets.randbelow(1000) / 1000
        seconds = asked_s + 0.1 * chance if asked_s is not None else _FIRST_WAIT_S * 2**attempt * (0.5 + chance / 2)
        if attempt + 1 >= _MOST_ATTEMPTS or not math.isfinite(seconds) or seconds > left_s:
            return None
        return seconds if self._board.budget.again() else None


def _is_failure(status: int) -> bool:
    return status in _REFUSED_BEFORE_WORK or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _settle(answered: Answered) -> None:
    """What an answer that is given to nobody says of its upstream."""
    if answered.streamed.status == HTTPStatus.TOO_MANY_REQUESTS:
        answered.breaker.left()
    else:
        answered.breaker.failed()


def _credentials(wire: Wire, key: str | None) -> dict[str, str]:
    if key is None:
        return {}
    return {"x-api-key": key} if wire is Wire.MESSAGES else {"authorization": f"Bearer {key}"}
