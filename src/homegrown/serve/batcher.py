"""Micro-batches: what waits is answered together, and nothing waits for company.

One thread runs all models in turn: two models that use every core at once would slow each other down. It takes what
lies in a model's queue, up to ``max_batch`` texts, and runs it; a lone request is a batch of one, at once. While a
batch runs, later requests gather, so batches grow with the load by themselves.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from homegrown.errors import HomegrownError, OverloadedError, UnavailableError

MAX_BATCH = 8  # measured: smaller batches keep the event loop and the model busy at once; 32 halved the rate
MAX_WAITING = 1024
FIRST_RATE = 100.0  # texts/s, assumed until the first batch was measured

T = TypeVar("T")
Run = Callable[[list[str]], list[Any]]


@dataclass(slots=True, eq=False)
class _Work(Generic[T]):
    texts: list[str]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[list[T]]
    taken: int = 0
    results: list[T] = field(default_factory=list)


class Batcher:
    """Runs models in batches on one thread, first come first served within a model, models in turn.

    Args:
        max_batch: texts per batch at most.
        max_waiting: texts that may wait; beyond it requests are refused at once, with the time to come back.
    """

    def __init__(self, max_batch: int = MAX_BATCH, max_waiting: int = MAX_WAITING) -> None:
        self._max_batch, self._max_waiting = max_batch, max_waiting
        self._queues: dict[Run, deque[_Work[Any]]] = {}
        self._turns: deque[Run] = deque()
        self._wake = threading.Condition(threading.Lock())
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._rate = FIRST_RATE
        self.n_waiting = 0
        self.on_batch: Callable[[int], None] = lambda _: None
        self.on_start: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Begin to run."""
        self._thread = threading.Thread(target=self._loop, name="inference", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish the batch that runs; what still waits is refused."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join()
        for queue in self._queues.values():
            for work in queue:
                _tell(work, None, UnavailableError("The server is stopping."))
        self._queues.clear()

    def submit(self, run: Run, texts: list[str], *, first: bool = False) -> asyncio.Future[list[Any]]:
        """Queue *texts* for *run*; to be called on the event loop.

        Args:
            run: a loaded model's function; its identity is the queue, so that one answer never mixes versions.
            texts: one request's texts, answered in order.
            first: before all that waits, and never refused (the health check).

        Raises:
            OverloadedError: too much waits already.
        """
        loop = asyncio.get_running_loop()
        work: _Work[Any] = _Work(texts, loop, loop.create_future())
        with self._wake:
            if self._stopping:
                raise UnavailableError("The server is stopping.")
            if not first and self.n_waiting and self.n_waiting + len(texts) > self._max_waiting:
                raise OverloadedError(retry_after_s=self.n_waiting / self._rate)
            self.n_waiting += len(texts)
            queue = self._queues.get(run)
            if queue is None:
                queue = self._queues[run] = deque()
                self._turns.append(run)
            if first:
                queue.appendleft(work)
            else:
                queue.append(work)
            self._wake.notify()
        return work.future

    def _loop(self) -> None:
        self.on_start()
        while True:
            with self._wake:
                while not self._turns and not self._stopping:
                    self._wake.wait()
                if self._stopping:
                    return
                run, parts = self._take()
            self._run(run, parts)

    def _take(self) -> tuple[Run, list[tuple[_Work[Any], int, int]]]:
        """The next model's turn: its works with the span of texts that this batch answers."""
        run = self._turns.popleft()
        queue = self._queues[run]
        parts, room = [], self._max_batch
        while queue and room:
            work = queue[0]
            stop = min(len(work.texts), work.taken + room)
            if not work.future.cancelled():
                parts.append((work, work.taken, stop))
                room -= stop - work.taken
            else:
                self.n_waiting -= len(work.texts) - stop
            self.n_waiting -= stop - work.taken
            work.taken = stop
            if stop == len(work.texts) or work.future.cancelled():
                queue.popleft()
        if queue:
            self._turns.append(run)
        else:
            del self._queues[run]
        return run, parts

    def _run(self, run: Run, parts: list[tuple[_Work[Any], int, int]]) -> None:
        texts = [t for work, start, stop in parts for t in work.texts[start:stop]]
        if not texts:
            return
        started = time.monotonic()
        try:
            results = run(texts)
        except Exception as error:  # whatever a model throws belongs to its requests, not to the thread
            self._failed(run, parts, error)
            return
        self._rate += 0.2 * (len(texts) / max(time.monotonic() - started, 1e-6) - self._rate)
        position = 0
        for work, start, stop in parts:
            work.results.extend(results[position : position + stop - start])
            position += stop - start
            if len(work.results) == len(work.texts):
                _tell(work, work.results, None)
        self.on_batch(len(texts))

    def _failed(self, run: Run, parts: list[tuple[_Work[Any], int, int]], error: Exception) -> None:
        """One bad text must not fail its neighbours: a batch that failed is run again, request by request."""
        if len(parts) > 1:
            for part in parts:
                self._run(run, [part])
            return
        ours = error if isinstance(error, HomegrownError) else HomegrownError()
        if ours is not error:
            ours.__cause__ = error
        _tell(parts[0][0], None, ours)


def _tell(work: _Work[Any], results: list[Any] | None, error: HomegrownError | None) -> None:
    """Resolve a request's future on its own loop; a client that went away is no fault."""

    def resolve() -> None:
        if work.future.done():
            return
        if error is not None:
            work.future.set_exception(error)
        else:
            work.future.set_result(results or [])

    try:
        work.loop.call_soon_threadsafe(resolve)
    except RuntimeError:
        # The loop has closed: nobody waits any more.
        return
