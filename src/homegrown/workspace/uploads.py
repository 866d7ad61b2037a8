"""Files that came in through a browser: kept under an opaque id until they are imported, then dropped.

The name that the browser sent is shown and names the source; it never becomes a path.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec

from homegrown.core.ids import canonical_json, new_id
from homegrown.errors import EmptyDataError, InputError, NotFoundError
from homegrown.store.files import write_atomic
from homegrown.store.reserve import refuse_if_in_use

if TYPE_CHECKING:
    from homegrown.store.layout import Layout

MAX_BYTES = 4_000_000_000
KEEP_S = 7 * 86_400
_PIECE = 1 << 20
_SUFFIX_CHARS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.")


@dataclass(frozen=True, slots=True)
class Upload:
    """One file that waits to be imported.

    Attributes:
        name: what it was called on the reader's machine, without folders.
        path: where it lies here.
    """

    upload_id: str
    name: str
    path: Path
    n_bytes: int


class Uploads:
    """The waiting files of one workspace.

    Example:
        >>> upload = ws.uploads.add(file, "tickets.csv")  # doctest: +SKIP
        >>> ws.ingest(upload.path, name=upload.name, text="body")  # doctest: +SKIP
    """

    def __init__(self, layout: Layout) -> None:
        self._locks = layout.folder("locks")
        self._folder = layout.folder("tmp") / "uploads"

    def add(self, file: IO[bytes], name: str, *, max_bytes: int = MAX_BYTES) -> Upload:
        """Keep *file* under a new id.

        Raises:
            EmptyDataError: it holds nothing.
            InputError: it is larger than *max_bytes*.
            DiskFullError: there is no room.
        """
        refuse_if_in_use(self._locks)
        self._sweep()
        shown = _shown(name)
        upload_id = new_id("up")
        folder = self._folder / upload_id
        folder.mkdir(mode=0o700, parents=True)
        path = folder / ("data" + _suffixes(shown))
        n_bytes = 0
        try:
            with path.open("xb") as target:
                while piece := file.read(_PIECE):
                    n_bytes += len(piece)
                    if n_bytes > max_bytes:
                        raise InputError(
                            f"{shown} is larger than {max_bytes / 1e9:.0f} GB, the limit for a browser. "
                            "Import it from the terminal: homegrown ingest FILE."
                        )
                    target.write(piece)
            if not n_bytes:
                raise EmptyDataError(f"{shown} is empty: it holds no bytes at all.")
            facts = {"name": shown, "file": path.name, "n_bytes": n_bytes}
            write_atomic(folder / "upload.json", canonical_json(facts))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return Upload(upload_id, shown, path, n_bytes)

    def get(self, upload_id: str) -> Upload:
        """The file behind an id."""
        known = upload_id.removeprefix("up_")
        folder = self._folder / upload_id
        if not upload_id.startswith("up_") or not known.isalnum() or not (folder / "upload.json").is_file():
            raise NotFoundError("This file is no longer here: it was imported, or it waited too long. Drop it again.")
        facts = msgspec.json.decode((folder / "upload.json").read_bytes())
        return Upload(upload_id, facts["name"], folder / facts["file"], facts["n_bytes"])

    def drop(self, upload_id: str) -> None:
        """Remove a file that is no longer needed."""
        shutil.rmtree(self.get(upload_id).path.parent, ignore_errors=True)

    def _sweep(self) -> None:
        for folder in self._folder.glob("up_*"):
            if folder.stat().st_mtime < time.time() - KEEP_S:
                shutil.rmtree(folder, ignore_errors=True)


def _shown(name: str) -> str:
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    clean = "".join(c for c in last if c.isprintable()).strip(" .")
    return clean[:120] or "file"


def _suffixes(name: str) -> str:
    """The ending that readers know a format by (``.csv``, ``.csv.gz``), from a fixed alphabet."""
    parts = name.lower().split(".")[1:][-2:]
    kept = [p for p in parts if p and len(p) <= 8 and set(p) <= _SUFFIX_CHARS]
    return "".join("." + p for p in kept)
