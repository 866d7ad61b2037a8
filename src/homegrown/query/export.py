"""Write an answer to a file, as a stream: CSV for people and spreadsheets, Parquet and JSON lines for machines."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from homegrown.errors import InputError, StorageError
from homegrown.store.files import disk_errors
from homegrown.store.spreadsheets import write_csv

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

FORMATS = ("csv", "parquet", "jsonl")


def write_stream(reader: pa.RecordBatchReader, target: Path, kind: str) -> int:
    """Write all batches to *target*, which is complete or untouched afterwards; returns the number of rows.

    Args:
        reader: the answer.
        target: a file; it is replaced.
        kind: ``csv`` (formula cells made harmless), ``parquet`` or ``jsonl`` (untouched).
    """
    if kind not in FORMATS:
        raise InputError(f"{kind!r} is no format. Formats: {', '.join(FORMATS)}.")
    if not target.parent.is_dir():
        raise InputError(f"There is no folder {target.parent} to write into.")
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        with disk_errors():
            n = {"csv": _csv, "parquet": _parquet, "jsonl": _jsonl}[kind](reader, partial)
            partial.chmod(0o600)
            partial.replace(target)
    except PermissionError as error:
        raise StorageError(f"{target} cannot be written: {error.strerror}.") from error
    finally:
        partial.unlink(missing_ok=True)
    return n


def _csv(reader: pa.RecordBatchReader, path: Path) -> int:
    rows = (row for batch in reader for row in zip(*(c.to_pylist() for c in batch.columns), strict=True))
    return write_csv(path, reader.schema.names, rows)


def _jsonl(reader: pa.RecordBatchReader, path: Path) -> int:
    n = 0
    with path.open("w", encoding="utf-8") as file:
        for batch in reader:
            for row in batch.to_pylist():
                file.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
            n += batch.num_rows
    return n


def _parquet(reader: pa.RecordBatchReader, path: Path) -> int:
    n = 0
    with pq.ParquetWriter(path, reader.schema, compression="zstd") as writer:
        for batch in reader:
            writer.write_batch(batch)
            n += batch.num_rows
    return n
