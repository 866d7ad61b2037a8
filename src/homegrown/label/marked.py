"""What words that somebody marked in a text answer to a field: themselves, or the value that they spell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homegrown.core.documents import answer_in
from homegrown.core.schema import Field, FieldType
from homegrown.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.core.spans import Span

#: of what words mark no answer: who chooses among classes does not mark them in a text
UNMARKED = (FieldType.LIST, FieldType.CHOICE, FieldType.BOOLEAN)


def marked_answer(one: Field, spans: Sequence[Span], text: str, **reading: Any) -> dict[str, Any]:
    """The answer of marked words, with their places as its evidence.

    Args:
        one: the field.
        spans: in *text*.
        text: of the record.
        **reading: ``day_first``, ``decimal``, ``currency`` of ``core.documents.answer_in``.

    Raises:
        InputError: they are no answer to it; half a sentence.

    Example:
        >>> from homegrown.core.spans import Span
        >>> marked_answer(Field("f_1", "total", FieldType.NUMBER), [Span(3, 7, "total")], "in: 12.5"[1:])
        {'value': '12.5', 'spans': [[3, 7]]}
    """
    places = [[s.start, s.end] for s in spans]
    if one.type is FieldType.SPAN:
        if len(spans) > 1 and not one.takes_many:
            raise InputError(f"the field {one.name!r} takes one span, and {len(spans):,} were marked")
        return {"spans": places}
    if one.type in UNMARKED:
        raise InputError(f"the field {one.name!r} is a {one.type.value}, which no words of a text answer")
    read = [answer_in((one,), {one.name: s.of(text)}, text, **reading).value["fields"].get(one.field_id) for s in spans]
    if None in read:
        raise InputError(f"the words marked as {one.name!r} are no {one.type.value}")
    if any(r != read[0] for r in read):
        raise InputError(f"the field {one.name!r} takes one {one.type.value}, and different ones were marked")
    return {**(read[0] or {}), "spans": places}
