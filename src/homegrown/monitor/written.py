"""How a model writes its answers, to the letter: what stands round the values, and the values as they are written."""

from __future__ import annotations

import json
from json.decoder import scanstring
from typing import TYPE_CHECKING, NamedTuple

from homegrown.monitor.spelling import document_in, unfenced

if TYPE_CHECKING:
    from collections.abc import Collection

_DECODER = json.JSONDecoder()
_SPACE = " \t\r\n"


class Written(NamedTuple):
    """One answer.

    Attributes:
        form: what stands round the values, one text more than there are values.
        order: names of the fields, as they stand.
        values: of each, as it is written: ``"Card"`` with its quotes.
    """

    form: tuple[str, ...]
    order: tuple[str, ...]
    values: tuple[str, ...]


def written(answer: str, fields: Collection[str]) -> Written | None:
    r"""An answer taken apart; None where a field is missing or stands there twice.

    Args:
        answer: as it came.
        fields: whose values may change; the empty name for the whole answer.

    Example:
        >>> written('{"topic": "card", "urgent": true}', ["urgent", "topic"])
        Written(form=('{"topic": ', ', "urgent": ', '}'), order=('topic', 'urgent'), values=('"card"', 'true'))
    """
    if "" in fields:
        return Written(("", ""), ("",), (answer,))
    if document_in(answer) is None:
        return None
    inner = unfenced(answer)
    start = answer.index(inner)
    try:
        found = [(name, start + a, start + b) for name, a, b in _values(inner) if name in fields]
    except (ValueError, RecursionError):  # this reader takes less than the other: no number of thousands of digits
        return None
    if len(found) != len(fields) or {name for name, _, _ in found} != set(fields):
        return None
    form, at = [], 0
    for _, a, b in found:
        form.append(answer[at:a])
        at = b
    return Written((*form, answer[at:]), tuple(n for n, _, _ in found), tuple(answer[a:b] for _, a, b in found))


def _values(text: str) -> list[tuple[str, int, int]]:
    """Names and places of the values of a JSON object, which *text* is known to be."""
    found, at = [], _after(text, 1)
    while text[at] != "}":
        name, at = scanstring(text, at + 1)
        at = _after(text, _after(text, at) + 1)
        _, end = _DECODER.raw_decode(text, at)
        found.append((name, at, end))
        at = _after(text, end)
        if text[at] == ",":
            at = _after(text, at + 1)
    return found


def _after(text: str, at: int) -> int:
    while text[at] in _SPACE:
        at += 1
    return at
