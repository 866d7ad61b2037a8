"""Days as people write them, and the one form in which they are kept.

What cannot be read for sure gives None: no value is better than a wrong one. Where writing is ambiguous (03/04/2026)
the caller says how its data write; ``guess_day_first`` finds that out from dates that leave no doubt.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

from homegrown.core.values import plain_digits

if TYPE_CHECKING:
    from collections.abc import Iterable

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january januar janvier enero gennaio janeiro jän jänner",
            "feb february februar février fevrier febrero febbraio fevereiro",
            "mar march märz maerz mrz mars marzo março",
            "apr april avril abril aprile avr",
            "may mai mayo maggio maio",
            "jun june juni juin junio giugno junho",
            "jul july juli juillet julio luglio julho",
            "aug august août aout agosto",
            "sep sept september septembre septiembre settembre setembro",
            "oct october oktober octobre octubre ottobre outubro okt",
            "nov november novembre noviembre novembro",
            "dec december dezember décembre decembre diciembre dicembre dezembro dez",
        ),
        1,
    )
    for name in names.split()
}
_SEP = r"(?:\s*[-/.,\s]\s*)"
_TIME = re.compile(
    r"[\sT,]+\(?\d{1,2}[:.]\d{2}([:.]\d{2})?(\.\d+)?\s*([ap]\.?m\.?)?\)?\s*(z|utc|[+-]\d{2}:?\d{2})?\Z", re.I
)
_DAY_NAME = re.compile(
    r"(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?\.?,?\s+|(?:montag|dienstag|mittwoch|donnerstag|freitag|"
    r"samstag|sonntag),?\s+(?:den\s+)?",
    re.I,
)
_ISO = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})\Z")
_SIGNS = re.compile(r"(\d{4})\s?[年년]\s?(\d{1,2})\s?[月월]\s?(\d{1,2})\s?[日号號일]\Z")
_PACKED = re.compile(r"(\d{4})(\d{2})(\d{2})\Z")
_NUMBERS = re.compile(r"(\d{1,2})\s*[-/.]\s*(\d{1,2})\s*[-/.]\s*(\d{4}|\d{2})\Z|(\d\d)(\d\d)(\d{4})\Z")
_DAY_MONTH = re.compile(
    rf"(\d{{1,2}})(?:st|nd|rd|th|\.)?(?:\s+(?:of|de)\b)?{_SEP}?([^\W\d]+)\.?(?:\s+de\b)?{_SEP}?'?(\d{{4}}|\d{{2}})\Z",
    re.I,
)
_MONTH_DAY = re.compile(rf"([^\W\d]+)\.?{_SEP}?(\d{{1,2}})(?:st|nd|rd|th)?{_SEP}'?(\d{{4}}|\d{{2}})\Z", re.I)


def parse_date(text: str, *, day_first: bool | None = None) -> date | None:
    """A day as it was written, a time behind it left out; None where it is none or could be two.

    Years of two digits lie between 1969 and 2068, as POSIX reads them. Months by name in English, German, French,
    Spanish, Italian and Portuguese; 2026年11月25日 as in Chinese, Japanese and Korean.

    Args:
        text: the date and nothing else.
        day_first: how 03/04/2026 is meant; None: it is not known, and such a date gives None.

    Example:
        >>> [str(parse_date(t)) for t in ("2026-11-25", "25.11.26 10:30", "Nov 25th, 2026", "25 novembre 2026")]
        ['2026-11-25', '2026-11-25', '2026-11-25', '2026-11-25']
        >>> parse_date("03/04/2026"), str(parse_date("03/04/2026", day_first=True)), parse_date("31/02/2026")
        (None, '2026-04-03', None)
    """
    said = plain_digits(text).removeprefix("(").removesuffix(")")
    said = _DAY_NAME.sub("", _TIME.sub("", said), count=1).strip()
    if (found := _ISO.match(said) or _PACKED.match(said) or _SIGNS.match(said)) and (
        day := _day(found[1], found[2], found[3])
    ):
        return day
    if found := _NUMBERS.match(said):
        one, two, year = found[1] or found[4], found[2] or found[5], found[3] or found[6]
        pairs = [(two, one) if first else (one, two) for first in _orders(day_first)]
        days = {d for month, day in pairs if (d := _day(year, month, day))}
        return days.pop() if len(days) == 1 else None
    if found := _DAY_MONTH.match(said):
        return _day(found[3], _MONTHS.get(found[2].casefold()), found[1])
    if found := _MONTH_DAY.match(said):
        return _day(found[3], _MONTHS.get(found[1].casefold()), found[2])
    return None


def _orders(day_first: bool | None) -> tuple[bool, ...]:
    return (True, False) if day_first is None else (day_first,)


def _day(year: str, month: str | int | None, day: str) -> date | None:
    if month is None:
        return None
    number = int(year)
    if len(year) == 2:
        number += 2000 if number < 69 else 1900
    try:
        return date(number, int(month), int(day))
    except ValueError:
        return None


def guess_day_first(texts: Iterable[str]) -> bool | None:
    """Whether dates of these texts name the day before the month; None where none of them leaves no doubt, or both do.

    Example:
        >>> [guess_day_first(d) for d in (["03/04/2026", "25/11/2026"], ["11/25/2026"], ["03/04/2026"])]
        [True, False, None]
    """
    n_day = n_month = 0
    for text in texts:
        found = _NUMBERS.match(_TIME.sub("", plain_digits(text)).strip())
        if found:
            n_day += int(found[1] or found[4]) > 12
            n_month += int(found[2] or found[5]) > 12
    return None if n_day == n_month or min(n_day, n_month) > 0.1 * max(n_day, n_month) else n_day > n_month
