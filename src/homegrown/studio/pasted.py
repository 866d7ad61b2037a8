"""What somebody pastes, as a file: the table that it is, or one text a line."""

from __future__ import annotations

import csv
import io

from homegrown.core.ids import now
from homegrown.errors import InputError

MAX_BYTES = 8 << 20
_MOST_HEADER_CHARS = 60


def as_file(text: str) -> tuple[str, bytes]:
    r"""A name for what was pasted, new each minute so that no earlier one is replaced, and its bytes.

    A table is recognised by a tab, semicolon or comma that parts every line alike, below a line of different names.
    JSON stays as it is. Anything else is one text a line.

    Raises:
        InputError: there is nothing in it.

    Example:
        >>> as_file("text\ttopic\nhello\tgreeting")[1]
        b'text,topic\r\nhello,greeting\r\n'
        >>> as_file("hello\n\ngood, bye")[1]
        b'text\r\nhello\r\n"good, bye"\r\n'
    """
    if not text.strip():
        raise InputError("Nothing was pasted. Copy some cells or lines, and paste them into the field.")
    name = f"pasted {now():%Y-%m-%d %H.%M}"
    if text.lstrip()[0] in "{[":
        return f"{name}.json", text.strip().encode()
    rows = _table(text) or [["text"], *([line.strip()] for line in text.splitlines() if line.strip())]
    kept = io.StringIO()
    csv.writer(kept).writerows(rows)
    return f"{name}.csv", kept.getvalue().encode("utf-8", "replace")


def _table(text: str) -> list[list[str]] | None:
    for delimiter in "\t;,":
        try:
            rows = [row for row in csv.reader(io.StringIO(text.strip("\r\n")), delimiter=delimiter) if row]
        except csv.Error:
            continue
        if len(rows) >= 2 and len(rows[0]) >= 2 and all(len(row) == len(rows[0]) for row in rows) and _named(rows[0]):
            return rows
    return None


def _named(header: list[str]) -> bool:
    """Whether a first line reads like names of columns: all there, all different, none long or a sentence."""
    names = [cell.strip() for cell in header]
    short = all(0 < len(name) <= _MOST_HEADER_CHARS and not name.endswith((".", "!", "?")) for name in names)
    return short and len(set(names)) == len(names)
