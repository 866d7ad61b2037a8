"""Files of other labelling software: item by item, the bad ones named and left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from homegrown.errors import InputError, UnreadableFileError
from homegrown.label.formats import FORMATS, Example, Misshapen
from homegrown.store.files import write_pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from homegrown.label.formats import Exported, Format

MAX_LINE_BYTES = 16 << 20
MAX_LIST_BYTES = 1 << 30
_LOOKED_AT = 50
_PIECE = 256 << 10


class Item(NamedTuple):
    """One item of a file: its line (or its number in a list), and an example or why there is none."""

    place: int
    example: Example | None
    reason: str = ""


def format_named(name: str) -> Format:
    """The format called *name*.

    Raises:
        InputError: there is none.
    """
    if name not in FORMATS:
        raise InputError(f"There is no format {name[:60]!r}. Formats: {', '.join(FORMATS)}.")
    return FORMATS[name]


def format_of(path: Path) -> Format:
    """The format that the first items of a file resemble.

    Raises:
        InputError: they resemble none.
        UnreadableFileError: nothing of it can be read.
    """
    votes = dict.fromkeys(FORMATS, 0)
    for _, (_, item) in zip(range(_LOOKED_AT), items_of(path), strict=False):
        fitting = next((f.name for f in FORMATS.values() if isinstance(item, dict) and f.fits(item)), None)
        if fitting:
            votes[fitting] += 1
    best = max(votes, key=lambda n: votes[n])
    if not votes[best]:
        raise InputError(f"This file looks like none of the formats. Name one with --format: {', '.join(FORMATS)}.")
    return FORMATS[best]


def read_examples(path: Path, format: Format) -> Iterator[Item]:
    """Every item of the file, streamed; one that cannot be used is named with its reason.

    Raises:
        UnreadableFileError: nothing of it can be read.
    """
    for place, item in items_of(path):
        if isinstance(item, str):
            yield Item(place, None, item)
        elif not isinstance(item, dict):
            yield Item(place, None, "it is no JSON object")
        else:
            try:
                yield Item(place, format.read(item))
            except Misshapen as problem:
                yield Item(place, None, str(problem))


def items_of(path: Path) -> Iterator[tuple[int, Any]]:
    """Place and decoded value of each item; a string instead says why it cannot be decoded."""
    try:
        with path.open("rb") as file:
            start = file.read(4096).lstrip(b"\xef\xbb\xbf").lstrip()
    except OSError as error:
        raise UnreadableFileError(f"{path.name} cannot be read: {(error.strerror or 'it failed').lower()}.") from error
    if not start:
        raise UnreadableFileError(f"{path.name} is empty.")
    yield from _listed(path) if start[:1] == b"[" else _lines(path)


def _lines(path: Path) -> Iterator[tuple[int, Any]]:
    with path.open("rb") as file:
        place = 0
        while line := file.readline(MAX_LINE_BYTES + 1):
            place += 1
            if len(line) > MAX_LINE_BYTES:
                while line and not line.endswith(b"\n"):
                    line = file.readline(MAX_LINE_BYTES)
                yield place, f"the line is longer than {MAX_LINE_BYTES >> 20} MB"
            elif line.strip():
                yield place, _decoded(line.removeprefix(b"\xef\xbb\xbf") if place == 1 else line)


def _listed(path: Path) -> Iterator[tuple[int, Any]]:
    if path.stat().st_size > MAX_LIST_BYTES:
        raise UnreadableFileError(f"{path.name} is one list of more than 1 GB. Export it as JSON lines instead.")
    try:
        items = msgspec.json.decode(path.read_bytes().removeprefix(b"\xef\xbb\xbf"), type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableFileError(f"{path.name} is no whole JSON list: {str(error)[:120]}.") from error
    for place, raw in enumerate(items, 1):
        yield place, _decoded(bytes(raw))


def _decoded(line: bytes) -> Any:
    try:
        found = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return f"it is no JSON ({str(error)[:80]})"
    except RecursionError:
        return "it is nested too deep"
    return "it is no JSON object" if isinstance(found, str) else found


def encoded(
    format: Format, records: Iterable[Exported], question: str, classes: tuple[str, ...]
) -> Iterator[tuple[bytes, int]]:
    """The bytes of a file in pieces, each with the number of items in it; in bounded memory."""
    encoder = msgspec.json.Encoder()
    start, between, end = (b"[\n", b",\n", b"\n]\n") if format.is_list else (b"", b"\n", b"\n")
    pieces: list[bytes] = []
    before, size = start, 0
    for record in records:
        for item in format.write(record, question, classes):
            pieces.append(encoder.encode(item))
            size += len(pieces[-1])
        if size >= _PIECE:
            yield before + between.join(pieces), len(pieces)
            before, pieces, size = between, [], 0
    if pieces:
        yield before + between.join(pieces), len(pieces)
        before = between
    if before == between or format.is_list:
        yield end if before == between else start + end, 0


def write_examples(
    path: Path, format: Format, records: Iterable[Exported], question: str, classes: tuple[str, ...]
) -> int:
    """Write *records* beside *path* and rename it into place: the whole file is there afterwards, or none of it.

    Returns:
        How many items were written.
    """
    n = 0

    def pieces() -> Iterator[bytes]:
        nonlocal n
        for piece, k in encoded(format, records, question, classes):
            n += k
            yield piece

    write_pieces(path, pieces(), mode=0o666)
    return n
