"""Spans of other labelling software become votes on the fields of a task, and what votes mark goes out again."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from homegrown.core.ids import canonical_json
from homegrown.core.schema import Field, FieldType, checked_value
from homegrown.core.spans import Span
from homegrown.core.tasks import Task, TaskKind
from homegrown.errors import InputError, UnsuitableLabelsError
from homegrown.label.exchange import Valued
from homegrown.label.marked import UNMARKED, marked_answer
from homegrown.label.names import key
from homegrown.label.span_files import SpanExported, SpanOpinion
from homegrown.store.said import without_settled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from homegrown.label.span_files import SpanExample
    from homegrown.store import Store

_ROWS = 4096


class SpanSaid(NamedTuple):
    """One text of a file with votes in place of marks; ``label.exchange`` takes it as it takes an ``Example``."""

    text: str
    opinions: tuple[Valued, ...]
    fields: dict[str, Any]
    record_id: str | None


def types_of(examples: Iterable[SpanExample]) -> list[str]:
    """The types that anybody marked, in order of their names."""
    return sorted({s.type for e in examples for o in e.opinions for s in o.spans or ()})


def field_name(kind: str) -> str:
    """The name of a field for the spans of a type.

    Example:
        >>> field_name("ORG name"), field_name("2nd-date"), field_name("?")
        ('ORG_name', 'f_2nd_date', 'f_')
    """
    name = re.sub(r"\W+", "_", kind).strip("_")[:78]
    return name if re.match(r"[^\W\d]", name) else f"f_{name}"


def span_task(store: Store, task_name: str, types: Sequence[str], *, new_fields: bool) -> Task:
    """The task that a file of spans votes for: the one that is there, with fields for new types if that is wanted.

    Where there is none a new one, with a field of several spans for each type.

    Raises:
        UnsuitableLabelsError: the task is answered with classes, or there is no such task and nothing is marked.
    """
    old = store.tasks.find(task_name)
    if old is not None and old.kind is not TaskKind.OBJECT:
        raise UnsuitableLabelsError(
            f"The task {task_name!r} is answered with classes, and the file marks parts of texts. Name a task that "
            "is answered with fields, or a new one."
        )
    if old is not None and not new_fields:
        return old
    if old is None and not types:
        raise UnsuitableLabelsError("The file marks nothing in any text, so no task can be made of it.")
    have = old.fields if old else ()
    known = _fields_of(have, types)
    new = dict.fromkeys(field_name(t) for t in types if t not in known)
    fields = [*have, *(Field("", name, FieldType.SPAN, takes_many=True) for name in new)]
    return store.tasks.define_object(store.actor, task_name, fields)


def _fields_of(fields: Sequence[Field], types: Iterable[str]) -> dict[str, Field]:
    """The field that each type means, by its name or a former one, case and separators aside."""
    near: dict[str, Field] = {}
    for one in fields:
        for name in (one.name, *one.former):
            near.setdefault(key(name), one)
    return {t: near[k] for t in types for k in (key(t), key(field_name(t))) if k in near}


class SpanReader:
    """Turns marks into the value of a vote.

    Args:
        task: whose answer is an object.
        types: that the file marks anywhere: who marked nothing of one of these looked for it and says it is not there.
    """

    def __init__(self, task: Task, types: Sequence[str]) -> None:
        self._task, self._fields = task, _fields_of(task.fields, types)
        self._looked = {f.field_id: f for f in self._fields.values() if f.type not in UNMARKED}
        self.unknown = tuple(t for t in types if t not in self._fields)

    def read(self, example: SpanExample) -> tuple[SpanSaid, list[str]]:
        """A text with the votes on it, and what of its marks is no vote."""
        problems: list[str] = []
        # Somewhere in this text a mark was lost: what seems not to be there may have been that one.
        is_whole = not example.asides
        said = [self._valued(o, example.text, problems, is_whole=is_whole) for o in example.opinions]
        return SpanSaid(example.text, tuple(said), example.fields, example.record_id), problems

    def _valued(self, opinion: SpanOpinion, text: str, problems: list[str], *, is_whole: bool) -> Valued:
        value = None
        if opinion.spans is not None:
            found, lost = self._answers(opinion.spans, text, problems)
            if is_whole:
                found = {i: None for i in self._looked if i not in lost} | found
            if found:
                value = canonical_json(checked_value(self._task.fields, {"fields": found}, text)).decode()
        return Valued(value, opinion.author, opinion.is_person, opinion.confidence)

    def _answers(
        self, spans: Sequence[Span], text: str, problems: list[str]
    ) -> tuple[dict[str, dict[str, Any] | None], set[str]]:
        """Answers by field, and the fields of which a mark could not be used."""
        marked: dict[str, list[Span]] = defaultdict(list)
        for span in spans:
            one = self._fields.get(span.type)
            if one is None:
                problems.append(f"the task has no field {span.type[:60]!r}")
            else:
                marked[one.field_id].append(span)
        found: dict[str, dict[str, Any] | None] = {}
        for field_id, some in marked.items():
            one = next(f for f in self._fields.values() if f.field_id == field_id)
            try:
                found[field_id] = marked_answer(one, some, text)
            except InputError as problem:
                problems.append(problem.message)
        return found, marked.keys() - found.keys()


def exported_spans(
    store: Store, task: Task, labels: Mapping[str, tuple[str, float]], *, labelled_only: bool = False
) -> Iterator[SpanExported]:
    """Every current record with what its label and the votes on it mark, streamed in the order of storage.

    Args:
        store: the workspace.
        task: whose answer is an object.
        labels: joined value (JSON) and its probability by record id.
        labelled_only: leave out records of which nobody says anything: a format without a word for that would have
            them say that nothing is there.
    """
    votes, names = _votes(store, task), {f.field_id: f.name for f in task.fields}
    for batch in store.records.batches(["record_id", "text"], rows=_ROWS):
        for record_id, text in zip(batch["record_id"].to_pylist(), batch["text"].to_pylist(), strict=True):
            label = labels.get(record_id)
            spans = None if label is None else _marks(names, label[0], text)
            opinions = tuple(
                SpanOpinion(marks, who, is_person, sure)
                for value, who, is_person, sure in votes.get(record_id, ())
                if (marks := _marks(names, value, text)) is not None
            )
            one = SpanExported(record_id, text, spans, None if label is None else label[1], opinions)
            if one.answers or not labelled_only:
                yield one


def _marks(names: Mapping[str, str], value: str, text: str) -> tuple[Span, ...] | None:
    """What a value marks; None where it says nothing of any field that is there."""
    said = {i: a for i, a in msgspec.json.decode(value)["fields"].items() if i in names}
    if not said:
        return None
    pairs = ((names[i], s) for i, answer in said.items() for s in (answer or {}).get("spans", ()))
    return tuple(sorted({Span(s[0], s[1], name) for name, s in pairs if s[1] <= len(text)}))


def _votes(store: Store, task: Task) -> dict[str, list[tuple[str, str, bool, float | None]]]:
    """Value, author, whether that is a person, and confidence by record; people's first."""
    found: dict[str, list[tuple[str, str, bool, float | None]]] = defaultdict(list)
    people = store.person_votes.people(task.task_id)
    told = [(v["record_id"], v["settles"], msgspec.json.decode(v["value"])["fields"]) for v in people]
    for vote, fields in zip(people, without_settled(told), strict=True):
        found[vote["record_id"]].append((canonical_json({"fields": fields}).decode(), vote["name"], True, None))
    sources = {s["label_source_id"]: s for s in store.tasks.label_sources(task.task_id)}
    for batch in store.votes.of_task(task.task_id).to_batches():
        columns = (batch[c].to_pylist() for c in ("record_id", "label_source_id", "value", "confidence"))
        for record_id, source_id, value, confidence in zip(*columns, strict=True):
            source = sources.get(source_id)
            if source is not None and value is not None:
                is_person = source["config"].get("is") == "person"
                who = source["config"].get("author") or source["name"]
                found[record_id].append((value, who, is_person, None if is_person else confidence))
    return found
