"""From the raw values of a label column to the names of classes."""

from __future__ import annotations

import ast
import re
import unicodedata
from typing import Any

import msgspec

MAX_LIST = 10_000
RESERVED = frozenset({"out_of_scope", "out of scope", "oos", "ood", "none", "none of these", "n/a", "other"})


def parse(value: Any, separator: str | None) -> list[str]:
    """The class names in one cell; lists also as JSON or as Python writes them, and by *separator*.

    Example:
        >>> parse(" Refund ", None), parse('["a", "b"]', None), parse("['a', 'b']", None), parse("a; b", ";")
        (['Refund'], ['a', 'b'], ['a', 'b'], ['a', 'b'])
    """
    if isinstance(value, str):
        items = as_list(value)
        if items is None:
            items = value.split(separator) if separator else [value]
    else:
        items = value if isinstance(value, list) else [value]
    named = (name(item) for item in items if not isinstance(item, (list, dict)))
    return list(dict.fromkeys(n for n in named if n))


def as_list(text: str) -> list[Any] | None:
    """The list that a cell spells out, or None when it is plain text."""
    stripped = text.strip()
    if not (stripped.startswith("[") and stripped.endswith("]")) or len(stripped) > MAX_LIST:
        return None
    try:
        found = msgspec.json.decode(stripped.encode("utf-8", "surrogatepass"))
    except (msgspec.DecodeError, RecursionError):
        try:
            found = ast.literal_eval(stripped)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return None
    return found if isinstance(found, list) else None


def name(value: Any) -> str:
    """One class name: spaces at the ends and doubled ones go, whole numbers lose their ``.0``, NFC.

    Example:
        >>> name("  card   lost "), name(3.0), name(True), name(None)
        ('card lost', '3', 'true', '')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return unicodedata.normalize("NFC", re.sub(r"\s+", " ", str(value)).strip())


def key(class_name: str) -> str:
    """What two spellings of one class share: no case, no spaces, hyphens or underscores.

    Example:
        >>> key("Card_Lost") == key("card lost")
        True
    """
    return re.sub(r"[\s_\-]+", "", unicodedata.normalize("NFKC", class_name).casefold())


def spellings(counts: dict[str, int]) -> dict[str, str]:
    """Names that differ by case or spacing alone → the most frequent spelling, for a merge that a person confirms.

    Example:
        >>> spellings({"refund": 9, "Refund": 2, "card": 4})
        {'Refund': 'refund'}
    """
    groups: dict[str, list[str]] = {}
    for class_name in counts:
        groups.setdefault(key(class_name), []).append(class_name)
    found = {}
    for group in groups.values():
        best = max(group, key=lambda n: (counts[n], n))
        found |= {n: best for n in sorted(group) if n != best}
    return found
