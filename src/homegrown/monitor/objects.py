"""Answers that are JSON documents, as the fields of one Task: what each holds, and whether it can be learnt.

What the request's JSON Schema says counts first; what it calls a string is told by the values. A value can be learnt
where it stands in the text: words to the letter, numbers, amounts and dates in whatever form. A field whose values do
not stand there was worded by the model, and stays with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from homegrown.core.choices import TaskClass
from homegrown.core.dates import guess_day_first, parse_date
from homegrown.core.documents import places_of
from homegrown.core.ids import canonical_json
from homegrown.core.json_schema import fields_of
from homegrown.core.schema import Field, FieldType, check_fields
from homegrown.core.traffic import AnswerKind, ObjectField
from homegrown.core.values import parse_money, parse_number
from homegrown.errors import InputError
from homegrown.inference.candidates import candidates, readings, same_value
from homegrown.inference.lists import STANDING
from homegrown.monitor.shapes import shape_of
from homegrown.monitor.spelling import document_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from homegrown.core.traffic import AnswerShape, FieldShape

STANDS = 0.5
"""From which share of its values on that stand in the text a field can be learnt."""
NEARLY = 0.95
ALWAYS = 0.9
"""A field that says the same in this share of the documents is written again; where it does not, they differ."""
_LOOKED_AT = 200
_SAID = {FieldType.CHOICE: "a choice", FieldType.BOOLEAN: "true or false", FieldType.SPAN: "several texts"} | {
    FieldType.LIST: "a list"
}
_LONGEST_SCHEMA = 1 << 16


class Seen(NamedTuple):
    """A text and what an answer to it says of one field."""

    text: str
    value: Any


def kept_schema(schema: dict[str, Any] | None) -> dict[str, Any] | None:
    """A schema as a wording keeps it; None where it says nothing of fields, or is too long."""
    if not schema or not isinstance(schema.get("properties"), dict):
        return None
    return schema if len(msgspec.json.encode(schema)) <= _LONGEST_SCHEMA else None


def object_fields(
    shape: AnswerShape, said: Iterable[tuple[str, str]], schema: Mapping[str, Any] | None = None
) -> tuple[ObjectField, ...]:
    """The fields of answers that are JSON documents, in their order; empty for other answers.

    Args:
        shape: of the answers.
        said: texts and answers, of which 200 are looked at.
        schema: that the answers were asked to fit, where the requests have one.

    Example:
        >>> from homegrown.monitor.shapes import shape_of
        >>> said = [(f"Bill {i}: {i}.50", f'{{"total": "{i}.5", "mood": "so {i * i} and so"}}') for i in range(9)]
        >>> [(f.name, f.is_learnable) for f in object_fields(shape_of([a for _, a in said]), said)]
        [('total', True), ('mood', False)]
    """
    if shape.kind is not AnswerKind.JSON:
        return ()
    pairs = [(text, d) for text, answer in said if (d := document_in(answer)) is not None][:_LOOKED_AT]
    found = []
    for one in shape.fields:
        found.append(_field(one, _seen(one.name, pairs), _told(one.name, schema)))
    return tuple(found)


def _seen(name: str, documents: Iterable[tuple[str, Mapping[str, Any]]]) -> list[Seen]:
    return [Seen(text, d[name]) for text, d in documents if d.get(name) not in (None, "", [], {})]


def _told(name: str, schema: Mapping[str, Any] | None) -> Field | None:
    """What the schema says of a field; None where it says nothing that a field here can be."""
    part = (schema or {}).get("properties", {}).get(name)
    if schema is None or part is None:
        return None
    try:
        one = fields_of({**schema, "properties": {name: part}}, "")[0]
    except InputError:
        return None
    return _without_ids(one)


def _without_ids(one: Field) -> Field:
    choices, fields = tuple(TaskClass("", c.name) for c in one.choices), tuple(map(_without_ids, one.fields))
    return replace(one, field_id="", choices=choices, fields=fields, is_required=False)


def _field(one: FieldShape, seen: list[Seen], told: Field | None) -> ObjectField:
    n = len(seen)
    if not n:
        return ObjectField(one.name, None, 0, 0, "no answer says anything of it")
    if told is not None and told.type in (FieldType.CHOICE, FieldType.BOOLEAN):
        return _named(one.name, told, n, n - min(one.n_outside, n) if told.takes_many else n, "")
    guess = _guess(one, seen, told)
    if isinstance(guess, str):
        return ObjectField(one.name, None, n, 0, guess)
    if told is not None:
        guess = replace(guess, description=told.description)
    if guess.type is FieldType.CHOICE:
        return _named(one.name, guess, n, n - min(one.n_outside, n), "")
    n_found = n_standing(guess, seen)
    if n_found < STANDS * n:
        return ObjectField(one.name, None, n, n_found, "its words are the model's own, and do not stand in the text")
    return _named(one.name, guess, n, n_found, "")


def _named(name: str, one: Field, n: int, n_found: int, why: str) -> ObjectField:
    try:
        check_fields([one])
    except InputError as error:
        return ObjectField(name, None, n, n_found, error.message)
    return ObjectField(name, one, n, n_found, why)


def _guess(one: FieldShape, seen: Sequence[Seen], told: Field | None) -> Field | str:
    """The type that the values have, or why they have none that is learnt here."""
    values = [s.value for s in seen]
    lists = [s for s in seen if isinstance(s.value, list)]
    if len(lists) >= NEARLY * len(values):
        return _list(one, lists, told)
    if all(isinstance(v, bool) for v in values):
        return Field("", one.name, FieldType.BOOLEAN)
    if all(isinstance(v, Mapping) for v in values):
        is_money = all(set(v) <= {"amount", "currency"} and "amount" in v for v in values)
        return Field("", one.name, FieldType.MONEY) if is_money else "it holds an object, which is not learnt yet"
    kind = _kind(values)
    found = Field("", one.name, kind)
    # Few names may be labels, or what the texts are about: then they stand there.
    if one.kind is AnswerKind.CLASS and len(one.classes) > 1 and n_standing(found, seen) < NEARLY * len(seen):
        return Field("", one.name, FieldType.CHOICE, choices=tuple(TaskClass("", c) for c in one.classes))
    return found


def _list(one: FieldShape, seen: Sequence[Seen], told: Field | None) -> Field | str:
    """Several pieces of the text, several labels, or small objects."""
    items = [Seen(s.text, item) for s in seen for item in s.value]
    if all(isinstance(i.value, str) for i in items):
        found = Field("", one.name, FieldType.SPAN, takes_many=True)
        if len(one.classes) > 1 and n_standing(found, seen) < NEARLY * len(seen):
            return replace(found, type=FieldType.CHOICE, choices=tuple(TaskClass("", c) for c in one.classes))
        return found
    if not all(isinstance(i.value, Mapping) for i in items):
        return "lists are learnt of texts and of small objects, not of numbers, lists or several kinds at once"
    told_of = {f.name: f for f in told.fields} if told is not None else {}
    shape, fields = shape_of([msgspec.json.encode(i.value).decode() for i in items]), []
    for inner in shape.fields:
        found = _field(inner, _seen(inner.name, items), told_of.get(inner.name))
        if found.field is not None and found.field.type in STANDING and not found.field.takes_many:
            fields.append(found.field)
        elif not _is_always_the_same([i.value.get(inner.name) for i in items]):
            why = found.why or (found.field and f"it is {_SAID[found.field.type]}, which is not learnt in a list")
            return f"of its small objects “{inner.name}” cannot be learnt: {why}"
    if not fields:
        return "its small objects hold nothing that stands in the text"
    return Field("", one.name, FieldType.LIST, fields=tuple(fields))


def _is_always_the_same(values: Sequence[Any]) -> bool:
    """Whether a value needs not be learnt to be written: an upstream's habit."""
    return Counter(map(canonical_json, values)).most_common(1)[0][1] >= ALWAYS * len(values)


