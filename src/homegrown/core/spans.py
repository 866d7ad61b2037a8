"""Parts of a text that mean something: where they begin and end, and of which type they are.

Offsets count code points of the text as it is stored, the end exclusive, as Python slices do. Bytes and UTF-16 units,
as other programs count, are turned into these where they come in.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from homegrown.core.characters import parts_character
from homegrown.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A part of a text.

    Attributes:
        start: the first code point.
        end: after the last.
        type: what it is: the id or the name of a field.

    Example:
        >>> Span(3, 7, "card").of("my card")
        'card'
    """

    start: int
    end: int
    type: str

    def of(self, text: str) -> str:
        """The words."""
        return text[self.start : self.end]

    def overlaps(self, other: Span) -> bool:
        """Whether both share a code point."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True, order=True)
class ScoredSpan(Span):
    """A span that a model found, with the calibrated probability that exactly this span of this type is right."""

    prob: float = 1.0


def check_spans(text: str, spans: Iterable[Span], *, may_overlap: bool = True) -> tuple[Span, ...]:
    """The spans in order, each once.

    Raises:
        InputError: one is empty, lies outside the text, or overlaps another where that is forbidden.

    Example:
        >>> check_spans("my card", [Span(3, 7, "a"), Span(0, 2, "b"), Span(3, 7, "a")])
        (Span(start=0, end=2, type='b'), Span(start=3, end=7, type='a'))
    """
    found = tuple(sorted(set(spans)))
    for span in found:
        if not 0 <= span.start < span.end <= len(text):
            raise InputError(
                f"The span {span.start} to {span.end} does not lie in the text, which has {len(text):,} characters. "
                "Offsets count characters (code points), not bytes, and the end is exclusive."
            )
    if not may_overlap:
        for one, other in pairwise(found):
            if one.overlaps(other):
                raise InputError(
                    f"The spans {one.start} to {one.end} and {other.start} to {other.end} overlap, which this task "
                    "does not allow."
                )
    return found


def check_whole(text: str, spans: Iterable[Span]) -> None:
    """See that *spans*, which lie in the text, begin and end between what is seen as characters.

    Raises:
        InputError: one parts a letter from its accent, or an emoji.

    Example:
        >>> check_whole("my card", [Span(3, 7, "a")])
    """
    for span in spans:
        if any(parts_character(text, at) for at in (span.start, span.end)):
            raise InputError(
                f"The span {span.start} to {span.end} parts a character from its accent, or an emoji. Offsets count "
                "code points, not bytes or UTF-16 units, and the end is exclusive."
            )


def stretches(n: int, places: Sequence[tuple[int, int]]) -> list[tuple[int, int, tuple[int, ...]]]:
    """All of a text of *n* code points, cut where *places* begin and end; these may overlap.

    Returns:
        Where each stretch starts and ends, and which of the places cover it, by their position.

    Example:
        >>> stretches(10, [(3, 10), (3, 6)])
        [(0, 3, ()), (3, 6, (0, 1)), (6, 10, (0,))]
    """
    cuts = sorted({0, n, *(at for place in places for at in place if 0 <= at <= n)})
    return [
        (start, end, tuple(i for i, (first, last) in enumerate(places) if first <= start and end <= last))
        for start, end in pairwise(cuts)
    ]
