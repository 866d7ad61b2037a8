"""Files and folders of span annotations: text by text, what cannot be used named with its place and the reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from homegrown.errors import InputError, UnreadableFileError
from homegrown.label.exchange_file import MAX_LINE_BYTES, items_of
from homegrown.label.formats.base import Misshapen
from homegrown.label.span_files import BRAT, CONLL, FORMATS, JSON_FORMATS, SpanAside, SpanExample, Unit, brat, conll
from homegrown.store.files import write_pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from homegrown.label.span_files import SpanExported
    from homegrown.label.span_files.base import SpanFormat

MAX_ASIDE = 1000
_LOOKED_AT = 50
_PIECE = 256 << 10


class SpanItem(NamedTuple):
    """One text of a file: where it stands, and an example or why there is none."""

    file: str
    place: int
    example: SpanExample | None
    reason: str = ""

    @property
    def asides(self) -> tuple[SpanAside, ...]:
        """All of it that was not used."""
        if self.example is None:
            return (SpanAside(self.file, self.place, self.reason),)
        return tuple(SpanAside(self.file, line or self.place, reason) for line, reason in self.example.asides)


@dataclass(slots=True)
class SpansRead:
    """All texts of a file, for files that fit into memory.

    Attributes:
        n_items: of the file.
        n_spans: that were read, over all authors.
        n_aside: what was not used; the first ones are in ``aside``.
        n_unsure: texts whose offsets could count in another unit as well.
        units: how many texts count in which.
    """

    format: str
    examples: list[SpanExample] = field(default_factory=list)
    n_items: int = 0
    n_spans: int = 0
    n_aside: int = 0
    n_unsure: int = 0
    units: dict[str, int] = field(default_factory=dict)
    aside: list[SpanAside] = field(default_factory=list)


def span_format_of(path: Path) -> str:
    """The format that a file or folder resembles.

    Raises:
        InputError: it resembles none.
        UnreadableFileError: nothing of it can be read.
    """
    if path.is_dir() or path.suffix == ".ann":
        return BRAT
    votes = dict.fromkeys(JSON_FORMATS, 0)
    try:
        for _, (_, item) in zip(range(_LOOKED_AT), items_of(path), strict=False):
            fitting = next((f.name for f in JSON_FORMATS.values() if isinstance(item, dict) and f.fits(item)), None)
            if fitting:
                votes[fitting] += 1
    except UnreadableFileError:
        if not path.is_file() or path.stat().st_size == 0:
            raise
    best = max(votes, key=lambda n: votes[n])
    if votes[best]:
        return best
    first = [item for _, item in zip(range(_LOOKED_AT), conll.read(_lines(path), conll.Spaces.SINGLE), strict=False)]
    if any(item.example is not None for item in first):
        return CONLL
    raise InputError(f"This looks like no format of spans. Name one: {', '.join(FORMATS)}.")


def read_spans(
    path: Path,
    format: str | None = None,
    *,
    unit: Unit | None = None,
    spaces: str = conll.Spaces.SINGLE,
    documents: bool = False,
) -> Iterator[SpanItem]:
    """Every text of a file or folder, streamed.

    Args:
        path: a file, or a folder of brat's.
        format: one of ``FORMATS``; guessed when not given.
        unit: in which offsets count; told by the file when not given (see ``offsets.resolve``).
        spaces: how tokens of CoNLL are joined: ``single`` or ``written``.
        documents: of CoNLL, texts are parted by ``-DOCSTART-`` instead of by empty lines.

    Raises:
        InputError: there is no such format or rule.
        UnreadableFileError: nothing of it can be read.

    Example:
        >>> for item in read_spans(Path("train.conll")):  # doctest: +SKIP
        ...     print(item.example.text, item.example.opinions[0].spans)
    """
    named = span_format_of(path) if format is None else format
    if named not in FORMATS:
        raise InputError(f"There is no format of spans {named[:60]!r}. Formats: {', '.join(FORMATS)}.")
    units = None if unit is None else (unit,)
    if named == CONLL:
        rule = conll.spaces_named(spaces)
        return (SpanItem(path.name, *i) for i in conll.read(_lines(path), rule, documents=documents))
    if named == BRAT:
        return _brat(path, units or brat.UNITS)
    found = JSON_FORMATS[named]
    return _json(path, found, units or found.units)


def read_all(path: Path, format: str | None = None, **options: object) -> SpansRead:
    """``read_spans`` in one go, with counts; options as there."""
    named = span_format_of(path) if format is None else format
    done = SpansRead(named)
    for item in read_spans(path, named, **options):  # pyright: ignore[reportArgumentType]
        done.n_items += 1
        done.n_aside += len(item.asides)
        done.aside += item.asides[: MAX_ASIDE - len(done.aside)]
        if item.example is not None:
            one = item.example
            done.examples.append(one)
            done.n_spans += sum(len(o.spans or ()) for o in one.opinions)
            done.n_unsure += one.is_unsure
            done.units[one.unit] = done.units.get(one.unit, 0) + 1
    return done


def _json(path: Path, format: SpanFormat, units: Sequence[Unit]) -> Iterator[SpanItem]:
    for place, item in items_of(path):
        if isinstance(item, str):
            yield SpanItem(path.name, place, None, item)
        elif not isinstance(item, dict):
            yield SpanItem(path.name, place, None, "it is no JSON object")
        else:
            try:
                yield SpanItem(path.name, place, format.read(item, units))
            except Misshapen as problem:
                yield SpanItem(path.name, place, None, str(problem))


def _brat(path: Path, units: Sequence[Unit]) -> Iterator[SpanItem]:
    for pair in brat.pairs(path):
        if isinstance(pair, SpanAside):
            yield SpanItem(pair.file, pair.line, None, pair.reason)
            continue
        name = str(pair.marks.relative_to(path)) if path.is_dir() else pair.marks.name
        try:
            yield SpanItem(name, 0, brat.read(pair, units))
        except Misshapen as problem:
            yield SpanItem(name, 0, None, str(problem))


def _lines(path: Path) -> Iterator[tuple[int, str | None]]:
    """Lines by their numbers, without their ends; None for one that is too long or no UTF-8."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise UnreadableFileError(f"{path.name} cannot be read: {(error.strerror or 'it failed').lower()}.") from error
    with file:
        number = 0
        while line := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            is_long = len(line) > MAX_LINE_BYTES
            while is_long and line and not line.endswith(b"\n"):
                line = file.readline(MAX_LINE_BYTES)
            try:
                text = None if is_long else line.removeprefix(b"\xef\xbb\xbf" if number == 1 else b"").decode("utf-8")
            except UnicodeDecodeError:
                text = None
            yield number, None if text is None else text.rstrip("\r\n")


