"""The items of a file: JSON lines, one JSON list, or one document with a list in it. What is no JSON is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from homegrown.errors import UnreadableFileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_LINE_BYTES = 32 << 20
MAX_WHOLE_BYTES = 1 << 30
_INSIDE = ("data", "observations", "requests", "logs", "results")
_MARK = b"\xef\xbb\xbf"


class Item(NamedTuple):
    """One item: its line (or number in a list), and its object or why there is none."""

    place: int
    value: dict[str, Any] | None
    reason: str = ""


def items_of(path: Path) -> Iterator[Item]:
    """Every item of a file, streamed where it is lines.

    Raises:
        UnreadableFileError: nothing of it can be read.
    """
    try:
        with path.open("rb") as file:
            first = file.readline(MAX_LINE_BYTES + 1).removeprefix(_MARK).strip()
            while not first and (line := file.readline(MAX_LINE_BYTES + 1)):
                first = line.strip()
    except OSError as error:
        raise UnreadableFileError(f"{path.name} cannot be read: {(error.strerror or 'it failed').lower()}.") from error
    if not first:
        raise UnreadableFileError(f"{path.name} is empty.")
    if first[:1] == b"[" or (first[:1] == b"{" and not _is_whole(first)):
        yield from _document(path)
    else:
        yield from _lines(path)


def _is_whole(line: bytes) -> bool:
    return len(line) > MAX_LINE_BYTES or isinstance(_decoded(line), dict) or line.endswith(b"}")


def _lines(path: Path) -> Iterator[Item]:
    with path.open("rb") as file:
        place = 0
        while line := file.readline(MAX_LINE_BYTES + 1):
            place += 1
            if len(line) > MAX_LINE_BYTES:
                while line and not line.endswith(b"\n"):
                    line = file.readline(MAX_LINE_BYTES)
                yield Item(place, None, f"the line is longer than {MAX_LINE_BYTES >> 20} MB")
            elif text := line.removeprefix(_MARK).strip():
                yield from _unfolded(place, _decoded(text))


def _document(path: Path) -> Iterator[Item]:
    if path.stat().st_size > MAX_WHOLE_BYTES:
        raise UnreadableFileError(f"{path.name} is one document of more than 1 GB. Export it as JSON lines instead.")
    raw = path.read_bytes().removeprefix(_MARK)
    found = _decoded(raw)
    if isinstance(found, str):
        raise UnreadableFileError(f"{path.name} is no whole JSON document: {found}.")
    for place, one in enumerate(found if isinstance(found, list) else [found], 1):
        yield from _unfolded(place, one)


def _unfolded(place: int, found: Any) -> Iterator[Item]:
    """An item, or those of the page that it is (``{"object": "list", "data": […]}``)."""
    if isinstance(found, str):
        yield Item(place, None, found)
    elif isinstance(found, list):
        yield from (Item(place, one) if isinstance(one, dict) else _no_object(place) for one in found)
    elif not isinstance(found, dict):
        yield _no_object(place)
    else:
        inside = next((found[n] for n in _INSIDE if isinstance(found.get(n), list)), None)
        if inside is None or "resourceSpans" in found or "messages" in found:
            yield Item(place, found)
        else:
            for n, one in enumerate(inside, 1):
                at = n if place == 1 else place
                yield Item(at, one) if isinstance(one, dict) else _no_object(at)


def _no_object(place: int) -> Item:
    return Item(place, None, "it is no JSON object")


def _decoded(raw: bytes) -> Any:
    """The value, or a string that says why there is none; a JSON string is no item either."""
    try:
        found = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return f"it is no JSON ({str(error)[:80]})"
    except RecursionError:
        return "it is nested too deep"
    return "it is no JSON object" if isinstance(found, str) else found
