"""What sources say of a record whose answer is an object, and when two answers to a field mean the same."""

from __future__ import annotations

import unicodedata
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, NamedTuple

from homegrown.core.ids import canonical_json
from homegrown.core.schema import Field, FieldType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Answer = dict[str, Any] | None


class Said(NamedTuple):
    """One source's opinion on one record.

    Attributes:
        source: its id.
        fields: field id → answer; None: it is not there; a field that is left out was not looked at.
        is_person: whose word outranks that of rules and models.
        is_rule: whose silence says nothing.
    """

    source: str
    fields: Mapping[str, Answer]
    is_person: bool = False
    is_rule: bool = False


def heard_of(field_id: str, said: Sequence[Said]) -> list[Said]:
    """Those whose answer to a field counts: where a person looked at it people alone, else all who did.

    Example:
        >>> both = [Said("column", {"f_1": None, "f_2": None}), Said("ann", {"f_1": None}, is_person=True)]
        >>> [s.source for s in heard_of("f_1", both)], [s.source for s in heard_of("f_2", both)]
        (['ann'], ['column'])
    """
    spoke = [s for s in said if field_id in s.fields]
    people = [s for s in spoke if s.is_person]
    return people or spoke


def meaning_of(one: Field, answer: Mapping[str, Any] | None, text: str | None = None) -> bytes:
    """What an answer means, as a key that all answers have which mean the same: evidence is no part of it.

    Numbers and amounts by value; an amount without a currency means none in particular, and differs from one with.
    Spans by their words, if the text is given (``plain_words``), else by their places. Lists in any order.

    Example:
        >>> total = Field("f_1", "total", FieldType.MONEY)
        >>> meaning_of(total, {"value": "12.50", "spans": [[0, 5]]}) == meaning_of(total, {"value": "12.5"})
        True
    """
    return canonical_json(_meaning(one, answer, text))


def is_right(
    one: Field, truth: Mapping[str, Any] | None, answer: Mapping[str, Any] | None, text: str | None = None
) -> bool:
    """Whether an answer means what is true; of an amount whose currency nobody has said any currency will do.

    Example:
        >>> total = Field("f_1", "total", FieldType.MONEY)
        >>> is_right(total, {"value": "12.50"}, {"value": "12.5", "currency": "EUR"})
        True
    """
    if truth is not None and answer is not None:
        answer = _as_far_as_said(one, truth, answer)
    return meaning_of(one, truth, text) == meaning_of(one, answer, text)


def _as_far_as_said(one: Field, truth: Mapping[str, Any], answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """An answer without currencies of which the truth says nothing."""
    if one.type is FieldType.MONEY and not truth.get("currency"):
        return {k: v for k, v in answer.items() if k != "currency"}
    if one.type is not FieldType.LIST:
        return answer
    for inner in (f for f in one.fields if f.type is FieldType.MONEY):
        if not any((item.get(inner.field_id) or {}).get("currency") for item in truth["items"]):
            items = [
                {k: _as_far_as_said(inner, {}, v) if k == inner.field_id and v else v for k, v in item.items()}
                for item in answer["items"]
            ]
            answer = {**answer, "items": items}
    return answer


def _meaning(one: Field, answer: Mapping[str, Any] | None, text: str | None) -> Any:
    if answer is None:
        return None
    if one.type is FieldType.SPAN and text is not None:
        return {"words": sorted({plain_words(text[start:end]) for start, end in answer["spans"]})}
    if one.type is FieldType.SPAN:
        return {"spans": sorted({(start, end) for start, end in answer["spans"]})}
    if one.type is FieldType.CHOICE:
        return {"choices": sorted(set(answer["choices"]))}
    if one.type is FieldType.LIST:
        items = ([_meaning(f, item.get(f.field_id), text) for f in one.fields] for item in answer["items"])
        return {"items": sorted(canonical_json(item).decode() for item in items)}
    value = answer["value"]
    if one.type in (FieldType.NUMBER, FieldType.MONEY):
        with suppress(InvalidOperation):
            value = f"{Decimal(str(value)).normalize() + 0:f}"  # -0 is 0
    return {"value": value, **({"currency": answer["currency"]} if answer.get("currency") else {})}


def meanings_of(one: Field, answers: Sequence[Answer], text: str | None = None) -> list[bytes]:
    """What answers mean beside one another: an amount without a currency is in that of the others, if they have one.

    Example:
        >>> total = Field("f_1", "total", FieldType.MONEY)
        >>> bare, euros = meanings_of(total, [{"value": "12.5"}, {"value": "12.50", "currency": "EUR"}])
        >>> bare == euros
        True
    """
    if one.type is not FieldType.MONEY:
        return [meaning_of(one, a, text) for a in answers]
    known = {a["currency"] for a in answers if a is not None and a.get("currency")}
    only = {"currency": min(known)} if len(known) == 1 else {}
    return [meaning_of(one, None if a is None else {**only, **a}) for a in answers]


def fullest(answers: Sequence[Answer]) -> Answer:
    """Of answers that mean the same the one that says most: with its currency and with its place in the text.

    Example:
        >>> fullest([{"value": "12.5"}, {"value": "12.50", "spans": [[3, 8]]}])
        {'value': '12.50', 'spans': [[3, 8]]}
    """
    return max(answers, key=lambda a: 0 if a is None else 2 * bool(a.get("currency")) + bool(a.get("spans")))


def plain_words(words: str) -> str:
    """Words without what does not matter: case, spaces, compatible forms of signs, and punctuation around them.

    Example:
        >>> plain_words(" ACME  Ltd., ") == plain_words("Acme Ltd")
        True
    """
    said = " ".join(unicodedata.normalize("NFKC", words).casefold().split())
    inner = said.strip(" .,;:!?\"'()[]{}<>*_-–—")
    return inner or said
