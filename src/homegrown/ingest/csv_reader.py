"""CSV and its relatives: any delimiter, quoting and encoding.

Two parsers read them alike (a property test holds them together). Arrow's reads clean UTF-8 quickly, as columns;
Python's reads what Arrow cannot: other encodings, a quote that is never closed, a row larger than a block.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from homegrown.core.records import Cells, Notice, Quarantined, ReadOptions
from homegrown.errors import EmptyDataError, UnreadableFileError
from homegrown.ingest.csv_careful import Dialect, careful_rows
from homegrown.ingest.csv_fast import NotCleanError, fast_rows
from homegrown.ingest.sniff import check_encoding, detect_delimiter, detect_encoding, read_sample

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_COLUMNS = 2000
_SCAN_BYTES = 1 << 22


class CsvReader:
    """Rows of a delimited text file with a header."""

    suffixes = (".csv", ".tsv", ".tab", ".psv")

    def read(self, path: Path, name: str, options: ReadOptions) -> Iterator[Cells | Quarantined | Notice]:
        """Stream the rows; one of the wrong width, or with NUL bytes, is set aside."""
        dialect, notices = inspect(path, name, options)
        yield from notices
        done = 0
        if dialect.encoding in {"utf-8", "utf-8-sig"} and _quotes_pair(path, dialect.quote):
            try:
                for item, done in fast_rows(path, name, dialect):  # noqa: B007 - read after the loop
                    yield from item
                return
            except NotCleanError as error:
                done = error.n_rows
        yield from careful_rows(path, name, dialect, skip=done)


def inspect(path: Path, name: str, options: ReadOptions) -> tuple[Dialect, list[Notice]]:
    """Encoding, delimiter and header of a delimited file, with what a person should know about them.

    Raises:
        EmptyDataError: the file is empty.
        UnreadableFileError: it is no text, or has more than ``MAX_COLUMNS`` columns.
    """
    sample = read_sample(path)
    if not sample.strip(b"\0 \t\r\n"):
        raise EmptyDataError(f"{name} is empty. Expected a header line and at least one row.")
    encoding = check_encoding(options.encoding) if options.encoding else detect_encoding(sample)
    text = sample.decode(encoding, errors="replace")
    control = sum(c < " " and c not in "\t\r\n\f\v" for c in text[:4096])
    if control > len(text[:4096]) * 0.1:
        raise UnreadableFileError(f"{name} holds binary data, not text. Name a CSV, or say its kind with --format.")
    delimiter = _delimiter(options.delimiter) or detect_delimiter(text, path.suffix.lower(), options.quote)
    header, n_lines = _first_row(path, encoding, delimiter, options.quote)
    if not header:
        raise EmptyDataError(f"{name} has no header. Expected a line that names the columns.")
    if len(header) > MAX_COLUMNS:
        raise UnreadableFileError(f"{name} has {len(header):,} columns; at most {MAX_COLUMNS:,} are read.")
    if not options.header:
        header, n_lines = ["" for _ in header], 0
    names, messages = column_names(header, quiet=not options.header)
    notices = [Notice(name, message) for message in messages]
    if encoding not in {"utf-8", "utf-8-sig", "ascii"} and not options.encoding:
        notices.append(Notice(name, f"It was read as {encoding}; if letters look wrong, name another by --encoding."))
    return Dialect(encoding, delimiter, options.quote, tuple(names), n_lines), notices


def column_names(header: list[str], *, quiet: bool = False) -> tuple[list[str], list[str]]:
    """Each column named, and named once; with a sentence for each name that had to be made.

    Example:
        >>> column_names(["a", "", "a"])[0]
        ['a', 'column_2', 'a_2']
    """
    names: list[str] = []
    taken = {h.strip() for h in header}
    used: set[str] = set()
    messages = []
    for position, raw in enumerate(header, 1):
        name = raw.strip().replace("\0", "") or f"column_{position}"
        if name in used:
            n = 2
            while f"{name}_{n}" in used | taken:
                n += 1
            messages.append(f"Two columns are named {name!r}; column {position} became {name}_{n!s}.")
            name = f"{name}_{n}"
        elif not raw.strip():
            messages.append(f"Column {position} has no name; it became {name}.")
        used.add(name)
        names.append(name)
    return names, [] if quiet else messages


def _delimiter(given: str | None) -> str | None:
    named = {"\\t": "\t", "tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
    delimiter = named.get(given, given) if given else None
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '\r\n"'):
        raise UnreadableFileError(f"{given!r} is no delimiter. Name one character, or tab.")
    return delimiter


def _first_row(path: Path, encoding: str, delimiter: str, quote: str) -> tuple[list[str], int]:
    """The header, and how many lines it and the blank lines before it take."""
    with path.open("rb") as raw:
        text = io.TextIOWrapper(raw, encoding=encoding, errors="replace", newline="")
        rows = csv.reader(io.StringIO(text.read(1 << 22), newline=""), delimiter=delimiter, quotechar=quote)
        try:
            for row in rows:
                if any(cell.strip() for cell in row):
                    return row, rows.line_num
        except csv.Error as error:
            raise UnreadableFileError(f"{path.name} has a header that cannot be read: {error}.") from error
    return [], 0


def _quotes_pair(path: Path, quote: str) -> bool:
    """Whether quotes come in pairs; an odd number means that one is never closed, or stands inside a cell."""
    sign = quote.encode()
    n = 0
    with path.open("rb", buffering=0) as file:
        while block := file.read(_SCAN_BYTES):
            n += block.count(sign)
    return n % 2 == 0
