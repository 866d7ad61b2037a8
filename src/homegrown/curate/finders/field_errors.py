"""Fields of objects that are likely labelled wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from homegrown.core.issues import Found
from homegrown.core.said import meaning_of
from homegrown.core.schema import FieldType
from homegrown.core.spans import Span
from homegrown.inference.candidates import same_words
from homegrown.metrics.span_errors import MISSED, SPURIOUS, WRONG_BOUNDS
from homegrown.metrics.span_label_errors import span_label_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from homegrown.core.models import FieldAnswer
    from homegrown.core.said import Answer
    from homegrown.core.schema import Field
    from homegrown.curate.examined import CrossedObjects, Examined
    from homegrown.metrics.span_label_errors import SpanDoubt

#: from which probability on a model's other answer is told
LEAST = 0.5
#: and which part it has of how sure the model is, on average, of answers to the field that it shares with the label
PART = 0.9


class FieldErrorFinder:
    """Answers that a model which did not see them contradicts, field by field (``train.crossed_objects``).

    A value is doubted where the model says another one, or that there is none, as surely as it says what it shares with
    the labels (confident learning: Northcutt, Jiang, Chuang 2021, JAIR 70, section 3.1); spans as in
    ``metrics.span_label_errors``: forgotten, not belonging there, or with another border.
    """

    kinds = ("field_error",)

    def find(self, here: Examined) -> Iterator[Found]:
        """One issue for each record and field that is doubtful."""
        crossed = here.crossed_objects
        if here.task is None or crossed is None:
            return
        finders = {s.type for said in crossed.said for s in said.spans}
        for one in here.task.fields:
            if one.field_id not in finders:
                yield from _values(one, crossed)
        fields = {f.field_id: f for f in here.task.fields if f.field_id in finders}
        if fields:
            yield from _spans(fields, crossed)


def _values(one: Field, crossed: CrossedObjects) -> Iterator[Found]:
    rows = [i for i, v in enumerate(crossed.values) if one.field_id in v and one.field_id in crossed.said[i].fields]
    given = [crossed.values[i][one.field_id] for i in rows]
    said: list[FieldAnswer] = [crossed.said[i].fields[one.field_id] for i in rows]
    texts = [crossed.texts[i] for i in rows]
    same = [_key(one, g, t) == _key(one, s.answer, t) for g, s, t in zip(given, said, texts, strict=True)]
    shared = [s.prob for s, is_same in zip(said, same, strict=True) if is_same]
    least = max(LEAST, PART * float(np.mean(shared))) if shared else 1.0
    for i, answer, before, is_same in zip(rows, said, given, same, strict=True):
        if not is_same and answer.prob >= least:
            yield _found(crossed, i, one, before, answer.answer, answer.prob, _says(before, answer.answer))


def _says(before: Answer, now: Answer) -> str:
    if now is None:
        return "says that it is not there"
    return "says what it is, and the label that it is not there" if before is None else "says something else"


def _key(one: Field, answer: Answer, text: str) -> Any:
    """What an answer means: of spans the words without marks, of an amount without its currency."""
    if answer is not None and one.type is FieldType.SPAN:
        return tuple(sorted(same_words(text[a:b]) for a, b in answer["spans"]))
    if answer is not None and one.type is FieldType.MONEY:
        answer = {"value": answer["value"]}
    return meaning_of(one, answer)


def _spans(fields: dict[str, Field], crossed: CrossedObjects) -> Iterator[Found]:
    looked = [i for i, v in enumerate(crossed.values) if any(f in v for f in fields)]
    labels = [
        [Span(a, b, f) for f in fields for a, b in (crossed.values[i].get(f) or {}).get("spans", ())] for i in looked
    ]
    found = [[s for s in crossed.said[i].spans if s.type in crossed.values[i]] for i in looked]
    worst: dict[tuple[int, str], SpanDoubt] = {}
    for doubt in span_label_errors(labels, found).doubts:
        where = doubt.label or doubt.instead
        if where is not None and (doubt.is_suspect or doubt.score >= LEAST):
            worst.setdefault((looked[doubt.document], where.type), doubt)
    for (i, field_id), doubt in worst.items():
        one, before = fields[field_id], crossed.values[i][field_id]
        yield _found(crossed, i, one, before, _mended(one, before, doubt), doubt.score, _words(one, doubt))


def _mended(one: Field, before: Answer, doubt: SpanDoubt) -> Answer:
    """The answer as the model would have it."""
    spans = [tuple(s) for s in (before or {}).get("spans", ())]
    if doubt.label is not None:
        spans.remove((doubt.label.start, doubt.label.end))
    if doubt.instead is not None and doubt.instead.type == one.field_id:
        spans = [*(spans if one.takes_many else ()), (doubt.instead.start, doubt.instead.end)]
    return {"spans": [list(s) for s in sorted(set(spans))]} if spans else None


def _words(one: Field, doubt: SpanDoubt) -> str:
    if doubt.kind == MISSED:
        return "finds one more place" if one.takes_many else "finds it, and the label says that it is not there"
    if doubt.kind == SPURIOUS:
        return "finds nothing where the label stands"
    return "finds other borders" if doubt.kind == WRONG_BOUNDS else "takes what is marked for another field"


def _found(
    crossed: CrossedObjects, row: int, one: Field, before: Answer, answer: Answer, score: float, says: str
) -> Found:
    reason = f"“{one.name}”: a model that did not see this label {says} ({score:.0%})."
    details = {"field_id": one.field_id, "given": before, "answer": answer, "prob": round(float(score), 4)}
    return Found(crossed.record_ids[row], "field_error", float(score), reason, details=details)
