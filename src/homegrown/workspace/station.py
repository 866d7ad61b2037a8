"""The verbs of the label station: what waits for whom, and what people send back."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from homegrown.core.assignments import REVIEW, Assignment, Outcome, StationSettings, Submission
from homegrown.core.models import OUT_OF_SCOPE
from homegrown.core.tasks import LabelSourceKind, Task, TaskKind
from homegrown.errors import HomegrownError, InputError, NotFoundError
from homegrown.label.people import disputed, split_values
from homegrown.label.person import value_of_ids
from homegrown.label.queue import WAS_SPLIT, Chooser, Line, Lines, Undecided, make_line, stamp_of
from homegrown.label.suggest import HeardVote, Suggestion, bulk_votes, from_votes, meant_ids, named_ids
from homegrown.label.suggest_fields import FieldSuggestion
from homegrown.store.comments import KINDS
from homegrown.store.submissions import Sender
from homegrown.workspace.task_counts import undecided_records

if TYPE_CHECKING:
    from homegrown.core.records import Record
    from homegrown.label.disputes import Dispute
    from homegrown.store import Store
    from homegrown.workspace import handles
    from homegrown.workspace.advisor import Advisor
    from homegrown.workspace.object_advice import ObjectAdvisor

MOST_AT_ONCE = 200
MOST_ROUNDS = 50
MOST_COMMENT_CHARS = 5000


@dataclass(frozen=True, slots=True)
class Waiting:
    """A record that waits for the caller.

    Attributes:
        fields: those that the task shows beside the text.
        base: the caller's own vote that stands on it, or a reviewer's; None where there is none.
        suggestions: what it may be, the likeliest first.
        votes: what rules, models and imports say of it.
        answers: of a task whose answer is an object, instead of the last two: what its fields may hold.
        disputes: of such a task, where people disagree: what each side says of a field, the worst first.
    """

    assignment: Assignment
    record: Record
    fields: dict[str, Any]
    base: str | None
    suggestions: list[Suggestion]
    votes: list[HeardVote]
    answers: list[FieldSuggestion] = field(default_factory=list)
    disputes: list[Dispute] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class QueuePage:
    """What waits for the caller, and how much there is in all.

    Attributes:
        n_waiting: records that still want an answer from somebody, about.
        n_mine: records on which the caller has spoken.
    """

    records: list[Waiting]
    n_waiting: int
    n_mine: int


class Station:
    """Mixed into ``Workspace``."""

    store: Store
    lines: Lines
    advisor: Advisor
    object_advisor: ObjectAdvisor
    chooser: Chooser | None = None

    if TYPE_CHECKING:

        def _any_task(self, task: Task | handles.Task | str) -> Task: ...

        def _answers(self, task: Task, texts: dict[str, str], *, wait: bool) -> dict[str, list[FieldSuggestion]]:
            """What the fields of some records may hold."""
            ...

        def _said_value(self, task: Task, said: Any, text: str) -> dict[str, Any]:
            """The vote's value of what is said of a text."""
            ...

        def _object_conflicts(self, task: Task, limit: int, *, sources: bool) -> QueuePage:
            """Records with the fields on which people disagree."""
            ...

        def selected_ids(self, name: str) -> list[str]:
            """Ids that a Selection names."""
            ...

    def next_records(
        self,
        task: Task | handles.Task | str,
        n: int = 20,
        *,
        selection: str | None = None,
        chooser: Chooser | None = None,
        wait: bool = True,
    ) -> QueuePage:
        """The next records to label: those that the caller holds already, then free ones, which are theirs for a while.

        Two people never get the same record, unless the task wants several answers for each.

        Args:
            task: the question, or its name.
            n: how many to hold, 1 to 200.
            selection: the name of a Selection to which this is limited.
            chooser: decides the order; default: of a task of objects those of which its champion is least sure first,
                of others the workspace's own; else those that nobody labelled, shuffled.
            wait: until a model that suggests is loaded, where there is one.

        Example:
            >>> ws.next_records("intent", 5).records[0].record.text  # doctest: +SKIP
            'my card never came'
        """
        if not 1 <= n <= MOST_AT_ONCE:
            raise InputError(f"A page of the queue holds 1 to {MOST_AT_ONCE} records, not {n}.")
        asked = self._any_task(task)
        settings = self.station_settings(asked)
        line = self._line(asked, selection, chooser or self._chooser(asked))
        assignments = self._handed(asked, line, n, settings.overlap)
        if selection is not None:
            assignments = [a for a in assignments if a.record_id in line.known]
        n_mine = self.store.person_votes.n_of(self.store.actor, asked.task_id)
        return QueuePage(self._shown(asked, assignments, settings, wait=wait), line.n_waiting, n_mine)

    def _chooser(self, task: Task) -> Chooser | None:
        return self.object_advisor if task.kind is TaskKind.OBJECT else self.chooser

    def _line(self, task: Task, selection: str | None, chooser: Chooser | None) -> Line:
        store = self.store

        def make(before: Line | None) -> Line:
            only = None if selection is None else self.selected_ids(selection)

            def undecided() -> Undecided:
                return Undecided(undecided_records(store, task), split_values(store, task))

            line = make_line(store, task, chooser=chooser, only=only, before=before, undecided=undecided)
            line.close(self._full(task, line.undecided))
            return line

        return self.lines.get((task.task_id, selection, chooser), make, lambda: stamp_of(store, task, chooser))

    def _full(self, task: Task, undecided: Undecided, record_ids: list[str] | None = None) -> set[str]:
        """Records of a task, or those of *record_ids*, that want no answer any more."""
        overlap = self.station_settings(task).overlap
        return self.store.assignments.full(task.task_id, record_ids, overlap=overlap, undecided=undecided.values)

    def warm_queue(self, task: Task, selection: str | None = None) -> None:
        """Make the order of a task's queue where there is none yet, so that the first page need not wait for it."""
        with suppress(HomegrownError):  # the page itself says what is wrong
            self._line(task, selection, self._chooser(task))
            if task.kind is TaskKind.OBJECT:
                self.object_advisor.advise(task, {})
            else:
                self.advisor.advise(task, {})

    def _handed(self, task: Task, line: Line, n: int, overlap: int) -> list[Assignment]:
        actor = self.store.actor
        held: list[Assignment] = []
        for _ in range(MOST_ROUNDS):
            waiting = line.waiting(actor.actor_id)
            done = self.store.assignments.hand_out(
                actor, task.task_id, waiting, n, overlap=overlap, undecided=line.undecided.values
            )
            line.note(actor.actor_id, done.full, done.passed)
            held = done.assignments
            if len(held) >= n or done.looked_at_all:
                break
        return held

    def _shown(
        self, task: Task, assignments: Sequence[Assignment], settings: StationSettings, *, wait: bool = False
    ) -> list[Waiting]:
        """Assignments with their records, suggestions and what others say; a record that is gone is left out.

        Of a record that is part of an exam nothing is suggested and nobody is quoted: the answer shall be the person's.
        """
        exam = set(self.store.exams.of_task(task.task_id))
        ids = [a.record_id for a in assignments]
        records = {r.record_id: r for r in self.store.records.get(ids)}
        votes, advice, answers = {}, {}, {}
        if task.kind is TaskKind.OBJECT:
            answers = self._answers(task, {i: r.text for i, r in records.items() if i not in exam}, wait=wait)
        else:
            votes = bulk_votes(self.store, task, [i for i in ids if i not in exam])
            texts = {i: (r.text, r.text_hash) for i, r in records.items() if i not in exam}
            advice = self.advisor.advise(task, texts, wait=wait)
        bases = self.store.person_votes.bases(self.store.actor, task.task_id, ids)
        return [
            Waiting(
                assignment=a,
                record=records[a.record_id],
                fields={f: records[a.record_id].fields[f] for f in settings.fields if f in records[a.record_id].fields},
                base=bases.get(a.record_id),
                suggestions=advice.get(a.record_id) or from_votes(votes.get(a.record_id, [])),
                votes=votes.get(a.record_id, []),
                answers=answers.get(a.record_id, []),
            )
            for a in assignments
            if a.record_id in records
        ]

    def submit(
        self, task: Task | handles.Task | str, submissions: Sequence[Submission], *, settles: bool = False
    ) -> list[Outcome]:
        """Keep votes, undos and skips as a station sends them, each once however often it comes; in one transaction.

        Args:
            task: the question.
            submissions: in order; the ``value`` of a vote is ``{"classes": [class id, …]}``, whether the task takes one
                or several, and ``{"fields": {field id: answer}}`` where its answer is an object (``core.schema``).
            settles: the votes settle their records (a reviewer's): what other people said no longer counts. A vote on
                fields settles those that it names, and what reviewers said of others before stays.

        Returns:
            One outcome per submission. What cannot be kept holds up nothing else.
        """
        asked = self._any_task(task)
        wanted = [s.record_id for s in submissions if s.act != "undo"]
        texts = self.store.records.texts(wanted) if asked.kind is TaskKind.OBJECT else {}
        here = set(texts) if texts else self._present(wanted)
        ready: list[Submission] = []
        outcomes: dict[int, Outcome] = {}
        for number, one in enumerate(submissions):
            try:
                ready.append(self._checked(asked, one, here, texts))
            except (InputError, NotFoundError) as error:
                outcomes[number] = Outcome(one.client_id, "refused", reason=error.message)
        if ready:
            sender = Sender(self.store.actor, asked.task_id, self._source(asked, settles=settles), settles)
            kept = iter(self.store.submissions.keep(sender, ready))
            outcomes |= {number: next(kept) for number in range(len(submissions)) if number not in outcomes}
        said = [s.record_id for s in submissions if s.act != "skip"]
        for line in self.lines.of_task(asked.task_id):
            line.reopen(s.record_id for s in submissions if s.act == "undo")
            line.close(self._full(asked, line.undecided, said))
        return [outcomes[number] for number in range(len(submissions))]

    def _checked(self, task: Task, one: Submission, here: set[str], texts: dict[str, str]) -> Submission:
        """A submission with its value in the task's own form."""
        if one.act == "undo":
            return one
        if one.record_id not in here:
            raise NotFoundError("Its record is not here any more. It may have been forgotten.")
        if one.act == "skip":
            return one
        said = one.value or {}
        if task.kind is TaskKind.OBJECT:
            value = self._said_value(task, said.get("fields", {}), texts[one.record_id])
        else:
            value = value_of_ids(task, said.get("classes", []))
        return Submission(one.client_id, one.act, one.record_id, value, one.base)

    def my_votes(
        self, task: Task | handles.Task | str, limit: int = 20, before: str | None = None
    ) -> list[dict[str, Any]]:
        """The caller's own votes that stand, newest first, with their texts: the way back through what one said."""
        asked = self._any_task(task)
        rows = self.store.person_votes.mine(self.store.actor, asked.task_id, limit, before)
        texts = self.store.records.texts([row["record_id"] for row in rows])
        return [
            {key: row[key] for key in ("vote_id", "client_id", "record_id", "created_at")}
            | {"text": texts[row["record_id"]], **said_in(asked, msgspec.json.decode(row["value"]))}
            for row in rows
            if row["record_id"] in texts
        ]

    def conflicts(self, task: Task | handles.Task | str, limit: int = 20, *, sources: bool = False) -> QueuePage:
        """Records on which people disagree and which no reviewer settled, with what each of them said.

        Those that a reviewer settled as a class that was split since come first. Of a task whose answer is an object
        each comes with the fields that are disputed (``disputes``), the worst first.

        Settle them by ``submit(…, settles=True)``, of objects also by ``settle``.

        Args:
            task: the question, or its name.
            limit: how many records.
            sources: of objects: also fields on which people agree and a rule, an import or a model says otherwise.
        """
        asked = self._any_task(task)
        if asked.kind is TaskKind.OBJECT:
            return self._object_conflicts(asked, limit, sources=sources)
        if sources:
            raise InputError("What other sources say otherwise is asked of tasks that are answered with fields.")
        differ = disputed(self.store, asked)
        said: dict[str, list[HeardVote]] = {}
        for row in self.store.person_votes.people(asked.task_id, differ[:limit]):
            ids = meant_ids(asked, msgspec.json.decode(row["value"]))
            if ids is not None:
                vote = HeardVote(row["name"], tuple(i for i in ids if i != OUT_OF_SCOPE), None)
                said.setdefault(row["record_id"], []).append(vote)
        settings = self.station_settings(asked)
        split = undecided_records(self.store, asked)
        reasons = {i: WAS_SPLIT.format(split[i]) if i in split else "people disagree" for i in differ[:limit]}
        waiting = self._shown(asked, [Assignment("", i, reason, "") for i, reason in reasons.items()], settings)
        bases = self.store.person_votes.settling(asked.task_id, differ[:limit])
        records = [
            replace(w, base=bases.get(i := w.record.record_id), votes=[*said.get(i, []), *w.votes]) for w in waiting
        ]
        return QueuePage(records, len(differ), self.store.person_votes.n_of(self.store.actor, asked.task_id))

    def _present(self, record_ids: list[str]) -> set[str]:
        return set(self.store.records.rows(pa.array(record_ids, pa.string()), ["record_id"])["record_id"].to_pylist())

    def _source(self, task: Task, *, settles: bool) -> str:
        actor = self.store.actor
        name, config = (f"{actor.name}, review", REVIEW) if settles else (actor.name, {})
        return self.store.tasks.label_source(actor, task, LabelSourceKind.PERSON, name, config)

    def release_records(self, task: Task | handles.Task | str, record_ids: Sequence[str] | None = None) -> int:
        """Give back what the caller holds of a task, or *record_ids* of it; returns how many."""
        asked = self._any_task(task)
        given = self.store.assignments.release(
            self.store.actor, asked.task_id, None if record_ids is None else list(record_ids)
        )
        for line in self.lines.of_task(asked.task_id):
            line.reopen(record_ids or ())
        return given

    def reorder(self, task: Task | handles.Task | str) -> None:
        """Have the order of a task's queue made anew in the background, for a chooser that has learnt since."""
        self.lines.outdate(self._any_task(task).task_id)

    def comment(
        self, task: Task | handles.Task | str, record_id: str, kind: str, text: str = "", client_id: str | None = None
    ) -> str:
        """Say something of a record beside the vote: a ``comment``, a ``flag``, or a ``question`` on the guidelines.

        Returns:
            The comment's id; the same *client_id* again adds nothing.
        """
        if kind not in KINDS:
            raise InputError(f"There is no {kind!r} to make of a record. Kinds: {', '.join(KINDS)}.")
        if len(text) > MOST_COMMENT_CHARS or (kind != "flag" and not text.strip()):
            raise InputError(f"A {kind} has 1 to {MOST_COMMENT_CHARS:,} characters.")
        if not self._present([record_id]):
            raise NotFoundError("There is no such record here. It may have been forgotten.")
        task_id = self._any_task(task).task_id
        return self.store.comments.add(self.store.actor, task_id, record_id, kind, text.strip(), client_id)

    def station_settings(self, task: Task | handles.Task | str) -> StationSettings:
        """How people label a task."""
        found = self.store.settings.get(f"station:{self._any_task(task).task_id}")
        return StationSettings() if found is None else msgspec.convert(found, StationSettings)

    def set_station(self, task: Task | handles.Task | str, settings: StationSettings) -> None:
        """Change how people label a task; who labels sees it with their next page.

        Example:
            >>> ws.set_station("intent", StationSettings(overlap=2, fields=("channel",)))  # doctest: +SKIP
        """
        if not 1 <= settings.overlap <= 100:
            raise InputError("Between 1 and 100 people can be asked about each record.")
        asked = self._any_task(task)
        self.store.settings.put(self.store.actor, f"station:{asked.task_id}", asdict(settings), "label.set_station")
        self.lines.forget(asked.task_id)


def said_in(task: Task, value: dict[str, Any] | None) -> dict[str, Any]:
    """What a vote's value says now: ``class_ids``, or of a task of objects ``answer``, by field id."""
    if task.kind is TaskKind.OBJECT:
        return {"class_ids": [], "answer": (value or {}).get("fields", {})}
    return {"class_ids": named_ids(task, value)}
