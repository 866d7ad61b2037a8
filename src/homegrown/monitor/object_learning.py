"""What is to be known of an upstream's documents before a model of objects may write them in its place."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from homegrown.core.field_names import name_in
from homegrown.core.object_exits import By, FieldReading, ObjectExit
from homegrown.errors import UnsuitableLabelsError
from homegrown.inference.candidates import Reading
from homegrown.monitor.object_form import Sample, field_form, sampled
from homegrown.monitor.objects import ALWAYS
from homegrown.monitor.reading import AnswerReader
from homegrown.monitor.spelling import document_in
from homegrown.monitor.written import rest_of, usual_form

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from homegrown.core.object_exits import FieldForm
    from homegrown.core.schema import Field
    from homegrown.core.traffic import Template

_SAMPLE = 1000


class Learnt(NamedTuple):
    """How the upstream writes, and the reader of its answers."""

    exit: ObjectExit
    reader: AnswerReader


def learn_documents(
    template: Template,
    fields: Sequence[Field],
    said: Sequence[tuple[str, str]],
    trusted: Sequence[tuple[str, str]],
    by: By,
) -> Learnt:
    """Look at answers of a template, of whatever split: how they are written is no part of what is judged.

    Args:
        template: of the calls.
        fields: that the model answers.
        said: texts and answers.
        trusted: those of them that the model learned from; they say how often values stand in the text at all.
        by: what the bound is about.

    Raises:
        UnsuitableLabelsError: nothing of the documents is of the model, or *by* document something is of nobody's.
    """
    some = [(t, a) for t, a in said[:_SAMPLE] if document_in(a) is not None]
    documents = [document_in(a) or {} for _, a in some]
    usual = [f.name for f in template.shape.fields]
    changing = []
    for name in usual:
        counts = Counter(json.dumps(d[name], sort_keys=True) for d in documents if name in d)
        if counts and counts.most_common(1)[0][1] < ALWAYS * len(documents):
            changing.append(name)
    # What the model calls otherwise than the upstream, since somebody renamed it, is written under the upstream's name.
    given = [replace(f, name=name) for f in fields if (name := name_in(f, changing)) is not None]
    asked = tuple(name for name in changing if name not in {f.name for f in given})
    if not given:
        raise UnsuitableLabelsError(f"The answers of “{template.name}” hold none of the fields that this model gives.")
    if asked and by is By.DOCUMENT:
        raise UnsuitableLabelsError(
            f"The answers of “{template.name}” hold {', '.join(asked)}, which this model does not give: no document "
            "could be given without the upstream. By field it is asked for those alone."
        )
    reader = AnswerReader.learnt(given, some)
    form, order = usual_form([a for _, a in some], changing)
    found = [Sample(t, _found(reader, given, t, a), a) for t, a in some]
    forms = tuple(_field_form(one, found, reader, trusted) for one in given)
    reading = {
        i: FieldReading(day_first=r.day_first, decimal=r.decimal) for i, r in reader.reading.items()
    }  # fmt: skip
    rest = Counter(rest_of(d, order) for d in documents).most_common(1)[0][0]
    exit = ObjectExit(
        by=by, fields=forms, form=form, order=order, asked=asked, rest=rest, day_first=reader.day_first, reading=reading
    )
    return Learnt(exit, reader)


def _found(reader: AnswerReader, fields: Sequence[Field], text: str, answer: str) -> dict[str, Any]:
    heard = reader.of(text, answer).fields
    return {f.field_id: reader.as_found(f, text, heard.get(f.field_id)) for f in fields}


def _field_form(
    one: Field, documents: Sequence[Sample], reader: AnswerReader, trusted: Sequence[tuple[str, str]]
) -> FieldForm:
    samples, absent = sampled(one, documents)
    n = n_there = 0
    for text, answer in trusted:
        heard = reader.vote(text, answer)
        is_said = heard.document is not None and one.name in heard.document.value
        n += is_said
        n_there += is_said and one.field_id in heard.fields
    return field_form(one, samples, absent=absent, trust=(n_there + 1) / (n + 1) if n else 1.0)


def reader_of(exit: ObjectExit, fields: Mapping[str, Field]) -> AnswerReader:
    """The reader of an upstream's answers, as it was learnt."""
    reading = {i: Reading(day_first=r.day_first, decimal=r.decimal) for i, r in exit.reading.items()}
    left_out = [f.field_id for f in exit.fields if f.absent == ""]
    given = [replace(fields[f.field_id], name=f.name) for f in exit.fields]
    return AnswerReader(given, exit.day_first, reading, left_out)
