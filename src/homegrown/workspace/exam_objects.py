"""Drawn calls that were answered with documents: what both said, and what people settled, field by field."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from homegrown.errors import UnsuitableLabelsError
from homegrown.evaluate.judged_documents import SaidOfCall, kept_said, said_kept
from homegrown.evaluate.people_fields import settled_fields
from homegrown.monitor.object_speaker import ObjectSpeaker
from homegrown.monitor.prompt import Prompt
from homegrown.monitor.reading import says_same

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from homegrown.core.models import ModelVersion
    from homegrown.core.protocols import ObjectPredictor
    from homegrown.core.said import Answer
    from homegrown.core.schema import Field
    from homegrown.core.tasks import Task
    from homegrown.store import Store
    from homegrown.workspace.handles import Model

_AT_ONCE = 64


class MeansDocument(NamedTuple):
    """A prompt whose calls are answered with documents, and who reads and writes them."""

    prompt: Prompt
    speaker: ObjectSpeaker

    def said(self, text: str, answer: str | None) -> str:
        """What an answer of the upstream says, as it is kept with the drawn call."""
        heard = self.speaker.heard(text, answer)
        names = {f.field_id: f.name for f in self.speaker.reader.fields}
        fields = {names[i]: a for i, a in heard.fields.items()}
        return kept_said(SaidOfCall(fields, rest_differs=self.speaker.rest_differs(heard)))

    def ours(self, texts: list[str]) -> list[str]:
        """What the model says of texts, as it is kept with the drawn calls."""
        return [kept_said(SaidOfCall({f.name: f.answer for f in said.fields})) for said in self.speaker(texts)]


class ObjectExams:
    """Mixed into ``Exams``."""

    store: Store

    if TYPE_CHECKING:

        def object_predictor(self, model: str | ModelVersion | Model) -> ObjectPredictor:
            """A model of objects, loaded once and kept."""
            ...

    def _documents(self, version: ModelVersion) -> list[MeansDocument]:
        """The prompts of which a version answers or answered calls, as that was learnt when it was switched on."""
        exits = [
            e for route in self.store.routes.list() for e in (route.config.exit, *reversed(route.config.earlier)) if e
        ]
        heard = [(e, e.object) for e in exits if version.version_id in {s.version_id for s in e.stages}]
        mine = [(e, form) for e, form in heard if form is not None]
        if not mine:
            name = f"{version.model_name}@{version.number}"
            raise UnsuitableLabelsError(
                f"No route knows {name} any more, so nobody can say what the upstream's documents mean. Let it answer "
                f"silently again: homegrown gateway switch ROUTE {name} --shadow"
            )
        predictor = self.object_predictor(version)
        return [
            MeansDocument(
                Prompt(self.store.templates.get(e.template_id), (), e.wordings), ObjectSpeaker(predictor, form)
            )
            for e, form in mine
        ]

    @staticmethod
    def _documents_of(calls: Sequence[tuple[MeansDocument | None, str | None]]) -> list[str | None]:
        """What the model says of drawn calls; None of those that cannot be read."""
        found: list[str | None] = [None] * len(calls)
        wanted: dict[int, tuple[MeansDocument, list[int]]] = {}
        for i, (by, _) in enumerate(calls):
            if by is not None:
                wanted.setdefault(id(by.speaker), (by, []))[1].append(i)
        for by, places in wanted.values():
            for start in range(0, len(places), _AT_ONCE):
                some = places[start : start + _AT_ONCE]
                for i, said in zip(some, by.ours([calls[i][1] or "" for i in some]), strict=True):
                    found[i] = said
        return found

    def _judged(self, version: ModelVersion, task: Task, records: Mapping[str, str]) -> dict[str, str | None]:
        """Who of both is right in which field, as people settled it: JSON by the call's id, None without any."""
        heard = self._heard(version, task, list(records.values()))
        texts = self.store.records.texts(list(heard))
        kept = self.store.exams.said(version.version_id) if heard else {}
        fields = {f.field_id: f for f in self._fields(version)}
        found: dict[str, str | None] = dict.fromkeys(records)
        for trace_id, record_id in records.items():
            ours, theirs = map(said_kept, kept.get(trace_id, (None, None)))
            text = texts.get(record_id)
            if ours is None or theirs is None or text is None:
                continue
            settled = {
                fields[i].name: [_is_right(fields[i], one, gold, text) for one in (ours, theirs)]
                for i, gold in heard.get(record_id, {}).items()
                if fields[i].name in ours.fields
            }
            found[trace_id] = msgspec.json.encode(settled, order="sorted").decode() if settled else None
        return found

    def _heard(self, version: ModelVersion, task: Task, record_ids: list[str]) -> dict[str, dict[str, Answer]]:
        """What people settled of records, by record and field id; one of which nobody spoke is missing."""
        texts = self.store.records.texts(record_ids)
        found = settled_fields(self.store, task.task_id, self._fields(version), texts)
        return {record_id: one.fields for record_id, one in found.items()}

    def _fields(self, version: ModelVersion) -> tuple[Field, ...]:
        return self.store.tasks.get(version.task_id, version.task_version).fields


def _is_right(one: Field, said: SaidOfCall, gold: Answer, text: str) -> bool:
    return one.name in said.fields and says_same(one, said.fields[one.name], gold, text)
