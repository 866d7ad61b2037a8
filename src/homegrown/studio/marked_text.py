"""A text with what is marked in it, cut into pieces that a template can draw, overlapping marks included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from homegrown.core.spans import stretches

if TYPE_CHECKING:
    from collections.abc import Sequence

COLOURS = 6
DEEPEST = 2


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Whose words these are: the name stands where it begins, `look` is its class in the style sheet."""

    name: str
    look: str
    begins: bool


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Words of the text under the same marks, the widest mark first."""

    words: str
    marks: tuple[Mark, ...]


def pieces(text: str, marks: Sequence[tuple[str, int, int]]) -> tuple[Piece, ...]:
    """The whole text in order.

    Args:
        text: of a record.
        marks: name, start and end in code points; marks of one name share a colour.

    Example:
        >>> [(p.words, [m.name for m in p.marks]) for p in pieces("to Ann Lee", [("who", 3, 10), ("first", 3, 6)])]
        [('to ', []), ('Ann', ['who', 'first']), (' Lee', ['who'])]
    """
    numbers = {name: at for at, name in enumerate(dict.fromkeys(name for name, _, _ in marks))}
    found = []
    for start, end, over in stretches(len(text), [m[1:] for m in marks]):
        here = sorted((marks[i] for i in over), key=lambda m: m[1] - m[2])
        deep = len(here) - 1
        found.append(
            Piece(
                words=text[start:end],
                marks=tuple(
                    Mark(
                        name=name,
                        look=f"mark-{numbers[name] % COLOURS} mark-deep-{min(deep - at, DEEPEST)}",
                        begins=begin == start,
                    )
                    for at, (name, begin, _) in enumerate(here)
                ),
            )
        )
    return tuple(found)
