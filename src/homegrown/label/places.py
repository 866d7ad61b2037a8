"""Where the values of an answer stand in a text: of one value all places, of the rows of a list one place each."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING, Any

from homegrown.core.schema import Field, FieldType
from homegrown.inference.candidates import MOST, VALUES, Reading, candidates, same_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LONG = 50_000
_NUMBERS = frozenset({FieldType.MONEY, FieldType.NUMBER})


def ways(type: FieldType, reading: Reading) -> list[Reading]:
    """How values of a type may be written, what is known first.

    Example:
        >>> [w.day_first for w in ways(FieldType.DATE, Reading(day_first=False))]
        [False, True]
    """
    if type is FieldType.DATE:
        return list(dict.fromkeys(replace(reading, day_first=d) for d in (reading.day_first, True, False)))
    return list(dict.fromkeys(replace(reading, decimal=m) for m in (reading.decimal, ".", ",")))


def is_same(one: Field, value: str, other: str) -> bool:
    """Whether two values of a field are one: 12.5 and 12.50 are."""
    return same_value(one.type, value) == same_value(one.type, other)


@dataclass(slots=True)
class Places:
    """The places of one text at which values stand; it is read once however many are looked for.

    Attributes:
        text: of a record.
        reading: how its values are written.
    """

    text: str
    reading: Reading
    _read: dict[tuple[FieldType, Reading], tuple[dict[str, list[tuple[int, int]]], int]] = field(default_factory=dict)

    def of(self, one: Field, value: str) -> list[tuple[int, int]] | None:
        """Where a value stands; None where the text has more places than are looked at and none of those is it.

        Example:
            >>> Places("5 and 5.0", Reading()).of(Field("f_1", "n", FieldType.NUMBER), "5")
            [(0, 1), (6, 9)]
        """
        # A number may be written as an amount, and an amount without its currency.
        kinds = (one.type,) if one.type is FieldType.DATE else (one.type, *_NUMBERS - {one.type})
        wanted, is_whole = same_value(one.type, value), True
        for kind, way in product(kinds, ways(one.type, self.reading)):
            by_value, n = self._by_value(kind, way)
            if wanted in by_value:
                return by_value[wanted]
            is_whole &= n < MOST
        return [] if is_whole else None

    def _by_value(self, kind: FieldType, way: Reading) -> tuple[dict[str, list[tuple[int, int]]], int]:
        found = self._read.get((kind, way))
        if found is None:
            places = candidates(self.text, kind, way)
            by_value: dict[str, dict[tuple[int, int], None]] = defaultdict(dict)
            for one in places:
                by_value[same_value(kind, one.value)][one.start, one.end] = None
            self._read[kind, way] = found = {value: list(at) for value, at in by_value.items()}, len(places)
        return found


def nearest(places: Sequence[Sequence[int]], near: int) -> tuple[int, int]:
    """The first place behind *near*; where there is none, the last before it.

    Example:
        >>> nearest([[0, 2], [7, 9], [20, 22]], 5)
        (7, 9)
    """
    start, end = min(places, key=lambda place: (place[0] < near, abs(place[0] - near)))
    return start, end


def with_place(one: Field, text: str, answer: dict[str, Any] | None, reading: Reading) -> dict[str, Any] | None:
    """An answer with the places of its values, as far as they are told.

    A value has one where it stands at one place alone. In a list a value stands within its row, as its words say where
    that is, else behind the row before; no place is taken twice.

    Example:
        >>> with_place(Field("f_1", "n", FieldType.NUMBER), "12 boxes", {"value": "12"}, Reading())
        {'value': '12', 'spans': [[0, 2]]}
    """
    if answer is None or len(text) > _LONG:
        return answer
    places = Places(text, reading)
    if one.type is FieldType.LIST:
        return {**answer, "items": _placed_rows(one.fields, answer["items"], places)}
    if one.type not in VALUES or answer.get("spans"):
        return answer
    found = places.of(one, answer["value"]) or []
    return {**answer, "spans": [list(found[0])]} if len(found) == 1 else answer


def _placed_rows(
    fields: Sequence[Field], items: Sequence[Mapping[str, Any]], places: Places
) -> list[Mapping[str, Any]]:
    used = [span for item in items for answer in item.values() for span in (answer or {}).get("spans", ())]
    rows, behind = [], 0
    for item in items:
        row, own = dict(item), [s for answer in item.values() for s in (answer or {}).get("spans", ())]
        begin = min((start for start, _ in own), default=behind)
        for one in fields:
            answer = item.get(one.field_id)
            if one.type not in VALUES or answer is None or answer.get("spans"):
                continue
            free = [
                place
                for place in places.of(one, answer["value"]) or ()
                if not any(place[0] < end and start < place[1] for start, end in used)
            ]
            if free:
                place = list(nearest(free, begin))
                row[one.field_id] = {**answer, "spans": [place]}
                used.append(place)
                own.append(place)
        behind = max((end for _, end in own), default=behind)
        rows.append(row)
    return rows
