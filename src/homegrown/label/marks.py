"""What a person marks in a text, and what they say of it, as the answer that a vote holds.

A value must stand in the text: words that are marked mean it, or it is found at some place. Words that nothing can be
read from, as of a bad scan, may be marked for any value.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from homegrown.core.dates import parse_date
from homegrown.core.documents import places_of
from homegrown.core.schema import Field, FieldType, checked_value, in_row
from homegrown.core.spans import Span, check_spans, check_whole
from homegrown.core.values import parse_money, parse_number
from homegrown.errors import InputError
from homegrown.inference.candidates import VALUES, Reading, candidates
from homegrown.label.places import Places, is_same, nearest, ways

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_KIND = {FieldType.NUMBER: "number", FieldType.MONEY: "amount of money", FieldType.DATE: "date"}
_SHOWN = 80
_NEAR = 100


@dataclass(frozen=True, slots=True)
class ReadMark:
    """What marked or typed words mean for a field.

    Attributes:
        answers: what they may mean, the likeliest first, each as ``core.schema`` has it, its place included.
        is_sure: the first is meant; else somebody must say which.
        problem: why they mean nothing, in a sentence.
    """

    answers: tuple[dict[str, Any], ...] = ()
    is_sure: bool = True
    problem: str = ""


def read_mark(one: Field, text: str, start: int, end: int, reading: Reading, *, exact: bool = False) -> ReadMark:
    """What the words from *start* to *end* mean for a field; of a value also what stands round them.

    Args:
        one: the field.
        text: of the record.
        start: the first code point.
        end: after the last.
        reading: how its values are written.
        exact: take these words alone; else, of a value, the whole date or amount of which they are a part.

    Raises:
        InputError: the place does not lie in the text.

    Example:
        >>> day = Field("f_1", "day", FieldType.DATE)
        >>> read_mark(day, "on 25 Nov 2026", 3, 5, Reading()).answers
        ({'value': '2026-11-25', 'spans': [[3, 14]]},)
        >>> read_mark(day, "on 03/04/26", 3, 11, Reading()).is_sure
        False
    """
    check_whole(text, check_spans(text, [Span(start, end, one.field_id)]))
    if one.type not in VALUES:
        return ReadMark(({"spans": [[start, end]]},))
    own = values_of(one.type, text[start:end], reading)
    wider = None if exact else _around(one, text, start, end, reading)
    if wider is not None and own and not (wider[0] <= start and end <= wider[1]):
        wider = None
    place = wider or (start, end)
    found = values_of(one.type, text[slice(*place)], reading) if wider else own
    if not found:
        return ReadMark(problem=f"“{text[start:end][:_SHOWN]}” is no {_KIND[one.type]}.")
    return ReadMark(tuple({**value, "spans": [list(place)]} for value in found), not _is_unsure(one, found, reading))


def _is_unsure(one: Field, found: Sequence[object], reading: Reading) -> bool:
    """Whether a date could be two, and nothing says which: 03/04/2026."""
    return one.type is FieldType.DATE and reading.day_first is None and len(found) > 1


def _around(one: Field, text: str, start: int, end: int, reading: Reading) -> tuple[int, int] | None:
    """The widest place of a value that touches the words from *start* to *end*."""
    first = max(0, start - _NEAR)
    window = text[first : end + _NEAR]
    found = [
        (first + c.start, first + c.end)
        for way in ways(one.type, reading)
        for c in candidates(window, one.type, way)
        if first + c.start < end and start < first + c.end
    ]
    return max(found, key=lambda place: (place[1] - place[0], -place[0]), default=None)


def read_words(one: Field, text: str, words: str, reading: Reading, *, near: int | None = None) -> ReadMark:
    """What somebody types into a field means, with the place where it stands in the text if there is one alone.

    Args:
        one: the field.
        text: of the record.
        words: as typed.
        reading: how its values are written.
        near: where a row of a list begins: of several places the first behind it is meant, else the last before it.

    Example:
        >>> read_words(Field("f_1", "sum", FieldType.MONEY), "in all 12.50 EUR", "12,5", Reading()).answers
        ({'value': '12.50', 'currency': 'EUR', 'spans': [[7, 16]]},)
        >>> read_words(Field("f_1", "who", FieldType.SPAN), "to Ann", "Bob", Reading()).problem
        'The words “Bob” do not stand in the text.'
    """
    if one.type not in VALUES:
        places = places_of(words, text)
        if not places:
            return ReadMark(problem=f"The words “{words[:_SHOWN]}” do not stand in the text.")
        return ReadMark(({"spans": [list(nearest(places, near or 0))]},))
    found = values_of(one.type, words, reading)
    if not found:
        return ReadMark(problem=f"“{words[:_SHOWN]}” is no {_KIND[one.type]}.")
    places = Places(text, reading)
    placed = [_placed(one, value, places, near) for value in found]
    standing = [p for p in placed if p is not None]
    if not standing:
        return ReadMark(problem=_stands_nowhere(one, found[0]))
    return ReadMark(tuple(standing), not _is_unsure(one, standing, reading))


def read_typed(one: Field, text: str, words: str, start: int, end: int, reading: Reading) -> ReadMark:
    """What somebody types of a value whose words are marked: these may say it badly, but nothing else.

    Example:
        >>> total = Field("f_1", "total", FieldType.MONEY)
        >>> read_typed(total, "in all 1Z.50", "12.50", 7, 12, Reading()).answers
        ({'value': '12.50', 'spans': [[7, 12]]},)
    """
    check_whole(text, check_spans(text, [Span(start, end, one.field_id)]))
    found = [{**value, "spans": [[start, end]]} for value in values_of(one.type, words, reading)]
    if not found:
        return ReadMark(problem=f"“{words[:_SHOWN]}” is no {_KIND[one.type]}.")
    try:
        _check_value(one, found[0], Places(text, reading))
    except InputError as error:
        return ReadMark(problem=error.message)
    return ReadMark((found[0],))


def _placed(one: Field, value: dict[str, Any], places: Places, near: int | None) -> dict[str, Any] | None:
    """A value with its place; without one where several may be meant, None where it stands nowhere."""
    found = places.of(one, value["value"])
    if not found:
        return None if found is not None else value
    if len(found) > 1 and near is None:
        return value
    start, end = nearest(found, near or 0)
    meant = values_of(one.type, places.text[start:end], places.reading)
    written = [w for w in meant if is_same(one, w["value"], value["value"])]
    return {**(written[0] if written else value), "spans": [[start, end]]}


def values_of(type: FieldType, words: str, reading: Reading) -> list[dict[str, Any]]:
    """Every value that words may mean, the likeliest first; none where they mean none.

    Example:
        >>> [v["value"] for v in values_of(FieldType.DATE, "03/04/2026", Reading())]
        ['2026-04-03', '2026-03-04']
        >>> values_of(FieldType.MONEY, "RM 12.50", Reading())
        [{'value': '12.50', 'currency': 'MYR'}]
    """
    found: list[dict[str, Any]] = []
    for way in ways(type, reading):
        match type:
            case FieldType.DATE:
                day = parse_date(words, day_first=way.day_first)
                value = {"value": day.isoformat()} if day else None
            case FieldType.MONEY:
                sum_ = parse_money(words, currency=way.currency, decimal=way.decimal)
                value = {"value": str(sum_.amount)} if sum_ else None
                if value and sum_ and sum_.currency:
                    value["currency"] = sum_.currency
            case _:
                number = parse_number(words, decimal=way.decimal)
                value = {"value": str(number)} if number is not None else None
        if value and value not in found:
            found.append(value)
    return found


def said_value(
    fields: Sequence[Field], said: Mapping[str, Any], text: str, reading: Reading
) -> dict[str, dict[str, Any]]:
    """The vote's value of what a person says of a text, checked; a value that is only marked is read.

    Args:
        fields: of the task.
        said: by field id an answer as ``core.schema`` has it, or None: it is not there. A number, date or amount may
            be left out of an answer that marks its words, also in the rows of a list.
        text: of the record.
        reading: how its values are written.

    Raises:
        InputError: nothing is said, a field is unknown, a span lies outside of the text, a value is of a wrong type or
            does not stand in the text.

    Example:
        >>> day = (Field("f_1", "day", FieldType.DATE),)
        >>> said_value(day, {"f_1": {"spans": [[3, 13]]}}, "on 25.11.2026", Reading())
        {'fields': {'f_1': {'value': '2026-11-25', 'spans': [[3, 13]]}}}
    """
    if not said:
        raise InputError("Nothing is said of any field. Fill one, or say of one that it is not in this text.")
    read = _with_values(fields, said, text, reading)
    value = checked_value(tuple(fields), {"fields": read}, text)
    _check_standing(fields, value["fields"], Places(text, reading))
    return value


def _with_values(fields: Sequence[Field], said: Mapping[str, Any], text: str, reading: Reading) -> dict[str, Any]:
    found = dict(said)
    for one in fields:
        answer = said.get(one.field_id)
        if not isinstance(answer, dict):
            continue
        if one.type is FieldType.LIST and isinstance(answer.get("items"), list):
            found[one.field_id] = {**answer, "items": _rows_with_values(one, answer["items"], text, reading)}
        elif one.type in VALUES and "value" not in answer and answer.get("spans"):
            found[one.field_id] = _read_value(one, answer["spans"], text, reading)
    return found


def _rows_with_values(one: Field, items: list[Any], text: str, reading: Reading) -> list[Any]:
    found = list(items)
    for at, item in enumerate(items):
        if isinstance(item, dict):
            with in_row(one, at + 1):
                found[at] = _with_values(one.fields, item, text, reading)
    return found


def _read_value(one: Field, spans: Any, text: str, reading: Reading) -> dict[str, Any]:
    # Its place is looked at first: what lies outside of the text has no words to read.
    as_words = (replace(one, type=FieldType.SPAN, takes_many=True),)
    checked_value(as_words, {"fields": {one.field_id: {"spans": spans}}}, text)
    start, end = spans[0]
    mark = read_mark(one, text, start, end, reading)
    if not mark.answers:
        raise InputError(f"“{one.name}”: {mark.problem}")
    if not mark.is_sure:
        meant = " or ".join(a["value"] for a in mark.answers)
        raise InputError(f"“{one.name}”: “{text[start:end][:_SHOWN]}” may be {meant}; say which.")
    return mark.answers[0]


def _check_standing(fields: Sequence[Field], said: Mapping[str, Any], places: Places) -> None:
    for one in fields:
        answer = said.get(one.field_id)
        if answer is None:
            continue
        if one.type is FieldType.LIST:
            for number, item in enumerate(answer["items"], 1):
                with in_row(one, number):
                    _check_standing(one.fields, item, places)
        elif one.type in VALUES:
            _check_value(one, answer, places)


def _check_value(one: Field, answer: Mapping[str, Any], places: Places) -> None:
    for start, end in answer.get("spans", []):
        meant = values_of(one.type, places.text[start:end], places.reading)
        if meant and not any(is_same(one, m["value"], answer["value"]) for m in meant):
            raise InputError(
                f"“{one.name}” says {_told(answer)}, and the words that are marked for it say {_told(meant[0])}."
            )
    if not answer.get("spans") and places.of(one, answer["value"]) == []:
        raise InputError(_stands_nowhere(one, answer))


def _stands_nowhere(one: Field, answer: Mapping[str, Any]) -> str:
    return f"“{one.name}” says {_told(answer)}, which does not stand in the text. Mark the words that say it."


def _told(answer: Mapping[str, Any]) -> str:
    return " ".join(str(answer[k]) for k in ("value", "currency") if answer.get(k))
