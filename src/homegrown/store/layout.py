"""Where everything lies inside a workspace folder. Names here are the only paths that are ever opened."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from homegrown.errors import InputError, StorageError
from homegrown.store.failpoints import failpoint

# ``locks`` first: by it a first opening that was killed half-way is known again as a workspace.
FOLDERS = ("locks", "lance", "snapshots", "models", "runs", "reports", "exports", "cache", "tmp", "backups", "secrets")


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths of one workspace.

    Example:
        >>> Layout(Path("/w")).database
        PosixPath('/w/homegrown.db')
    """

    root: Path

    @property
    def marker(self) -> Path:
        """The file that makes a folder a workspace."""
        return self.root / "workspace.json"

    @property
    def database(self) -> Path:
        """The embedded SQLite database."""
        return self.root / "homegrown.db"

    @property
    def jobs_database(self) -> Path:
        """DBOS's own database, of the worker alone."""
        return self.root / "jobs.db"

    def folder(self, name: str) -> Path:
        """One of ``FOLDERS``."""
        if name not in FOLDERS:
            raise ValueError(name)
        return self.root / name

    def create(self) -> None:
        """Make the folders, readable by their owner alone; refuse a folder of somebody else or of other use."""
        if self.root.exists():
            if not self.root.is_dir():
                raise InputError(f"{self.root} is a file, not a folder. Name a folder for the workspace.")
            if self.root.stat().st_uid != os.getuid():
                raise StorageError(f"{self.root} belongs to another user. Choose a folder of your own.")
            begun = self.marker.exists() or (self.root / "locks").is_dir()
            if not begun and any(p.name != ".DS_Store" for p in self.root.iterdir()):
                raise InputError(
                    f"{self.root} holds other files and is no homegrown workspace. Name an empty or a new folder."
                )
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in FOLDERS:
            folder = self.root / name
            if folder.is_symlink():
                raise StorageError(f"{folder} is a link. Remove it: a workspace keeps its files inside itself.")
            folder.mkdir(exist_ok=True, mode=0o700)
            failpoint("workspace.folder")
