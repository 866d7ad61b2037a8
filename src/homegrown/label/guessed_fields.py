"""Fields guessed from answers: what a column of JSON holds, where nobody has said it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from homegrown.core.choices import TaskClass
from homegrown.core.dates import guess_day_first, parse_date
from homegrown.core.schema import Field, FieldType
from homegrown.core.values import parse_money, parse_number
from homegrown.errors import UnsuitableLabelsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MOST_CHOICES = 12
#: a choice is a word that stands for many records, and that seldom stands in the text itself; or there are few of them
LEAST_EACH, MOST_STANDING, FEW_CHOICES = 3, 0.5, 4
_SURE = 0.9


def guess_fields(pairs: Iterable[tuple[str, Mapping[str, Any]]]) -> tuple[Field, ...]:
    """The fields that documents seem to have, in the order in which they come up.

    Values that say a date, amounts of which one names its currency, or numbers are such; few words that come again and
    again and seldom stand in their text are choices; other words are spans, lists of words several of them.

    Args:
        pairs: text and document of records.

    Raises:
        UnsuitableLabelsError: no document says anything that has a field here.

    Example:
        >>> found = guess_fields([("to Ann, 5.00 EUR", {"who": "Ann", "total": "5.00 EUR", "paid": True})])
        >>> [(f.name, f.type.value) for f in found]
        [('who', 'span'), ('total', 'money'), ('paid', 'boolean')]
    """
    values: dict[str, list[tuple[str, Any]]] = {}
    for text, document in pairs:
        for name, value in document.items():
            if value is not None:
                values.setdefault(str(name), []).append((text, value))
    found = tuple(f for name, held in values.items() if (f := _guessed(name, held)) is not None)
    if not found:
        raise UnsuitableLabelsError(
            "Nothing in this column looks like the fields of an answer; say them: --field NAME=TYPE."
        )
    return found


def _guessed(name: str, held: Sequence[tuple[str, Any]]) -> Field | None:
    values = [v for _, v in held]
    if all(isinstance(v, bool) for v in values):
        return Field("", name, FieldType.BOOLEAN)
    if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
        return Field("", name, FieldType.NUMBER)
    if all(isinstance(v, Mapping) for v in values):
        is_money = all("amount" in v and set(v) <= {"amount", "currency"} for v in values)
        return Field("", name, FieldType.MONEY) if is_money else None
    if all(isinstance(v, list) for v in values):
        words = [w for v in values for w in v]
        return Field("", name, FieldType.SPAN, takes_many=True) if all(isinstance(w, str) for w in words) else None
    words = [
        (text, str(value)) for text, value in held if not isinstance(value, (Mapping, list)) and str(value).strip()
    ]
    return _of_words(name, words) if words else None


def _of_words(name: str, held: Sequence[tuple[str, str]]) -> Field:
    said = [v for _, v in held]
    day_first = guess_day_first(said)
    if _share(parse_date(v, day_first=day_first) is not None for v in said) >= _SURE:
        return Field("", name, FieldType.DATE)
    amounts = [parse_money(v) for v in said]
    names_currency = any(m is not None and parse_number(v) is None for m, v in zip(amounts, said, strict=True))
    if names_currency and _share(m is not None for m in amounts) >= _SURE:
        return Field("", name, FieldType.MONEY)
    if _share(parse_number(v) is not None for v in said) >= _SURE:
        return Field("", name, FieldType.NUMBER)
    counts = Counter(said)
    stands = _share(v.casefold() in text.casefold() for text, v in held)
    most = MOST_CHOICES if stands <= MOST_STANDING else min(FEW_CHOICES, len(said) // 10)
    if 1 < len(counts) <= most and min(counts.values()) >= LEAST_EACH:
        return Field("", name, FieldType.CHOICE, choices=tuple(TaskClass("", c) for c in sorted(counts)))
    return Field("", name, FieldType.SPAN)


def _share(hits: Iterable[bool]) -> float:
    told = list(hits)
    return sum(told) / max(1, len(told))
