"""How much of the personal data in a text patterns find, as it was measured, and what they cannot see at all."""

from __future__ import annotations

from typing import NamedTuple


class Recall(NamedTuple):
    """Of *n* spans of a kind the share that was found, with its 95% interval."""

    kind: str
    n: int
    value: float
    low: float
    high: float


#: by ``python -m benchmarks.personal_data`` on 1,500 generated sentences (presidio_pii); docs/issues.md has the same
MEASURED = (
    Recall("card", 136, 0.993, 0.960, 0.999),
    Recall("phone", 92, 0.924, 0.851, 0.963),
    Recall("mail", 49, 1.000, 0.927, 1.000),
    Recall("postcode", 37, 0.676, 0.515, 0.804),
    Recall("domain, URL", 37, 1.000, 0.906, 1.000),
    Recall("IBAN", 21, 1.000, 0.845, 1.000),
    Recall("US social security", 16, 1.000, 0.806, 1.000),
    Recall("IP", 14, 1.000, 0.785, 1.000),
)
NOT_MASKED = ("postcode", "domain, URL")
"""Kinds that are found and stay in a text that is masked."""
UNSEEN = ("names", "places and streets", "organisations", "dates and birthdays", "pictures and files")
"""What no pattern can know."""
