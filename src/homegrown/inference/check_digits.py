"""Check digits: what tells a card, an account or an identity number from any other row of digits."""

from __future__ import annotations

from datetime import date

# The dihedral group D5 (Verhoeff 1969, "Error detecting decimal codes", section 4).
_DIHEDRAL = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_VERHOEFF = (
    "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B: cards, and several countries' numbers.

    Example:
        >>> luhn("4111111111111111"), luhn("4111111111111112")
        (True, False)
    """
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def mod97(text: str) -> int:
    """The remainder by 97 with letters as two digits (ISO 7064; 1 for a valid IBAN whose head was moved to its end)."""
    return int("".join(str(int(c, 36)) for c in text)) % 97


def mod11_10(digits: str) -> bool:
    """ISO 7064, MOD 11,10: the German tax number."""
    product = 10
    for digit in digits[:-1]:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(digits[-1])


def verhoeff(digits: str) -> bool:
    """Verhoeff's check over the dihedral group: the Indian Aadhaar.

    Example:
        >>> verhoeff("2363")
        True
    """
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = int(_DIHEDRAL[check][int(_VERHOEFF[place % 8][int(digit)])])
    return check == 0


def weighed(digits: str, weights: tuple[int, ...], modulus: int) -> int:
    """The remainder of the weighted sum of the first digits."""
    return sum(int(d) * w for d, w in zip(digits, weights, strict=False)) % modulus


def is_day(year: str, month: str, day: str) -> bool:
    """Whether two or four digits of year, a month and a day name a day; a year of two digits is of either century."""
    n = int(year)
    for century in (1900, 2000) if len(year) == 2 else (0,):
        try:
            date(n + century, int(month), int(day))
        except ValueError:
            continue
        return True
    return False
