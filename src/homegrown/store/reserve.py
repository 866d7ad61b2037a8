"""Room that is kept for the moment in which the disk is full: what is under way can end, and be written down.

While a server runs, a file of that size lies in the workspace. When nothing else is free it is emptied: votes, calls
and the ends of jobs go on being written, and what is large (imports, uploads, new jobs) is refused until there is room
for the file again. In place of the room it then holds its size, by which every process of the workspace knows.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from homegrown.errors import DiskFullError

if TYPE_CHECKING:
    from pathlib import Path

NAME = "reserve"
MOST_BYTES = 256 << 20
SHARE = 16
"""Of what is free when the server starts, one part in so many is kept, where that is less than ``MOST_BYTES``."""
NOTHING_LEFT_BYTES = 64 << 10
_LONGEST_SIZE = 20


class Reserve:
    """The reserve of one workspace; its server alone holds and releases it.

    Args:
        folder: the workspace's folder of locks.

    Attributes:
        n_bytes: how much is kept; 0 where the disk cannot set room aside.

    Example:
        >>> reserve = Reserve(layout.folder("locks")); reserve.hold()  # doctest: +SKIP
        >>> reserve.look()  # every second  # doctest: +SKIP
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._turn = threading.Lock()
        self.n_bytes = 0

    def hold(self) -> None:
        """Set the room aside."""
        self.drop()
        self.n_bytes = min(MOST_BYTES, _free(self._path.parent) // SHARE)
        if not self._fill():
            self.drop()

    def look(self) -> bool:
        """Release it when the disk is full, hold it again once there is twice the room; whether it is in use now."""
        with self._turn:
            return bool(self.n_bytes) and self._look()

    def _look(self) -> bool:
        if _size_in_use(self._path) is None:
            if _free(self._path.parent) > NOTHING_LEFT_BYTES:
                return False
            self._release()
            return True
        return _is_in_use(self._path) or not self._fill()

    def drop(self) -> None:
        """The room is everybody's again."""
        with self._turn:
            self._path.unlink(missing_ok=True)
            self.n_bytes = 0

    def _release(self) -> None:
        with self._path.open("r+b") as file:
            file.truncate(0)
            file.write(str(self.n_bytes).encode())

    def _fill(self) -> bool:
        """Whether the disk gave the room."""
        if not self.n_bytes or not hasattr(os, "posix_fallocate"):
            return False
        try:
            with self._path.open("ab") as file:
                os.posix_fallocate(file.fileno(), 0, self.n_bytes)
        except OSError:
            self._release()
            return False
        return True


def refuse_if_in_use(folder: Path) -> None:
    """Let nothing large begin, or go on, while the reserve of the workspace whose locks lie in *folder* is in use.

    Raises:
        DiskFullError: it is.
    """
    if _is_in_use(folder / NAME):
        raise DiskFullError(
            "No space is left on the disk; what little was kept back is for votes, calls and what is under way. "
            "Free some, then do the same again: it goes on where it stopped."
        )


def _is_in_use(path: Path) -> bool:
    """Also after a server that was killed while it was: only as long as the disk is full."""
    n_bytes = _size_in_use(path)
    return n_bytes is not None and _free(path.parent) < 2 * n_bytes


def _size_in_use(path: Path) -> int | None:
    """How much was kept back and is not now; None where all of it is there, or nothing ever was."""
    try:
        if path.stat().st_size > _LONGEST_SIZE:
            return None
        return int(path.read_bytes() or b"0")
    except FileNotFoundError:
        return None


def _free(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize
