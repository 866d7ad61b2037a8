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
    """Words of the text under the same marks, the widest mark first; or what stands for `n_cut` left out characters."""

    words: str
    marks: tuple[Mark, ...]
    n_cut: int = 0


def pieces(text: str, marks: Sequence[tuple[str, int, int]], names: Sequence[str] = ()) -> tuple[Piece, ...]:
    """The whole text in order.

    Args:
        text: of a record.
        marks: name, start and end in code points; marks of one name share a colour.
        names: in the order of their colours, so that these are the same in several texts.

    Example:
        >>> [(p.words, [m.name for m in p.marks]) for p in pieces("to Ann Lee", [("who", 3, 10), ("first", 3, 6)])]
        [('to ', []), ('Ann', ['who', 'first']), (' Lee', ['who'])]
    """
    numbers = {name: at for at, name in enumerate(dict.fromkeys([*names, *(name for name, _, _ in marks)]))}
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


def shortened(parts: Sequence[Piece], around: int) -> tuple[Piece, ...]:
    """Of a long text what stands within *around* characters of a mark; where there is none its beginning.

    Example:
        >>> [(p.words, p.n_cut) for p in shortened(pieces("a" * 9 + "Ann" + "b" * 9, [("who", 9, 12)]), 3)]
        [('', 6), ('aaa', 0), ('Ann', 0), ('bbb', 0), ('', 6)]
    """
    found: list[Piece] = []
    for at, part in enumerate(parts):
        first = around if at or len(parts) == 1 else 0
        last = around if at + 1 < len(parts) else 0
        n_cut = len(part.words) - first - last
        if part.marks or n_cut <= 0:
            found.append(part)
            continue
        kept = [part.words[:first], part.words[len(part.words) - last :] if last else ""]
        some = (Piece(words=kept[0], marks=()), Piece(words="", marks=(), n_cut=n_cut), Piece(words=kept[1], marks=()))
        found += [one for one in some if one.words or one.n_cut]
    return tuple(found)
