"""How a model writes its answers, to the letter: what stands round the values, and the values as they are written."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import pairwise
from json.decoder import scanstring
from typing import TYPE_CHECKING, Any, NamedTuple

from homegrown.core.ids import canonical_json
from homegrown.monitor.spelling import document_in, unfenced

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

_KEY = re.compile(r'"(?:[^"\\]|\\.)*"\s*:\s*\Z')
_COMMA = re.compile(r"\s*,\s*\Z")
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


class Listed(NamedTuple):
    """A JSON list.

    Attributes:
        open: what stands before its first value, its bracket too; so does *close* behind the last.
        between: any two values; empty with fewer than two.
        values: as they are written.
    """

    open: str
    between: str
    close: str
    values: tuple[str, ...]


def listed(text: str) -> Listed | None:
    r"""A JSON list taken apart; None where *text* is none, or not the same stands between all values.

    Example:
        >>> listed('["a", 2]')
        Listed(open='[', between=', ', close=']', values=('"a"', '2'))
    """
    if not text.startswith("["):
        return None
    found, at = [], _after(text, 1)
    try:
        while text[at] != "]":
            _, end = _DECODER.raw_decode(text, at)
            found.append((at, end))
            at = _after(text, end)
            at = _after(text, at + 1) if text[at] == "," else at
    except (ValueError, IndexError, RecursionError):
        return None
    between = {text[a:b] for (_, a), (b, _) in pairwise(found)}
    if len(between) > 1 or not found:
        return None if found else Listed(text, "", "", ())
    open, close = text[: found[0][0]], text[found[-1][1] :]
    return Listed(open, "".join(between), close, tuple(text[a:b] for a, b in found))


def usual_form(answers: Iterable[str], names: Collection[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What stands round the values in most JSON objects that have all *names*, and their order; else as most write it.

    Example:
        >>> usual_form(['{"a":1}', '{"a":2}', '{ "a":3 }'], ["a"])
        (('{"a":', '}'), ('a',))
    """
    counts = Counter((w.form, w.order) for a in answers if (w := written(a, names)) is not None)
    if counts:
        return counts.most_common(1)[0][0]
    order = tuple(names)
    keys = [f"{json.dumps(name)}: " for name in order]
    return ("{" + keys[0], *(f", {key}" for key in keys[1:]), "}"), order


def rest_of(document: Mapping[str, Any], order: Collection[str]) -> str:
    """The fields of a document that are none of *order*, as canonical JSON; empty without any.

    Example:
        >>> rest_of({"total": 3, "v": 2}, ["total"])
        '{"v":2}'
    """
    rest = {k: v for k, v in document.items() if k not in order}
    return canonical_json(rest).decode() if rest else ""


def joined(form: Sequence[str], values: Sequence[str]) -> str:
    """Values in their places; the name of one that is left out goes too, with the comma before it, or behind."""
    parts = list(form)
    for i, value in enumerate(values):
        key = _KEY.search(parts[i])
        if value or key is None:
            continue
        before = parts[i][: key.start()]
        parts[i] = _COMMA.sub("", before)
        if "".join(parts[: i + 1]).rstrip().endswith("{"):
            parts[i + 1] = re.sub(r"\A\s*,\s*", "", parts[i + 1])
            parts[i] = before
    return "".join(part + value for part, value in zip(parts, [*values, ""], strict=True))


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
