"""A user's functions over many records: in child processes with limits, as many as there are cores, batch by batch.

What one function does wrong costs that function: it is stopped and told, and all others are answered in full. A child
that dies is replaced; which function and which record ended it is found by asking once more, one record at a time.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

import msgspec

from homegrown.engine.functions_frames import Answers, At, Batch, End, Load, Program, Stopped, receive_frame
from homegrown.engine.limited import LimitedChild
from homegrown.engine.pipes import send

MODULE = "homegrown.engine.functions_child"
_MOST_PUZZLES = 3


@dataclass(frozen=True, slots=True)
class FunctionLimits:
    """What functions may use.

    Attributes:
        seconds: of one function for one batch.
        memory_bytes: private memory of one child.
        n_processes: children at a time; None for one per core, eight at most.
    """

    seconds: float = 10.0
    memory_bytes: int = 1 << 30
    n_processes: int | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a function was stopped.

    Attributes:
        name: of the function.
        record_id: at which record; None where it was at none.
        reason: half a sentence.
    """

    name: str
    record_id: str | None
    reason: str


class LimitedFunctions:
    """Functions, ready in children.

    Args:
        programs: the functions.
        names: what they may answer.
        many: whether they may answer several names at once.
        documents: whether they answer a mapping with some of the names as keys.
        limits: what they may use.

    Attributes:
        failures: by number of the function; grows while batches are answered.
    """

    def __init__(
        self,
        programs: Sequence[Program],
        names: Sequence[str],
        *,
        many: bool = False,
        documents: bool = False,
        limits: FunctionLimits | None = None,
    ) -> None:
        self._limits = limits or FunctionLimits()
        self._load = Load(list(programs), list(names), many, self._limits.seconds, documents)
        self._n_puzzles = 0
        self.failures: dict[int, Failure] = {}
        self._idle: deque[_Child] = deque()
        self._children: set[_Child] = set()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._watched, daemon=True)
        self._watch.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watch.join()
        for child in list(self._children):
            self._drop(child)

    def map(self, batches: Iterable[Batch]) -> Iterator[tuple[Batch, list[Answers]]]:
        """Each batch with what the functions said of it, in order; functions that failed before are left out."""
        cores = min(len(os.sched_getaffinity(0)), 8) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        n = self._limits.n_processes or cores
        with ThreadPoolExecutor(n) as pool:
            waiting: deque[tuple[Batch, Future[list[Answers]]]] = deque()
            for batch in batches:
                waiting.append((batch, pool.submit(self._answer, batch)))
                if len(waiting) > 2 * n:
                    asked, answered = waiting.popleft()
                    yield asked, answered.result()
            while waiting:
                asked, answered = waiting.popleft()
                yield asked, answered.result()

    def _answer(self, batch: Batch) -> list[Answers]:
        found: list[Answers] = []
        left = [f for f in batch.asked if f not in self.failures]
        while left:
            child = self._ready()
            answered = child.ask(msgspec.structs.replace(batch, asked=left))
            for frame in answered:
                if isinstance(frame, Answers):
                    found.append(frame)
                elif isinstance(frame, Stopped):
                    self._fail(frame.function, batch, frame.row, frame.reason)
            done = {f.function for f in answered if not isinstance(f, At)}
            left = [f for f in left if f not in done and f not in self.failures]
            if child.is_idle:
                with self._lock:
                    self._idle.append(child)
                break
            self._drop(child)
            if left:
                self._trace(batch, left.pop(0))
        return found

    def _trace(self, batch: Batch, function: int) -> None:
        """Which record ends the process, and how."""
        child = self._ready()
        answered = child.ask(msgspec.structs.replace(batch, asked=[function], traced=True))
        rows = [f.row for f in answered if isinstance(f, At)]
        told = [f for f in answered if isinstance(f, Stopped)]
        if told:
            self._fail(function, batch, told[-1].row, told[-1].reason)
        else:
            self._fail(function, batch, rows[-1] if rows else -1, child.ending())
        self._drop(child)

    def _fail(self, function: int, batch: Batch | None, row: int, reason: str) -> None:
        record_id = batch.record_ids[row] if batch is not None and row >= 0 else None
        self.failures.setdefault(function, Failure(self._load.programs[function].name, record_id, reason))

    def _ready(self) -> _Child:
        while True:
            with self._lock:
                if self._idle:
                    return self._idle.popleft()
                load = self._load
            child = self._started()
            for frame in child.ask(load):
                if isinstance(frame, Stopped):
                    self._fail(frame.function, None, -1, frame.reason)
            if child.is_idle:
                return child
            self._drop(child)
            self._load_less(load)

    def _started(self) -> _Child:
        child = _Child(self._limits)
        with self._lock:
            self._children.add(child)
        return child

    def _load_less(self, load: Load) -> None:
        """A source that ends the process while it is read costs its own functions only."""
        reason: dict[str, str] = {}
        for source in {p.source for p in load.programs}:
            child = self._started()
            child.ask(_with_programs(load, [p for p in load.programs if p.source == source]))
            if not child.is_idle:
                reason[source] = child.ending()
            self._drop(child)
        with self._lock:
            if self._load is not load:
                return  # another thread has found out
            self._n_puzzles += not reason
            if self._n_puzzles == _MOST_PUZZLES:
                # Each alone is well, and together they never are.
                reason = dict.fromkeys((p.source for p in load.programs), "it cannot be made ready beside the others")
            for number, program in enumerate(load.programs):
                if program.source in reason:
                    self._fail(number, None, -1, reason[program.source])
            kept = [p if p.source not in reason else Program(p.name, "", p.function) for p in load.programs]
            self._load = _with_programs(load, kept)

    def _drop(self, child: _Child) -> None:
        child.end()
        with self._lock:
            self._children.discard(child)

    def _watched(self) -> None:
        while not self._over.wait(0.05):
            now = time.monotonic()
            with self._lock:
                late = [c for c in self._children if now > c.deadline]
            for child in late:
                child.overran()


