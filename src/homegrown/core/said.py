"""What sources say of a record whose answer is an object, and when two answers to a field mean the same."""

from __future__ import annotations

from decimal import Decimal
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


def meaning_of(one: Field, answer: Answer) -> bytes:
    """What an answer means, as a key: evidence is no part of it, nor are the zeros of a number.

    Example:
        >>> total = Field("f_1", "total", FieldType.MONEY)
        >>> meaning_of(total, {"value": "12.50", "spans": [[0, 5]]}) == meaning_of(total, {"value": "12.5"})
        True
    """
    if answer is None or one.type is FieldType.SPAN:
        return canonical_json(answer)
    plain = {k: v for k, v in answer.items() if k != "spans"}
    if one.type in (FieldType.NUMBER, FieldType.MONEY):
        plain["value"] = f"{Decimal(plain['value']).normalize():f}"
    return canonical_json(plain)
