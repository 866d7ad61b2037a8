"""Answers with errors, shown in the text: what was said, what the model answered, and where each of them stands.

Texts, truth and answers are joined here, when somebody looks; an evaluation itself holds none of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from homegrown.core.documents import document_of
from homegrown.core.spans import stretches
from homegrown.metrics.objects import object_scores

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from homegrown.core.models import ObjectAnswer
    from homegrown.core.schema import Field

SHOWN = 25
MARGIN = 160
MOST_CHARS = 2400
_NOT_THERE = "not there"


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text.

    Attributes:
        kind: what stands here: ``right`` (said and answered), ``truth`` (said, not answered), ``wrong`` (answered, not
            said), ``both`` (said of one field, answered for another), ``cut`` (left out), or nothing.
        fields: names of those fields.
    """

    text: str
    kind: str = ""
    fields: str = ""


@dataclass(frozen=True, slots=True)
class FieldShown:
    """A field of a document: ``state`` is ``right``, ``wrong``, ``missed``, ``invented`` or ``unknown``."""

    name: str
    truth: str
    said: str
    prob: float
    state: str


@dataclass(frozen=True, slots=True)
class DocumentShown:
    """A document; without pieces where its record was forgotten. ``prob`` is that of the whole answer."""

    record_id: str
    prob: float
    pieces: tuple[Piece, ...]
    fields: tuple[FieldShown, ...]


def show_documents(
    fields: Sequence[Field],
    ids: Sequence[str],
    texts: Mapping[str, str],
    truth: Mapping[str, Mapping[str, Any]],
    said: Mapping[str, ObjectAnswer],
) -> list[DocumentShown]:
    """The documents *ids* side by side with what is true of them.

    Args:
        fields: that the model answers.
        ids: of records, in the order in which they are shown.
        texts: by record id; one that is missing was forgotten.
        truth: by record id ``{field_id: answer}``.
        said: by record id what the model says.
    """
    found = []
    for record_id in ids:
        if record_id not in texts or record_id not in said:
            found.append(DocumentShown(record_id, 0.0, (), ()))
            continue
        found.append(_document(fields, record_id, texts[record_id], truth.get(record_id, {}), said[record_id]))
    return found


def _document(
    fields: Sequence[Field], record_id: str, text: str, truth: Mapping[str, Any], said: ObjectAnswer
) -> DocumentShown:
    answers = said.value["fields"]
    scores = object_scores(fields, [truth], [answers], texts=[text])
    true_words = words_of(fields, truth, text)
    said_words = words_of(fields, answers, text)
    rows, marks = [], []
    for k, one in enumerate(fields):
        mine, true = answers.get(one.field_id), truth.get(one.field_id)
        known, right = bool(scores.known[k, 0]), bool(scores.right[k, 0])
        state = "unknown" if not known else "right" if right else _state(true, mine)
        prob = said.fields[one.field_id].prob if one.field_id in said.fields else 0.0
        told = true_words[one.name] if known else "nobody said"
        rows.append(FieldShown(one.name, told, said_words[one.name], prob, state))
        marks += _marks(one.name, true, mine, right=right or not known)
    prob = math.prod(f.prob for f in said.fields.values())
    return DocumentShown(record_id, prob, tuple(_pieces(text, marks)), tuple(rows))


def words_of(fields: Sequence[Field], answers: Mapping[str, Any], text: str) -> dict[str, str]:
    """What each field holds, in words, by its name.

    Example:
        >>> from homegrown.core.schema import Field, FieldType
        >>> words_of([Field("f_1", "sum", FieldType.MONEY)], {"f_1": {"value": "12.50", "currency": "EUR"}}, "")
        {'sum': '12.50 EUR'}
    """
    outside = document_of(tuple(fields), {"fields": answers}, text)
    found = {}
    for one in fields:
        answer = answers.get(one.field_id)
        if answer is not None and "value" in answer and not isinstance(answer["value"], bool):
            found[one.name] = " ".join(filter(None, [str(answer["value"]), answer.get("currency")]))  # with its zeros
        else:
            found[one.name] = in_words(outside[one.name])
    return found


def in_words(value: Any) -> str:
    """A value of a document for a person.

    Example:
        >>> in_words({"amount": 12.5, "currency": "EUR"}), in_words(["Ann", "Bob"]), in_words([])
        ('12.50 EUR', 'Ann; Bob', 'not there')
    """
    if value is None or value == []:
        return _NOT_THERE
    if isinstance(value, dict):
        return " ".join(_amount(v) for v in value.values() if v is not None)
    if isinstance(value, list):
        return "; ".join(map(in_words, value))
    return str(value)


def _amount(value: Any) -> str:
    """A part of an amount of money or of a small object; 45.0 as people write it."""
    return f"{value:.2f}" if isinstance(value, float) and round(value, 2) == value else in_words(value)


def _state(true: Any, mine: Any) -> str:
    return "invented" if true is None else "missed" if mine is None else "wrong"


_Mark = tuple[int, int, str, str]


def _marks(name: str, true: Any, mine: Any, *, right: bool) -> list[_Mark]:
    answered = {tuple(s) for s in (mine or {}).get("spans", ())}
    meant = {tuple(s) for s in (true or {}).get("spans", ())}
    if right:
        return [(*span, "right", name) for span in sorted(answered or meant)]
    same = [(*span, "right", name) for span in sorted(answered & meant)]
    wrong = [(*span, "wrong", name) for span in sorted(answered - meant)]
    return [*same, *wrong, *((*span, "truth", name) for span in sorted(meant - answered))]


def _pieces(text: str, marks: list[_Mark]) -> list[Piece]:
    """The text cut where marks begin and end; far from all marks a long one is left out."""
    if not marks and len(text) > MOST_CHARS:
        return [Piece(text[:MOST_CHARS]), Piece(" … ", "cut")]
    found: list[Piece] = []
    for start, end, over in stretches(len(text), [m[:2] for m in marks]):
        here = [marks[i] for i in over]
        kinds = {m[2] for m in here} - ({"right"} if len({m[2] for m in here}) > 1 else set())
        kind = "both" if len(kinds) > 1 else next(iter(kinds), "")
        names = ", ".join(dict.fromkeys(m[3] for m in here if m[2] in kinds))
        found.append(Piece(text[start:end], kind, names))
    return found if len(text) <= MOST_CHARS else [p for one in found for p in _shortened(one)]


def _shortened(piece: Piece) -> list[Piece]:
    if len(piece.text) <= 2 * MARGIN:
        return [piece]
    head, tail = piece.text[:MARGIN], piece.text[-MARGIN:]
    return [Piece(head, piece.kind, piece.fields), Piece(" … ", "cut"), Piece(tail, piece.kind, piece.fields)]
