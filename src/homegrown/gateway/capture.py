"""Rows of captured calls, written by a thread of its own; what waits at the same time shares one transaction.

In ``durable`` mode a call is noted before it leaves (``store.spool``), its row follows within ``GATHER_S``, and its
end waits for the commit. In ``synced`` mode the call waits until its note is on the disk, with all others that come
meanwhile: one flush for many. In ``fast`` mode nothing waits, and a kill loses at most what came in the last
``GATHER_S`` and the commit under way. While the database cannot be written (a full disk) rows wait in memory up
to ``MOST_WAITING_BYTES`` and are written later; beyond that they are dropped. Nobody waits for them then: answering
goes on. What was lost is counted, by a kill too: two numbers in a mapped file outlive the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import mmap
import struct
import threading
from collections import deque
from typing import TYPE_CHECKING

from homegrown.errors import DiskFullError, HomegrownError, StorageError, WorkspaceBusyError
from homegrown.store.captured import Begun, Ended

if TYPE_CHECKING:
    from pathlib import Path

    from homegrown.store.captured import CapturedStore
    from homegrown.store.spool import Spool

GATHER_S = 0.1
RETRY_S = 1.0
MOST_ROWS = 1000
MOST_WAITING_BYTES = 128 << 20
_ROW_BYTES = 500
Row = Begun | Ended


class Tally:
    """How many calls were to be kept, and how many are: two counters in a file that outlives the process.

    Args:
        path: of the file, made if need be.
    """

    _FORM = struct.Struct("<Q")

    def __init__(self, path: Path) -> None:
        if not path.exists() or path.stat().st_size < 16:
            path.write_bytes(bytes(16))
        self._turn = threading.Lock()
        self._file = path.open("r+b")
        self._map = mmap.mmap(self._file.fileno(), 16)
        self.n_missing = max(0, self._read(0) - self._read(8))  # when the last process ended
        self._write(0, 0)
        self._write(8, 0)

    def _read(self, place: int) -> int:
        return int(self._FORM.unpack_from(self._map, place)[0])

    def _write(self, place: int, value: int) -> None:
        self._FORM.pack_into(self._map, place, value)

    def begun(self) -> None:
        """A call is about to leave that is to be kept."""
        with self._turn:
            self._write(0, self._read(0) + 1)

    def settled(self, n: int) -> None:
        """So many of them have a row, or are counted as lost already."""
        with self._turn:
            self._write(8, self._read(8) + n)

    def close(self) -> None:
        """Close the file."""
        self._map.close()
        self._file.close()


class CaptureWriter:
    """Writes what calls hand over.

    Attributes:
        n_lost: calls without a row, those of a kill before this start included.
        problem: why rows cannot be written now; None while they can.
    """

    def __init__(self, store: CapturedStore, spool: Spool, tally: Tally, n_lost: int = 0) -> None:
        self._store, self._spool, self._tally = store, spool, tally
        self._waiting: deque[tuple[Row, asyncio.Future[None] | None]] = deque()
        self._n_bytes_in = self._n_bytes_out = 0  # each changed by one thread alone
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._loop, name="capture", daemon=True)
        self._is_urgent = False
        self._next_flush: asyncio.Task[None] | None = None  # who comes before it begins is in it
        self._flushing: asyncio.Task[None] | None = None
        self.n_lost = n_lost
        self.n_kept = 0
        self.problem: str | None = None

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write all that waits, then end; what cannot be written now is lost and counted."""
        self._stop.set()
        self._wake.set()
        self._thread.join()

    @property
    def n_waiting(self) -> int:
        """Rows that are not on the disk yet."""
        return len(self._waiting)

    def begin(self, row: Begun) -> None:
        """Note a call before it leaves; its row follows."""
        if self._n_bytes_in - self._n_bytes_out > MOST_WAITING_BYTES:
            self._drop([row])
            return
        self._n_bytes_in += _size(row)
        with self._spool.turn:
            self._spool.add(row)
            self._waiting.append((row, None))

    async def noted(self) -> None:
        """Return when every call that was noted so far is on the disk, or the disk took it not."""
        if self._next_flush is None:
            self._next_flush = asyncio.create_task(self._flush_notes(self._flushing))
        await asyncio.shield(self._next_flush)

    async def _flush_notes(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait({before})
        self._flushing, self._next_flush = self._next_flush, None
        await asyncio.to_thread(self._spool.sync)

    async def put(self, *rows: Row, durable: bool) -> None:
        """Hand rows over; in durable mode return when they are on the disk, or when it is known that they cannot be."""
        if self._n_bytes_in - self._n_bytes_out > MOST_WAITING_BYTES:
            self._drop(rows)
            return
        waits = durable and self.problem is None
        future = asyncio.get_running_loop().create_future() if waits else None
        for row in rows:
            self._n_bytes_in += _size(row)
            self._waiting.append((row, future if row is rows[-1] else None))
        if future is None:
            return
        self._is_urgent = True
        self._wake.set()
        await future

    def _drop(self, rows: tuple[Row, ...] | list[Row]) -> None:
        n_calls = sum(isinstance(r, Begun) for r in rows)
        self.n_lost += n_calls
        self._tally.settled(n_calls)

    def _loop(self) -> None:
        while not self._stop.is_set():
            if self.problem is not None:
                self._stop.wait(RETRY_S)
            elif not self._is_urgent:
                self._wake.wait(GATHER_S)
            self._wake.clear()
            self._is_urgent = False
            self._flush()
        while self._waiting and self._flush():
            pass
        left = self._first(len(self._waiting))
        self._spool.close(is_empty=not left)
        self._drop([row for row, _ in left])
        self._release(left)

    def _flush(self) -> bool:
        """Write what waits; whether that went well."""
        with self._spool.turn:
            n_waiting = len(self._waiting)
            some = self._first(min(n_waiting, MOST_ROWS))
            self._spool.swap()
        if not some:
            return True
        try:
            self._write([row for row, _ in some])
            self.problem = None
        except (DiskFullError, WorkspaceBusyError) as error:
            self._fail(error)
            return False
        except StorageError as error:
            if self.problem is None:  # once it may pass; twice it is these rows
                self._fail(error)
                return False
            self._one_by_one([row for row, _ in some])
        except HomegrownError:
            self._one_by_one([row for row, _ in some])
        for row, _ in some:
            self._waiting.popleft()
            self._n_bytes_out += _size(row)
        self._release(some)
        if len(some) == n_waiting:
            self._spool.clear()
        if len(some) == MOST_ROWS:
            self._is_urgent = True
        return True

    def _write(self, rows: list[Row]) -> None:
        begun = [r for r in rows if isinstance(r, Begun)]
        self._store.write(begun, [r for r in rows if isinstance(r, Ended)])
        self.n_kept += len(begun)
        self._tally.settled(len(begun))

    def _one_by_one(self, rows: list[Row]) -> None:
        """One row that the database does not take costs no other one its place."""
        self.problem = None
        for row in rows:
            try:
                self._write([row])
            except HomegrownError:
                self._drop([row])

    def _fail(self, error: HomegrownError) -> None:
        self.problem = error.message
        self._release(self._first(len(self._waiting)))

    def _first(self, n: int) -> list[tuple[Row, asyncio.Future[None] | None]]:
        """The first rows, by place: the event loop may append meanwhile."""
        return [self._waiting[i] for i in range(n)]

    @staticmethod
    def _release(rows: list[tuple[Row, asyncio.Future[None] | None]]) -> None:
        loops: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
        for _, future in rows:
            if future is not None:
                loops.setdefault(future.get_loop(), []).append(future)
        for loop, futures in loops.items():
            with contextlib.suppress(RuntimeError):  # the loop ended meanwhile: nobody waits
                loop.call_soon_threadsafe(_settle, futures)


def _settle(futures: list[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


def _size(row: Row) -> int:
    text = row.request if isinstance(row, Begun) else row.response
    return _ROW_BYTES + len(text or "") + len(row.repeat.body or "" if row.repeat is not None else "")
