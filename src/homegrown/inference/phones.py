"""Is a row of digits a phone number? By how it is grouped, what it begins with, and the words around it."""

from __future__ import annotations

import re

#: digits and what parts them, 7 to 15 digits, with an extension; bounded
CANDIDATE = re.compile(
    r"(?<![\w:/@#$€£=-])(?<!\d[., ])(?:\+ ?|\()?\+?\d(?:[ ()./-]{0,3}\d){6,14}"
    r"(?:[ ,]{0,2}(?:x|ext\.?|extension) ?\d{1,6})?"
    r"(?![\w%€£]|[.,/ -]\d| ?(?:%|€|£|usd|eur|gbp|dollars?|euros?|pounds?)(?!\w))",
    re.ASCII | re.IGNORECASE,
)
_WORDS = re.compile(
    r"\b(?:phone|tel(?:ephone|efon|éfono)?|call(?:ed|ing)?|mobile|cell(?:phone)?|handy|fax|whatsapp|sms|"
    r"text(?: me)?|dial|ring|reach(?:ed)?|"
    r"hotline|landline|contact|office|telefono|téléphone|móvil|celular|rufnummer|numero|número)\b",
    re.IGNORECASE,
)
_OTHER = re.compile(
    r"\b(?:order|invoice|ticket|case|reference|ref|tracking|isbn|issn|account|acct|transaction|serial|sku|version|amount|total|id)"
    r"\b[ .:#a-z]{0,10}$",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"(?:(?:19|20)\d\d[./ -](?:0?[1-9]|1[0-2])[./ -](?:0?[1-9]|[12]\d|3[01])"
    r"|(?:0?[1-9]|[12]\d|3[01])[./ -](?:0?[1-9]|[12]\d|3[01])[./ -](?:19|20)\d\d)(?:[ T]\d{1,2}(?:[:.]\d\d)?)?",
    re.ASCII,
)
_SURE, _LIKELY, _MAYBE, _HARDLY = 0.95, 0.8, 0.4, 0.2


def phone_prob(written: str, before: str = "", after: str = "") -> float:
    """How likely *written*, a match of ``CANDIDATE`` with these texts around it, is a phone number.

    Example:
        >>> phone_prob("+49 30 901820"), phone_prob("2026-03-14") < 0.5
        (0.95, True)
    """
    number = re.split(r"[ ,]{0,2}(?:x|ext)", written, maxsplit=1, flags=re.IGNORECASE)[0]
    groups = re.findall(r"\d+", number)
    digits = "".join(groups)
    if _DATE.fullmatch(number) or number.count("(") != number.count(")"):
        return 0.0
    prob = _by_form(number, groups, digits)
    if len(written) > len(number):
        prob += 0.3
    if _WORDS.search(before) or _WORDS.search(after):
        prob += 0.35
    if _OTHER.search(before):
        prob -= 0.4
    return max(0.0, min(prob, _SURE))


def _by_form(number: str, groups: list[str], digits: str) -> float:
    if "+" in number or (digits.startswith("00") and len(digits) > 9 and digits[2] != "0"):
        return _SURE if len(digits) >= 8 else 0.0
    sizes = [len(g) for g in groups]
    if "(" in number:
        return 0.9 if 8 <= len(digits) <= 12 and 1 <= len(groups[0]) <= 5 else _HARDLY
    if sizes[-3:] == [3, 3, 4] and (len(sizes) == 3 or groups[0] == "1"):
        return 0.85
    if digits[0] == "0":
        return _with_trunk(digits, groups)
    if sizes == [10] and digits[0] > "1" and digits[3] > "1":  # North America, written without a break
        return _MAYBE
    return _without_trunk(number, digits, sizes)


def _with_trunk(digits: str, groups: list[str]) -> float:
    """Most of the world dials 0 before a number at home."""
    if not 9 <= len(digits) <= 11 or digits[1] == "0":
        return _HARDLY
    if len(groups) == 1:
        return 0.6
    return _LIKELY if len(groups[0]) >= 2 else _MAYBE


def _without_trunk(number: str, digits: str, sizes: list[int]) -> float:
    if len(sizes) == 1 or max(sizes) > 6:
        return _HARDLY if len(sizes) == 1 else _MAYBE
    thousands = sizes[0] <= 3 and all(n == 3 for n in sizes[1:])
    if thousands and re.fullmatch(r"[\d .]+", number):
        return _HARDLY
    years = sizes == [4, 4] and digits[:2] in ("19", "20") and digits[4:6] in ("19", "20")
    return 0.0 if years else _MAYBE
