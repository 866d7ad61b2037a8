"""CSV and its relatives."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

from homegrown.core.records import Parsed, Quarantined

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class CsvReader:
    """Rows of a delimited text file with a header."""

    suffixes = (".csv", ".tsv")

    def read(self, path: Path, name: str, **options: Any) -> Iterator[Parsed | Quarantined]:
        """Stream rows; a row of the wrong width is set aside."""
        with path.open(encoding=options.get("encoding", "utf-8-sig"), newline="") as file:
            rows = csv.reader(file, delimiter="\t" if path.suffix == ".tsv" else ",")
            header = next(rows, [])
            for row in rows:
                if len(row) == len(header):
                    yield Parsed(dict(zip(header, row, strict=True)), f"{name}:{rows.line_num}")
                elif row:
                    yield Quarantined(name, rows.line_num, f"{len(row)} cells where the header has {len(header)}")
