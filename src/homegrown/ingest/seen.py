"""Whether a file is the one that a source was read from last, told by its bytes, so that nothing need be parsed."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Self

from homegrown.core.ids import canonical_json

if TYPE_CHECKING:
    from homegrown.ingest.importer import IngestRequest


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as it lay there before it was read.

    Attributes:
        digest: of its bytes, of all that was asked for, and of the version of the readers.
    """

    path: Path
    digest: str
    state: tuple[int, int, int]

    @classmethod
    def of(cls, request: IngestRequest) -> Self | None:
        """The file that *request* names; None for anything else: a folder, a pattern, a link, standard input."""
        path = Path(request.path)
        try:
            if path.is_symlink() or not path.is_file():
                return None
            state = _state(path)
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
        except (OSError, ValueError):
            return None
        asked = {**asdict(request), "path": path.name, "reader": version("homegrown"), "content": content}
        return cls(path, hashlib.sha256(canonical_json(asked)).hexdigest(), state)

    def facts(self) -> dict[str, str]:
        """What the version of the source keeps; nothing when the file was written to while it was read."""
        try:
            return {"file_digest": self.digest} if _state(self.path) == self.state else {}
        except OSError:
            return {}


def _state(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns
