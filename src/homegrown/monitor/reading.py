"""What an upstream wrote as JSON, read as the answer of a Task of objects; and whether two answers say the same."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from homegrown.core.almost_json import almost_json
from homegrown.core.dates import guess_day_first
from homegrown.core.documents import answer_in
from homegrown.core.field_names import name_in
from homegrown.core.said import meaning_of
from homegrown.core.schema import FieldType
from homegrown.core.values import parse_money, parse_number
from homegrown.inference.candidates import VALUES, candidates, readings, same_value
from homegrown.inference.lists import placed_items
from homegrown.monitor.spelling import document_in

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from homegrown.core.schema import Field
    from homegrown.inference.candidates import Reading

_LOOKED_AT = 200


class Document(NamedTuple):
    """A document in an answer; *is_almost* where it is no JSON as it stands."""

    value: dict[str, Any]
    is_almost: bool


def loose_document(answer: str) -> Document | None:
    """The JSON object in an answer, also where words stand round it, or it is JSON but for some marks.

    One that is cut off is none: what it lacks may have been said.

    Example:
        >>> loose_document("Here it is: {'total': 3,}")
        Document(value={'total': 3}, is_almost=True)
    """
    if (found := document_in(answer)) is not None:
        return Document(found, False)
    try:
        found = almost_json(answer[max(answer.find("{"), 0) :])
    except ValueError:
        return None
    return Document(found.value, True) if isinstance(found.value, dict) and not found.is_cut else None


@dataclass(slots=True)
class Heard:
    """What one answer says.

    Attributes:
        fields: by id; None: it is not there. Fields that were not understood are left out.
        missing: names of fields whose value does not stand in the text.
        document: that was read; None where there is none.
    """

    fields: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    document: Document | None = None


class AnswerReader:
    """Reads the answers of one prompt.

    Args:
        fields: of the Task.
        day_first: how 03/04/2026 is meant in the answers; None where that is not known.
        reading: by field id: how its values stand in the texts.
        left_out: ids of fields whose name a document leaves out where they are not there.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        day_first: bool | None = None,
        reading: Mapping[str, Reading] | None = None,
        left_out: Collection[str] = (),
    ) -> None:
        self.fields, self.day_first, self.reading = tuple(fields), day_first, dict(reading or {})
        self.left_out = frozenset(left_out)

    @classmethod
    def learnt(cls, fields: Sequence[Field], said: Iterable[tuple[str, str]]) -> AnswerReader:
        """With how dates and numbers are written, as most of some texts and answers have it."""
        pairs = [(t, d.value) for t, a in said if (d := loose_document(a)) is not None]
        dates = [f for f in chain(fields, *(f.fields for f in fields)) if f.type is FieldType.DATE]
        told = [day for _, d in pairs for day in _days(fields, d)]
        plain = cls(fields, guess_day_first(told))
        some = [(t, plain.read(t, d).fields) for t, d in pairs[:_LOOKED_AT]]
        reading = {}
        for one in chain(fields, *(f.fields for f in fields)):
            if one.type in VALUES:
                wanted = [(t, same_value(one.type, a["value"])) for t, f in some for a in _answers(f, one.field_id)]
                reading[one.field_id] = max(readings(one.type), key=lambda r: _n_there(one, r, wanted))
        if plain.day_first is None and told:
            plain.day_first = next(reading[f.field_id].day_first for f in dates)
        return cls(fields, plain.day_first, reading)

    def of(self, text: str, answer: str | None) -> Heard:
        """What an answer says of a text."""
        found = loose_document(answer) if answer else None
        if found is None:
            return Heard()
        heard = self.read(text, found.value)
        heard.document = found
        silent = (f.field_id for f in self.fields if f.field_id in self.left_out and f.name not in found.value)
        heard.fields |= dict.fromkeys(silent)
        return heard

    def read(self, text: str, document: Mapping[str, Any]) -> Heard:
        """What a document says of a text, whether or not its numbers and dates stand there."""
        plain = {f.name: _as_name(f, document[n]) for f in self.fields if (n := name_in(f, document)) is not None}
        read = answer_in(self.fields, plain, text, day_first=self.day_first)
        found = read.value["fields"]
        return Heard(found, [f.name for f in self.fields if f.name in plain and f.field_id not in found])

    def vote(self, text: str, answer: str) -> Heard:
        """What an answer says as far as that stands in the text, each value with its place where there is but one.

        A value that stands nowhere was worked out or put right by the model: it teaches nothing of where to look.
        """
        heard = self.of(text, answer)
        for one in self.fields:
            said = heard.fields.get(one.field_id)
            if said is None or one.type not in (*VALUES, FieldType.LIST):
                continue
            if one.type is FieldType.LIST:
                items = placed_items(one.fields, text, said["items"], self.reading)
                if items is None:
                    del heard.fields[one.field_id]
                    heard.missing.append(one.name)
                else:
                    heard.fields[one.field_id] = {"items": items}
                continue
            value = same_value(one.type, said["value"])
            found = candidates(text, one.type, self._reading_of(one))
            places = [[c.start, c.end] for c in found if c.value == value]
            if not places:
                del heard.fields[one.field_id]
                heard.missing.append(one.name)
            elif len(places) == 1:
                heard.fields[one.field_id] = {**said, "spans": places}
        return heard

    def as_found(self, one: Field, text: str, answer: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """An answer as a model would find it in the text: the number as it is written there, with its place."""
        if answer is None:
            return None
        if one.type is FieldType.LIST:
            inner = [
                {f.field_id: self.as_found(f, text, i.get(f.field_id)) for f in one.fields} for i in answer["items"]
            ]
            return {"items": inner}
        if one.type not in VALUES:
            return dict(answer)
        value, reading = same_value(one.type, answer["value"]), self._reading_of(one)
        place = next((c for c in candidates(text, one.type, reading) if c.value == value), None)
        if place is None:
            return dict(answer)
        words, found = text[place.start : place.end], {**answer, "spans": [[place.start, place.end]]}
        if one.type is FieldType.NUMBER and (number := parse_number(words, decimal=reading.decimal)) is not None:
            return {**found, "value": str(number)}
        if one.type is FieldType.MONEY and (money := parse_money(words, decimal=reading.decimal)) is not None:
            return {**found, "value": str(money.amount)}
        return found

    def _reading_of(self, one: Field) -> Reading:
        return self.reading.get(one.field_id) or readings(one.type)[0]

    def differing(
        self, text: str, theirs: Heard, ours: Mapping[str, Any], names: Collection[str] | None = None
    ) -> list[str]:
        """Names of the fields in which two answers to a text do not mean the same.

        What was not understood differs. Words are the same whatever their case and the marks round them, numbers
        by their value; an amount's currency counts where both name one.

        Args:
            text: that was asked about.
            theirs: the upstream's.
            ours: by field id.
            names: of the fields that count; all when None.
        """
        counted = [f for f in self.fields if names is None or f.name in names]
        return [
            f.name
            for f in counted
            if f.field_id not in theirs.fields
            or not says_same(f, theirs.fields[f.field_id], ours.get(f.field_id), text)
        ]


def _answers(said: Mapping[str, Any], field_id: str) -> list[dict[str, Any]]:
    """What fields say of one of them, and of one of a list's objects."""
    items = [item for a in said.values() for item in (a or {}).get("items", ())]
    return [a for part in (said, *items) if (a := part.get(field_id))]


def _days(fields: Iterable[Field], document: Mapping[str, Any]) -> list[str]:
    found = []
    for one in fields:
        name = name_in(one, document)
        said = None if name is None else document[name]
        if one.type is FieldType.DATE and isinstance(said, str):
            found.append(said)
        elif one.type is FieldType.LIST and isinstance(said, list):
            found += [day for item in said if isinstance(item, dict) for day in _days(one.fields, item)]
    return found


def says_same(one: Field, theirs: Mapping[str, Any] | None, ours: Mapping[str, Any] | None, text: str) -> bool:
    """Whether two answers to a field of a text mean the same: an amount's currency counts where both name one.

    Example:
        >>> from homegrown.core.schema import Field
        >>> total = Field("f_1", "total", FieldType.MONEY)
        >>> says_same(total, {"value": "12.50", "currency": "EUR"}, {"value": "12.5"}, "")
        True
    """
    if theirs is not None and ours is not None:
        theirs, ours = _alike(one, theirs, ours)
    return meaning_of(one, theirs, text) == meaning_of(one, ours, text)


def _alike(one: Field, theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Both without the currencies of amounts, where one of them names none."""
    both = (theirs, ours)
    if one.type is FieldType.MONEY and None in [a.get("currency") for a in both]:
        return tuple({"value": a["value"]} for a in both)
    if one.type is not FieldType.LIST:
        return both
    for inner in one.fields:
        if inner.type is FieldType.MONEY:
            amounts = [a for said in both for item in said["items"] if (a := item.get(inner.field_id))]
            if any(a.get("currency") is None for a in amounts):
                both = tuple({"items": [_bare(i, inner.field_id) for i in said["items"]]} for said in both)
    return both


def _bare(item: Mapping[str, Any], field_id: str) -> dict[str, Any]:
    answer = item.get(field_id)
    return {**item, field_id: {"value": answer["value"]}} if answer else dict(item)


def _as_name(one: Field, said: Any) -> Any:
    """A choice that was written as a number or a truth value, as the name that it is."""
    if isinstance(said, list) and one.takes_many:
        return [_as_name(one, part) for part in said]
    if one.type is not FieldType.CHOICE or said is None or isinstance(said, (str, list)):
        return said
    return json.dumps(said)


def _n_there(one: Field, reading: Reading, wanted: Sequence[tuple[str, str]]) -> int:
    return sum(value in {c.value for c in candidates(text, one.type, reading)} for text, value in wanted)
