"""Fields that decide a split: a group, or a moment."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from homegrown.errors import InputError, MissingColumnError
from homegrown.store.fields import column_values

if TYPE_CHECKING:
    import pyarrow as pa


def group_codes(fields: pa.ChunkedArray, column: str) -> np.ndarray:
    """The number of each row's group, int [n]; -1 where the field is empty."""
    values = [None if v is None or v == "" else str(v) for v in _values(fields, column)]
    names = {name: i for i, name in enumerate(dict.fromkeys(v for v in values if v is not None))}
    if len(names) < 3:
        raise InputError(
            f"The column {column!r} has {len(names)} different values: at least three groups are needed to keep some "
            "for testing. Name another column, or split at random."
        )
    return np.array([-1 if v is None else names[v] for v in values])


def moments(fields: pa.ChunkedArray, column: str) -> np.ndarray:
    """Each row's time in seconds, float64 [n]; NaN where the field is empty.

    Raises:
        InputError: a value is no date (ISO 8601) and no number, with the value.
    """
    values = _values(fields, column)
    seconds = np.array([_seconds(v) for v in values])
    filled = np.array([v is not None and v != "" for v in values])
    bad = np.flatnonzero(filled & np.isnan(seconds))
    if len(bad):
        raise InputError(
            f"The column {column!r} holds {str(values[bad[0]])[:60]!r}, which is no date that sorts (expected like "
            f"2026-03-14 or 2026-03-14T09:30) in {len(bad):,} rows. Name another column, or mend it."
        )
    return seconds


def _values(fields: pa.ChunkedArray, column: str) -> list[Any]:
    values = column_values(fields, column)
    if all(v is None for v in values):
        raise MissingColumnError(f"The records have no field {column!r}.")
    return values


def _seconds(value: Any) -> float:
    if value is None or value == "" or isinstance(value, (bool, list, dict)):
        return float("nan")
    if isinstance(value, (int, float)):
        return float(value)
    try:
        moment = datetime.fromisoformat(str(value).strip())
    except ValueError:
        try:
            return float(value)
        except ValueError:
            return float("nan")
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
