"""Records, where they came from, and which of them are current.

``records`` holds each record once. ``origins`` lists (record, source version, locator) in full for every import.
``retired`` names records that no latest source version holds any more: they stay for lineage and are not shown,
so a corrected row never trains beside its old self. ``record_versions`` keeps the earlier content of rows that
their source names by an id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from homegrown.core.records import Page, Record
from homegrown.errors import InputError
from homegrown.store.lance_tables import LanceTable, key_field, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

RECORDS = pa.schema(
    [
        key_field("record_id"),
        pa.field("text_hash", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("fields", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("source_id", pa.string(), nullable=False),
        pa.field("external_id", pa.string()),
        pa.field("n_chars", pa.int32(), nullable=False),
        pa.field("created_at", pa.timestamp("us", tz="UTC"), nullable=False),
        # The import that brought this content: what a torn import is undone by.
        pa.field("source_version", pa.int32()),
        # Identity by content of a row that its source names by an id: tells whether the content changed.
        pa.field("content_id", pa.string()),
    ]
)
ORIGINS = pa.schema(
    [
        pa.field("record_id", pa.string(), nullable=False),
        pa.field("source_id", pa.string(), nullable=False),
        pa.field("source_version", pa.int32(), nullable=False),
        pa.field("locator", pa.string(), nullable=False),
    ]
)
RETIRED = pa.schema([key_field("record_id")])
RECORD_VERSIONS = pa.schema(
    [
        *(f if f.name != "record_id" else pa.field("record_id", pa.string(), nullable=False) for f in RECORDS),
        pa.field("replaced_by", pa.int32(), nullable=False),  # the version of the source that changed the row
    ]
)

MAX_STEP = 10_000  # rows that a page reads at once when it steps over retired ones


class RecordStore:
    """The four Lance tables around records."""

    def __init__(self, folder: Path) -> None:
        self.table = LanceTable(folder / "records.lance", RECORDS)
        self.origins = LanceTable(folder / "origins.lance", ORIGINS)
        self.retired = LanceTable(folder / "retired.lance", RETIRED)
        self.versions = LanceTable(folder / "record_versions.lance", RECORD_VERSIONS)
        self._retired_at: tuple[int, pa.Array] | None = None

    def all_ids(self) -> pa.Array:
        """Every record id ever stored, current or not."""
        if not self.table.exists:
            return pa.array([], pa.string())
        return self.table.scan(["record_id"])["record_id"].combine_chunks()

    def retired_ids(self) -> pa.Array:
        """Ids of records that no latest source version holds."""
        if not self.retired.exists:
            return pa.array([], pa.string())
        version = self.retired.version()
        if self._retired_at is None or self._retired_at[0] != version:
            self._retired_at = version, self.retired.scan(["record_id"])["record_id"].combine_chunks()
        return self._retired_at[1]

    def version(self) -> tuple[int, int]:
        """Another value after every change of what is current, also where the count stays."""
        content, hidden = (t.version() if t.exists else 0 for t in (self.table, self.retired))
        return content, hidden

    def count(self) -> int:
        """How many records are current."""
        return self.table.count() - self.retired.count()

    def scan(self, columns: list[str] | None = None) -> pa.Table:
        """Current records as one Arrow table."""
        batches = list(self.batches(columns))
        schema = RECORDS if columns is None else pa.schema([RECORDS.field(c) for c in columns])
        return pa.Table.from_batches(batches, schema) if batches else schema.empty_table()

    def batches(
        self, columns: list[str] | None = None, rows: int = 8192, *, where: str | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Stream current records, all or those that match *where*; bounded memory however many there are."""
        if not self.table.exists:
            return
        retired = self.retired_ids()
        wanted = columns if columns is None or "record_id" in columns else [*columns, "record_id"]
        for batch in self.table.batches(wanted, where, rows):
            kept = batch
            if len(retired):
                kept = batch.filter(pc.invert(pc.is_in(batch["record_id"], value_set=retired)))
            yield kept if columns is None else kept.select(columns)

    def page(self, cursor: str | None = None, limit: int = 50, *, source: str | None = None) -> Page:
        """*limit* current records from *cursor* on, in the order of storage; as fast at the end as at the start.

        Args:
            cursor: ``next_cursor`` or ``previous_cursor`` of another page; None for the first page.
            limit: how many, 1 to 1,000.
            source: only records that first came from the source of this name.

        Example:
            >>> first = store.records.page(limit=50)  # doctest: +SKIP
            >>> second = store.records.page(first.next_cursor, limit=50)  # doctest: +SKIP
        """
        if not 1 <= limit <= 1000:
            raise InputError(f"A page holds 1 to 1,000 records, not {limit}.")
        start, back = _position(cursor)
        if not self.table.exists:
            return Page([], None, None)
        where = None if source is None else f"source IN {quoted([source])}"
        total = self.table.count(where)
        walk = _Walk(self, where, total)
        found = walk.backward(min(start, total), limit) if back else walk.forward(start, limit)
        first = found[0][0] if found else start
        following = found[-1][0] + 1 if found else total
        return Page(
            records=[record for _, record in found],
            next_cursor=f"n{following}" if following < total else None,
            previous_cursor=f"p{first}" if first > 0 else None,
        )

    def texts(self, record_ids: Iterable[str]) -> dict[str, str]:
        """Texts by record id, of whatever exists among *record_ids*."""
        wanted = pa.array(list(record_ids), pa.string())
        found: dict[str, str] = {}
        if not self.table.exists or not len(wanted):
            return found
        if len(wanted) <= 1000:
            rows = self.table.scan(["record_id", "text"], where=f"record_id IN {quoted(wanted.to_pylist())}")
            return dict(zip(rows["record_id"].to_pylist(), rows["text"].to_pylist(), strict=True))
        for batch in self.table.batches(["record_id", "text"], rows=65536):
            kept = batch.filter(pc.is_in(batch["record_id"], value_set=wanted))
            found.update(zip(kept["record_id"].to_pylist(), kept["text"].to_pylist(), strict=True))
        return found

    def rows(self, record_ids: pa.Array | pa.ChunkedArray, columns: list[str]) -> pa.Table:
        """*columns* and ``record_id`` of those of *record_ids* that exist, in that order; any number of ids."""
        wanted = pa.array(record_ids.to_pylist(), pa.string())
        columns = [*(c for c in columns if c != "record_id"), "record_id"]
        if not self.table.exists or not len(wanted):
            return pa.schema([RECORDS.field(c) for c in columns]).empty_table()
        if len(wanted) <= 1000:
            found = self.table.scan(columns, where=f"record_id IN {quoted(wanted.to_pylist())}")
        else:
            batches = self.table.batches(columns, rows=65536)
            kept = [b.filter(pc.is_in(b["record_id"], value_set=wanted)) for b in batches]
            found = pa.Table.from_batches(kept)
        position = pc.index_in(wanted, value_set=found["record_id"].combine_chunks())
        return found.take(position.drop_null())

    def get(self, record_ids: list[str]) -> list[Record]:
        """Whole records, in the order of *record_ids*; unknown ids are left out."""
        if not self.table.exists or not record_ids:
            return []
        rows = self.table.scan(where=f"record_id IN {quoted(record_ids)}").to_pylist()
        by_id = {row["record_id"]: record_of(row) for row in rows}
        return [by_id[i] for i in record_ids if i in by_id]

    def retire(self, record_ids: pa.Array) -> None:
        """Take records out of sight; they stay for lineage. One process at a time (``ImportLock``)."""
        new = pc.filter(record_ids, pc.invert(pc.is_in(record_ids, value_set=self.retired_ids())))
        if len(new):
            self.retired.append(pa.table({"record_id": new}, schema=RETIRED).to_batches())

    def revive(self, record_ids: pa.Array) -> None:
        """Show records again that an import brought back. One process at a time (``ImportLock``)."""
        retired = self.retired_ids()
        kept = retired.filter(pc.invert(pc.is_in(retired, value_set=record_ids)))
        if len(kept) < len(retired):
            self.retired.overwrite(pa.table({"record_id": kept}, schema=RETIRED).to_batches())


