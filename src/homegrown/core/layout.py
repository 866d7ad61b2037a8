"""The text of a page whose words come with boxes, in the order in which a person reads it.

What a reader of pages (OCR) gives is often column by column, so that a label and the amount beside it are far apart.
Laid out, what stands side by side is one line, its parts set apart by tabs; what is learnt from text alone then knows
what stands beside and below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from homegrown.errors import InputError

#: how far the middles of neighbours on a line may lie apart, as a share of the lower one's height
SLACK = 0.5
#: how much of the narrower of two boxes may lie above the other on one line
SHARED = 0.3
#: lines above that a box is compared with: a page may be askew
LOOK_BACK = 8


@dataclass(frozen=True, slots=True)
class Box:
    """Words and where they stand; units do not matter, y grows downwards."""

    left: float
    top: float
    right: float
    bottom: float
    text: str

    @property
    def middle(self) -> float:
        """Height of the middle."""
        return (self.top + self.bottom) / 2

    @property
    def height(self) -> float:
        """From top to bottom."""
        return self.bottom - self.top


@dataclass(slots=True)
class _Line:
    boxes: list[Box] = field(default_factory=list)

    @property
    def middle(self) -> float:
        return sum(b.middle for b in self.boxes) / len(self.boxes)

    def takes(self, one: Box) -> bool:
        """Whether *one* stands beside what is on the line, by its nearest neighbour, and above or below none of it."""
        for other in self.boxes:
            shared = min(one.right, other.right) - max(one.left, other.left)
            if shared > SHARED * min(one.right - one.left, other.right - other.left):
                return False
        near = min(self.boxes, key=lambda b: max(b.left - one.right, one.left - b.right))
        return abs(one.middle - near.middle) < SLACK * min(one.height, near.height)


def is_page(value: Any) -> bool:
    """Whether *value* is a list of words with boxes.

    Example:
        >>> is_page([{"text": "Total", "box": [0, 10, 40, 20]}]), is_page(["Total"]), is_page([])
        (True, False, False)
    """
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(b, Mapping) and {"text", "box"} <= set(b) for b in value)
    )


def laid_out(boxes: Sequence[Mapping[str, Any]]) -> str:
    r"""Lines from top to bottom, what stands side by side set apart by a tab.

    Args:
        boxes: each with ``text`` and ``box``: left, top, right, bottom, or the corners x, y, x, y, …

    Raises:
        InputError: a box has no text or no place.

    Example:
        >>> page = [{"text": "Total", "box": [0, 10, 40, 20]}, {"text": "Change", "box": [0, 30, 40, 40]}]
        >>> page += [{"text": "9.90", "box": [90, 11, 120, 21]}, {"text": "0.10", "box": [90, 31, 120, 41]}]
        >>> laid_out(page)
        'Total\t9.90\nChange\t0.10'
    """
    lines: list[_Line] = []
    for one in sorted(map(_box, boxes), key=lambda b: (b.middle, b.left)):
        line = next((r for r in reversed(lines[-LOOK_BACK:]) if r.takes(one)), None)
        if line is None:
            line = _Line()
            lines.append(line)
        line.boxes.append(one)
    lines.sort(key=lambda r: r.middle)
    return "\n".join("\t".join(b.text for b in sorted(r.boxes, key=lambda b: b.left)) for r in lines)


def _box(one: Mapping[str, Any]) -> Box:
    place, text = one.get("box"), one.get("text")
    if not isinstance(place, (list, tuple)) or len(place) < 4 or len(place) % 2 or not isinstance(text, str):
        raise InputError('A box of a page is {"text": "words", "box": [left, top, right, bottom]}, or its corners.')
    try:
        across, down = [float(x) for x in place[0::2]], [float(y) for y in place[1::2]]
    except (TypeError, ValueError):
        raise InputError(f"The box of “{text[:40]}” has a corner that is no number.") from None
    return Box(min(across), min(down), max(across), max(down), " ".join(text.split()))
