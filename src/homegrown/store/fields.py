"""Columns of the stored ``fields`` JSON, taken out in bulk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    import pyarrow as pa


def column_values(fields: pa.Array | pa.ChunkedArray, column: str) -> list[Any]:
    """The value of *column* in each row of JSON objects; None where it is absent.

    One typed decoder reads the whole batch and skips every other column.

    Example:
        >>> import pyarrow
        >>> column_values(pyarrow.array(['{"a":1,"b":2}', '{"a":"x"}']), "b")
        [2, None]
    """
    row = msgspec.defstruct("Row", [("value", Any, None)], rename={"value": column})
    joined = "[" + ",".join(fields.to_pylist()) + "]"
    return [r.value for r in msgspec.json.decode(joined.encode("utf-8", "surrogatepass"), type=list[row])]


def all_values(fields: pa.Array | pa.ChunkedArray) -> dict[str, list[Any]]:
    """Every column of a modest number of rows, None where a row lacks it; in order of first appearance."""
    rows = [msgspec.json.decode(f) for f in fields.to_pylist()]
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}
