"""Progress of a job, written to its row at most twice a second; the same write learns of a cancellation."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from homegrown.errors import CancelledError

if TYPE_CHECKING:
    from homegrown.jobs.queue import JobQueue

EVERY_S = 0.5


class JobProgress:
    """A ``Progress`` that writes to the job's row; keeps the stages already passed."""

    def __init__(self, queue: JobQueue, job_id: str) -> None:
        self._queue, self._job_id = queue, job_id
        self._stages: list[dict[str, Any]] = []
        self._stage: dict[str, Any] = {}
        self._started = self._written = 0.0
        self._around: list[tuple[dict[str, Any], float]] = []

    def start(self, stage: str, total: int | None, unit: str = "rows") -> None:
        """A stage begins."""
        self._around.append((self._stage, self._started))
        self._stage = {"stage": stage, "done": 0, "total": total, "unit": unit}
        self._started = time.monotonic()
        self._write()

    def advance(self, n: int = 1, **facts: Any) -> None:
        """Work was done.

        Raises:
            CancelledError: somebody asked for a stop.
        """
        self._stage = {**self._stage, "done": self._stage.get("done", 0) + n, **facts}
        if time.monotonic() - self._written >= EVERY_S:
            self._write()

    def finish(self) -> None:
        """The stage ended."""
        self._write()
        self._stages.append(self._stage)
        around = self._around.pop()
        if self._around:  # it began inside of another stage, which goes on
            self._stage, self._started = around

    def _write(self) -> None:
        self._written = time.monotonic()
        spent = self._written - self._started
        done, total = self._stage["done"], self._stage["total"]
        rate = done / spent if spent > 0.05 else None
        left = (total - done) / rate if total and rate else None
        self._stage |= {"seconds": spent, "rate": rate, "left_s": left}
        if self._queue.report(self._job_id, {**self._stage, "passed": self._stages}):
            raise CancelledError
