"""Lists of small objects as spans to learn from: where each value of each object stands."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from homegrown.core.schema import Field, FieldType
from homegrown.core.spans import Span
from homegrown.inference.candidates import Reading, candidates, readings, same_value
from homegrown.inference.lists import STANDING, Rows
from homegrown.train.span_data import SpanExamples

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from homegrown.core.models import Examples

#: share of the rows that begin with one field, from which on that is taken for a rule
A_RULE = 0.9


@dataclass(frozen=True, slots=True)
class ListExamples:
    """Texts with the spans of their small objects.

    Attributes:
        examples: their types are the ids of the objects' fields.
        rows: the spans of each object of each text.
        n_lost: texts left out, for a value that does not stand in them.
    """

    examples: SpanExamples
    rows: list[list[list[Span]]]
    n_lost: int

    def first(self) -> str | None:
        """The field with which rows begin."""
        begun = Counter(min(row).type for text in self.rows for row in text if row)
        name, n = begun.most_common(1)[0] if begun else ("", 0)
        return name if n and n >= A_RULE * begun.total() else None

    def share_grouped(self, how: Rows) -> float:
        """Share of the texts with any object whose spans *how* puts together as they belong."""
        there = [text for text in self.rows if any(text)]
        right = [
            how.grouped(s for row in text for s in row) == sorted((sorted(r) for r in text if r), key=min)
            for text in there
        ]
        return sum(right) / max(1, len(right))


def found_fields(one: Field) -> tuple[Field, ...]:
    """Those fields of a list's objects that can be found in a text."""
    return tuple(f for f in one.fields if f.type in STANDING and not f.takes_many)


def list_readings(one: Field, part: Examples) -> dict[str, Reading]:
    """How the values of each field are written: so that most of them stand in their texts."""
    found = {}
    for inner in found_fields(one):
        hits: Counter[Reading] = Counter()
        for text, value in zip(part.texts, part.values, strict=True):
            said = {
                same_value(inner.type, item[inner.field_id]["value"])
                for item in (value.get(one.field_id) or {}).get("items", ())
                if inner.type is not FieldType.SPAN and item.get(inner.field_id)
            }
            for reading in readings(inner.type) if said else ():
                hits[reading] += len(said & {c.value for c in candidates(text, inner.type, reading)})
        found[inner.field_id] = max(readings(inner.type), key=lambda r: hits[r])
    return found


def list_examples(one: Field, part: Examples, how: Mapping[str, Reading]) -> ListExamples:
    """Texts of *part* on which somebody looked at the list, and in which all of its values stand.

    Values that are known as such only (an amount, a day) are looked for: within their row, as its words say where that
    is, else behind the row before.
    """
    texts, rows, n_lost = [], [], 0
    for text, value in zip(part.texts, part.values, strict=True):
        if one.field_id in value:
            items = (value[one.field_id] or {}).get("items", ())
            placed = _placed(found_fields(one), text, items, how)
            if placed is None:
                n_lost += 1
            else:
                texts.append(text)
                rows.append(placed)
    return ListExamples(SpanExamples(texts, [tuple(s for row in text for s in row) for text in rows]), rows, n_lost)


def _placed(
    fields: Sequence[Field], text: str, items: Sequence[Mapping[str, Any]], how: Mapping[str, Reading]
) -> list[list[Span]] | None:
    known = [
        [Span(s[0], s[1], f.field_id) for f in fields for s in (item.get(f.field_id) or {}).get("spans", ())[:1]]
        for item in items
    ]
    used = [s for row in known for s in row]
    places = {f.field_id: candidates(text, f.type, how[f.field_id]) for f in fields if f.type is not FieldType.SPAN}
    behind = 0
    for item, row in zip(items, known, strict=True):
        begin = min((s.start for s in row), default=behind)
        for inner in fields:
            answer = item.get(inner.field_id)
            if answer is None or answer.get("spans"):
                continue
            value = same_value(inner.type, answer["value"])
            free = [
                Span(c.start, c.end, inner.field_id)
                for c in places[inner.field_id]
                if c.value == value and not any(c.start < u.end and u.start < c.end for u in used)
            ]
            if not free:
                return None
            # Behind the beginning of the row, the nearest; else the nearest before it.
            best = min(free, key=lambda s: (s.start < begin, abs(s.start - begin)))
            row.append(best)
            used.append(best)
        behind = max((s.end for s in row), default=behind)
    return known
