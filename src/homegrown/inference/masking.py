"""Personal data masked before a text leaves: what a pattern, and where there is one a check digit, can tell."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import NamedTuple, Protocol

MAX_IBAN = 34


class Masked(NamedTuple):
    """A text without what was found in it, and how many of each kind were found."""

    text: str
    n_found: dict[str, int]


class Masker(Protocol):
    """Anything that takes personal data out of texts.

    Attributes:
        version: changes whenever the same text may be masked otherwise; part of what answers are cached by.
    """

    version: str

    def mask(self, text: str) -> Masked:
        """*text* with each finding replaced by its kind in brackets."""
        ...


def _luhn(found: str) -> bool:
    """Check digit of card numbers (ISO/IEC 7812-1, annex B)."""
    digits = [int(c) for c in found if c.isdigit()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = [d if i % 2 == 0 else d * 2 - 9 * (d > 4) for i, d in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


def _iban(found: str) -> bool:
    """Check digits of account numbers (ISO 13616-1, by ISO/IEC 7064 MOD 97-10)."""
    plain = re.sub(r"[ -]", "", found).upper()
    if not 15 <= len(plain) <= MAX_IBAN:
        return False
    return int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1


def _address(found: str) -> bool:
    try:
        ipaddress.ip_address(found)
    except ValueError:
        return False
    return True


def _phone(found: str) -> bool:
    return 8 <= sum(c.isdigit() for c in found) <= 15


def _longest(found: str, check: Callable[[str], bool] | None) -> int:
    """How much of *found* it is: a number may run into the next word, so shorter ones that end at a gap are tried."""
    if check is None:
        return len(found)
    ends = [len(found), *(i for i in range(len(found) - 1, 7, -1) if not found[i].isalnum() and found[i - 1].isalnum())]
    return next((end for end in ends if check(found[:end])), 0)


# Each pattern is bounded, so that no text makes it slow. The order matters: an IBAN holds what looks like a phone.
_KINDS: tuple[tuple[str, re.Pattern[str], Callable[[str], bool] | None], ...] = (
    ("secret", re.compile(r"\b(?:sk|pk|hg|ghp|xox[abp]|AKIA)[-_]?[A-Za-z0-9_-]{16,200}"), None),
    ("mail", re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"), None),
    ("iban", re.compile(r"\b[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}\b"), _iban),
    ("card", re.compile(r"(?<![\d-])\d(?:[ -]?\d){12,18}(?![\d-])"), _luhn),
    ("ip", re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])"), _address),
    ("phone", re.compile(r"(?<![\w+])(?:\+|00)\d(?:[ ()./-]{0,2}\d){7,14}(?!\d)"), _phone),
    ("phone", re.compile(r"(?<![\w+])\(?0\d{2,4}\)?(?:[ ()./-]{1,2}\d{2,8}){1,4}(?!\d)"), _phone),
    ("phone", re.compile(r"(?<![\w+])\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?!\d)"), _phone),
)


class PatternMasker:
    """Mail, card, IBAN, phone and network addresses, and keys of APIs.

    What no pattern shows (names, places, birthdays) passes.

    Example:
        >>> PatternMasker().mask("write to anna@example.org or +49 170 1234567").text
        'write to [mail] or [phone]'
    """

    version = "patterns 1"

    def mask(self, text: str) -> Masked:
        """*text* with each finding replaced by its kind in brackets."""
        n_found: dict[str, int] = {}
        for kind, pattern, check in _KINDS:

            def put(match: re.Match[str], kind: str = kind, check: Callable[[str], bool] | None = check) -> str:
                found = match.group()
                end = _longest(found, check)
                if not end:
                    return found
                n_found[kind] = n_found.get(kind, 0) + 1
                return f"[{kind}]{found[end:]}"

            text = pattern.sub(put, text)
        return Masked(text, n_found)
