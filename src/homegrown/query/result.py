"""What a query answers with: an Arrow table that turns into whatever the caller works in."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from homegrown.errors import PluginError

if TYPE_CHECKING:
    import pyarrow as pa

_SHOWN, _CELL = 20, 200


@dataclass(frozen=True, slots=True)
class Result:
    """Rows of one query.

    Attributes:
        arrow: the rows.
        sql: the query as it was asked.
        seconds: how long it took.
        truncated: True when ``max_rows`` cut the answer short.
        notes: what the reader should know, e.g. that a search ran without an index.

    Example:
        >>> ws.sql("select count(*) as n from records").rows()  # doctest: +SKIP
        [{'n': 4000}]
    """

    arrow: pa.Table
    sql: str
    seconds: float
    truncated: bool = False
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return int(self.arrow.num_rows)

    @property
    def columns(self) -> list[str]:
        """Column names, in order."""
        return list(self.arrow.column_names)

    def rows(self) -> list[dict[str, Any]]:
        """The rows as dictionaries; JSON values stay JSON text."""
        return list(self.arrow.to_pylist())

    def to_pandas(self) -> Any:
        """A pandas ``DataFrame``."""
        _needs("pandas")
        return self.arrow.to_pandas()

    def to_polars(self) -> Any:
        """A polars ``DataFrame``."""
        return _needs("polars").from_arrow(self.arrow)

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(name)}</th>" for name in self.columns)
        rows = self.arrow.slice(0, _SHOWN).to_pylist()
        body = "".join("<tr>" + "".join(f"<td>{_cell(v)}</td>" for v in row.values()) + "</tr>" for row in rows)
        more = f"<p>{len(rows):,} of {len(self):,} rows</p>" if len(self) > len(rows) else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.arrow.__arrow_c_stream__(requested_schema)


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return escape(text if len(text) <= _CELL else f"{text[:_CELL]}…")


def _needs(package: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise PluginError(f"{package} is not installed. Install it, or read the result's .arrow.") from error
