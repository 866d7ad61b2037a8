"""The two file locks of a workspace (DESIGN section 3): ``server`` and ``schema``.

Kernel locks (flock) end with their process, so a kill never leaves a stale one.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import time
from typing import TYPE_CHECKING, Self

from homegrown.errors import WorkspaceBusyError

if TYPE_CHECKING:
    from pathlib import Path


class FileLock:
    """A shared or exclusive lock on one file, with a note of who holds it.

    Example:
        >>> with FileLock(path, exclusive=True):  # doctest: +SKIP
        ...     migrate()
    """

    def __init__(
        self,
        path: Path,
        *,
        exclusive: bool,
        wait_s: float = 10.0,
        note: dict[str, object] | None = None,
        busy: str = "",
    ) -> None:
        self._path = path
        self._busy = busy
        self._exclusive = exclusive
        self._wait_s = wait_s
        self._note = note
        self._descriptor: int | None = None

    def acquire(self) -> Self:
        """Take the lock or raise ``WorkspaceBusyError``: with the sentence *busy*, else naming its holder."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, 0o600)
        operation = fcntl.LOCK_EX if self._exclusive else fcntl.LOCK_SH
        deadline = time.monotonic() + self._wait_s
        while True:
            try:
                fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    os.close(descriptor)
                    raise WorkspaceBusyError(self._busy or self._busy_message()) from None
                time.sleep(0.05)
        self._descriptor = descriptor
        if self._exclusive:
            self.describe(**(self._note or {}))
        return self

    def describe(self, **facts: object) -> None:
        """Write who holds the lock, with *facts* such as ``address``, for whoever finds it taken."""
        if self._descriptor is not None:
            note = {"pid": os.getpid(), "host": socket.gethostname(), **facts}
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, json.dumps(note).encode(), 0)

    def release(self) -> None:
        """Give it back; harmless when it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _busy_message(self) -> str:
        holder = read_note(self._path)
        where = f" at {holder['address']}" if holder.get("address") else ""
        who = f"process {holder.get('pid', '?')}{where}"
        return f"The workspace is held by {who}. Use that one, or stop it and run this again."

    def __enter__(self) -> Self:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


def read_note(path: Path) -> dict[str, object]:
    """What the last exclusive holder of *path* wrote of itself; empty if nothing."""
    with contextlib.suppress(OSError, ValueError):
        return dict(json.loads(path.read_text()))
    return {}
