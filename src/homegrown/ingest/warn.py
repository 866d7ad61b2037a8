"""Sentences about data that was read, and that a person should look at."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from homegrown.core.records import Notice

if TYPE_CHECKING:
    from homegrown.ingest.staging import Counts

MAX_WARNINGS = 50


def notices_as_warnings(notices: list[Notice]) -> tuple[str, ...]:
    """One sentence per kind of notice, with the files it is about counted."""
    files: dict[str, list[str]] = {}
    for notice in notices:
        files.setdefault(notice.message, []).append(notice.file)
    warnings = []
    for message, names in list(files.items())[:MAX_WARNINGS]:
        more = f" and {len(names) - 1:,} more files" if len(names) > 1 else ""
        warnings.append(f"{names[0]}{more}: {message}")
    return tuple(warnings)


def numbers_as_text(counts: Counts, column: str) -> tuple[str, ...]:
    """A text column of numbers is mostly a column chosen by mistake."""
    if counts.n_text and counts.n_numeric_text >= 0.95 * counts.n_text:
        return (f"The text column {column!r} holds numbers only; models learn from words. Name another by --text?",)
    return ()


def merge_offers(labels: Counter[str]) -> tuple[tuple[str, ...], ...]:
    """Groups of label values that differ only by case or spaces, the most frequent first in each.

    Example:
        >>> merge_offers(Counter({"Refund": 3, "refund ": 1, "late": 2}))
        (('Refund', 'refund '),)
    """
    groups: dict[str, list[str]] = {}
    for value, _ in labels.most_common():
        groups.setdefault(" ".join(value.casefold().split()), []).append(value)
    return tuple(tuple(group) for key, group in sorted(groups.items()) if len(group) > 1 and key)
