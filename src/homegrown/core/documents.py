"""The JSON document that an answer is for a program, and the answer that a program's document means.

Inside, an answer holds ids, exact numbers as text and offsets (``core.schema``); outside, the names, numbers and words
that the JSON Schema of the task promises.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

from homegrown.core.characters import OF_A_WORD, letters_of, parts_character
from homegrown.core.dates import parse_date
from homegrown.core.field_names import name_in
from homegrown.core.row_places import row_places
from homegrown.core.schema import Field, FieldType
from homegrown.core.values import parse_money, parse_number

if TYPE_CHECKING:
    from collections.abc import Callable

_TRUE, _FALSE = frozenset({"true", "yes", "ja", "oui", "si", "sí", "1"}), frozenset({"false", "no", "nein", "non", "0"})


def document_of(fields: tuple[Field, ...], value: Mapping[str, Any], text: str) -> dict[str, Any]:
    """The document of a vote's or a label's value; every field is in it, null where it is not there or was not said.

    Args:
        fields: of the task.
        value: ``{"fields": {field_id: answer}}``, checked.
        text: of the record.

    Example:
        >>> fields = (Field("f_1", "who", FieldType.SPAN), Field("f_2", "sum", FieldType.NUMBER))
        >>> document_of(fields, {"fields": {"f_1": {"spans": [[3, 6]]}, "f_2": {"value": "12.50"}}}, "to Ann: 12.50")
        {'who': 'Ann', 'sum': 12.5}
    """
    return _document(fields, value["fields"], text)


def _document(fields: tuple[Field, ...], said: Mapping[str, Any], text: str) -> dict[str, Any]:
    return {f.name: _outside(f, said.get(f.field_id), text) for f in fields}


def _outside(one: Field, answer: Mapping[str, Any] | None, text: str) -> Any:
    if answer is None:
        return [] if one.takes_many or one.type is FieldType.LIST else None
    match one.type:
        case FieldType.CHOICE:
            names = {c.class_id: c.name for c in one.choices}
            found = [names[c] for c in answer["choices"] if c in names]
            return found if one.takes_many else next(iter(found), None)
        case FieldType.SPAN:
            words = [text[start:end] for start, end in answer["spans"]]
            return words if one.takes_many else words[0]
        case FieldType.NUMBER:
            return _number(answer["value"])
        case FieldType.MONEY:
            return {"amount": _number(answer["value"]), "currency": answer.get("currency")}
        case FieldType.LIST:
            return [_document(one.fields, item, text) for item in answer["items"]]
        case _:
            return answer["value"]


def _number(said: str) -> int | float:
    exact = Decimal(said)
    return int(exact) if exact == exact.to_integral_value() and "." not in said else float(exact)


@dataclass(slots=True)
class Read:
    """What a program's document says of a record.

    Attributes:
        value: ``{"fields": {field_id: answer}}``; fields that cannot be understood are left out: not looked at.
        problems: what could not be understood, each in a sentence.
    """

    value: dict[str, Any]
    problems: list[str] = field(default_factory=list)


def answer_in(
    fields: tuple[Field, ...],
    document: Any,
    text: str,
    *,
    day_first: bool | None = None,
    decimal: str | None = None,
    currency: str | None = None,
) -> Read:
    r"""The answer that a document means: of a teacher, of captured traffic, of a file.

    Names of choices count without regard to case. A span is looked for in the text, white space aside; words that do
    not stand there are a problem, told and left out, and so is a list that has such a value. A field that the document
    does not have was not looked at.

    Args:
        fields: of the task.
        document: what JSON decoded to.
        text: of the record.
        day_first: as for ``core.dates.parse_date``.
        decimal: as for ``core.values.parse_number``.
        currency: as for ``core.values.parse_money``.

    Example:
        >>> who = (Field("f_1", "who", FieldType.SPAN),)
        >>> answer_in(who, {"who": "Ann  Lee"}, "to Ann\nLee").value
        {'fields': {'f_1': {'spans': [[3, 10]]}}}
        >>> answer_in(who, {"who": "Bob"}, "to Ann").problems
        ['“who”: the words “Bob” do not stand in the text.']
    """
    return _Documents(text, day_first, decimal, currency).read(fields, document)


class _NotUnderstoodError(Exception):
    """One field of a document."""


class _Documents:
    def __init__(self, text: str, day_first: bool | None, decimal: str | None, currency: str | None) -> None:
        self._text, self._day_first, self._decimal, self._currency = text, day_first, decimal, currency
        self._problems: list[str] = []

    def read(self, fields: tuple[Field, ...], document: Any) -> Read:
        if not isinstance(document, Mapping):
            return Read({"fields": {}}, ["The answer is no JSON object."])
        return Read({"fields": self._fields(fields, document, "")}, self._problems)

    def _fields(self, fields: tuple[Field, ...], document: Mapping[str, Any], above: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for one in fields:
            name = name_in(one, document)
            if name is None:
                continue
            try:
                found[one.field_id] = self._answer(one, document[name], f"{above}{one.name}")
            except _NotUnderstoodError as problem:
                self._problems.append(f"“{above}{one.name}”: {problem}")
        return found

    def _answer(self, one: Field, said: Any, path: str) -> dict[str, Any] | None:
        if said is None or said in ("", [], {}):
            return None
        if one.type is FieldType.LIST:
            if not isinstance(said, list) or not all(isinstance(i, Mapping) for i in said):
                raise _NotUnderstoodError(f"{str(said)[:40]!r} is no list of objects.")
            n_problems = len(self._problems)
            items = [self._fields(one.fields, item, f"{path}.") for item in said]
            if len(self._problems) > n_problems:  # a row without its price says that it has none
                raise _NotUnderstoodError("one of its values was not understood, so the list says nothing.")
            self._place(one.fields, items)
            return {"items": items}
        if one.type in (FieldType.CHOICE, FieldType.SPAN):
            many = [str(s) if type(s) is int else s for s in (said if isinstance(said, list) else [said])]
            if len(many) > 1 and not one.takes_many:
                raise _NotUnderstoodError(f"takes one, and {len(many):,} were given.")
            if not all(isinstance(s, str) for s in many):
                raise _NotUnderstoodError(f"{str(next(s for s in many if not isinstance(s, str)))[:40]!r} is no text.")
            return self._choices(one, many) if one.type is FieldType.CHOICE else self._spans(one, many)
        return self._plain[one.type](self, said)

    def _place(self, fields: tuple[Field, ...], items: list[dict[str, Any]]) -> None:
        """Words that stand there for several rows, and for something else: each row has its own."""
        ids = [f.field_id for f in fields if f.type is FieldType.SPAN and not f.takes_many]
        rows = [[a for i in ids if (a := item.get(i))] for item in items]
        words = [[self._text[slice(*a["spans"][0])] for a in row] for row in rows]
        chosen = row_places(self._text, [[[(s, e) for s, e in places_of(w, self._text)] for w in row] for row in words])
        for answer, place in zip(chain.from_iterable(rows), chain.from_iterable(chosen), strict=True):
            if place is not None:
                answer["spans"] = [list(place)]

    def _choices(self, one: Field, many: list[str]) -> dict[str, Any]:
        names = {n.strip().casefold(): c.class_id for c in one.choices for n in (*c.former, c.name)}
        exact = {c.name: c.class_id for c in one.choices}
        found = [exact.get(s) or names.get(s.strip().casefold()) for s in many]
        if None in found:
            raise _NotUnderstoodError(f"“{many[found.index(None)][:80]}” is none of its choices.")
        return {"choices": [c.class_id for c in one.choices if c.class_id in found]}

    def _spans(self, one: Field, many: list[str]) -> dict[str, Any]:
        """One: the first place. Of several nobody says which is meant where words stand twice, and so each is."""
        found: list[list[int]] = []
        for words in dict.fromkeys(many):
            places = places_of(words, self._text)
            if not places:
                raise _NotUnderstoodError(f"the words “{words[:80]}” do not stand in the text.")
            found += places if one.takes_many else places[:1]
        return {"spans": sorted(found)}

    def _boolean(self, said: Any) -> dict[str, Any]:
        known = str(said).strip().casefold() if isinstance(said, (bool, str, int)) else ""
        if known not in _TRUE | _FALSE:
            raise _NotUnderstoodError(f"{str(said)[:40]!r} is neither true nor false.")
        return {"value": known in _TRUE}

    def _number(self, said: Any) -> dict[str, Any]:
        return {"value": str(self._decimal_of(said, lambda t: parse_number(t, decimal=self._decimal)))}

    def _date(self, said: Any) -> dict[str, Any]:
        found = parse_date(said, day_first=self._day_first) if isinstance(said, str) else None
        if found is None:
            raise _NotUnderstoodError(f"{str(said)[:40]!r} is no date, or could be two.")
        return {"value": found.isoformat()}

    def _money(self, said: Any) -> dict[str, Any]:
        if isinstance(said, str):
            found = parse_money(said, currency=self._currency, decimal=self._decimal)
            if found is None:
                raise _NotUnderstoodError(f"{said[:40]!r} is no amount of money.")
            amount, currency = found.amount, found.currency
        else:
            parts = said if isinstance(said, Mapping) else {"amount": said}
            amount = self._decimal_of(parts.get("amount"), lambda t: parse_number(t, decimal=self._decimal))
            currency = parts.get("currency") or self._currency
            if currency is not None and not re.fullmatch(r"[A-Za-z]{3}", str(currency)):
                raise _NotUnderstoodError(f"{str(currency)[:40]!r} is no currency of three letters.")
        return {"value": str(amount), **({"currency": str(currency).upper()} if currency else {})}

    def _decimal_of(self, said: Any, read: Callable[[str], Decimal | None]) -> Decimal:
        found = None
        if isinstance(said, (int, float)) and not isinstance(said, bool):
            found = parse_number(format(Decimal(repr(said)), "f"), decimal=".") if abs(said) < 1e30 else None
        elif isinstance(said, str):
            found = read(said)
        if found is None:
            raise _NotUnderstoodError(f"{str(said)[:40]!r} is no number.")
        return found

    _plain: ClassVar[dict[FieldType, Callable[[_Documents, Any], dict[str, Any]]]] = {
        FieldType.BOOLEAN: _boolean, FieldType.NUMBER: _number, FieldType.DATE: _date, FieldType.MONEY: _money,
    }  # fmt: skip


def places_of(words: str, text: str) -> list[list[int]]:
    r"""Where words stand in a text as whole words: as written, else in any case, else with other marks between them.

    White space never counts, and a letter with an accent may be one sign or several. What is found parts no character;
    where words stand with nothing between them, as in Chinese, it may be a part of what stands there.

    Example:
        >>> places_of("my  card", "My card, and my\ncard"), places_of("car", "my card")
        ([[13, 20]], [])
        >>> places_of("三菱銀行", "我在三菱銀行开户")
        [[2, 6]]
    """
    parts, plain = words.split(), re.findall(r"\w+", unicodedata.normalize("NFC", words))
    if not parts or sum(map(len, plain)) > len(text):
        return []
    before = rf"(?<!{OF_A_WORD})" if re.match(OF_A_WORD, parts[0]) else ""
    after = rf"(?!{OF_A_WORD})" if re.search(rf"{OF_A_WORD}\Z", parts[-1]) else ""
    exact = before + r"\s+".join(map(letters_of, parts)) + after
    ways = [(exact, 0), (exact, re.IGNORECASE)]
    if len(plain) > 1:
        # Read off a page, words are broken across lines with stray marks: 12, MAIN ROAD. ⏎ LONDON
        between = r"[\W_]+".join(map(letters_of, plain))
        ways.append((rf"(?<!{OF_A_WORD}){between}(?!{OF_A_WORD})", re.IGNORECASE))
    for pattern, flags in ways:
        places = (m.span() for m in re.finditer(pattern, text, flags))
        if found := [[*p] for p in places if not any(parts_character(text, at) for at in p)]:
            return found
    return []