def _kind(values: Sequence[Any]) -> FieldType:
    """Number, amount, date, or words."""
    if all(isinstance(v, (int, float)) for v in values):
        return FieldType.NUMBER
    texts = [v.strip() for v in values if isinstance(v, str)]
    if len(texts) < len(values):
        return FieldType.SPAN
    least, day_first = NEARLY * len(texts), guess_day_first(texts)
    if sum(_is_day(t, day_first) for t in texts) >= least:
        return FieldType.DATE
    numbers = [t for t in texts if parse_number(t) is not None]
    if len(numbers) >= least and not _are_names(numbers):
        return FieldType.NUMBER
    amounts = [t for t in texts if parse_money(t) is not None]
    return FieldType.MONEY if len(amounts) >= least and not _are_names(amounts) else FieldType.SPAN


def _is_day(text: str, day_first: bool | None) -> bool:
    # A date that could be two is one all the same: how these data write is found out from the others, or asked.
    return not text.isdigit() and any(parse_date(text, day_first=d) is not None for d in (day_first, True, False))


def _are_names(numbers: Sequence[str]) -> bool:
    """Whether they are codes and not counts: all of digits, and with a zero before them or long."""
    plain = [n for n in numbers if n.isdigit()]
    return len(plain) == len(numbers) and any(n != "0" and (n.startswith("0") or len(n) > 6) for n in plain)


