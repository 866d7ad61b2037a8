"""Columns of a file, without storing anything: the texts of one, streamed; or several, whole."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homegrown.core.records import Cells, Parsed, ReadOptions
from homegrown.errors import MissingColumnError
from homegrown.ingest.inputs import Input, expand, source_name
from homegrown.ingest.isolated import Isolated
from homegrown.ingest.look import preview

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def texts_of_file(path: str | Path, column: str | None = None) -> Iterator[str]:
    """Yield the text of every row behind *path*; the column is guessed when it is not named.

    Raises:
        UnreadableFileError: nothing can be read there.
        MissingColumnError: no such column, or none that looks like text.
    """
    name = source_name(path)
    chosen = column or preview(path, name).text
    if chosen is None:
        raise MissingColumnError(f"No column of {name} looks like text. Name one with --text.")
    with tempfile.TemporaryDirectory(prefix="homegrown-") as scratch, Isolated() as isolated:
        for found in expand(path, Path(scratch), unpack=isolated.unpack):
            if isinstance(found, Input):
                yield from _texts(isolated, found, chosen)


def _texts(isolated: Isolated, found: Input, column: str) -> Iterator[str]:
    for item in isolated.read(found, ReadOptions()):
        if isinstance(item, Cells):
            yield from item.columns[_position(column, item.names, found.name)].to_pylist()
        elif isinstance(item, Parsed):
            _position(column, tuple(item.fields), found.name)
            yield str(item.fields[column])


def _position(column: str, names: tuple[str, ...], file: str) -> int:
    if column not in names:
        raise MissingColumnError(f"{file} has no column {column!r}. Its columns: {', '.join(names)}.")
    return names.index(column)


def columns_of_file(path: str | Path, columns: Sequence[str]) -> dict[str, list[str | None]]:
    """Some columns of one file, whole, as text; an empty cell is None.

    Raises:
        UnreadableFileError: nothing can be read there.
        MissingColumnError: no such column.
    """
    found: dict[str, list[str | None]] = {name: [] for name in columns}
    with tempfile.TemporaryDirectory(prefix="homegrown-") as scratch, Isolated() as isolated:
        for file in expand(path, Path(scratch), unpack=isolated.unpack):
            for item in isolated.read(file, ReadOptions()) if isinstance(file, Input) else ():
                for name, cells in _named_cells(item, columns, file.name):
                    found[name] += [None if c is None or str(c).strip() == "" else str(c) for c in cells]
    return found


def _named_cells(item: Any, columns: Sequence[str], file: str) -> Iterator[tuple[str, list[Any]]]:
    for name in columns:
        if isinstance(item, Cells):
            yield name, item.columns[_position(name, item.names, file)].to_pylist()
        elif isinstance(item, Parsed):
            _position(name, tuple(item.fields), file)
            yield name, [item.fields[name]]
