"""Rows on their way in, kept in files of the workspace's ``tmp`` folder until all of them were read.

Nothing of the workspace changes before that: types are decided over the whole import, twins are counted, and what is
new is known. A staged row costs memory for its id alone (32 bytes).
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from homegrown.core.ids import canonical_json, identity, record_ids
from homegrown.core.layout import is_page, laid_out
from homegrown.core.records import Cells, Parsed, Quarantined
from homegrown.errors import MissingColumnError
from homegrown.ingest.columns import Kinds, json_rows
from homegrown.ingest.hexids import from_bytes
from homegrown.store.failpoints import failpoint
from homegrown.store.files import disk_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PARSED_ROWS = 4096
PARSED_CHARS = 1 << 23
MAX_LABELS = 50_000
ENOUGH_TEXTS = 20_000  # to tell whether they are numbers
_HASH = pa.binary(16)
_ROW = [
    pa.field("id", _HASH),
    pa.field("hash", _HASH),
    pa.field("key", pa.string()),
    pa.field("locator", pa.string()),
]
_PARSED = pa.schema(
    [*_ROW, pa.field("text", pa.string()), pa.field("fields", pa.string()), pa.field("hashed", pa.string())]
)


@dataclass(frozen=True, slots=True)
class Roles:
    """Which columns are the text, the label and the id."""

    text: str
    label: str | None = None
    id: str | None = None


@dataclass(slots=True)
class Staged:
    """One batch as it comes back: everything that a record needs but its final id.

    Attributes:
        ids, hashes: identity by content (k = 0) and hash of the text, binary(16).
    """

    ids: pa.Array
    hashes: pa.Array
    keys: pa.Array
    locators: pa.Array
    texts: pa.Array
    _fields: Callable[[], pa.Array]
    _hashed: Callable[[], pa.Array]

    @property
    def fields(self) -> pa.Array:
        """JSON with types; made when it is asked for."""
        return self._fields()

    @property
    def hashed(self) -> pa.Array:
        """JSON as it entered the id."""
        return self._hashed()


@dataclass(slots=True)
class _Part:
    path: Path
    names: tuple[str, ...] | None  # None: rows that had types from the start


@dataclass(slots=True)
class Counts:
    """What was seen on the way."""

    n_rows: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    n_numeric_text: int = 0
    n_text: int = 0


class Staging:
    """A private folder for one import, removed at its end; those of killed imports are removed by the next one."""

    def __init__(self, tmp: Path, roles: Roles) -> None:
        self._tmp = tmp
        self._roles = roles
        self.kinds = Kinds({roles.text} | ({roles.id} if roles.id else set()))
        self.counts = Counts()
        self._parts: list[_Part] = []
        self._writer: pa.ipc.RecordBatchStreamWriter | None = None
        self._sink: pa.OSFile | None = None
        self._raw_ids: list[bytes] = []
        self._keys: list[bytes] = []
        self._pending: list[Parsed] = []
        self._pending_chars = 0

    def __enter__(self) -> Self:
        sweep(self._tmp)
        with disk_errors():
            name = f"import-{os.getpid()}-{os.urandom(4).hex()}"
            fresh = self._tmp / f".{name}"
            fresh.mkdir(mode=0o700)
            self._lock = os.open(fresh / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            # Seen by ``sweep`` only from here on, when it is locked already.
            self.folder = fresh.rename(self._tmp / name)
        return self

    def __exit__(self, *_: object) -> None:
        if self._sink is not None and not self._sink.closed:
            self._sink.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lock)

    @property
    def ids(self) -> np.ndarray:
        """Identity by content (k = 0) of every row, in order."""
        return from_bytes(b"".join(self._raw_ids))

    @property
    def keys(self) -> list[bytes]:
        """The rows' own ids as UTF-8; empty unless an id column was named."""
        return self._keys

    def add(self, item: Cells | Parsed) -> Iterator[Quarantined]:
        """Stage rows; yields those that cannot be records.

        Raises:
            MissingColumnError: cells whose file lacks a named column.
        """
        if isinstance(item, Cells):
            yield from self.flush()
            with disk_errors():
                yield from self._add_cells(item)
            return
        reason = self._unfit(item)
        if reason:
            file, _, line = item.locator.rpartition(":")
            known = line.isdecimal() and bool(file)
            yield Quarantined(file if known else item.locator, int(line) if known else None, reason)
            return
        self._pending.append(item)
        self._pending_chars += len(str(item.fields[self._roles.text]))
        if len(self._pending) >= PARSED_ROWS or self._pending_chars >= PARSED_CHARS:
            yield from self.flush()

    def flush(self) -> Iterator[Quarantined]:
        """Stage what still waits in memory."""
        rows, self._pending, self._pending_chars = self._pending, [], 0
        if rows:
            with disk_errors():
                yield from self._add_parsed(rows)

    def finish(self) -> None:
        """All rows are in: close the files."""
        with disk_errors():
            self._close()

    # ---- rows without types -------------------------------------------------------------------------------------

    def _add_cells(self, cells: Cells) -> Iterator[Quarantined]:
        for column in (self._roles.text, self._roles.label, self._roles.id):
            if column is not None and column not in cells.names:
                shown = ", ".join(cells.names[:30])
                raise MissingColumnError(f"{cells.file} has no column {column!r}. Its columns: {shown}.")
        columns = dict(zip(cells.names, cells.columns, strict=True))
        lines = cells.lines
        for name in filter(None, (self._roles.id, self._roles.text)):
            blank = pc.or_(pc.equal(pc.binary_length(columns[name]), 0), pc.utf8_is_space(columns[name]))
            if pc.any(blank).as_py():
                what = "text" if name == self._roles.text else "id"
                for line in lines.filter(blank).to_pylist():
                    yield Quarantined(cells.file, line, f"its {what} (column {name!r}) is empty")
                kept = pc.invert(blank)
                columns = {n: c.filter(kept) for n, c in columns.items()}
                lines = lines.filter(kept)
        if len(lines):
            self._write_cells(cells.names, columns, lines, cells.file)

    def _write_cells(self, names: tuple[str, ...], columns: dict[str, pa.Array], lines: pa.Array, file: str) -> None:
        for name, column in columns.items():
            self.kinds.see(name, column)
        text = columns[self._roles.text]
        self._see_labels(columns.get(self._roles.label) if self._roles.label else None)
        self._see_texts(text)
        hashed = json_rows(names, list(columns.values()))
        hashes, ids = record_ids(text.cast(pa.binary()).to_pylist(), hashed.cast(pa.binary()).to_pylist())
        keys = columns[self._roles.id] if self._roles.id else pa.nulls(len(lines), pa.string())
        locators = pc.binary_join_element_wise(pa.scalar(file), lines.cast(pa.string()), pa.scalar(":"))
        schema = pa.schema([*_ROW, *(pa.field(f"c{i}", pa.string()) for i in range(len(names)))])
        self._write(names, schema, ids, [_binary(ids), _binary(hashes), keys, locators, *columns.values()])
        if self._roles.id:
            self._keys += keys.cast(pa.binary()).to_pylist()

    def _see_labels(self, column: pa.Array | None) -> None:
        if column is None or len(self.counts.labels) > MAX_LABELS:
            return
        for entry in pc.value_counts(column):
            self.counts.labels[entry["values"].as_py()] += entry["counts"].as_py()

    def _see_texts(self, column: pa.Array) -> None:
        if self.counts.n_text >= ENOUGH_TEXTS:
            return
        self.counts.n_text += len(column)
        numeric = pc.match_substring_regex(column, r"^[-+0-9.,\s]+$")
        self.counts.n_numeric_text += pc.sum(numeric).as_py() or 0

    # ---- rows with types ----------------------------------------------------------------------------------------

    def _unfit(self, row: Parsed) -> str | None:
        for column, what in ((self._roles.text, "text"), (self._roles.id, "id")):
            if column is None:
                continue
            if column not in row.fields:
                return f"it has no {column!r}; its columns: {', '.join(list(row.fields)[:30])}"
            if row.fields[column] is None or not str(row.fields[column]).strip():
                return f"its {what} (column {column!r}) is empty"
        return None

    def _add_parsed(self, rows: list[Parsed]) -> Iterator[Quarantined]:
        good: list[tuple[Parsed, bytes, bytes, bytes]] = []
        for row in rows:
            try:
                value = row.fields[self._roles.text]
                text = value if isinstance(value, str) else _written(value)
                good.append((row, text.encode(), canonical_json(row.fields), identity(row.fields)))
            except (UnicodeEncodeError, TypeError, OverflowError, RecursionError, ValueError):
                yield Quarantined(row.locator, None, "it holds characters or values that no text file can hold")
        if good:
            self._write_parsed(good)

    def _write_parsed(self, good: list[tuple[Parsed, bytes, bytes, bytes]]) -> None:
        texts = [text for _, text, _, _ in good]
        hashes, ids = record_ids(texts, [hashed for _, _, _, hashed in good])
        keys = [as_key(row.fields[self._roles.id]) if self._roles.id else None for row, _, _, _ in good]
        for row, _, _, _ in good:
            label = row.fields.get(self._roles.label) if self._roles.label else None
            for one in label if isinstance(label, list) else [label]:
                if one is not None and len(self.counts.labels) <= MAX_LABELS:
                    self.counts.labels[str(one)] += 1
        columns = [
            _binary(ids),
            _binary(hashes),
            pa.array(keys, pa.string()),
            pa.array([row.locator for row, _, _, _ in good], pa.string()),
            pa.array([text.decode() for text in texts], pa.string()),
            pa.array([fields.decode() for _, _, fields, _ in good], pa.string()),
            pa.array([hashed.decode() for _, _, _, hashed in good], pa.string()),
        ]
        self._see_texts(columns[4])
        self._write(None, _PARSED, ids, columns)
        if self._roles.id:
            self._keys += [str(key).encode() for key in keys]

    # ---- files --------------------------------------------------------------------------------------------------

    def _write(self, names: tuple[str, ...] | None, schema: pa.Schema, ids: bytes, columns: list[pa.Array]) -> None:
        failpoint("ingest.batch")
        if self._writer is None or self._parts[-1].names != names:
            self._close()
            path = self.folder / f"part-{len(self._parts):05}.arrow"
            self._sink = pa.OSFile(str(path), "wb")
            self._writer = pa.ipc.new_stream(self._sink, schema)
            self._parts.append(_Part(path, names))
        self._writer.write_batch(pa.record_batch(columns, schema=schema))
        self._raw_ids.append(ids)
        self.counts.n_rows += len(ids) // 16

    def _close(self) -> None:
        if self._writer is not None and self._sink is not None:
            self._writer.close()
            self._sink.close()
            self._writer = None

    def batches(self) -> Iterator[Staged]:
        """Everything that was staged, in order, with the types that the whole import has."""
        for part in self._parts:
            with pa.OSFile(str(part.path), "rb") as file, pa.ipc.open_stream(file) as reader:
                for batch in reader:
                    yield self._staged(part, batch)

    def _staged(self, part: _Part, batch: pa.RecordBatch) -> Staged:
        ids, hashes, keys, locators = batch.columns[:4]
        if part.names is None:
            texts, fields, hashed = batch.columns[4:]
            return Staged(ids, hashes, keys, locators, texts, lambda: fields, lambda: hashed)
        cells = batch.columns[4:]
        kinds = [self.kinds[name] for name in part.names]
        return Staged(
            ids,
            hashes,
            keys,
            locators,
            cells[part.names.index(self._roles.text)],
            partial(json_rows, part.names, cells, kinds),
            partial(json_rows, part.names, cells),
        )


def as_key(value: Any) -> str:
    """A row's own id as text: 12, 12.0 and "12" name the same row."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, str) else canonical_json(value).decode()


def _binary(raw: bytes) -> pa.Array:
    return pa.FixedSizeBinaryArray.from_buffers(_HASH, len(raw) // 16, [None, pa.py_buffer(raw)])


def _written(value: Any) -> str:
    return laid_out(value) if is_page(value) else canonical_json(value).decode()


def sweep(tmp: Path) -> None:
    """Remove staging folders whose process is gone."""
    for folder in tmp.glob("import-*"):
        if folder.is_symlink():
            continue
        try:
            descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(descriptor)
