"""Numbers and amounts of money as people write them, and the one form in which they are kept.

What cannot be read for sure gives None: no value is better than a wrong one. Where writing is ambiguous (1.234) the
caller says how its data write.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

LONGEST = 80
_DIGITS = {
    ord(c): str(i % 10)
    for block in (0x660, 0x6F0, 0x966, 0xFF10)
    for i, c in enumerate(map(chr, range(block, block + 10)))
}
_SPACES = re.compile(r"[\s\u00a0\u2009\u202f'’](?=\d{3}(?!\d))")
_NUMBER = re.compile(r"[+-]?(?:\d+(?:[.,]\d+)*|[.,]\d+)\Z")
_SCALE = {"k": 3, "thousand": 3, "m": 6, "mn": 6, "million": 6, "bn": 9, "b": 9, "billion": 9} | {
    "万": 4, "萬": 4, "만": 4, "亿": 8, "億": 8, "억": 8
}  # fmt: skip
_SCALED = re.compile(r"(.*\d)\s*(k|thousand|mn|m|million|bn|b|billion|[万萬만亿億억])\Z", re.I)


def parse_number(text: str, *, decimal: str | None = None) -> Decimal | None:
    """A number as it was written; None where it is none, or more than one.

    Thousands may be set apart by commas, points, spaces and apostrophes; a minus may stand before or after, or be
    brackets; a percent sign is dropped. Of two different separators the last is the decimal one. One separator alone is
    a decimal point, but a comma before exactly three digits sets thousands apart, unless *decimal* says otherwise.

    Args:
        text: the number and nothing else.
        decimal: ``.`` or ``,`` where it is known how the data write.

    Example:
        >>> [str(parse_number(t)) for t in ("1,234.50", "1.234,5", "1 234", "(12)", "12-", "3.5 million", "12 %")]
        ['1234.50', '1234.5', '1234', '-12', '-12', '3500000', '12']
        >>> parse_number("1.234"), parse_number("1.234", decimal=","), parse_number("12 or 13")
        (Decimal('1.234'), Decimal('1234'), None)
    """
    said = plain_digits(text)
    negative = False
    if said.startswith("(") and said.endswith(")"):
        said, negative = said[1:-1].strip(), True
    said = said.removesuffix("%").strip()
    power = 0
    if scaled := _SCALED.match(said):
        said, power = scaled[1], _SCALE[scaled[2].lower()]
    if said.endswith("-") and len(said) > 1:
        said, negative = said[:-1].strip(), True
    said = _SPACES.sub("", said.replace("\u2212", "-"))
    if not _NUMBER.match(said):
        return None
    plain = _unseparated(said, decimal)
    if plain is None:
        return None
    # Written out: 3.5 million is 3500000, not 3.5E+6.
    found = Decimal(f"{Decimal(plain).scaleb(power):f}")
    return -found if negative else found


def plain_digits(text: str) -> str:
    """Text without white space around it, its digits those of ASCII; empty where it is too long for a value."""
    return text.strip().translate(_DIGITS) if len(text) <= LONGEST else ""


def _unseparated(said: str, decimal: str | None) -> str | None:
    """The digits with one point at most; None where groups are not of three digits."""
    marks = [c for c in said if c in ".,"]
    if not marks:
        return said
    if decimal is None:
        decimal = _decimal_mark(said, marks)
    other = "," if decimal == "." else "."
    whole, _, rest = said.partition(decimal)
    if decimal in rest or other in rest:
        return None
    groups = whole.lstrip("+-").split(other)
    if len(groups) > 1 and (any(len(g) != 3 for g in groups[1:]) or not 1 <= len(groups[0]) <= 3):
        return None
    return whole.replace(other, "") + ("." + rest if rest else "")


def _decimal_mark(said: str, marks: list[str]) -> str:
    if len(set(marks)) == 2:
        return marks[-1]
    mark = marks[0]
    if len(marks) > 1:
        return "," if mark == "." else "."
    before, _, after = said.lstrip("+-").partition(mark)
    sets_apart = mark == "," and len(after) == 3 and 1 <= len(before) <= 3 and before != "0"
    return "." if sets_apart or mark == "." else ","


@dataclass(frozen=True, slots=True)
class Money:
    """An amount, and its currency (ISO 4217) where it is known."""

    amount: Decimal
    currency: str | None = None


_KNOWN = {
    "EUR": "€", "GBP": "£", "INR": "₹ rs. rs", "RUB": "₽", "KRW": "₩ 원", "TRY": "₺", "VND": "₫", "PHP": "₱",
    "THB": "฿ บาท", "JPY": "円", "ILS": "₪", "USD": "us$", "AUD": "a$ au$", "CAD": "c$ ca$", "NZD": "nz$", "SGD": "s$",
    "HKD": "hk$", "BRL": "r$", "MYR": "rm", "PLN": "zł", "CZK": "kč", "CHF": "fr.",
}  # fmt: skip
#: $, ¥ and 元 are the mark of several currencies
_SYMBOLS: dict[str, str | None] = dict.fromkeys("$¥￥元圆圓") | {
    m: c for c, marks in _KNOWN.items() for m in marks.split()
}
_LETTERS = (
    "AED AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF IDR ILS INR JPY KRW MXN MYR NOK NZD PHP PLN RON RUB SAR SEK SGD "
    "THB TRY TWD USD VND ZAR"
)
_CODES = frozenset(_LETTERS.split())
_MARK = r"(?:[A-Za-z]{1,3}[$]|[€£₹₽₩₺₫₱฿₪$¥￥元圆圓円원]|บาท|[A-Za-złčŁČ]{2,3}\.?)"
_BEFORE = re.compile(rf"([-(]?)\s*({_MARK})\s*([-(]?.*)\Z")
_AFTER = re.compile(rf"(.*?[\d)万萬만亿億억-])\s*({_MARK})\Z")


def parse_money(text: str, *, currency: str | None = None, decimal: str | None = None) -> Money | None:
    """An amount of money as it was written; None where it is none.

    Args:
        text: the amount with or without its currency, before or behind.
        currency: what $, ¥ and 元, and no currency at all, stand for in these data; None: not known.
        decimal: as for ``parse_number``.

    Example:
        >>> parse_money("RM 12.50"), parse_money("1.234,50 €")
        (Money(amount=Decimal('12.50'), currency='MYR'), Money(amount=Decimal('1234.50'), currency='EUR'))
        >>> parse_money("$5", currency="USD").currency, parse_money("$5").currency, parse_money("5 apples")
        ('USD', None, None)
    """
    said = plain_digits(text)
    mark = None
    if found := _BEFORE.match(said):
        said, mark = found[1] + found[3], found[2]
    elif (found := _AFTER.match(said)) and found[2].lower() not in _SCALE:
        said, mark = found[1], found[2]
    amount = parse_number(said, decimal=decimal)
    if amount is None or (mark is not None and not _is_mark(mark)):
        return None
    known = None if mark is None else _currency(mark)
    return Money(amount, known or currency)


def _is_mark(mark: str) -> bool:
    return mark.lower() in _SYMBOLS or mark.upper() in _CODES


def _currency(mark: str) -> str | None:
    return mark.upper() if mark.upper() in _CODES else _SYMBOLS[mark.lower()]
