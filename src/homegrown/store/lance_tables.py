"""The boundary to Lance, with ``lance_search``: open, append, upsert, delete, clean. No other module imports it.

Keys carry the field metadata ``lance-schema:unenforced-primary-key``: without it two processes that merge the
same new id both succeed. Merges go in pieces of at most 10,000 rows.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import lance
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from homegrown.errors import CorruptDataError, DiskFullError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

MERGE_ROWS = 10_000
_KEY = {b"lance-schema:unenforced-primary-key": b"true"}
_VERSION = "2.1"
_RESTORE = "Restore its folder from a copy of the workspace."
# What Lance says of files that are not what it wrote.
_DAMAGE = (
    "corrupt",
    "unexpected eof",
    "invalid magic",
    "magic number",
    "out of range",
    "protobuf",
    "file size is too small",
    "failed to fill whole buffer",
    "not appear to be a lance file",
)
# Where in Lance's own source it was noticed tells a person nothing.
_OF_LANCE = re.compile(r",? ?/\S+\.rs:\d+(:\d+)?|LanceError\(\w+\): ")


def key_field(name: str) -> pa.Field:
    """A string column that identifies a row."""
    return pa.field(name, pa.string(), nullable=False, metadata=_KEY)


class LanceTable:
    """One table on disk with a fixed schema; created at its first use.

    Example:
        >>> table = LanceTable(folder / "records.lance", schema)  # doctest: +SKIP
        >>> table.append([batch]); table.count()  # doctest: +SKIP
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path = path
        self.schema = schema

    @property
    def exists(self) -> bool:
        """Whether anything was ever written."""
        return (self.path / "_versions").is_dir()

    def dataset(self) -> lance.LanceDataset:
        """The table at its newest version; an empty one is created when there is none."""
        with translated(self.path):
            if not self.exists:
                empty = pa.Table.from_batches([], self.schema)
                try:
                    return lance.write_dataset(empty, str(self.path), mode="create", data_storage_version=_VERSION)
                except OSError:
                    if not self.exists:
                        raise
            found = lance.dataset(str(self.path))
        if not found.schema.names:  # what a manifest of zeros says
            raise CorruptDataError(f"The table {self.path.name} is damaged: it has no columns. {_RESTORE}")
        return found

    def version(self) -> int:
        """Number of the newest version; grows with every commit."""
        return int(self.dataset().version)

    def count(self, where: str | None = None) -> int:
        """Rows, all or those that match the SQL predicate *where*."""
        return self.dataset().count_rows(filter=where) if self.exists else 0

    def append(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Add rows in one commit: all of them are there afterwards, or none.

        A table that was made before a column came gets it first, empty in all earlier rows.
        """
        found = self.dataset()
        with translated(self.path):
            missing = [f for f in self.schema if f.name not in found.schema.names]
            if missing:
                found.add_columns(pa.schema(missing))
            reader = pa.RecordBatchReader.from_batches(self.schema, batches)
            lance.write_dataset(reader, str(self.path), mode="append", data_storage_version=_VERSION)

    def overwrite(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Put other rows in place of all rows, in one commit."""
        with translated(self.path):
            reader = pa.RecordBatchReader.from_batches(self.schema, batches)
            lance.write_dataset(reader, str(self.path), mode="overwrite", data_storage_version=_VERSION)

    def insert_missing(self, table: pa.Table, key: str) -> None:
        """Add the rows whose *key* is new; safe when two processes add the same ones."""
        self._merge(table, key, update=False)

    def upsert(self, table: pa.Table, key: str) -> None:
        """Add the rows whose *key* is new and replace the others."""
        self._merge(table, key, update=True)

    def _merge(self, table: pa.Table, key: str, *, update: bool) -> None:
        for start in range(0, table.num_rows, MERGE_ROWS):
            piece = table.slice(start, MERGE_ROWS).cast(self.schema)
            with translated(self.path):
                merge = self.dataset().merge_insert(key).when_not_matched_insert_all()
                (merge.when_matched_update_all() if update else merge).execute(piece)

    def scan(
        self,
        columns: list[str] | None = None,
        where: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> pa.Table:
        """Read rows into memory; *where* is a SQL predicate of Lance."""
        with translated(self.path):
            return self.dataset().to_table(columns=columns, filter=where, limit=limit, offset=offset)

    def take(self, key: str, values: list[str], columns: list[str]) -> tuple[np.ndarray, pa.Table]:
        """The rows of *values* of the unique column *key*, without reading the others' content.

        Returns:
            For each value its row in the table that follows, -1 where there is none (int64); and those rows.
        """
        with translated(self.path):
            dataset = self.dataset()
            keys = dataset.to_table([key])[key].combine_chunks()
            where = pc.index_in(pa.array(values, pa.string()), value_set=keys).fill_null(-1).to_numpy()
            rows, place = np.unique(where[where >= 0], return_inverse=True)
            found = np.full(len(values), -1, np.int64)
            found[where >= 0] = place
            return found, dataset.take(rows.tolist(), columns=columns)

    def batches(
        self, columns: list[str] | None = None, where: str | None = None, rows: int = 8192
    ) -> Iterator[pa.RecordBatch]:
        """Stream rows in batches."""
        with translated(self.path):
            yield from self.dataset().to_batches(columns=columns, filter=where, batch_size=rows)

    def delete(self, where: str) -> None:
        """Delete rows from the newest version; ``purge`` removes their bytes."""
        if self.exists:
            with translated(self.path):
                self.dataset().delete(where)

    def compact(self) -> None:
        """Rewrite many small files as few; run after many small appends."""
        if self.exists:
            with translated(self.path):
                self.dataset().optimize.compact_files()

    def purge(self) -> None:
        """Remove the bytes of deleted rows: rewrite the files that hold them, then drop all older versions."""
        if not self.exists:
            return
        with translated(self.path):
            dataset = self.dataset()
            dataset.optimize.compact_files(materialize_deletions=True, materialize_deletions_threshold=0.0)
            dataset = lance.dataset(str(self.path))
            dataset.cleanup_old_versions(older_than=timedelta(0), delete_unverified=True)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Errors of Lance become ours."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        raise _as_ours(error, path) from error


def _as_ours(error: Exception, path: Path) -> Exception:
    text = str(error)
    low = text.lower()
    if "no space left" in low or "file too large" in low or "quota" in low:
        return DiskFullError()
    text = _OF_LANCE.sub("", text)
    if any(word in low for word in _DAMAGE):
        return CorruptDataError(f"The table {path.name} is damaged: {text[:160].rstrip('. ')}. {_RESTORE}")
    return StorageError(f"The table {path.name} failed: {text[:240].rstrip('. ')}.")


def quoted(values: Iterable[Any]) -> str:
    """Strings as a SQL list for a Lance predicate, quotes doubled.

    Example:
        >>> quoted(["a", "o'b"])
        "('a', 'o''b')"
    """
    return "(" + ", ".join("'" + str(v).replace("'", "''") + "'" for v in values) + ")"
