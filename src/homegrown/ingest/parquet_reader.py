"""Parquet, one row group after the other."""

from __future__ import annotations

import datetime as dt
import decimal
import math
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from homegrown.core.records import Notice, Parsed, Quarantined, ReadOptions
from homegrown.errors import EmptyDataError, UnreadableFileError
from homegrown.ingest.csv_reader import MAX_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ROWS = 4096


class ParquetReader:
    """Rows of a Parquet file, with their types. Extension types are refused: readers of them have run code."""

    suffixes = (".parquet", ".pq")
    isolated = True

    def read(self, path: Path, name: str, options: ReadOptions) -> Iterator[Parsed | Quarantined | Notice]:
        """Rows; columns of bytes are left out."""
        try:
            with pq.ParquetFile(path) as file:
                columns, notices = _columns(file.schema_arrow, name)
                yield from notices
                if not file.metadata.num_rows:
                    raise EmptyDataError(f"{name} has no rows.")
                yield from _rows(file, columns, name)
        except MemoryError:  # Arrow's own is an ArrowException too
            raise
        except (pa.ArrowException, OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno:
                raise
            raise UnreadableFileError(f"{name} is cut off, damaged or no Parquet file: {_short(error)}.") from error


def _rows(file: pq.ParquetFile, columns: list[str], name: str) -> Iterator[Parsed | Quarantined]:
    n = 0
    try:
        for group in range(file.num_row_groups):  # one at a time: a batch over two would lose the first with the second
            for batch in file.iter_batches(_ROWS, row_groups=[group], columns=columns, use_threads=False):
                for row in batch.to_pylist():
                    n += 1
                    yield Parsed({key: plain(value) for key, value in row.items()}, f"{name}#{n}")
    except MemoryError:
        raise
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if not n:
            raise
        yield Quarantined(name, None, f"it is damaged after row {n:,}: {_short(error)}; the rows before it were read")


def _columns(schema: pa.Schema, name: str) -> tuple[list[str], list[Notice]]:
    if len(schema) > MAX_COLUMNS:
        raise UnreadableFileError(f"{name} has {len(schema):,} columns; at most {MAX_COLUMNS:,} are read.")
    if len(set(schema.names)) < len(schema):
        raise UnreadableFileError(f"{name} has two columns of one name. Rename one of them.")
    kept = []
    notices = []
    for field in schema:
        if _has_extension(field):
            raise UnreadableFileError(
                f"{name}: the column {field.name!r} has an extension type, which is not read from files for safety. "
                "Save it as a plain type."
            )
        if pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type):
            notices.append(Notice(name, f"The column {field.name!r} holds bytes, not text, and was left out."))
        else:
            kept.append(field.name)
    return kept, notices


def _has_extension(field: pa.Field) -> bool:
    if isinstance(field.type, pa.BaseExtensionType) or b"ARROW:extension:name" in (field.metadata or {}):
        return True
    return any(_has_extension(field.type.field(i)) for i in range(field.type.num_fields))


def plain(value: Any) -> Any:
    """A value as JSON has it: times as ISO 8601, decimals as text, NaN as None.

    Example:
        >>> plain([decimal.Decimal("1.50"), float("nan")])
        ['1.50', None]
    """
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, (decimal.Decimal, dt.timedelta, bytes)):
        return str(value)
    return value


def _short(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:160].rstrip(".")
