"""CSV that people open in a spreadsheet: no cell of ours is ever taken for a formula."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# A spreadsheet runs a cell that begins with one of these; OWASP, "CSV Injection".
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def harmless(value: Any) -> Any:
    """*value* as a cell that no spreadsheet takes for a formula; numbers stay numbers, lists and objects become JSON.

    Example:
        >>> harmless("=HYPERLINK(1)"), harmless("-2"), harmless("- two"), harmless(-2)
        ("'=HYPERLINK(1)", '-2', "'- two", -2)
    """
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False, default=str)
    if not isinstance(value, str) or not value.startswith(_FORMULA):
        return value
    try:
        float(value)
    except ValueError:
        return "'" + value
    return value


def write_csv(path: Path, columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> int:
    """Write *rows* below a line of *columns*; returns how many."""
    n = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([harmless(c) for c in columns])
        for row in rows:
            writer.writerow([harmless(v) for v in row])
            n += 1
    return n


def csv_text(rows: Iterable[Iterable[Any]]) -> str:
    """Some *rows* as the text of a CSV."""
    kept = io.StringIO()
    csv.writer(kept).writerows([harmless(v) for v in row] for row in rows)
    return kept.getvalue()
