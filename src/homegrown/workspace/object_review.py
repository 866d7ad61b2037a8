"""The verbs by which a reviewer settles fields of objects on which people disagree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homegrown.core.access import Permission
from homegrown.core.assignments import Assignment, Outcome, Submission
from homegrown.core.documents import answer_in
from homegrown.core.ids import new_id
from homegrown.errors import ForbiddenError, InputError, NotFoundError
from homegrown.inference.candidates import VALUES
from homegrown.label.disputes import Dispute, DisputedField, DisputeQueue, disputes
from homegrown.label.marks import read_words
from homegrown.label.places import with_place
from homegrown.workspace.station import QueuePage, Waiting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from homegrown.core.assignments import StationSettings
    from homegrown.core.said import Answer
    from homegrown.core.tasks import Task
    from homegrown.inference.candidates import Reading
    from homegrown.store import Store
    from homegrown.workspace.tasks import AnyTask

_WHY = ("people disagree on {}", "other sources say something else of {}")


class ObjectReview:
    """Mixed into ``Workspace``."""

    store: Store
    _kept: dict[str, Any]

    if TYPE_CHECKING:

        def _any_task(self, task: AnyTask) -> Task: ...

        def station_settings(self, task: AnyTask) -> StationSettings:
            """How people label a task."""
            ...

        def reading(self, task: AnyTask) -> Reading:
            """How values are written."""
            ...

        def submit(self, task: AnyTask, submissions: Sequence[Submission], *, settles: bool = False) -> list[Outcome]:
            """Keep votes."""
            ...

    def disputed_fields(self, task: AnyTask, *, sources: bool = False) -> list[DisputedField]:
        """Fields of records on which people disagree and that no reviewer settled, the worst first.

        Args:
            task: whose answer is an object, or its name.
            sources: also those on which people agree and a rule, an import or a model says otherwise.

        Example:
            >>> len(ws.disputed_fields("receipt"))  # doctest: +SKIP
            12
        """
        return self._disputed(self._object(task), sources=sources)

    def disputes(self, task: AnyTask, wanted: Sequence[tuple[str, str]]) -> list[Dispute]:
        """What is said of a few fields, side by side; each is a record id and a field id.

        Example:
            >>> ws.disputes("receipt", [(record_id, field_id)])[0].sides  # doctest: +SKIP
        """
        texts = self.store.records.texts([record_id for record_id, _ in wanted])
        return disputes(self.store, self._object(task), wanted, texts)

    def settle(self, task: AnyTask, record_id: str, said: Mapping[str, Any], *, base: str | None = None) -> Outcome:
        """Settle some fields of a record: the caller's word decides them, whatever others say; other fields stay open.

        Args:
            task: whose answer is an object, or its name.
            record_id: of the record.
            said: by the field's name what it holds, as a document has it (``"12.50 EUR"``, words of the text, the name
                of a choice, a list of them); None: it is not there.
            base: the reviewer's vote that the caller has seen; needed where one settled the same field otherwise.

        Returns:
            What became of it; ``stale`` where another reviewer said something else meanwhile.

        Raises:
            InputError: a field is unknown, or a value is none of its type or does not stand in the text.
            NotFoundError: there is no such record.
            ForbiddenError: the caller is no reviewer.

        Example:
            >>> ws.settle("receipt", record_id, {"total": "12.50 EUR", "day": None}).outcome  # doctest: +SKIP
            'kept'
        """
        if not self.store.actor.may(Permission.REVIEW):
            raise ForbiddenError("Your role does not allow to settle what people disagree on.")
        asked = self._object(task)
        text = self.store.records.texts([record_id]).get(record_id)
        if text is None:
            raise NotFoundError("There is no such record here. It may have been forgotten.")
        answers = self._read_document(asked, said, text)
        vote = Submission(new_id("client"), "vote", record_id, {"fields": answers}, base)
        (outcome,) = self.submit(asked, [vote], settles=True)
        if outcome.outcome == "refused":
            raise InputError(outcome.reason)
        return outcome

    def _read_document(self, task: Task, said: Mapping[str, Any], text: str) -> dict[str, Answer]:
        """Answers by field id of what somebody says of a text by the names of fields."""
        fields = {n: f for f in task.fields for n in f.former} | {f.name: f for f in task.fields}
        reading = self.reading(task)
        ways = {"day_first": reading.day_first, "decimal": reading.decimal, "currency": reading.currency}
        found: dict[str, Answer] = {}
        for name, value in said.items():
            one = fields.get(name)
            if one is None:
                names = ", ".join(f.name for f in task.fields)
                raise InputError(f"The task {task.name!r} has no field {name[:80]!r}. Fields: {names}.")
            if one.type in VALUES and isinstance(value, str) and value.strip():
                mark = read_words(one, text, value.strip(), reading)
                if not mark.answers:
                    raise InputError(f"“{name}”: {mark.problem}")
                if not mark.is_sure:
                    may = " or ".join(a["value"] for a in mark.answers)
                    raise InputError(f"“{name}”: “{value[:80]}” may be {may}; say which.")
                found[one.field_id] = mark.answers[0]
                continue
            read = answer_in((one,), {name: value}, text, **ways)
            if read.problems:
                raise InputError(read.problems[0])
            found |= {i: with_place(one, text, a, reading) for i, a in read.value["fields"].items()}
        return found

    def _object(self, task: AnyTask) -> Task:
        asked = self._any_task(task)
        if not asked.fields:
            raise InputError(f"The task {asked.name!r} is answered with classes; its conflicts have no fields.")
        return asked

    def _disputed(self, task: Task, *, sources: bool = False) -> list[DisputedField]:
        return self._kept.setdefault("disputes", DisputeQueue()).of(self.store, task, sources=sources)

    def _object_conflicts(self, task: Task, limit: int, *, sources: bool) -> QueuePage:
        by_record: dict[str, list[DisputedField]] = {}
        for one in self._disputed(task, sources=sources):
            by_record.setdefault(one.record_id, []).append(one)
        chosen = list(by_record)[:limit]
        records = {r.record_id: r for r in self.store.records.get(chosen)}
        texts = {i: r.text for i, r in records.items()}
        told: dict[str, list[Dispute]] = {i: [] for i in chosen}
        for dispute in disputes(
            self.store, task, [(d.record_id, d.field_id) for i in chosen for d in by_record[i]], texts
        ):
            told[dispute.record_id].append(dispute)
        shown, names = self.station_settings(task).fields, {f.field_id: f.name for f in task.fields}
        waiting = [
            Waiting(
                assignment=Assignment("", i, _why(by_record[i], names), ""),
                record=records[i],
                fields={f: records[i].fields[f] for f in shown if f in records[i].fields},
                base=told[i][0].base,
                suggestions=[],
                votes=[],
                disputes=told[i],
            )
            for i in chosen
            if told[i]
        ]
        return QueuePage(waiting, len(by_record), self.store.person_votes.n_of(self.store.actor, task.task_id))


def _why(found: Sequence[DisputedField], names: Mapping[str, str]) -> str:
    among, rest = ([names[d.field_id] for d in found if d.among_people is people] for people in (True, False))
    return "; ".join(why.format(", ".join(some)) for why, some in zip(_WHY, (among, rest), strict=True) if some)
