"""JSON (an array of objects, or one object that holds such an array) and JSON Lines."""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from homegrown.core.records import Notice, Parsed, Quarantined, ReadOptions
from homegrown.errors import EmptyDataError, UnreadableFileError
from homegrown.ingest.sniff import check_encoding, detect_encoding, read_sample

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_ROW_CHARS = 64 << 20
MAX_OBJECT_BYTES = 256 << 20
_PIECE = 1 << 18
_SPACE = re.compile(r"[\s,]*")
_NOT_AN_OBJECT = "it is no JSON object ({...})"


class JsonLinesReader:
    """One JSON object per line."""

    suffixes = (".jsonl", ".ndjson")

    def read(self, path: Path, name: str, options: ReadOptions) -> Iterator[Parsed | Quarantined | Notice]:
        """Rows line by line; a bad line is set aside. A line that is a string is a text."""
        decode = msgspec.json.Decoder().decode
        with _open(path, name, options) as file:
            number = 0
            while line := file.readline(MAX_ROW_CHARS):
                number += 1
                if len(line) >= MAX_ROW_CHARS and not line.endswith("\n"):
                    while (rest := file.readline(MAX_ROW_CHARS)) and not rest.endswith("\n"):
                        pass
                    yield Quarantined(name, number, f"the line is longer than {MAX_ROW_CHARS:,} characters")
                elif line.strip():
                    yield _line(decode, line, name, number)


def _line(decode: Any, line: str, name: str, number: int) -> Parsed | Quarantined:
    try:
        value = decode(line)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        return Quarantined(name, number, f"it is not valid JSON: {_why(error)}")
    except RecursionError:
        return Quarantined(name, number, "its JSON is nested too deeply")
    return row(value, f"{name}:{number}")


class JsonReader:
    """A JSON document whose rows are the objects of its array; arrays are read piece by piece."""

    suffixes = (".json",)

    def read(self, path: Path, name: str, options: ReadOptions) -> Iterator[Parsed | Quarantined | Notice]:
        """Rows of ``[{...}, ...]``, of ``{"data": [{...}, ...]}``, or of JSON Lines under a wrong name."""
        head = read_sample(path).lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\0")
        if head.startswith(b"["):
            with _open(path, name, options) as file:
                yield from _array(file, name)
            return
        if _is_lines(head):
            yield from JsonLinesReader().read(path, name, options)
            return
        yield from _whole(path, name, options)


def _is_lines(head: bytes) -> bool:
    """Whether the first line is an object of its own and another one follows."""
    first, _, rest = head.partition(b"\n")
    try:
        return isinstance(msgspec.json.decode(first), dict) and rest.lstrip().startswith(b"{")
    except (msgspec.DecodeError, RecursionError):
        return False


def _whole(path: Path, name: str, options: ReadOptions) -> Iterator[Parsed | Quarantined]:
    if path.stat().st_size > MAX_OBJECT_BYTES:
        raise UnreadableFileError(f"{name} is one JSON object of over {MAX_OBJECT_BYTES >> 20} MiB. Save JSON Lines.")
    with _open(path, name, options) as file:
        text = file.read()
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise UnreadableFileError(f"{name} is not valid JSON: {error.msg} in line {error.lineno}.") from error
    except RecursionError as error:
        raise UnreadableFileError(f"{name} is nested too deeply to be read.") from error
    rows = [value]
    if isinstance(value, dict):
        lists = [v for v in value.values() if isinstance(v, list) and v and isinstance(v[0], dict)]
        rows = lists[0] if len(lists) == 1 else rows
    for i, item in enumerate(rows, 1):
        yield row(item, f"{name}#{i}")


def _array(file: TextIO, name: str) -> Iterator[Parsed | Quarantined]:
    """Elements of a top-level array, decoded from a buffer that slides over the file."""
    decode = json.JSONDecoder().raw_decode
    buffer, at, n, ended = file.read(_PIECE).lstrip("\ufeff \t\r\n")[1:], 0, 0, False
    while True:
        at = _SPACE.match(buffer, at).end()  # type: ignore[union-attr]
        if buffer.startswith("]", at):
            return
        value, end = None, at
        try:
            value, end = decode(buffer, at)
            # A number or a word at the end of the buffer may go on behind it.
            whole = end < len(buffer) or ended or isinstance(value, (dict, list, str))
        except RecursionError:
            yield Quarantined(name, None, f"element {n + 1} is nested too deeply; the file was read up to it")
            return
        except json.JSONDecodeError as error:
            whole, problem = False, error.msg
            if ended:
                where = f"element {n + 1} is cut off or not valid JSON ({problem}); the file was read up to it"
                yield Quarantined(name, None, where)
                return
        if whole:
            n += 1
            yield row(value, f"{name}#{n}")
            at = end
            continue
        if len(buffer) - at > MAX_ROW_CHARS:
            yield Quarantined(name, None, f"element {n + 1} is larger than {MAX_ROW_CHARS:,} characters or not valid")
            return
        # Twice as much each time, so that one large element is not decoded over and over.
        more = file.read(max(_PIECE, len(buffer) - at))
        ended = not more
        buffer, at = buffer[at:] + more, 0


def row(value: Any, locator: str) -> Parsed | Quarantined:
    """A JSON value as a row; a bare string is a text."""
    if isinstance(value, str):
        value = {"text": value}
    if not isinstance(value, dict):
        return _aside(locator, _NOT_AN_OBJECT)
    return Parsed(value, locator)


def _aside(locator: str, reason: str) -> Quarantined:
    file, _, line = locator.rpartition(":")
    return Quarantined(file, int(line), reason) if line.isdecimal() and file else Quarantined(locator, None, reason)


def _open(path: Path, name: str, options: ReadOptions) -> io.TextIOWrapper:
    sample = read_sample(path)
    if not sample.strip(b"\0 \t\r\n"):
        raise EmptyDataError(f"{name} is empty.")
    encoding = check_encoding(options.encoding) if options.encoding else detect_encoding(sample)
    if encoding == "utf-8":
        encoding = "utf-8-sig"
    return io.TextIOWrapper(path.open("rb"), encoding=encoding, errors="replace")


def _why(error: Exception) -> str:
    return re.sub(r"\s+", " ", str(error)).split(" (byte")[0][:120]