@dataclass(slots=True)
class SpansWritten:
    """What was written: items, and what had no place in the format."""

    n_items: int = 0
    n_aside: int = 0
    aside: list[SpanAside] = field(default_factory=list)

    def put_aside(self, asides: Iterable[SpanAside]) -> None:
        """More of it."""
        for one in asides:
            self.n_aside += 1
            if len(self.aside) < MAX_ASIDE:
                self.aside.append(one)


def write_spans(path: Path, format: str, records: Iterable[SpanExported], *, with_text: bool = False) -> SpansWritten:
    """Write *records*: a whole file, or none of it; of brat a pair of files for each into a folder that is there.

    Args:
        path: the file or folder.
        format: one of ``FORMATS``.
        records: in the order of the file.
        with_text: of CoNLL, hold each text in a comment, which other readers may not know.

    Raises:
        InputError: there is no such format, or a span does not lie in its text.
    """
    done = SpansWritten()
    if format == BRAT:
        done.n_items, asides = brat.write(path, records)
        done.put_aside(asides)
    else:
        write_pieces(path, encoded_spans(format, records, with_text=with_text, done=done, name=path.name), mode=0o666)
    return done


def encoded_spans(
    format: str,
    records: Iterable[SpanExported],
    *,
    with_text: bool = False,
    done: SpansWritten | None = None,
    name: str = "",
) -> Iterator[bytes]:
    """The bytes of a file in pieces, in bounded memory; *done* hears what was written, under the file's *name*.

    Raises:
        InputError: there is no such format of one file.
    """
    done = SpansWritten() if done is None else done
    if format == CONLL:
        return _batched(_conll(records, done, name, with_text=with_text))
    if format in JSON_FORMATS:
        return _batched(_documents(JSON_FORMATS[format], records, done))
    raise InputError(f"There is no format of spans {format[:60]!r}. Formats: {', '.join(FORMATS)}.")


def _conll(records: Iterable[SpanExported], done: SpansWritten, name: str, *, with_text: bool) -> Iterator[bytes]:
    for record in records:
        lines, asides = conll.lines_of(record, with_text=with_text)
        done.n_items += 1
        done.put_aside(SpanAside(name, done.n_items, reason) for reason in asides)
        yield ("\n".join(lines) + "\n\n").encode("utf-8", "surrogatepass")


def _documents(format: SpanFormat, records: Iterable[SpanExported], done: SpansWritten) -> Iterator[bytes]:
    encoder = msgspec.json.Encoder()
    start, between, end = (b"[\n", b",\n", b"\n]\n") if format.is_list else (b"", b"", b"")
    yield start
    for record in records:
        for item in format.write(record):
            if done.n_items:
                yield between
            yield encoder.encode(item) + (b"" if format.is_list else b"\n")
            done.n_items += 1
    yield end


def _batched(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Small pieces as few large ones."""
    held, size = [], 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= _PIECE:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)
