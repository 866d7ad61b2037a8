"""One import at a time, whole or not at all.

An import touches several Lance tables and the database, and no transaction spans them. So a journal is written first;
the row in ``source_versions`` is the point of no return. Whoever opens the workspace after a kill finds the journal and
either finishes the import (the row is there) or takes it back (it is not).
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from homegrown.core.ids import canonical_json
from homegrown.errors import DiskFullError, WorkspaceBusyError
from homegrown.store import tables
from homegrown.store.files import sync_folder, write_atomic
from homegrown.store.lance_tables import quoted
from homegrown.store.locks import FileLock
from homegrown.store.records import RECORDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from homegrown.store.database import Database
    from homegrown.store.records import RecordStore

WAIT_S = 6 * 3600.0  # an import of a billion rows may be before us


class Imports:
    """The journal of imports, and its lock.

    Args:
        folder: the workspace's folder of locks.
        database: where versions of sources are committed.
        records: the tables that an import writes.
    """

    def __init__(self, folder: Path, database: Database, records: RecordStore) -> None:
        self._lock_path = folder / "import.lock"
        self._journal = folder / "import.json"
        self._db = database
        self._records = records

    @contextlib.contextmanager
    def exclusive(self, wait_s: float = WAIT_S) -> Iterator[None]:
        """Hold the right to import; what a killed predecessor left is settled first.

        When the block raises, what it began is settled before the lock is given back.
        """
        with FileLock(self._lock_path, exclusive=True, wait_s=wait_s, note={"what": "import"}):
            self._settle()
            try:
                yield
            except BaseException:
                # A full disk may refuse this too; then the next one to open the workspace settles it.
                with contextlib.suppress(DiskFullError):
                    self._settle()
                raise

    def begin(self, source_id: str, version: int) -> None:
        """Write down what is about to happen."""
        write_atomic(self._journal, canonical_json({"source_id": source_id, "version": version}))

    def end(self) -> None:
        """All of it happened."""
        self._journal.unlink(missing_ok=True)
        sync_folder(self._journal.parent)

    def recover(self) -> None:
        """Settle what a killed import left, unless one is running right now. Costs one ``stat`` when there is none."""
        if self._journal.exists():
            with contextlib.suppress(WorkspaceBusyError, DiskFullError), self.exclusive(wait_s=0.0):
                pass

    def _settle(self) -> None:
        if not self._journal.exists():
            return
        begun = msgspec.json.decode(self._journal.read_bytes())
        source_id, version = str(begun["source_id"]), int(begun["version"])
        if not self._committed(source_id, version):
            self._take_back(source_id, version)
        self.refresh_retired()
        self.end()

    def _committed(self, source_id: str, version: int) -> bool:
        v = tables.source_versions
        return bool(self._db.one(sa.select(v.c.version).where(v.c.source_id == source_id, v.c.version == version)))

    def _take_back(self, source_id: str, version: int) -> None:
        """Remove what version *version* of a source wrote; rows that it replaced come back. Harmless twice."""
        source = quoted([source_id])
        self._records.origins.delete(f"source_id IN {source} AND source_version = {version}")
        self._records.table.delete(f"source_id IN {source} AND source_version = {version}")
        if self._records.versions.exists:
            where = f"source_id IN {source} AND replaced_by = {version}"
            old = self._records.versions.scan(where=where).select(RECORDS.names)
            self._records.table.upsert(old, "record_id")
            self._records.versions.delete(where)

    def latest_versions(self) -> list[tuple[str, int]]:
        """(source_id, version) of the newest import of every source."""
        v = tables.source_versions
        rows = self._db.all(sa.select(v.c.source_id, sa.func.max(v.c.version).label("version")).group_by(v.c.source_id))
        return [(str(row["source_id"]), int(row["version"])) for row in rows]

    def held_by(self, versions: list[tuple[str, int]]) -> Iterator[pa.Array]:
        """Ids of the records that these versions hold, in batches."""
        if not self._records.origins.exists:
            return
        for start in range(0, len(versions), 200):
            some = versions[start : start + 200]
            where = " OR ".join(f"(source_id IN {quoted([s])} AND source_version = {v})" for s, v in some)
            for batch in self._records.origins.batches(["record_id"], where=where, rows=65536):
                yield batch["record_id"]

    def refresh_retired(self) -> None:
        """Work out again which records no newest version holds."""
        held = pa.chunked_array(list(self.held_by(self.latest_versions())), pa.string())
        everything = self._records.all_ids()
        gone = everything.filter(pc.invert(pc.is_in(everything, value_set=held)))
        if gone.sort() != self._records.retired_ids().sort():
            self._records.retired.overwrite(pa.table({"record_id": gone}).to_batches())
