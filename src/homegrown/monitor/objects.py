"""Answers that are JSON documents, as the fields of one Task: what each holds, and whether it can be learnt.

What the request's JSON Schema says counts first; what it calls a string is told by the values. A value can be learnt
where it stands in the text: words to the letter, numbers, amounts and dates in whatever form. A field whose values do
not stand there was worded by the model, and stays with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from homegrown.core.choices import TaskClass
from homegrown.core.dates import guess_day_first, parse_date
from homegrown.core.documents import places_of
from homegrown.core.json_schema import fields_of
from homegrown.core.schema import Field, FieldType, check_fields
from homegrown.core.traffic import AnswerKind, ObjectField
from homegrown.core.values import parse_money, parse_number
from homegrown.errors import InputError
from homegrown.inference.candidates import candidates, readings, same_value
from homegrown.monitor.spelling import document_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from homegrown.core.traffic import AnswerShape, FieldShape

STANDS = 0.5
"""From which share of its values on that stand in the text a field can be learnt."""
NEARLY = 0.95
_LOOKED_AT = 200
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
        seen = [Seen(text, d[one.name]) for text, d in pairs if d.get(one.name) not in (None, "", [], {})]
        found.append(_field(one, seen, _told(one.name, schema)))
    return tuple(found)


def _told(name: str, schema: Mapping[str, Any] | None) -> Field | None:
    """What the schema says of a field; None where it says nothing that a field here can be."""
    part = (schema or {}).get("properties", {}).get(name)
    if schema is None or part is None:
        return None
    try:
        one = fields_of({**schema, "properties": {name: part}}, "")[0]
    except InputError:
        return None
    return replace(one, field_id="", choices=tuple(TaskClass("", c.name) for c in one.choices), is_required=False)


def _field(one: FieldShape, seen: list[Seen], told: Field | None) -> ObjectField:
    n = len(seen)
    if not n:
        return ObjectField(one.name, None, 0, 0, "no answer says anything of it")
    if told is not None and told.type in (FieldType.CHOICE, FieldType.BOOLEAN) and not told.takes_many:
        return _named(one.name, told, n, n, "")
    guess = _guess(one, seen)
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


def _guess(one: FieldShape, seen: Sequence[Seen]) -> Field | str:
    """The type that the values have, or why they have none that is learnt here."""
    values = [s.value for s in seen]
    lists = [v for v in values if isinstance(v, list)]
    if len(lists) >= NEARLY * len(values):
        if any(isinstance(item, (dict, list)) for some in lists for item in some):
            return "lists of objects are not learnt yet"
        if one.classes:
            return "several choices at once are not learnt yet"
        return Field("", one.name, FieldType.SPAN, takes_many=True)
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
    if one.type is FieldType.BOOLEAN:
        return len(seen)
    if one.type is FieldType.SPAN:
        return sum(_stand(s) for s in seen)
    dates = [s.value for s in seen if isinstance(s.value, str)]
    day_first = guess_day_first(dates) if one.type is FieldType.DATE else None
    wanted = [_plain(one.type, s.value, day_first) for s in seen]
    counts = []
    for reading in readings(one.type):
        pairs = zip(seen, wanted, strict=True)
        counts.append(sum(w in {c.value for c in candidates(s.text, one.type, reading)} for s, w in pairs))
    return max(counts)


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
