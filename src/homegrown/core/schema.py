"""The fields of an answer that is an object: what may be said, and what a vote's value for them looks like.

A vote's value is ``{"fields": {field_id: answer}}``. A field that is left out was not looked at; None says that it is
not there. Else an answer holds, by the field's type:

========  ====================================================================================
choice    ``{"choices": [class_id, …]}``
boolean   ``{"value": true}``
number    ``{"value": "1234.5"}``, a decimal number as text, so that nothing is lost on the way
date      ``{"value": "2026-11-25"}``
money     ``{"value": "12.50", "currency": "EUR"}``; the currency where it is known
span      ``{"spans": [[3, 7], …]}``: the words themselves
list      ``{"items": [{field_id: answer, …}, …]}``
========  ====================================================================================

All but spans may hold ``spans`` beside: where in the text it stands. Offsets are code points, the end exclusive.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from homegrown.core.choices import TaskClass
from homegrown.core.dates import parse_date
from homegrown.core.ids import digest
from homegrown.core.records import is_showable
from homegrown.core.spans import Span, check_spans, check_whole
from homegrown.core.values import parse_number
from homegrown.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MOST_FIELDS = 200
MOST_SPANS = 10_000
MOST_ITEMS = 10_000
LONGEST_NAME, LONGEST_CHOICE, LONGEST_DESCRIPTION = 80, 200, 4_000
_CURRENCY = re.compile(r"[A-Z]{3}\Z")


class FieldType(StrEnum):
    """What a field holds."""

    CHOICE = "choice"
    BOOLEAN = "boolean"
    NUMBER = "number"
    DATE = "date"
    MONEY = "money"
    SPAN = "span"
    LIST = "list"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an answer.

    Attributes:
        field_id: opaque; votes, labels and models store it, the name may change.
        name: in the JSON document: a letter, then letters, digits and underscores.
        description: for people and for teachers.
        is_required: an answer without it is not whole.
        takes_many: several choices or spans; else at most one.
        choices: of a choice, in probability order.
        fields: of the small objects of a list.
        former: names by which it was called before.
    """

    field_id: str
    name: str
    type: FieldType
    description: str = ""
    is_required: bool = False
    takes_many: bool = False
    choices: tuple[TaskClass, ...] = ()
    fields: tuple[Field, ...] = ()
    former: tuple[str, ...] = ()

    @property
    def said_type(self) -> str:
        """What it holds, in a word; of a list its fields too.

        Example:
            >>> Field("f", "rows", FieldType.LIST, fields=(Field("w", "what", FieldType.DATE),)).said_type
            'list of what (date)'
        """
        inside = ", ".join(f"{f.name} ({f.said_type})" for f in self.fields)
        return f"{self.type.value}{'*' if self.takes_many else ''}{f' of {inside}' if inside else ''}"


def new_field_id(task_id: str, *path: str) -> str:
    """The id of a field created under the names of *path*: opaque, and the same when the same schema comes again.

    Example:
        >>> new_field_id("task_a", "total") == new_field_id("task_a", "total") != new_field_id("task_a", "date")
        True
    """
    return "f_" + digest(task_id.encode(), *(p.encode("utf-8", "surrogatepass") for p in path))[:12]


def check_fields(fields: Iterable[Field]) -> tuple[Field, ...]:
    """The fields of a task, or the reason why they cannot be.

    Raises:
        InputError: there is none or there are too many, two have one name, or a field lacks what its type needs.

    Example:
        >>> check_fields([Field("f_1", "total", FieldType.MONEY)])[0].name
        'total'
    """
    found = tuple(fields)
    _check_names(found)
    for one in found:
        _check_field(one)
        if one.type is FieldType.LIST:
            _check_names(one.fields)
            for inner in one.fields:
                if inner.type is FieldType.LIST:
                    raise InputError(
                        f"The items of “{one.name}” hold a list (“{inner.name}”); lists hold plain fields."
                    )
                _check_field(inner)
    return found


def _check_names(fields: tuple[Field, ...]) -> None:
    if not 0 < len(fields) <= MOST_FIELDS:
        raise InputError(f"An object has 1 to {MOST_FIELDS} fields, and this one has {len(fields):,}.")
    # Two ways to write the same letters (é as one sign, or as two) look like one name.
    names = [unicodedata.normalize("NFC", f.name) for f in fields]
    for name in names:
        if not name.isidentifier() or len(name) > LONGEST_NAME:
            raise InputError(
                f"The name of a field is a letter and then letters, digits or _, up to {LONGEST_NAME}; "
                f"{name[:LONGEST_NAME]!r} is not."
            )
        if names.count(name) > 1:
            raise InputError(f"Two fields are called “{name}”.")


def _check_field(one: Field) -> None:
    if one.type is FieldType.CHOICE and len(one.choices) < 1:
        raise InputError(f"“{one.name}” chooses, and has nothing to choose from.")
    for choice in one.choices:
        if not choice.name.strip() or len(choice.name) > LONGEST_CHOICE or not is_showable(choice.name):
            raise InputError(
                f"A choice of “{one.name}” has a name of 1 to {LONGEST_CHOICE} characters that can be shown; "
                f"{choice.name[:60]!r} is none."
            )
    if len({c.name.strip() for c in one.choices}) < len(one.choices):
        raise InputError(f"Two choices of “{one.name}” have the same name.")
    if len(one.description) > LONGEST_DESCRIPTION:
        raise InputError(f"The description of “{one.name}” has more than {LONGEST_DESCRIPTION:,} characters.")
    if one.choices and one.type is not FieldType.CHOICE:
        raise InputError(f"“{one.name}” is of the type {one.type.value}, which has no choices.")
    if one.fields and one.type is not FieldType.LIST:
        raise InputError(f"“{one.name}” is of the type {one.type.value}, which has no fields of its own.")
    if one.takes_many and one.type not in (FieldType.CHOICE, FieldType.SPAN):
        raise InputError(f"“{one.name}” takes one {one.type.value}; several are a list of small objects.")


def told_changes(before: Iterable[Field], after: Iterable[Field], said: Iterable[str] = ()) -> tuple[str, ...]:
    """What a change of fields means for what was said of them: a sentence for each that is gone or of another type.

    Also where somebody said a name that a field had before: it is that field, under the name that it has now.

    Args:
        before: of the task until now.
        after: of the task from now on.
        said: the names that somebody said.

    Example:
        >>> was, now = Field("f_1", "total", FieldType.NUMBER), Field("f_2", "total", FieldType.DATE)
        >>> told_changes([was], [now])[0]
        '“total” is a date now: what was said of it as a number is kept, and counts again once it is a number again.'
    """
    now = {f.field_id: f for f in after}
    types = {f.name: f.type for f in now.values()}
    known = {n: f.name for f in now.values() for n in f.former}
    found = [f"“{n}” is called “{known[n]}” here since somebody renamed it, and stays so." for n in said if n in known]
    for one in before:
        if one.field_id in now:
            continue
        if one.name in types:
            was = one.type.value
            found.append(
                f"“{one.name}” is a {types[one.name].value} now: what was said of it as a {was} is kept, and counts "
                f"again once it is a {was} again."
            )
        else:
            found.append(f"“{one.name}” is gone: what was said of it is kept, and counts again once it is back.")
    return tuple(found)


def checked_value(fields: tuple[Field, ...], value: Mapping[str, Any], text: str) -> dict[str, Any]:
    """A vote's value in its one form, or the reason why it cannot be.

    Args:
        fields: of the task.
        value: ``{"fields": {field_id: answer}}``.
        text: of the record, in which spans must lie.

    Raises:
        InputError: an unknown field, or an answer that its type does not have.

    Example:
        >>> fields = (Field("f_1", "when", FieldType.DATE),)
        >>> checked_value(fields, {"fields": {"f_1": {"value": "2026-11-25", "spans": [[3, 13]]}}}, "on 25.11.2026")
        {'fields': {'f_1': {'value': '2026-11-25', 'spans': [[3, 13]]}}}
    """
    said = value.get("fields")
    if set(value) != {"fields"} or not isinstance(said, Mapping):
        raise InputError('The answer of an object is {"fields": {field_id: answer}}.')
    return {"fields": _checked_fields(fields, said, text)}


def _checked_fields(fields: tuple[Field, ...], said: Mapping[str, Any], text: str) -> dict[str, Any]:
    known = {f.field_id: f for f in fields}
    for field_id in said:
        if field_id not in known:
            raise InputError(f"The task has no field {str(field_id)[:80]!r}.")
    return {i: _checked_answer(f, said[i], text) for i, f in known.items() if i in said}


def _checked_answer(one: Field, answer: Any, text: str) -> dict[str, Any] | None:
    if answer is None:
        return None
    if not isinstance(answer, Mapping):
        raise InputError(f"The answer to “{one.name}” is an object or null.")
    allowed = _KEYS[one.type] | ({"spans"} if one.type is not FieldType.LIST else set())
    if extra := set(answer) - allowed:
        raise InputError(f"The answer to “{one.name}” ({one.type.value}) has no {sorted(map(str, extra))[0][:80]!r}.")
    if one.type is FieldType.LIST:
        return _items(one, answer, text)
    found = _CHECKS[one.type](one, answer) if one.type in _CHECKS else {}
    spans = _spans(one, answer.get("spans", []), text)
    if one.type is FieldType.SPAN and not spans:
        raise InputError(f"“{one.name}” needs a span; null says that it is not there.")
    return {**found, "spans": spans} if spans else found


def _spans(one: Field, spans: Any, text: str) -> list[list[int]]:
    is_listed = isinstance(spans, list) and len(spans) <= MOST_SPANS
    if not is_listed or not all(isinstance(s, (list, tuple)) and len(s) == 2 and _whole(*s) for s in spans):
        raise InputError(f"The spans of “{one.name}” are pairs of offsets: [[3, 7]].")
    found = check_spans(text, (Span(s[0], s[1], one.field_id) for s in spans))
    check_whole(text, found)
    if one.type is FieldType.SPAN and not one.takes_many and len(found) > 1:
        raise InputError(f"“{one.name}” takes one span, and {len(found):,} were given.")
    return [[s.start, s.end] for s in found]


def _whole(*numbers: Any) -> bool:
    return all(isinstance(n, int) and not isinstance(n, bool) for n in numbers)


def _choice(one: Field, answer: Mapping[str, Any]) -> dict[str, Any]:
    said, order = answer.get("choices"), [c.class_id for c in one.choices]
    if not isinstance(said, list) or not said or any(c not in order for c in said):
        names = ", ".join(c.name for c in one.choices[:20]) + (", …" if len(one.choices) > 20 else "")
        raise InputError(f"“{one.name}” is one of: {names}; null says none of them.")
    if len(set(said)) > 1 and not one.takes_many:
        raise InputError(f"“{one.name}” takes one choice, and {len(set(said))} were given.")
    return {"choices": [c for c in order if c in said]}


def _boolean(one: Field, answer: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(answer.get("value"), bool):
        raise InputError(f"“{one.name}” is true or false.")
    return {"value": answer["value"]}


def _number(one: Field, answer: Mapping[str, Any]) -> dict[str, Any]:
    return {"value": str(_decimal(one, answer.get("value")))}


def _decimal(one: Field, value: Any) -> Any:
    found = parse_number(value) if isinstance(value, str) else None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        found = parse_number(repr(value))
    if found is None:
        raise InputError(f"“{one.name}” is a number, such as 1234.5, and {str(value)[:40]!r} is none.")
    return found


def _date(one: Field, answer: Mapping[str, Any]) -> dict[str, Any]:
    value = answer.get("value")
    found = parse_date(value) if isinstance(value, str) else None
    if found is None or found.isoformat() != value:
        raise InputError(f"“{one.name}” is a date, such as 2026-11-25, and {str(value)[:40]!r} is none.")
    return {"value": value}


def _money(one: Field, answer: Mapping[str, Any]) -> dict[str, Any]:
    amount, currency = _decimal(one, answer.get("value")), answer.get("currency")
    if currency is not None and not (isinstance(currency, str) and _CURRENCY.match(currency)):
        raise InputError(f"The currency of “{one.name}” is three letters, such as EUR.")
    return {"value": str(amount), **({"currency": currency} if currency else {})}


def _items(one: Field, answer: Mapping[str, Any], text: str) -> dict[str, Any]:
    items = answer.get("items")
    if not isinstance(items, list) or len(items) > MOST_ITEMS or not all(isinstance(i, Mapping) for i in items):
        raise InputError(f"“{one.name}” is a list of objects, of {MOST_ITEMS:,} at most.")
    found = []
    for number, item in enumerate(items, 1):
        with in_row(one, number):
            found.append(_checked_fields(one.fields, item, text))
    return {"items": found}


@contextmanager
def in_row(one: Field, number: int) -> Iterator[None]:
    """What is wrong within is said with its row of the list *one*, counted from 1.

    Example:
        >>> with in_row(Field("f_1", "lines", FieldType.LIST), 2):
        ...     raise InputError("It has no price.")
        Traceback (most recent call last):
        homegrown.errors.InputError: Row 2 of “lines”: It has no price.
    """
    try:
        yield
    except InputError as error:
        raise InputError(f"Row {number:,} of “{one.name}”: {error.message}") from error


_KEYS: dict[FieldType, set[str]] = {
    FieldType.CHOICE: {"choices"},
    FieldType.BOOLEAN: {"value"},
    FieldType.NUMBER: {"value"},
    FieldType.DATE: {"value"},
    FieldType.MONEY: {"value", "currency"},
    FieldType.SPAN: set(),
    FieldType.LIST: {"items"},
}
_CHECKS = {
    FieldType.CHOICE: _choice,
    FieldType.BOOLEAN: _boolean,
    FieldType.NUMBER: _number,
    FieldType.DATE: _date,
    FieldType.MONEY: _money,
}
