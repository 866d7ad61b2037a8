"""What stands beside words of a text, or on a line by its number: how people point at a value."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from homegrown.core.schema import Field, FieldType
from homegrown.core.spans import Span
from homegrown.errors import InputError
from homegrown.inference.candidates import VALUES, Reading, candidates, readings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from homegrown.core.rules import LineFill, NearFill

#: characters: what stands further away does not belong to the words
FARTHEST = 200
_BETWEEN = " \t:=.#*>|-–—"
_LINE = re.compile(r"[^\n]*\S[^\n]*")


class NearFinder:
    """Finds what stands beside words.

    Args:
        target: the field that is filled.
        how: which words, and on which side.
        reading: how values are written.

    Raises:
        InputError: there are no words.
    """

    def __init__(self, target: Field, how: NearFill, reading: Reading) -> None:
        self._target, self._how, self._reading = target, how, reading
        if not any(p.strip() for p in how.any):
            raise InputError(f"“{target.name}”: say beside which words it stands.")
        self._words = re.compile(_whole_words(how.any), 0 if how.case else re.IGNORECASE)

    @property
    def fields(self) -> tuple[Field, ...]:
        """The one that it fills."""
        return (self._target,)

    def find(self, texts: Sequence[str]) -> Iterable[tuple[int, str, Span]]:
        """Row, name of the field and span of each match that counts."""
        for row, text in enumerate(texts):
            places = list(dict.fromkeys(self._places(text)))
            chosen = {"first": places[:1], "last": places[-1:]}.get(self._how.which, places)
            for start, end in chosen:
                yield row, self._target.name, Span(start, end, self._target.name)

    def _places(self, text: str) -> Iterator[tuple[int, int]]:
        for match in self._words.finditer(text):
            found = next((p for p in map(self._in, _parts(text, match, self._how.side), [text] * 2) if p), None)
            if found is not None:
                yield found

    def _in(self, part: tuple[int, int], text: str) -> tuple[int, int] | None:
        at_end = self._how.side == "before"
        if self._target.type in VALUES:
            return _value(self._target.type, text, part, self._reading, at_end=at_end)
        return _words(text, part, at_end=at_end, is_line=self._how.side == "line")


class LineFinder:
    """Finds a line by its number; see ``NearFinder``."""

    def __init__(self, target: Field, how: LineFill, reading: Reading) -> None:
        self._target, self._how, self._reading = target, how, reading
        if not how.number:
            raise InputError("Lines are counted from 1, or from the end from -1.")

    @property
    def fields(self) -> tuple[Field, ...]:
        """The one that it fills."""
        return (self._target,)

    def find(self, texts: Sequence[str]) -> Iterable[tuple[int, str, Span]]:
        """Row, name of the field and span of each line."""
        number = self._how.number
        for row, text in enumerate(texts):
            lines = [m.span() for m in _LINE.finditer(text)]
            if abs(number) > len(lines):
                continue
            part = lines[number - 1 if number > 0 else number]
            is_value = self._target.type in VALUES
            place = (
                _value(self._target.type, text, part, self._reading, at_end=False)
                if is_value
                else _words(text, part, at_end=False, is_line=True)
            )
            if place is not None:
                yield row, self._target.name, Span(*place, self._target.name)


def _whole_words(phrases: Sequence[str]) -> str:
    """A pattern of any of *phrases*, the longest first; letters and digits do not go on at their ends."""
    found = []
    for phrase in sorted({" ".join(p.split()) for p in phrases if p.strip()}, key=lambda p: (-len(p), p)):
        before = r"(?<!\w)" if re.match(r"\w", phrase) else ""
        after = r"(?!\w)" if re.search(r"\w\Z", phrase) else ""
        found.append(before + r"\s+".join(map(re.escape, phrase.split())) + after)
    return "|".join(found)


def _parts(text: str, match: re.Match[str], side: str) -> Iterator[tuple[int, int]]:
    """Where to look: on the line of the words, and then on the next one that is not blank."""
    first = text.rfind("\n", 0, match.start()) + 1
    last = text.find("\n", match.end())
    last = len(text) if last < 0 else last
    if side == "line":
        yield first, last
    elif side == "behind":
        yield match.end(), last
        below = _LINE.search(text, last)
        if below:
            yield below.span()
    else:
        yield first, match.start()
        above = text[:first].rstrip()
        if above:
            yield above.rfind("\n") + 1, len(above)


def _value(
    type: FieldType, text: str, part: tuple[int, int], reading: Reading, *, at_end: bool
) -> tuple[int, int] | None:
    """The first value of a type in a part of a text, or the last."""
    first, last = part
    start, end = (max(first, last - FARTHEST), last) if at_end else (first, min(last, first + FARTHEST))
    known = reading.day_first is not None or type is not FieldType.DATE
    for way in [reading] if known else readings(type):
        found = candidates(text[start:end], type, way)
        # What is cut at the edge may be a part of something longer.
        found = [c for c in found if (c.start or start == first) and (start + c.end < end or end == last)]
        if found:
            # Of those that begin at one place the widest: 25 Nov 2026, and not 25.
            edge = max(c.end for c in found) if at_end else min(c.start for c in found)
            some = [c for c in found if (c.end if at_end else c.start) == edge]
            best = max(some, key=lambda c: c.end - c.start)
            return start + best.start, start + best.end
    return None


def _words(text: str, part: tuple[int, int], *, at_end: bool, is_line: bool) -> tuple[int, int] | None:
    """Words of a part of a text, without what only sets them apart; of a page's line the part that stands nearest."""
    start, end = part
    cells = [(start + m.start(), start + m.end()) for m in re.finditer(r"[^\t]+", text[start:end])]
    for first, last in reversed(cells) if at_end else cells:
        words = text[first:last]
        stripped = words.strip() if is_line else words.strip(_BETWEEN + "\r")
        if stripped:
            lead = words.index(stripped)
            return (first + lead, first + lead + len(stripped)) if len(stripped) <= FARTHEST else None
    return None
