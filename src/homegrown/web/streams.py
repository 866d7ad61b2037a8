"""Open streams end when whoever opened them may no longer come in."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable

ASK_EVERY_S = 2.0
T = TypeVar("T")


async def while_admitted(parts: AsyncIterable[T], admitted: Callable[[], Awaitable[bool]]) -> AsyncIterator[T]:
    """Pass *parts* on; every ``ASK_EVERY_S``, also while none comes, ask whether to go on.

    Args:
        parts: of a streamed answer.
        admitted: whether the credential that opened the stream is still good.
    """
    iterator = aiter(parts)
    loop = asyncio.get_running_loop()
    due = loop.time() + ASK_EVERY_S
    coming: asyncio.Future[T] | None = None
    try:
        while True:
            coming = coming or asyncio.ensure_future(anext(iterator))
            await asyncio.wait({coming}, timeout=max(0.0, due - loop.time()))
            if loop.time() >= due:
                if not await admitted():
                    return
                due = loop.time() + ASK_EVERY_S
            if not coming.done():
                continue
            try:
                part = coming.result()
            except StopAsyncIteration:
                return
            coming = None
            yield part
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.wait({coming})
        close = getattr(iterator, "aclose", None)
        if close is not None:
            await close()
