"""Traces, written by a thread of their own so that no answer waits for the disk.

What a kill can lose is stated: the calls of the last ``FLUSH_S`` and of the commit under way. A stop writes all.
While the database cannot be written (a full disk) traces wait in memory, up to ``MAX_WAITING``; beyond that they
are dropped and counted, and answering goes on.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from homegrown.core.ids import text_hash, timestamp
from homegrown.errors import HomegrownError

if TYPE_CHECKING:
    from homegrown.inference.answers import Answer
    from homegrown.store.endpoints import EndpointStore

FLUSH_S = 0.1
RETRY_S = 1.0
MAX_ROWS = 2000
MAX_WAITING = 20_000


@dataclass(frozen=True, slots=True)
class Trace:
    """One answered (or refused) text.

    Attributes:
        text: kept in the store only if *keep_text*; its hash always.
        status: the HTTP status.
        at: seconds since the epoch.
    """

    trace_id: str
    endpoint_id: str
    version_id: str | None
    actor_id: str
    route: str
    status: int
    text: str
    keep_text: bool
    answer: Answer | None
    latency_s: float
    at: float


class TraceWriter:
    """Appends traces in batches."""

    def __init__(self, endpoints: EndpointStore) -> None:
        self._endpoints = endpoints
        self._waiting: deque[Trace] = deque()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.n_written = 0
        self.n_lost = 0

    def start(self) -> None:
        """Begin to write."""
        self._thread = threading.Thread(target=self._loop, name="traces", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write all that waits, then end."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def add(self, trace: Trace) -> None:
        """Hand over one trace; never waits."""
        if len(self._waiting) >= MAX_WAITING:
            self.n_lost += 1
            return
        self._waiting.append(trace)

    @property
    def n_waiting(self) -> int:
        """How many are not on the disk yet."""
        return len(self._waiting)

    def _loop(self) -> None:
        pause = FLUSH_S
        while not self._stop.wait(pause):
            pause = FLUSH_S if self._flush() else RETRY_S
        while self._waiting and self._flush():
            pass
        self.n_lost += len(self._waiting)

    def _flush(self) -> bool:
        rows = [self._waiting[i] for i in range(min(len(self._waiting), MAX_ROWS))]
        if not rows:
            return True
        try:
            self._endpoints.add_traces([_row(t) for t in rows])
        except HomegrownError:
            return False
        for _ in rows:
            self._waiting.popleft()
        self.n_written += len(rows)
        return True


def _row(trace: Trace) -> dict[str, Any]:
    answer = trace.answer
    said: dict[str, Any] | None = None
    if answer is not None:
        said = {"label": answer.label, "in_scope": round(answer.in_scope, 6)}
        if answer.labels is not None:
            said["labels"] = list(answer.labels)
        if answer.document is not None:
            # A document quotes its text: where that is not kept, neither is what was read out of it.
            said = {"document": answer.document} if trace.keep_text else {}
            said["fields"] = answer.fields
    return {
        "trace_id": trace.trace_id,
        "endpoint_id": trace.endpoint_id,
        "version_id": trace.version_id,
        "actor_id": trace.actor_id,
        "route": trace.route,
        "status": trace.status,
        "input_hash": text_hash(trace.text),
        "text": trace.text if trace.keep_text else None,
        "answer": said,
        "prob": answer.prob if answer else None,
        "latency_s": trace.latency_s,
        "created_at": timestamp(datetime.fromtimestamp(trace.at, UTC)),
    }