def n_standing(one: Field, seen: Sequence[Seen]) -> int:
    """How many values stand in their texts, under the reading that suits most of them.

    Example:
        >>> day = Field("", "day", FieldType.DATE)
        >>> n_standing(day, [Seen("on 25/11/2026", "2026-11-25"), Seen("soon", "2026-11-26")])
        1
    """
    return sum(_standing(one, seen))


def _standing(one: Field, seen: Sequence[Seen]) -> list[bool]:
    if one.type is FieldType.BOOLEAN:
        return [True for _ in seen]
    if one.type is FieldType.SPAN:
        return [_stand(s) for s in seen]
    if one.type is FieldType.LIST:
        return _lists_standing(one, seen)
    dates = [s.value for s in seen if isinstance(s.value, str)]
    day_first = guess_day_first(dates) if one.type is FieldType.DATE else None
    wanted = [_plain(one.type, s.value, day_first) for s in seen]
    ways = []
    for reading in readings(one.type):
        pairs = zip(seen, wanted, strict=True)
        ways.append([w in {c.value for c in candidates(s.text, one.type, reading)} for s, w in pairs])
    return max(ways, key=sum)


def _lists_standing(one: Field, seen: Sequence[Seen]) -> list[bool]:
    """Of each list whether all values of all its objects stand."""
    stands = [isinstance(s.value, list) and all(isinstance(i, Mapping) for i in s.value) for s in seen]
    lists = [(k, s) for k, s in enumerate(seen) if stands[k]]
    for inner in one.fields:
        items = [(k, Seen(s.text, item.get(inner.name))) for k, s in lists for item in s.value]
        said = [(k, s) for k, s in items if s.value not in (None, "")]
        for (k, _), does in zip(said, _standing(inner, [s for _, s in said]), strict=True):
            stands[k] = stands[k] and does
    return stands


def _stand(seen: Seen) -> bool:
    words = seen.value if isinstance(seen.value, list) else [seen.value]
    return all(isinstance(w, str) and bool(places_of(w, seen.text)) for w in words)


def _plain(type: FieldType, value: Any, day_first: bool | None) -> str | None:
    """What a value is called among candidates; None where it cannot be read."""
    if type is FieldType.DATE:
        found = [parse_date(str(value), day_first=d) for d in (day_first, True)]
        return next((d.isoformat() for d in found if d is not None), None)
    said = value.get("amount") if isinstance(value, Mapping) else value
    if isinstance(said, (int, float)):
        return same_value(type, format(said, "f")) if not isinstance(said, bool) else None
    money = parse_money(str(said))
    return same_value(type, str(money.amount)) if money is not None else None
