"""CSV by Python's parser: any encoding, quotes that are never closed, cells of many megabytes."""

from __future__ import annotations

import csv
import io
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from homegrown.core.records import Cells, Notice, Quarantined
from homegrown.errors import UnreadableFileError
from homegrown.ingest.sniff import guess_legacy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_ROW_CHARS = 64 * 1024 * 1024
MAX_ROW_LINES = 100_000
MAX_OPEN_QUOTES = 100
_BATCH_ROWS = 8192
_BATCH_CHARS = 1 << 24


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one delimited file is written."""

    encoding: str
    delimiter: str
    quote: str
    names: tuple[str, ...]
    n_header_lines: int


def ragged(n_cells: int, n_columns: int) -> str:
    """Why a row of the wrong width is set aside."""
    return f"it has {n_cells} cells where the header has {n_columns}"


class Legacy:
    """Decodes the rows of a UTF-8 file that are not UTF-8: files that several programs wrote are like that."""

    REASON = "its bytes are text in no encoding that is known here"

    def __init__(self, name: str) -> None:
        self._name = name
        self._encoding: str | None = None
        self._said = False
        self._failed: set[int] = set()

    def decode(self, value: bytes, row: int) -> str:
        """*value* as text; a row that cannot be decoded is remembered for ``take_failed``."""
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            if self._encoding is None:
                self._encoding = guess_legacy(value)
        try:
            return value.decode(self._encoding)
        except UnicodeDecodeError:
            self._failed.add(row)
            return ""

    def take_failed(self) -> set[int]:
        """Rows that failed since the last call."""
        failed, self._failed = self._failed, set()
        return failed

    def notices(self) -> list[Notice]:
        """Said once, when some row was not UTF-8."""
        if self._encoding is None or self._said:
            return []
        self._said = True
        message = f"Some rows are not UTF-8 and were read as {self._encoding}; check their letters, or name --encoding."
        return [Notice(self._name, message)]


def careful_rows(path: Path, name: str, dialect: Dialect, *, skip: int = 0) -> Iterator[Cells | Quarantined | Notice]:
    """Stream a file row by row.

    Args:
        path: the file.
        name: what locators show.
        dialect: how it is written.
        skip: rows after the header that are done already.
    """
    legacy = Legacy(name)
    batch = _Batch(name, dialect.names)
    n = 0
    for row in _Rows(path, name, dialect):
        if isinstance(row, Quarantined):
            n += 1
            if n > skip:
                yield row
            continue
        line, cells = row
        n += 1
        if n <= skip:
            continue
        reason, fixed = _check(cells, legacy, len(dialect.names))
        yield from legacy.notices()
        if reason:
            yield Quarantined(name, line, reason)
        elif any(fixed):
            batch.add(line, fixed)
            if batch.full:
                yield batch.take()
    if batch.lines:
        yield batch.take()


def _check(cells: list[str], legacy: Legacy, width: int) -> tuple[str | None, list[str]]:
    """Why a row is set aside, or its decoded cells; blank rows come back empty."""
    if len(cells) != width:
        blank = not any(cell.strip() for cell in cells)
        return (None, []) if blank else (ragged(len(cells), width), [])
    if any("\0" in cell for cell in cells):
        return "it holds NUL bytes, as damaged and binary files do", []
    if not all(cell.isascii() for cell in cells):
        cells = [_settle(cell, legacy) for cell in cells]
        if legacy.take_failed():
            return Legacy.REASON, []
    return None, cells


def _settle(cell: str, legacy: Legacy) -> str:
    """Bytes that were no UTF-8 stand as lone surrogates until here."""
    try:
        cell.encode("utf-8")
    except UnicodeEncodeError:
        return legacy.decode(cell.encode("utf-8", "surrogateescape"), 0)
    return cell


class _Batch:
    def __init__(self, name: str, names: tuple[str, ...]) -> None:
        self._name, self._names = name, names
        self._start()

    def _start(self) -> None:
        self.lines: list[int] = []
        self._columns: list[list[str]] = [[] for _ in self._names]
        self._chars = 0

    def add(self, line: int, cells: list[str]) -> None:
        self.lines.append(line)
        for column, cell in zip(self._columns, cells, strict=True):
            column.append(cell)
            self._chars += len(cell)

    @property
    def full(self) -> bool:
        return len(self.lines) >= _BATCH_ROWS or self._chars >= _BATCH_CHARS

    def take(self) -> Cells:
        columns = [pa.array(column, pa.string()) for column in self._columns]
        cells = Cells(self._names, columns, pa.array(self.lines, pa.int64()), self._name)
        self._start()
        return cells


class _Rows:
    """Rows with the line they start on. A quote that is never closed costs the line it stands on, no more."""

    def __init__(self, path: Path, name: str, dialect: Dialect) -> None:
        self._path, self._name, self._dialect = path, name, dialect
        self._line = 0
        self._n_open_quotes = 0
        self._again: deque[str] = deque()
        self._overlong = False
        csv.field_size_limit(MAX_ROW_CHARS)

    def __iter__(self) -> Iterator[tuple[int, list[str]] | Quarantined]:
        encoding = self._dialect.encoding
        errors = "surrogateescape" if encoding in {"utf-8", "utf-8-sig"} else "replace"
        with self._path.open("rb") as raw, io.TextIOWrapper(raw, encoding, errors, newline="") as file:
            self._file = file
            for _ in range(self._dialect.n_header_lines):
                self._read()
            while text := self._read():
                line = self._line
                row = self._row(text, line)
                yield row if isinstance(row, Quarantined) else (line, row)

    def _row(self, text: str, line: int) -> list[str] | Quarantined:
        if self._overlong:
            self._overlong = False
            return Quarantined(self._name, line, f"the line is longer than {MAX_ROW_CHARS:,} characters")
        if self._dialect.quote not in text:
            return text.rstrip("\r\n").split(self._dialect.delimiter)
        held, n_chars = [text], len(text)
        inside = quote_is_open(text, self._dialect, inside=False)
        while inside:
            more = self._read() if len(held) < MAX_ROW_LINES and n_chars < MAX_ROW_CHARS else ""
            if not more:
                return self._give_up(held, line)
            held.append(more)
            n_chars += len(more)
            inside = quote_is_open(more, self._dialect, inside=True)
        return self._parse("".join(held), line)

    def _parse(self, text: str, line: int) -> list[str] | Quarantined:
        source, how = io.StringIO(text, newline=""), self._dialect
        try:
            return next(csv.reader(source, delimiter=how.delimiter, quotechar=how.quote), [])
        except csv.Error as error:
            return Quarantined(self._name, line, f"it cannot be parsed: {error}")

    def _give_up(self, held: list[str], line: int) -> Quarantined:
        """The quote is never closed: its line is set aside, the lines after it are read again as rows."""
        self._n_open_quotes += 1
        if self._n_open_quotes > MAX_OPEN_QUOTES:
            raise UnreadableFileError(
                f"{self._name} has more than {MAX_OPEN_QUOTES} quotes that are never closed. "
                "If it quotes by another character, name it by --quote."
            )
        self._again.extendleft(reversed(held[1:]))
        self._line = line
        return Quarantined(self._name, line, "a quote opens here and is never closed")

    def _read(self) -> str:
        """One more line; of an overlong one only the fact that it was there."""
        if self._again:
            self._line += 1
            return self._again.popleft()
        text = self._file.readline(MAX_ROW_CHARS)
        if text:
            self._line += 1
        if len(text) >= MAX_ROW_CHARS and not text.endswith(("\n", "\r")):
            while (rest := self._file.readline(MAX_ROW_CHARS)) and not rest.endswith(("\n", "\r")):
                pass
            self._overlong = True
        return text


def quote_is_open(text: str, dialect: Dialect, *, inside: bool) -> bool:
    """Whether a quoted cell is still open at the end of one line, as Python's and Arrow's parsers see it.

    A quote opens a cell only at its start; inside one it closes it unless it is doubled.
    """
    quote, delimiter = dialect.quote, dialect.delimiter
    at = 0
    if not inside and text.startswith(quote):
        inside, at = True, 1
    while True:
        if inside:
            at = text.find(quote, at)
            if at < 0:
                return True
            doubled = text.startswith(quote, at + 1)
            inside = doubled
            at += 2 if doubled else 1
        else:
            at = text.find(delimiter + quote, at)
            if at < 0:
                return False
            inside, at = True, at + 2
