"""What the server starts with the API: the serving engine, and the worker once there is a job for it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from homegrown.errors import HomegrownError
from homegrown.jobs import JobQueue, Schedules, WorkerProcess
from homegrown.serve import Engine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from homegrown.web.call import Doors

LOOK_FOR_JOBS_S = 0.5


@contextlib.asynccontextmanager
async def engine(doors: Doors) -> AsyncIterator[Engine]:
    """The serving engine; loads in its own thread, so the server answers at once."""
    running = Engine(doors.ws.store)
    running.start()
    try:
        yield running
    finally:
        await asyncio.to_thread(running.stop)


@contextlib.asynccontextmanager
async def worker(doors: Doors) -> AsyncIterator[WorkerProcess]:
    """The worker process, started when the first job is there: a server that only answers never pays for it."""
    layout = doors.ws.store.layout
    process = WorkerProcess(layout.root, log=layout.folder("tmp") / "worker.log")
    queue, schedules = JobQueue(doors.ws.store.db), Schedules(doors.ws.store.db)

    def is_needed() -> bool:
        return bool(queue.next_queued() or queue.list(1, status="running") or schedules.is_due())

    async def wait() -> None:
        while True:
            with contextlib.suppress(HomegrownError):
                if await asyncio.to_thread(is_needed):
                    break
            await asyncio.sleep(LOOK_FOR_JOBS_S)
        await asyncio.to_thread(process.start)

    task = asyncio.create_task(wait())
    try:
        yield process
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await asyncio.to_thread(process.stop)
