"""The part of an import that changes the workspace: under the lock, behind a journal, in five commits.

Order: journal, origins, records (one Lance commit for all new ones), replaced rows, retired, then the version of the
source in the database. A kill before the last one is taken back by whoever opens the workspace next, a kill after it is
finished (``homegrown.store.imports``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from homegrown.core.records import Quarantined, SourceVersion
from homegrown.ingest.hexids import IdSet, from_hex, to_hex
from homegrown.store.failpoints import failpoint
from homegrown.store.files import disk_errors
from homegrown.store.lance_tables import quoted
from homegrown.store.records import ORIGINS, RECORD_VERSIONS, RECORDS
from homegrown.store.reserve import refuse_if_in_use

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from homegrown.core.protocols import Progress
    from homegrown.ingest.plan import Plan
    from homegrown.ingest.staging import Staged, Staging
    from homegrown.store import Store

MAX_QUARANTINED = 10_000


@dataclass(slots=True)
class _Rows:
    """Which staged rows are new, and which replace a record."""

    new: np.ndarray
    changed: np.ndarray


class Commit:
    """Makes staged rows the newest version of a source."""

    def __init__(
        self, store: Store, staging: Staging, plan: Plan, aside: list[Quarantined], progress: Progress
    ) -> None:
        self._store, self._staging, self._plan = store, staging, plan
        self._aside, self._progress = aside, progress

    def run(self, version: SourceVersion) -> SourceVersion:
        """Commit, unless the newest version holds the same already.

        Args:
            version: what is known of it; its number and counts are set here.
        """
        with self._store.imports.exclusive(), disk_errors():
            failpoint("ingest.locked")
            latest = self._store.sources.latest(version.source_id)
            if latest is not None and latest["digest"] == self._plan.digest:
                return replace(version, version=latest["version"], unchanged=True)
            before = latest["version"] if latest else 0
            version = replace(version, version=before + 1)
            self._store.imports.begin(version.source_id, version.version)
            failpoint("ingest.journal")
            rows = self._compare(version)
            self._progress.start("store", int(self._plan.keep.sum() + rows.new.sum()))
            done = replace(version, n_added=int(rows.new.sum()), n_changed=int(rows.changed.sum()))
            self._write(done, rows)
            done = replace(done, n_retired=self._retire(done, before))
            failpoint("ingest.retired")
            self._store.sources.add_version(self._store.actor, done, self._plan.digest, self._aside[:MAX_QUARANTINED])
            failpoint("ingest.committed")
            self._store.imports.end()
            self._progress.finish()
            return done

    def _compare(self, version: SourceVersion) -> _Rows:
        """Look every row up among the stored ones; those that have an id of their own may have new content."""
        plan, keyed = self._plan, version.id_column is not None
        new, changed = plan.keep.copy(), np.zeros(len(plan.ids), bool)
        table = self._store.records.table
        if not table.exists:
            return _Rows(new, changed)
        positions = np.flatnonzero(plan.keep)
        known = IdSet(plan.kept_ids)
        columns = ["record_id", "content_id"] if keyed else ["record_id"]
        where = f"source_id IN {quoted([version.source_id])}" if keyed else None
        for batch in table.batches(columns, where=where, rows=65536):
            at = known.find(from_hex(batch["record_id"]))
            hit = at >= 0
            mine = positions[at[hit]]
            new[mine] = False
            if keyed:
                stored = from_hex(batch["content_id"].filter(pa.array(hit)))
                changed[mine] = stored != plan.content[mine]
        return _Rows(new, changed)

    def _write(self, version: SourceVersion, rows: _Rows) -> None:
        records = self._store.records
        records.origins.append(self._origins(version))
        failpoint("ingest.origins")
        if rows.new.any():
            records.table.append(self._records(version, rows.new))
        failpoint("ingest.records")
        if rows.changed.any():
            self._keep_old(version, rows.changed)
            failpoint("ingest.versions")
            for batch in self._records(version, rows.changed):
                records.table.upsert(pa.Table.from_batches([batch]), "record_id")
                failpoint("ingest.changed")

    def _origins(self, version: SourceVersion) -> Iterator[pa.RecordBatch]:
        for staged, mask, rows in self._walk(self._plan.keep):
            ids = self._plan.ids[rows]
            n = len(ids)
            yield pa.record_batch(
                [
                    to_hex(ids),
                    pa.array([version.source_id]).take(pa.array(np.zeros(n, np.int32))),
                    pa.array(np.full(n, version.version, np.int32)),
                    mask(staged.locators),
                ],
                schema=ORIGINS,
            )

    def _records(self, version: SourceVersion, wanted: np.ndarray) -> Iterator[pa.RecordBatch]:
        at = pa.scalar(version.created_at, pa.timestamp("us", tz="UTC"))
        for staged, mask, rows in self._walk(wanted):
            n = len(rows)
            same = pa.array(np.zeros(n, np.int32))
            texts, keys = mask(staged.texts), mask(staged.keys)
            columns = {
                "record_id": to_hex(self._plan.ids[rows]),
                "text_hash": _hex(mask(staged.hashes)),
                "text": texts,
                "fields": mask(staged.fields),
                "source": pa.array([version.name]).take(same),
                "source_id": pa.array([version.source_id]).take(same),
                "external_id": keys,
                "n_chars": pc.utf8_length(texts).cast(pa.int32()),
                "created_at": pa.array([at.as_py()], at.type).take(same),
                "source_version": pa.array(np.full(n, version.version, np.int32)),
                "content_id": to_hex(self._plan.content[rows]) if version.id_column else pa.nulls(n, pa.string()),
            }
            yield pa.record_batch([columns[f.name] for f in RECORDS], schema=RECORDS)

    def _keep_old(self, version: SourceVersion, changed: np.ndarray) -> None:
        """The content that is about to be replaced goes to ``record_versions``."""
        ids = to_hex(self._plan.ids[changed])
        for start in range(0, len(ids), 1000):
            some = ids.slice(start, 1000).to_pylist()
            old = self._store.records.table.scan(where=f"record_id IN {quoted(some)}")
            column = pa.array(np.full(old.num_rows, version.version, np.int32))
            old = old.append_column(pa.field("replaced_by", pa.int32(), nullable=False), column)
            self._store.records.versions.append(old.cast(RECORD_VERSIONS).to_batches())

    def _retire(self, version: SourceVersion, before: int) -> int:
        """Take out of sight what the version before held and no newest version holds; show again what came back."""
        imports, records = self._store.imports, self._store.records
        if len(records.retired_ids()):
            records.revive(to_hex(self._plan.kept_ids))
        if not before:
            return 0
        mine = IdSet(self._plan.kept_ids)
        gone = [ids[mine.find(ids) < 0] for ids in map(from_hex, imports.held_by([(version.source_id, before)]))]
        lost = np.concatenate(gone) if gone else self._plan.ids[:0]
        if not len(lost):
            return 0
        others = [pair for pair in imports.latest_versions() if pair[0] != version.source_id]
        at, held = IdSet(lost), np.zeros(len(lost), bool)
        for ids in map(from_hex, imports.held_by(others)):
            found = at.find(ids)
            held[found[found >= 0]] = True
        records.retire(to_hex(lost[~held]))
        return int((~held).sum())

    def _walk(self, wanted: np.ndarray) -> Iterator[tuple[Staged, Callable[[pa.Array], pa.Array], np.ndarray]]:
        """Staged batches, each with a function that keeps the wanted rows of a column, and with their positions."""
        at = 0
        for staged in self._staging.batches():
            refuse_if_in_use(self._store.layout.folder("locks"))
            n = len(staged.ids)
            here = wanted[at : at + n]
            rows = at + np.flatnonzero(here)
            if len(rows) == n:
                yield staged, lambda column: column, rows
            elif len(rows):
                yield staged, partial(_filter, pa.array(here)), rows
            self._progress.advance(len(rows))
            at += n


def _filter(mask: pa.Array, column: pa.Array) -> pa.Array:
    return column.filter(mask)


def _hex(hashes: pa.Array) -> pa.Array:
    raw = hashes.buffers()[1].to_pybytes()[hashes.offset * 16 : (hashes.offset + len(hashes)) * 16]
    return to_hex(np.frombuffer(raw, np.dtype("V16")))
