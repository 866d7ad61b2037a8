"""Run asynchronous work from ordinary code, whether or not the caller runs inside an event loop (a notebook)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from anyio.from_thread import start_blocking_portal

T = TypeVar("T")


def in_loop(work: Callable[[], Awaitable[T]]) -> T:
    """The result of *work*, run in an event loop of its own thread; an interruption here cancels it there.

    Example:
        >>> async def answer() -> int:
        ...     return 42
        >>> in_loop(answer)
        42
    """
    with start_blocking_portal() as portal:
        return portal.call(work)