def _with_programs(load: Load, programs: list[Program]) -> Load:
    """The same order with other programs."""
    return msgspec.structs.replace(load, programs=programs)


class _Child:
    """One process; its deadline moves on with every answer."""

    def __init__(self, limits: FunctionLimits) -> None:
        self._limits = limits
        self._child = LimitedChild(MODULE, limits.memory_bytes)
        self._was_late = False
        self.deadline = float("inf")
        self.is_idle = True

    def ask(self, order: Load | Batch) -> list[Answers | Stopped | At]:
        """All that it says, to the end or until it is gone; then it is not idle any more."""
        self.is_idle = False
        found: list[Answers | Stopped | At] = []
        # Starting Python counts too, on a machine that is busy.
        patience = 2 * self._limits.seconds + (20 if isinstance(order, Load) else 1)
        self.deadline = time.monotonic() + patience
        try:
            send(self._child.orders, order)
        except BrokenPipeError:
            return found
        while (frame := receive_frame(self._child.answers)) is not None:
            self.deadline = time.monotonic() + patience
            if isinstance(frame, End):
                self.deadline, self.is_idle = float("inf"), True
                break
            found.append(frame)
        return found

    def overran(self) -> None:
        """Stop it from another thread: who waits for it hears that it is gone."""
        self._was_late, self.deadline = True, float("inf")
        self._child.process.kill()

    def ending(self) -> str:
        """How it ended, as half a sentence."""
        status = self._child.ended_by()
        if self._was_late or status == -signal.SIGXCPU:
            return f"it takes longer than {self._limits.seconds:g} seconds and cannot be interrupted"
        if status == -signal.SIGKILL:
            return f"it needs more than {self._limits.memory_bytes >> 20:,} MiB of memory"
        return "it ended the process that ran it"

    def end(self) -> None:
        """Stop it, whatever it does."""
        self._child.end()
