"""The station's verbs for tasks of objects: what marked words mean, what fields may hold, what an answer is."""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from homegrown.core.dates import guess_day_first
from homegrown.core.schema import Field, FieldType
from homegrown.core.tasks import LabelSourceKind
from homegrown.curate.object_labels import joined_fields
from homegrown.errors import InputError, NotFoundError
from homegrown.inference.candidates import VALUES, Reading, candidates
from homegrown.label.marks import ReadMark, read_mark, read_typed, read_words, said_value
from homegrown.label.places import with_place
from homegrown.label.suggest import says
from homegrown.label.suggest_fields import FieldSuggestion, HeardAnswer, answers_heard, from_model
from homegrown.workspace.object_advice import ObjectAdvisor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homegrown.core.tasks import Task
    from homegrown.store import Store
    from homegrown.workspace.tasks import AnyTask

LOOKED_AT = 300
MOST_CHARS = 20_000


class ObjectStation:
    """Mixed into ``Workspace``."""

    store: Store
    object_advisor: ObjectAdvisor
    _kept: dict[str, Any]

    if TYPE_CHECKING:

        def _any_task(self, task: AnyTask) -> Task: ...

    def read_mark(
        self,
        task: AnyTask,
        record_id: str,
        field: str,
        *,
        span: tuple[int, int] | None = None,
        words: str | None = None,
        exact: bool = False,
        near: int | None = None,
    ) -> ReadMark:
        """What words that are marked in a record's text, or typed, mean for a field; nothing is kept.

        Args:
            task: whose answer is an object.
            record_id: of the record.
            field: the field's id or name; of a field of a list's rows the id, or ``list.field``.
            span: first code point of the marked words, and after the last.
            words: typed instead; with *span* of a value: what the marked words say.
            exact: take the marked words alone; else the whole date or amount of which they are a part.
            near: code point where the row of a list begins: of several places of typed words the first behind it.

        Raises:
            InputError: there is no such field, it takes no words, or the span lies outside of the text.
            NotFoundError: there is no such record.

        Example:
            >>> ws.read_mark("receipt", record_id, "total", words="12,50 €").answers  # doctest: +SKIP
            ({'value': '12.50', 'currency': 'EUR', 'spans': [[31, 38]]},)
        """
        asked = self._any_task(task)
        rows = [(inner, f"{f.name}.{inner.name}") for f in asked.fields for inner in f.fields]
        named = [*((f, f.name) for f in asked.fields), *rows]
        one = next((f for f, name in named if field in (f.field_id, name)), None)
        if one is None:
            raise InputError(f"The task {asked.name!r} has no field {field[:80]!r}.")
        if one.type in (FieldType.CHOICE, FieldType.BOOLEAN, FieldType.LIST):
            raise InputError(f"“{one.name}” ({one.type.value}) is not filled with words of the text.")
        if span is None and words is None:
            raise InputError("Say which words are marked (span), or what was typed (words).")
        text = self.store.records.texts([record_id]).get(record_id)
        if text is None:
            raise NotFoundError("There is no such record here. It may have been forgotten.")
        reading = self.reading(asked)
        if span is not None and words is not None and one.type in VALUES:
            return read_typed(one, text, words, *span, reading)
        if span is not None:
            return read_mark(one, text, *span, reading, exact=exact)
        return read_words(one, text, words or "", reading, near=near)

    def reading(self, task: AnyTask) -> Reading:
        """How dates, numbers and amounts of the records are written: as an import of answers said, else as dates tell.

        Example:
            >>> ws.reading("receipt").day_first  # doctest: +SKIP
            True
        """
        asked = self._any_task(task)
        said = self._imported_reading(asked)
        if said.day_first is not None:
            return said
        key, version = f"day_first:{asked.task_id}", self.store.records.version()
        held = self._kept.get(key)
        if held is None or held[0] != version:
            self._kept[key] = held = version, self._day_first()
        return Reading(held[1], said.decimal, said.currency)

    def _imported_reading(self, task: Task) -> Reading:
        for source in self.store.tasks.label_sources(task.task_id):
            config = source["config"]
            if source["kind"] == LabelSourceKind.IMPORTED.value and "day_first" in config:
                return Reading(config["day_first"], config.get("decimal"), config.get("currency"))
        return Reading()

    def _day_first(self) -> bool | None:
        first = next(iter(self.store.records.batches(["text"], rows=LOOKED_AT)), None)
        texts = [] if first is None else first["text"].to_pylist()[:LOOKED_AT]
        return guess_day_first(chain.from_iterable(_dates(text[:MOST_CHARS]) for text in texts))

    def _answers(self, task: Task, texts: Mapping[str, str], *, wait: bool) -> dict[str, list[FieldSuggestion]]:
        """What the fields of some records may hold: as the champion says, else as rules, teachers and imports do."""
        said = self.object_advisor.advise(task, texts, wait=wait)
        found = {i: from_model(task.fields, name, answer) for i, (name, answer) in said.items()}
        others = answers_heard(self.store, task, [i for i in texts if i not in found])
        reading = self.reading(task) if others else Reading()
        return found | {i: _joined(task.fields, texts[i], heard, reading) for i, heard in others.items()}

    def _said_value(self, task: Task, said: Any, text: str) -> dict[str, Any]:
        return said_value(task.fields, said, text, self.reading(task))


def _joined(fields: tuple[Field, ...], text: str, heard: list[HeardAnswer], reading: Reading) -> list[FieldSuggestion]:
    answers, shares = joined_fields(fields, [h.fields for h in heard])
    by_id = {f.field_id: f for f in fields}
    return [
        FieldSuggestion(
            i, with_place(by_id[i], text, answer, reading), share, says([h.who for h in heard if i in h.fields])
        )
        for (i, answer), share in zip(answers.items(), shares, strict=True)
    ]


def _dates(text: str) -> list[str]:
    ways = map(partial(candidates, text, FieldType.DATE), (Reading(day_first=True), Reading(day_first=False)))
    return [text[start:end] for start, end in {(c.start, c.end) for c in chain.from_iterable(ways)}]
