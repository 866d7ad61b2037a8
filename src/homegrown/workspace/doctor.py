"""Is everything in order? Each check says what it found and, when something is wrong, what to do."""

from __future__ import annotations

import platform
import shutil
import sqlite3
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from homegrown.errors import HomegrownError
from homegrown.inference.encoder_folder import open_folder
from homegrown.inference.encoder_native import library
from homegrown.store.database import wal_is_safe
from homegrown.store.locks import FileLock, read_note
from homegrown.store.migrate import current_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from homegrown.workspace.workspace import Workspace

LOW_DISK_BYTES = 2 << 30
NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "afs", "ceph", "glusterfs"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One check. ``state`` is ``ok``, ``note`` (works, but one should know) or ``wrong``."""

    check: str
    state: str
    text: str


def doctor(ws: Workspace | None) -> list[Finding]:
    """Check the machine, and the workspace *ws* if one is given.

    Example:
        >>> all(f.state != "wrong" for f in doctor(None))  # doctest: +SKIP
        True
    """
    findings = [*_machine()]
    if ws is not None:
        findings += [*_workspace(ws)]
    return findings


def _machine() -> Iterator[Finding]:
    yield Finding("python", "ok", f"{platform.python_version()} on {platform.machine()}, {sys.platform}")
    mode = "write-ahead log" if wal_is_safe() else "rollback journal"
    state = "ok" if wal_is_safe() else "note"
    why = "" if wal_is_safe() else ": this version can lose commits with a write-ahead log, so the safe way is used"
    yield Finding("sqlite", state, f"{sqlite3.sqlite_version}, {mode}{why}")
    yield _guarded("encoder", lambda: f"{open_folder().name}: the weights are the published ones")
    if library() is None:
        yield Finding("kernel", "note", "not compiled here: encoding takes about twice as long; see scripts/native")
    else:
        yield Finding("kernel", "ok", "the encoder can compute in integers")


def _workspace(ws: Workspace) -> Iterator[Finding]:
    store = ws.store
    yield _disk(store.layout.root)
    yield _file_system(store.layout.root)
    yield _guarded("schema", lambda: f"version {current_version(store.db)}")

    def database() -> str:
        store.db.check()
        return "no damage found"

    yield _guarded("database", database)
    yield _guarded("records", lambda: f"{store.records.count():,} current records")
    for version in store.models.versions():
        name = f"{version.model_name}@{version.number}"
        yield _guarded("model", lambda v=version, n=name: f"{n}: {_open(ws, v.version_id, v.bundle_digest)}")
    yield _server(store.layout.folder("locks") / "server.lock")


def _open(ws: Workspace, version_id: str, bundle_digest: str) -> str:
    ws.store.bundles.open(version_id, bundle_digest)
    return f"every file as written, {ws.store.bundles.size(version_id) / 1e6:.1f} MB"


def _guarded(check: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(check, "ok", look())
    except HomegrownError as error:
        return Finding(check, "wrong", error.message)


def _disk(root: Path) -> Finding:
    free = shutil.disk_usage(root).free
    text = f"{free / 1e9:.1f} GB free"
    if free < LOW_DISK_BYTES:
        return Finding("disk", "wrong", f"{text}: writes will soon fail. Free some space.")
    return Finding("disk", "ok", text)


def _file_system(root: Path) -> Finding:
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return Finding("file system", "note", "its kind cannot be told on this system")
    best, kind = "", "unknown"
    for line in mounts.read_text().splitlines():
        _, point, found, *_ = line.split(" ")
        if (root == Path(point) or Path(point) in root.parents) and len(point) >= len(best):
            best, kind = point, found
    if kind in NETWORK_FILE_SYSTEMS:
        return Finding("file system", "wrong", f"{kind}: file locks are not dependable there. Use a local disk.")
    return Finding("file system", "ok", kind)


def _server(lock: Path) -> Finding:
    try:
        with FileLock(lock, exclusive=False, wait_s=0):
            return Finding("server", "ok", "none is running")
    except HomegrownError:
        return Finding("server", "ok", f"running at {read_note(lock).get('address', 'an unknown address')}")
