"""Places of a text at which a number, an amount of money or a date stands, each with the value that it means.

What a field holds is one of them, or nothing: which one is learnt (``inference.ranked``). Lines, and runs of lines, are
the same for names and addresses of a page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from homegrown.core.characters import OF_A_WORD
from homegrown.core.dates import parse_date
from homegrown.core.schema import FieldType
from homegrown.core.values import parse_money, parse_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: types of which an answer is a value that a text may write in several ways
VALUES = (FieldType.NUMBER, FieldType.MONEY, FieldType.DATE)
MOST = 2000
LONGEST_RUN = 6
_NUMBER = re.compile(
    rf"(?<!{OF_A_WORD})(?<![.,])[-+(]?\d+(?:[.,'’\u00a0\u202f]\d+)*[万萬만亿億억]?(?:\s?%)?(?:-(?!\w)|\))?"
    rf"(?!{OF_A_WORD}|[.,]\d)"
)
_BEFORE = re.compile(r"(?:[A-Za-z]{1,3}\$|[€£₹₽₩₺₫₱฿₪$¥￥]|(?<![A-Za-z])(?:[A-Z]{3}|RM|Rs\.?|zł|Fr\.))\s?\Z")
_AFTER = re.compile(r"\s?(?:[€£₹₽₩₺₫₱฿₪$¥元圆圓円원]|บาท|(?:[A-Z]{3}|zł|Kč)(?![A-Za-z]))")
_GLUED = re.compile(r"(?<![\w.,])(?:RM|[A-Z]{3})(?=\d)")
_WORD = r"[^\W\d_]{3,12}"
_DATES = (
    re.compile(r"(?<!\d)(?:\d{4}([-/.])\d{1,2}\1\d{1,2}|\d{1,2}\s?([-/.])\s?\d{1,2}\s?\2\s?\d{2,4})(?!\d)"),
    re.compile(
        rf"(?<!\d)\d{{1,2}}(?:st|nd|rd|th|\.)?(?:\s+(?:of|de))?[-/.,\s]{{0,3}}{_WORD}\.?(?:\s+de)?[-/.,\s]{{0,3}}'?"
        r"(?:\d{4}|\d{2})(?!\d)",
        re.I,
    ),
    re.compile(
        rf"(?<!\w){_WORD}\.?[-/.,\s]{{1,3}}\d{{1,2}}(?:st|nd|rd|th)?[-/.,\s]{{1,3}}'?(?:\d{{4}}|\d{{2}})(?!\d)", re.I
    ),
    re.compile(r"(?<!\d)\d{8}(?!\d)"),
    re.compile(r"(?<!\d)\d{4}\s?[年년]\s?\d{1,2}\s?[月월]\s?\d{1,2}\s?[日号號일]"),
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A place, and what it means: equal values are the same answer, wherever they stand."""

    start: int
    end: int
    value: str


@dataclass(frozen=True, slots=True)
class Reading:
    """How the values of some data are written; see ``core.dates`` and ``core.values``."""

    day_first: bool | None = None
    decimal: str | None = None
    currency: str | None = None


def readings(type: FieldType) -> list[Reading]:
    """The ways in which values of a type may be written in texts.

    Example:
        >>> [r.decimal for r in readings(FieldType.NUMBER)]
        [None, '.', ',']
    """
    if type is FieldType.DATE:
        return [Reading(day_first=d) for d in (True, False, None)]
    if type in VALUES:
        return [Reading(decimal=d) for d in (None, ".", ",")]
    return [Reading()]


def candidates(text: str, type: FieldType, reading: Reading, most: int = MOST) -> list[Candidate]:
    """The places at which a value of *type* stands, in order, *most* at most.

    Args:
        text: of a record.
        type: ``number``, ``money`` or ``date``; of ``span`` whole lines and runs of up to six of them.
        reading: how values are written.
        most: what stands further behind is left out.

    Example:
        >>> [c.value for c in candidates("12.50 EUR on 3 May 2026", FieldType.MONEY, Reading())][:1]
        ['12.5']
        >>> candidates("due 03/05/26", FieldType.DATE, Reading(day_first=True))
        [Candidate(start=4, end=12, value='2026-05-03')]
    """
    found = sorted(set(_FINDERS[type](text, reading)), key=lambda c: (c.start, c.end))
    return found[:most]


def _numbers(text: str, reading: Reading) -> Iterator[Candidate]:
    for match in _NUMBER.finditer(text):
        value = parse_number(match[0], decimal=reading.decimal)
        if value is not None:
            yield Candidate(match.start(), match.end(), _plain(str(value)))


def _amounts(text: str, reading: Reading) -> Iterator[Candidate]:
    for match in _NUMBER.finditer(_GLUED.sub(lambda m: " " * len(m[0]), text)):
        before = _BEFORE.search(text[max(0, match.start() - 5) : match.start()])
        after = _AFTER.match(text, match.end())
        start, end = match.start() - (len(before[0]) if before else 0), after.end() if after else match.end()
        value = parse_money(text[start:end], decimal=reading.decimal)
        if value is None:
            start, end = match.span()
            value = parse_money(match[0], decimal=reading.decimal)
        if value is not None and "%" not in match[0]:
            yield Candidate(start, end, _plain(str(value.amount)))


def _plain(number: str) -> str:
    """12.50 and 12.5 are one value; the form that is given back is as it stands."""
    return number.rstrip("0").rstrip(".") if "." in number else number


def same_value(type: FieldType, value: str) -> str:
    """What a label's value is called among candidates.

    Example:
        >>> same_value(FieldType.MONEY, "12.50")
        '12.5'
    """
    return _plain(value) if type in (FieldType.NUMBER, FieldType.MONEY) else value


def _days(text: str, reading: Reading) -> Iterator[Candidate]:
    for pattern in _DATES:
        for match in pattern.finditer(text):
            day = parse_date(match[0], day_first=reading.day_first)
            if day is not None:
                yield Candidate(match.start(), match.end(), day.isoformat())


def _lines(text: str, reading: Reading) -> Iterator[Candidate]:
    del reading
    lines = [_cells(text, *m.span()) for m in re.finditer(r"[^\n]*\S", text)]
    for i, cells in enumerate(lines):
        for start, end in cells:
            yield Candidate(start, end, same_words(text[start:end]))
            # NAME LTD (123456-X): what stands in brackets behind is seldom a part of the name.
            bracket = text.find(" (", start + 2, end)
            if bracket > 0:
                yield Candidate(start, bracket, same_words(text[start:bracket]))
        starts = {cells[0][0], cells[-1][0]}
        for below in lines[i : i + LONGEST_RUN]:
            for start, end in product(starts, {below[0][1], below[-1][1]}):
                if start < end:
                    yield Candidate(start, end, same_words(text[start:end]))


def _cells(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The parts of a line between tabs, without the white space around them."""
    return [(start + m.start(), start + m.end()) for m in re.finditer(r"[^\t\s](?:[^\t]*[^\t\s])?", text[start:end])]


def same_words(text: str) -> str:
    r"""Words without case, white space and marks: what a span says.

    Example:
        >>> same_words("12, Main Road.\nLondon")
        '12 main road london'
    """
    return " ".join(re.findall(r"\w+", text.casefold()))


_FINDERS: dict[FieldType, Callable[[str, Reading], Iterator[Candidate]]] = {
    FieldType.NUMBER: _numbers,
    FieldType.MONEY: _amounts,
    FieldType.DATE: _days,
    FieldType.SPAN: _lines,
}
