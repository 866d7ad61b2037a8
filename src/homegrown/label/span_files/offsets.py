"""Offsets as other programs count them, turned into code points; spans that move along when a text is made plain."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from homegrown.core.records import plain_text
from homegrown.core.spans import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Unit(StrEnum):
    """What an offset counts."""

    CODE_POINTS = "code points"
    UTF16 = "UTF-16 units"
    BYTES = "UTF-8 bytes"
    LINE_ENDS_AS_ONE = "code points, a carriage return and newline as one"


class Mark(NamedTuple):
    """A span as a file has it.

    Attributes:
        words: that stand there, where the file says so.
        place: its line, where it has one of its own.
    """

    start: int
    end: int
    type: str
    words: str | None = None
    place: int = 0


class Resolved(NamedTuple):
    """Marks as spans.

    Attributes:
        spans: by number of the mark; those that could not be used are missing.
        unit: in which the offsets were read.
        is_unsure: another unit fits as well and says something else.
        asides: number of the mark, and why it was not used.
    """

    spans: dict[int, Span]
    unit: Unit
    is_unsure: bool
    asides: tuple[tuple[int, str], ...]


def boundaries(text: str, unit: Unit) -> np.ndarray:
    r"""Where each code point of *text* begins, and the last one ends, counted in *unit*: int [len(text) + 1].

    Example:
        >>> boundaries("a😀b", Unit.UTF16).tolist(), boundaries("a😀b", Unit.BYTES).tolist()
        ([0, 1, 3, 4], [0, 1, 5, 6])
    """
    n = len(text)
    if unit is Unit.CODE_POINTS or (text.isascii() and unit is not Unit.LINE_ENDS_AS_ONE):
        return np.arange(n + 1)
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    width = np.ones(n, np.int64)
    if unit is Unit.UTF16:
        width += points > 0xFFFF
    elif unit is Unit.BYTES:
        width += (points > 0x7F).astype(np.int64) + (points > 0x7FF) + (points > 0xFFFF)
    else:
        width[:-1] -= (points[:-1] == 13) & (points[1:] == 10)
    return np.concatenate([[0], np.cumsum(width)])


def offsets_of(text: str, spans: Iterable[Span], unit: Unit) -> list[tuple[int, int]]:
    """Spans in another unit, for programs that count so."""
    edges = boundaries(text, unit)
    return [(int(edges[s.start]), int(edges[s.end])) for s in spans]


def resolve(text: str, marks: Sequence[Mark], units: Sequence[Unit]) -> Resolved:
    """The marks of one text as spans.

    Files do not say in what they count, and versions of one program differ. Of *units* that one is taken under which
    most marks hold their words; where they have none, under which most begin and end where words do; of equals the
    first.

    Example:
        >>> resolve("😀 my card", [Mark(6, 10, "x", "card")], (Unit.CODE_POINTS, Unit.UTF16)).unit
        <Unit.UTF16: 'UTF-16 units'>
    """
    ways = [_Way(text, marks, unit) for unit in _different(text, units)]
    rival = [way for way in ways[1:] if not way.same_as(ways[0])]
    best, is_unsure = ways[0], False
    if rival:
        edges = _edges(text)
        fit = [(way.fits(edges), -i) for i, way in enumerate(ways)]
        best = ways[-max(fit)[1]]
        is_unsure = any(f[0] == max(fit)[0] and not way.same_as(best) for f, way in zip(fit, ways, strict=True))
    return best.done(is_unsure=is_unsure)


def _different(text: str, units: Sequence[Unit]) -> list[Unit]:
    """The first of *units*, and those others that count this text differently; most texts all count alike."""
    alike = {Unit.CODE_POINTS} if units[0] is Unit.CODE_POINTS else set[Unit]()
    if alike:
        if text.isascii():
            alike |= {Unit.UTF16, Unit.BYTES}
        elif max(text) <= "\uffff":
            alike.add(Unit.UTF16)
        if "\r\n" not in text:
            alike.add(Unit.LINE_ENDS_AS_ONE)
    return [units[0], *(unit for unit in units[1:] if unit not in alike)]


class _Way:
    """All marks of a text read in one unit."""

    def __init__(self, text: str, marks: Sequence[Mark], unit: Unit) -> None:
        self.text, self.marks, self.unit = text, marks, unit
        edges = boundaries(text, unit)
        # Numbers of a hostile file may be of any size.
        said = np.array([[_bounded(m.start), _bounded(m.end)] for m in marks], np.int64).reshape(-1, 2)
        at = np.searchsorted(edges, said)
        inside = (said >= 0) & (said <= edges[-1])
        whole = inside & (edges[np.minimum(at, len(edges) - 1)] == said)
        self.at, self.inside, self.whole = at, inside.all(1), whole.all(1)
        self.ordered = self.whole & (at[:, 0] < at[:, 1])

    def same_as(self, other: _Way) -> bool:
        return bool((self.at == other.at).all() and (self.whole == other.whole).all())

    def fits(self, edges: np.ndarray) -> tuple[int, int]:
        held = sum(self._holds(i) for i in np.flatnonzero(self.ordered).tolist() if self.marks[i].words is not None)
        return held, int((edges[self.at[self.ordered]]).all(1).sum())

    def _holds(self, i: int) -> bool:
        words = self.marks[i].words
        here = self.text[self.at[i, 0] : self.at[i, 1]]
        # Label Studio has written line ends of a region's words as two signs.
        return words is None or words == here or words.replace("\\n", "\n").split() == here.split()

    def done(self, *, is_unsure: bool) -> Resolved:
        spans, asides = {}, []
        for i, mark in enumerate(self.marks):
            if not self.inside[i]:
                asides.append((i, "a span lies outside of the text"))
            elif not self.whole[i]:
                asides.append((i, "the offsets of a span part a character"))
            elif not self.ordered[i]:
                asides.append((i, "a span is empty or ends before it begins"))
            elif not self._holds(i):
                asides.append((i, "the words of a span are not those at its offsets"))
            else:
                spans[i] = Span(int(self.at[i, 0]), int(self.at[i, 1]), mark.type)
        return Resolved(spans, self.unit, is_unsure, tuple(asides))


def _bounded(number: int) -> int:
    return max(-1, min(number, 1 << 60))


def _edges(text: str) -> np.ndarray:
    """Where a word begins or ends, bool [len(text) + 1]."""
    word = np.array([False, *(c.isalnum() for c in text), False])
    return word[1:] != word[:-1]


def plainly(text: str, spans: Iterable[Span]) -> tuple[str, dict[Span, Span]]:
    r"""The text as a record holds it (``core.records.plain_text``), and each span as it stands there.

    A span of which nothing is left is missing; one that loses spaces at the text's ends is shorter.

    Example:
        >>> plainly(" my\r\ncard", [Span(5, 9, "x")])
        ('my\ncard', {Span(start=5, end=9, type='x'): Span(start=3, end=7, type='x')})
    """
    plain = plain_text(text)
    if plain == text:
        return text, {s: s for s in spans}
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    kept = points != 0
    kept[:-1] &= ~((points[:-1] == 13) & (points[1:] == 10))
    whole = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    before = len(whole) - len(whole.lstrip())
    edges = np.clip(np.concatenate([[0], np.cumsum(kept)]) - before, 0, len(plain))
    moved = {s: Span(int(edges[s.start]), int(edges[s.end]), s.type) for s in spans}
    return plain, {s: m for s, m in moved.items() if m.start < m.end}
