"""Calls that have left and have no row yet: two small files, so that a killed server's next start knows of them.

A line is written before a call leaves, by one ``write`` and without waiting for the disk: a kill of the process loses
none (what a process wrote is the system's), a power cut may lose those of the last moments, unless ``sync`` is waited
for. Rows follow in batches.
"""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from homegrown.store import tables
from homegrown.store.captured import Begun
from homegrown.store.files import sync_folder

if TYPE_CHECKING:
    from pathlib import Path

    from homegrown.store.store import Store

NAMES = ("capture.a", "capture.b")
_ENCODER, _DECODER = msgspec.json.Encoder(), msgspec.json.Decoder(Begun)


class Spool:
    """Two files in turns: one takes lines while the rows of the other are committed.

    Args:
        folder: where they lie.
    """

    def __init__(self, folder: Path) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._files = [os.open(folder / name, flags, 0o600) for name in NAMES]
        self._sizes = [os.fstat(file).st_size for file in self._files]
        sync_folder(folder)
        self._active = 0
        self.turn = threading.Lock()

    def add(self, row: Begun) -> None:
        """Note one call; hold ``turn``. A disk that is full takes none, and the call leaves all the same."""
        line = _ENCODER.encode(row) + b"\n"
        try:
            self._sizes[self._active] += os.write(self._files[self._active], line)
        except OSError:
            return

    def sync(self) -> None:
        """Wait until what was noted is on the disk. One that fails is not tried again: it might wrongly succeed."""
        with contextlib.suppress(OSError):
            for file in self._files:
                os.fdatasync(file)

    def swap(self) -> None:
        """From here on lines go to the other file, if it is empty; hold ``turn``."""
        if self._sizes[1 - self._active] == 0 and self._sizes[self._active]:
            self._active = 1 - self._active

    def clear(self) -> None:
        """The rows of all lines from before the last ``swap`` are committed."""
        other = 1 - self._active
        if self._sizes[other]:
            os.ftruncate(self._files[other], 0)
            self._sizes[other] = 0

    def close(self, *, is_empty: bool) -> None:
        """Close the files; *is_empty* when every call has its row."""
        for file in self._files:
            if is_empty:
                os.ftruncate(file, 0)
            os.close(file)


def recover(store: Store) -> int:
    """Give every call that a killed server noted its row; returns how many had none. No server may be running."""
    folder = store.layout.folder("locks")
    paths = [folder / name for name in NAMES if (folder / name).is_file()]
    noted: dict[str, Begun] = {}
    for path in paths:
        for line in path.read_bytes().splitlines():
            try:
                row = _DECODER.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue  # the last line, cut by the kill: its call had not left
            noted[row.trace_id] = row
    ids, known = list(noted), set()
    c = tables.captured.c.trace_id
    for start in range(0, len(ids), 500):
        known |= {r["trace_id"] for r in store.db.all(sa.select(c).where(c.in_(ids[start : start + 500])))}
    missing = [row for trace_id, row in noted.items() if trace_id not in known]
    if missing:
        store.captured.write(missing, [])
    for path in paths:
        with path.open("r+b") as file:
            file.truncate(0)
            os.fsync(file.fileno())  # or a power cut brings lines back whose calls were forgotten meanwhile
    return len(missing)
