"""brat's standoff files: ``name.txt`` and ``name.ann``, in which ``T`` lines mark parts of the text.

Offsets count code points (Stenetorp and others 2012, EACL, "brat", and the format's page), in texts that brat read with
line ends as one; exports of Java programs count UTF-16 units, some scripts bytes. Every mark holds its words, and they
tell.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from homegrown.core.spans import Span
from homegrown.errors import UnreadableFileError
from homegrown.label.formats.base import Misshapen, the_text
from homegrown.label.span_files.base import MAX_MARKS, MAX_TEXT_CHARS, Reading, SpanAside, SpanExample, a_mark, example
from homegrown.label.span_files.offsets import Mark, Unit
from homegrown.store.files import write_pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from homegrown.label.span_files.base import SpanExported

UNITS = (Unit.CODE_POINTS, Unit.LINE_ENDS_AS_ONE, Unit.UTF16, Unit.BYTES)
MAX_FILES = 200_000
_IN_PIECES = "a span is in several pieces, with other words between"
_HEAD = re.compile(r"(\S+) (\d{1,18} \d{1,18}(?:;\d{1,18} \d{1,18})*)\Z")
_OTHERS = {
    "R": "a relation", "E": "an event", "A": "an attribute", "M": "an attribute", "N": "a reference", "#": "a note",
    "*": "an equivalence",
}  # fmt: skip


class Pair(NamedTuple):
    """One text and its annotations."""

    text: Path
    marks: Path


def pairs(path: Path) -> Iterator[Pair | SpanAside]:
    """The pairs of a folder, its folders included; or the one that a file belongs to.

    Links are not followed, so that nothing outside of the folder is read.

    Raises:
        UnreadableFileError: there is none, or too many.
    """
    if not path.is_dir():
        pair = Pair(path.with_suffix(".txt"), path.with_suffix(".ann"))
        for half in pair:
            if not half.is_file():
                raise UnreadableFileError(f"{half.name} is missing: a text of brat is a pair, NAME.txt and NAME.ann.")
        yield pair
        return
    found = sorted(p for p in path.rglob("*") if p.suffix in (".ann", ".txt") and p.is_file() and not p.is_symlink())
    if not any(p.suffix == ".ann" for p in found):
        raise UnreadableFileError(f"{path.name} has no annotations of brat (NAME.ann beside NAME.txt).")
    if len(found) > 2 * MAX_FILES:
        raise UnreadableFileError(f"{path.name} has more than {MAX_FILES:,} texts; import it in parts.")
    there = set(found)
    for one in found:
        other = one.with_suffix(".txt" if one.suffix == ".ann" else ".ann")
        if other not in there:
            yield SpanAside(str(one.relative_to(path)), 0, f"{other.name} is missing beside it")
        elif one.suffix == ".ann":
            yield Pair(other, one)


def read(pair: Pair, units: Sequence[Unit]) -> SpanExample:
    """One text.

    Raises:
        Misshapen: it cannot be used.
    """
    text = the_text(_content(pair.text), pair.text.name)
    marks: list[Mark] = []
    asides: list[tuple[int, str]] = []
    in_pieces = set[int]()
    for number, line in enumerate(_content(pair.marks).split("\n"), 1):
        if not line.strip():
            continue
        if not line.startswith("T"):
            what = _OTHERS.get(line[0], "a line of an unknown kind")
            asides.append((number, f"{what} is not read, only spans are"))
            continue
        mark, is_whole = _mark(line.rstrip("\r"), number)
        if mark is None:
            asides.append((number, "a line that begins with T has no type, start and end"))
            continue
        marks.append(mark)
        if not is_whole:
            in_pieces.add(number)
    found = example(text, [Reading(marks)], units, fields={"file": pair.text.name}, asides=asides)
    # brat parts a span at line ends, which its lines cannot hold: pieces whose words make up the whole are one span.
    told = tuple((n, _IN_PIECES if n in in_pieces else why) for n, why in found.asides)
    return found._replace(asides=told)


def _mark(line: str, number: int) -> tuple[Mark | None, bool]:
    """A ``T`` line from its first offset to its last, and whether it is of one piece."""
    _, _, rest = line.partition("\t")
    said, _, words = rest.partition("\t")
    head = _HEAD.match(said)
    if head is None:
        return None, True
    ends = re.split("[ ;]", head[2])
    mark = a_mark(ends[0], ends[-1], head[1], words)
    return (None if mark is None else mark._replace(place=number)), len(ends) == 2


def _content(path: Path) -> str:
    try:
        if path.stat().st_size > 4 * MAX_TEXT_CHARS:
            raise Misshapen(f"{path.name} is larger than {4 * MAX_TEXT_CHARS >> 20} MB")
        return path.read_bytes().removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError as problem:
        raise Misshapen(f"{path.name} is not in UTF-8") from problem
    except OSError as problem:
        raise Misshapen(f"{path.name} cannot be read") from problem


def write(folder: Path, records: Iterable[SpanExported]) -> tuple[int, list[SpanAside]]:
    """A pair of files for each record, named by its id; how many, and what could not be written.

    Raises:
        UnreadableFileError: *folder* is no folder.
    """
    if not folder.is_dir():
        raise UnreadableFileError(f"{folder.name} is no folder; brat's files go into one that is there.")
    n, asides = 0, []
    for record in records:
        answers = record.answers
        name = record.record_id
        if len(answers) > 1:
            asides.append(SpanAside(f"{name}.ann", 0, "what others marked too has no place in the format"))
        spans = (answers[0].spans or ())[:MAX_MARKS] if answers else ()
        lines = "".join(f"T{i}\t{_line(record.text, s)}\n" for i, s in enumerate(spans, 1))
        write_pieces(folder / f"{name}.txt", [record.text.encode("utf-8", "surrogatepass")], mode=0o666)
        write_pieces(folder / f"{name}.ann", [lines.encode("utf-8", "surrogatepass")], mode=0o666)
        n += 1
    return n, asides


def _line(text: str, span: Span) -> str:
    pieces = [(m.start() + span.start, m.end() + span.start) for m in re.finditer(r"[^\r\n]+", span.of(text))]
    ends = ";".join(f"{a} {b}" for a, b in pieces) or f"{span.start} {span.end}"
    return f"{'_'.join(span.type.split())} {ends}\t{' '.join(text[a:b] for a, b in pieces)}"
