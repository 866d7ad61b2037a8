"""The server's part that keeps room on the disk for the moment in which it is full."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from homegrown.store.reserve import Reserve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from homegrown.web.call import Doors

LOOK_EVERY_S = 1.0


@dataclass
class Room:
    """What is told of it.

    Attributes:
        problem: a sentence while the disk is full, else empty.
    """

    problem: str = ""


@contextlib.asynccontextmanager
async def room(doors: Doors) -> AsyncIterator[Room]:
    """Hold the reserve while the server runs, release it when the disk is full, hold it again once there is room."""
    reserve, found = Reserve(doors.ws.store.layout.folder("locks")), Room()
    await asyncio.to_thread(reserve.hold)

    async def look() -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            with contextlib.suppress(OSError):  # a disk that fails is told by who writes
                is_in_use = await asyncio.to_thread(reserve.look)
                found.problem = (
                    f"the disk is full: votes and calls are kept, imports and jobs wait for "
                    f"{2 * reserve.n_bytes >> 20:,} MB"
                    if is_in_use
                    else ""
                )

    looking = asyncio.create_task(look())
    try:
        yield found
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        await asyncio.to_thread(reserve.drop)
