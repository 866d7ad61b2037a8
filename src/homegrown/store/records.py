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

from homegrown.core.records import Record
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
    [f if f.name != "record_id" else pa.field("record_id", pa.string(), nullable=False) for f in RECORDS]
)


class RecordStore:
    """The four Lance tables around records."""

    def __init__(self, folder: Path) -> None:
        self.table = LanceTable(folder / "records.lance", RECORDS)
        self.origins = LanceTable(folder / "origins.lance", ORIGINS)
        self.retired = LanceTable(folder / "retired.lance", RETIRED)
        self.versions = LanceTable(folder / "record_versions.lance", RECORD_VERSIONS)

    def all_ids(self) -> pa.Array:
        """Every record id ever stored, current or not."""
        if not self.table.exists:
            return pa.array([], pa.string())
        return self.table.scan(["record_id"])["record_id"].combine_chunks()

    def retired_ids(self) -> pa.Array:
        """Ids of records that no latest source version holds."""
        if not self.retired.exists:
            return pa.array([], pa.string())
        return self.retired.scan(["record_id"])["record_id"].combine_chunks()

    def count(self) -> int:
        """How many records are current."""
        return self.table.count() - self.retired.count()

    def scan(self, columns: list[str] | None = None) -> pa.Table:
        """Current records as one Arrow table."""
        batches = list(self.batches(columns))
        schema = RECORDS if columns is None else pa.schema([RECORDS.field(c) for c in columns])
        return pa.Table.from_batches(batches, schema) if batches else schema.empty_table()

    def batches(self, columns: list[str] | None = None, rows: int = 8192) -> Iterator[pa.RecordBatch]:
        """Stream current records; bounded memory however many there are."""
        if not self.table.exists:
            return
        retired = self.retired_ids()
        wanted = columns if columns is None or "record_id" in columns else [*columns, "record_id"]
        for batch in self.table.batches(wanted, rows=rows):
            kept = batch
            if len(retired):
                kept = batch.filter(pc.invert(pc.is_in(batch["record_id"], value_set=retired)))
            yield kept if columns is None else kept.select(columns)

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

    def get(self, record_ids: list[str]) -> list[Record]:
        """Whole records, in the order of *record_ids*; unknown ids are left out."""
        if not self.table.exists or not record_ids:
            return []
        rows = self.table.scan(where=f"record_id IN {quoted(record_ids)}").to_pylist()
        by_id = {row["record_id"]: _record(row) for row in rows}
        return [by_id[i] for i in record_ids if i in by_id]

    def retire(self, record_ids: pa.Array) -> None:
        """Take records out of sight; they stay for lineage."""
        if len(record_ids):
            self.retired.insert_missing(pa.table({"record_id": record_ids}, schema=RETIRED), "record_id")

    def revive(self, record_ids: pa.Array) -> None:
        """Show records again that an import brought back."""
        back = pc.filter(record_ids, pc.is_in(record_ids, value_set=self.retired_ids()))
        for start in range(0, len(back), 1000):
            self.retired.delete(f"record_id IN {quoted(back.slice(start, 1000).to_pylist())}")


def _record(row: dict[str, object]) -> Record:
    return Record(
        record_id=str(row["record_id"]),
        text=str(row["text"]),
        fields=msgspec.json.decode(str(row["fields"])),
        text_hash=str(row["text_hash"]),
        source=str(row["source"]),
        external_id=None if row["external_id"] is None else str(row["external_id"]),
    )
