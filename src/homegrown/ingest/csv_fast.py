"""Clean UTF-8 CSV by Arrow's parser: columns of bytes, decoded batch by batch."""

from __future__ import annotations

import csv as csv_module
import io
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from homegrown.core.records import Cells, Notice, Quarantined
from homegrown.ingest.columns import string_bytes
from homegrown.ingest.csv_careful import Dialect, Legacy, ragged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BLOCK_BYTES = 1 << 20
NUL_REASON = "it holds NUL bytes, as damaged and binary files do"


class NotCleanError(Exception):
    """Arrow's parser gave up; the first ``n_rows`` rows after the header are done."""

    def __init__(self, n_rows: int) -> None:
        super().__init__(n_rows)
        self.n_rows = n_rows


def fast_rows(path: Path, name: str, dialect: Dialect) -> Iterator[tuple[list[Cells | Quarantined | Notice], int]]:
    """Batches of a file, each with the number of rows (good, bad, blank) done after it.

    Raises:
        NotCleanError: the parser cannot go on; take the careful one from there.
    """
    with path.open("rb") as file:
        yield from _batches(file, name, dialect)


def _batches(file: BinaryIO, name: str, dialect: Dialect) -> Iterator[tuple[list[Cells | Quarantined | Notice], int]]:
    batches = _Batches(name, dialect)
    try:
        reader = batches.open(file)
        while True:
            try:
                batch = reader.read_next_batch()
            except StopIteration:
                break
            yield batches.take(batch), batches.n_rows
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            return
        raise NotCleanError(batches.n_rows) from error
    yield batches.rest(), batches.n_rows


class _Batches:
    """Turns Arrow's batches into cells, with line numbers and the rows that were skipped."""

    def __init__(self, name: str, dialect: Dialect) -> None:
        self._name, self._dialect = name, dialect
        self._legacy = Legacy(name)
        self._skipped: dict[int, tuple[int, str]] = {}
        self._line = dialect.n_header_lines + 1
        self.n_rows = 0

    def open(self, file: BinaryIO) -> csv.CSVStreamingReader:
        for _ in range(self._dialect.n_header_lines):
            _read_line(file)
        if not self._dialect.n_header_lines and self._dialect.encoding == "utf-8-sig":
            file.read(3)
        names = [str(i) for i in range(len(self._dialect.names))]
        return csv.open_csv(
            file,
            read_options=csv.ReadOptions(column_names=names, block_size=BLOCK_BYTES, use_threads=False),
            parse_options=csv.ParseOptions(
                delimiter=self._dialect.delimiter,
                quote_char=self._dialect.quote,
                newlines_in_values=True,
                ignore_empty_lines=False,
                invalid_row_handler=self._skip,
            ),
            convert_options=csv.ConvertOptions(column_types=dict.fromkeys(names, pa.binary())),
        )

    def _skip(self, row: csv.InvalidRow) -> str:
        self._skipped[row.number - 1] = (row.actual_columns, row.text)
        return "skip"

    def take(self, batch: pa.RecordBatch) -> list[Cells | Quarantined | Notice]:
        out: list[Cells | Quarantined | Notice] = []
        lines = self._lines(batch, out)
        columns = [self._decode(column) for column in batch.columns]
        keep = _all_blank(columns, invert=True)
        nul = _any_nul(batch.columns)
        for line in lines.filter(nul).to_pylist() if nul is not None else []:
            out.append(Quarantined(self._name, line, NUL_REASON))
        if nul is not None:
            keep = pc.and_(keep, pc.invert(nul))
        undecoded = self._legacy.take_failed()
        if undecoded:
            out.extend(Quarantined(self._name, lines[i].as_py(), Legacy.REASON) for i in sorted(undecoded))
            keep = pc.and_(keep, pa.array([i not in undecoded for i in range(batch.num_rows)]))
        out.extend(self._legacy.notices())
        if not pc.all(keep).as_py():
            columns = [column.filter(keep) for column in columns]
            lines = lines.filter(keep)
        out.append(Cells(self._dialect.names, columns, lines, self._name))
        return out

    def rest(self) -> list[Cells | Quarantined | Notice]:
        """Rows that were skipped after the last good one."""
        out: list[Cells | Quarantined | Notice] = []
        while self.n_rows in self._skipped:
            self._set_aside(out)
        return out

    def _set_aside(self, out: list[Cells | Quarantined | Notice]) -> None:
        width, text = self._skipped.pop(self.n_rows)
        rows = csv_module.reader(
            io.StringIO(text, newline=""), delimiter=self._dialect.delimiter, quotechar=self._dialect.quote
        )
        if any(cell.strip() for row in rows for cell in row):
            out.append(Quarantined(self._name, self._line, ragged(width, len(self._dialect.names))))
        self._line += 1 + text.count("\n")
        self.n_rows += 1

    def _lines(self, batch: pa.RecordBatch, out: list[Cells | Quarantined | Notice]) -> pa.Array:
        """The line on which each good row starts; a cell may hold line breaks, a skipped row stands between."""
        taken = np.ones(batch.num_rows, np.int64)
        for column in batch.columns:
            breaks = pc.count_substring(column, "\n")
            if pc.max(breaks).as_py():
                taken += breaks.to_numpy(zero_copy_only=False)
        if not self._skipped:
            starts = self._line + np.concatenate([[0], np.cumsum(taken[:-1])]) if len(taken) else taken
            self._line += int(taken.sum())
            self.n_rows += batch.num_rows
            return pa.array(starts, pa.int64())
        starts = np.zeros(batch.num_rows, np.int64)
        for i in range(batch.num_rows):
            while self.n_rows in self._skipped:
                self._set_aside(out)
            starts[i] = self._line
            self._line += int(taken[i])
            self.n_rows += 1
        return pa.array(starts, pa.int64())

    def _decode(self, column: pa.Array) -> pa.Array:
        try:
            return column.cast(pa.string())
        except pa.ArrowInvalid:
            values = column.to_pylist()
            return pa.array([self._legacy.decode(value, i) for i, value in enumerate(values)], pa.string())


def _read_line(file: BinaryIO) -> None:
    r"""Skip one line, ended by ``\n``, ``\r\n`` or ``\r``."""
    while byte := file.read(1):
        if byte == b"\n":
            return
        if byte == b"\r":
            at = file.tell()
            if file.read(1) != b"\n":
                file.seek(at)
            return


def _all_blank(columns: list[pa.Array], *, invert: bool) -> pa.Array:
    blank = None
    for column in columns:
        empty = pc.equal(pc.binary_length(column), 0)
        blank = empty if blank is None else pc.and_(blank, empty)
    return pc.invert(blank) if invert else blank


def _any_nul(columns: list[pa.Array]) -> pa.Array | None:
    found = None
    for column in columns:
        if (string_bytes(column) != 0).all():
            continue
        has = pc.match_substring(column, "\0")
        found = has if found is None else pc.or_(found, has)
    return found
