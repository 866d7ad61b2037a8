"""Lists of small objects: spans of their fields, put together into rows.

A text is read from its beginning to its end. A row begins with the field with which rows begin, if there is such a one,
and wherever a field comes that the row has already.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from homegrown.core.dates import parse_date
from homegrown.core.documents import places_of
from homegrown.core.row_places import row_places
from homegrown.core.schema import Field, FieldType
from homegrown.core.values import parse_money, parse_number
from homegrown.inference.candidates import Reading, candidates, same_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from homegrown.core.spans import Span

#: types of fields whose values stand in the text
STANDING = (FieldType.NUMBER, FieldType.MONEY, FieldType.DATE, FieldType.SPAN)


@dataclass(frozen=True, slots=True)
class Rows:
    """How rows are made of spans.

    Attributes:
        first: id of the field with which a row begins; None: with any.
        readings: by the ids of the fields that are found, how their values are written.
    """

    first: str | None
    readings: dict[str, Reading] = field(default_factory=dict)

    def grouped(self, spans: Iterable[Span]) -> list[list[Span]]:
        """Spans, whose types are ids of fields, as rows.

        Example:
            >>> from homegrown.core.spans import Span
            >>> spans = [Span(0, 4, "what"), Span(5, 9, "sum"), Span(10, 13, "what"), Span(20, 24, "what")]
            >>> [len(row) for row in Rows(None).grouped(spans)]
            [2, 1, 1]
        """
        rows: list[list[Span]] = []
        for one in sorted(spans):
            if not rows or one.type == self.first or any(one.type == other.type for other in rows[-1]):
                rows.append([])
            rows[-1].append(one)
        return rows

    def items(
        self, fields: Sequence[Field], text: str, spans: Iterable[Span], currency: str | None
    ) -> list[dict[str, Any]]:
        """The small objects that *spans* of *text* say; a span that can be read as no value says nothing."""
        by_id = {f.field_id: f for f in fields}
        found = []
        for row in self.grouped(spans):
            item: dict[str, Any] = {}
            for one in row:
                answer = value_at(by_id[one.type].type, self.readings[one.type], text, one.start, one.end, currency)
                if answer is not None:
                    item[one.type] = answer
            if item:
                found.append(item)
        return found


def value_at(
    type: FieldType, reading: Reading, text: str, start: int, end: int, currency: str | None
) -> dict[str, Any] | None:
    """What a place of a text says, as ``core.schema`` has it; None where its words are no such value.

    Amounts and numbers stay as they stand, with their zeros.

    Example:
        >>> value_at(FieldType.MONEY, Reading(), "in all 12.50 EUR", 7, 16, None)
        {'value': '12.50', 'currency': 'EUR', 'spans': [[7, 16]]}
    """
    words, spans = text[start:end], {"spans": [[start, end]]}
    if type is FieldType.NUMBER:
        number = parse_number(words, decimal=reading.decimal)
        return None if number is None else {"value": str(number), **spans}
    if type is FieldType.MONEY:
        said = parse_money(words, currency=currency, decimal=reading.decimal)
        if said is None:
            return None
        return {"value": str(said.amount), **({"currency": said.currency} if said.currency else {}), **spans}
    if type is FieldType.DATE:
        day = parse_date(words, day_first=reading.day_first)
        return None if day is None else {"value": day.isoformat(), **spans}
    return spans


def placed_items(
    fields: Sequence[Field], text: str, items: Sequence[Mapping[str, Any]], readings: Mapping[str, Reading]
) -> list[dict[str, Any]] | None:
    """Small objects that are known by their values, each value with its place: those of one row stand together.

    Args:
        fields: of the objects.
        text: in which they stand.
        items: as ``core.schema`` has them; places that they have are looked for anew.
        readings: by field id, how values are written.

    Returns:
        None where a value stands nowhere in the text. One whose places other rows have has none.

    Example:
        >>> fields = [Field("w", "what", FieldType.SPAN), Field("n", "n", FieldType.NUMBER)]
        >>> items = [{"w": {"spans": [[0, 3]]}, "n": {"value": "3"}}]
        >>> placed_items(fields, "Tea House. Tea 3", items, {})
        [{'w': {'spans': [[11, 14]]}, 'n': {'value': '3', 'spans': [[15, 16]]}}]
    """
    found = {f.field_id: f for f in fields if f.type in STANDING and not f.takes_many}
    valued = {i: f.type for i, f in found.items() if f.type is not FieldType.SPAN}
    there = {i: candidates(text, type, readings.get(i, Reading())) for i, type in valued.items()}
    made = [{i: dict(a) if a else None for i, a in item.items()} for item in items]
    values = [[(i, a) for i, a in item.items() if a is not None and i in found] for item in made]
    rows = []
    for row in values:
        places = []
        for i, answer in row:
            if i in there:
                value = same_value(found[i].type, answer["value"])
                places.append([(c.start, c.end) for c in there[i] if c.value == value])
            else:
                places.append([(s, e) for s, e in places_of(text[slice(*answer["spans"][0])], text)])
        rows.append(places)
    if not all(places for row in rows for places in row):
        return None
    for row, chosen in zip(values, row_places(text, rows), strict=True):
        for (i, answer), place in zip(row, chosen, strict=True):
            if place is not None:
                answer["spans"] = [list(place)]
            elif i in there:
                answer.pop("spans", None)
    return made