class _Walk:
    """Goes over stored rows by their position, and leaves out those that are retired."""

    def __init__(self, store: RecordStore, where: str | None, total: int) -> None:
        self._store, self._where, self._total = store, where, total
        self._retired = store.retired_ids()

    def forward(self, start: int, limit: int) -> list[tuple[int, Record]]:
        found: list[tuple[int, Record]] = []
        size = limit
        while len(found) < limit and start < self._total:
            found += self._current(start, min(size, self._total - start))
            start += size
            size = min(size * 4, MAX_STEP)
        return found[:limit]

    def backward(self, end: int, limit: int) -> list[tuple[int, Record]]:
        found: list[tuple[int, Record]] = []
        size = limit
        while len(found) < limit and end > 0:
            start = max(end - size, 0)
            found = self._current(start, end - start) + found
            end = start
            size = min(size * 4, MAX_STEP)
        return found[-limit:]

    def _current(self, start: int, n: int) -> list[tuple[int, Record]]:
        rows = self._store.table.scan(where=self._where, offset=start, limit=n)
        positions = pa.array(range(start, start + rows.num_rows), pa.int64())
        if len(self._retired):
            kept = pc.invert(pc.is_in(rows["record_id"], value_set=self._retired))
            rows, positions = rows.filter(kept), pc.filter(positions, kept)
        return list(zip(positions.to_pylist(), map(record_of, rows.to_pylist()), strict=True))


def _position(cursor: str | None) -> tuple[int, bool]:
    """Where a cursor points, and whether the page ends there."""
    if cursor is None:
        return 0, False
    if cursor[:1] not in ("n", "p") or not cursor[1:].isdecimal() or len(cursor) > 20:
        raise InputError("That is no place in the records. Start again from the first page.")
    return int(cursor[1:]), cursor[0] == "p"


def record_of(row: dict[str, object]) -> Record:
    """A row with the columns of ``RECORDS`` as a noun."""
    return Record(
        record_id=str(row["record_id"]),
        text=str(row["text"]),
        fields=msgspec.json.decode(str(row["fields"])),
        text_hash=str(row["text_hash"]),
        source=str(row["source"]),
        external_id=None if row["external_id"] is None else str(row["external_id"]),
    )
