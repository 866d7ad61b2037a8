"""What is to be known of an upstream's documents before a model of objects may write them in its place."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from homegrown.core.field_names import name_in
from homegrown.core.ids import canonical_json
from homegrown.core.object_exits import By, FieldReading, ObjectExit
from homegrown.errors import UnsuitableLabelsError
from homegrown.inference.candidates import Reading
from homegrown.monitor.object_form import ABSENT, Sample, field_form
from homegrown.monitor.reading import AnswerReader
from homegrown.monitor.spelling import document_in
from homegrown.monitor.written import written

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from homegrown.core.object_exits import FieldForm
    from homegrown.core.schema import Field
    from homegrown.core.traffic import Template

_SAMPLE = 1000
_ALWAYS = 0.9
"""A field that says the same in this share of the documents is written again; where it does not, they differ."""


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
        if counts and counts.most_common(1)[0][1] < _ALWAYS * len(documents):
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
    form, order = _form(some, changing)
    forms = tuple(_field_form(one, some, reader, trusted) for one in given)
    reading = {
        i: FieldReading(day_first=r.day_first, decimal=r.decimal) for i, r in reader.reading.items()
    }  # fmt: skip
    rest = Counter(rest_of(d, order) for d in documents).most_common(1)[0][0]
    exit = ObjectExit(
        by=by, fields=forms, form=form, order=order, asked=asked, rest=rest, day_first=reader.day_first, reading=reading
    )
    return Learnt(exit, reader)


def rest_of(document: Mapping[str, Any], order: Collection[str]) -> str:
    """The fields of a document that are none of *order*, as canonical JSON; empty without any.

    Example:
        >>> rest_of({"total": 3, "v": 2}, ["total"])
        '{"v":2}'
    """
    rest = {k: v for k, v in document.items() if k not in order}
    return canonical_json(rest).decode() if rest else ""


def _form(said: Sequence[tuple[str, str]], names: Collection[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What stands round the values in most answers that name all fields; else JSON as most write it."""
    counts = Counter((w.form, w.order) for _, a in said if (w := written(a, names)) is not None)
    if counts:
        return counts.most_common(1)[0][0]
    order = tuple(names)
    keys = [f"{json.dumps(name)}: " for name in order]
    return ("{" + keys[0], *(f", {key}" for key in keys[1:]), "}"), order


def _field_form(
    one: Field, said: Sequence[tuple[str, str]], reader: AnswerReader, trusted: Sequence[tuple[str, str]]
) -> FieldForm:
    samples, absent = [], Counter[str]()
    for text, answer in said:
        own = written(answer, [one.name])
        if own is None:
            absent[""] += 1
            continue
        (value,) = own.values
        if value in ABSENT:
            absent[value] += 1
        elif (heard := reader.of(text, answer).fields.get(one.field_id)) is not None:
            samples.append(Sample(text, reader.as_found(one, text, heard), value))
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
