"""The verbs of labelling in bulk: everything under a filter at once, after a sample of it was looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from homegrown.core.assignments import Outcome, Submission
from homegrown.core.ids import canonical_json, digest, new_id, now
from homegrown.core.tasks import LabelSourceKind
from homegrown.errors import EmptyDataError, InputError, NotFoundError
from homegrown.label import vote_value
from homegrown.label.suggest import named_ids
from homegrown.metrics.intervals import wilson
from homegrown.query.lookups import by_words
from homegrown.store.events import record_event
from homegrown.store.votes import VOTES, vote_table

if TYPE_CHECKING:
    from homegrown.core.protocols import Progress
    from homegrown.core.records import Record
    from homegrown.core.tasks import Task
    from homegrown.query.duck import Limits
    from homegrown.query.result import Result
    from homegrown.store import Store
    from homegrown.workspace import handles

SAMPLE = 20


@dataclass(frozen=True, slots=True)
class Filter:
    """What is labelled in bulk; one of the three.

    Attributes:
        selection: name of a Selection.
        words: the records that hold all of these.
        where: a condition in SQL over ``records``, such as ``fields->>'channel' = 'app'``.
    """

    selection: str = ""
    words: str = ""
    where: str = ""

    @property
    def says(self) -> str:
        """In words, for who reads the name of the votes later."""
        if self.where.strip():
            return f"the condition {self.where.strip()}"
        return f"the Selection {self.selection}" if self.selection else f"“{self.words}”"


@dataclass(frozen=True, slots=True)
class BulkSample:
    """Records drawn at random from those under a filter, without those on which a person has spoken; *n* in all."""

    n: int
    records: list[Record]

    @property
    def code(self) -> str:
        """Eight letters and digits that are others for another sample: by them one says which one was looked at."""
        return digest(*(r.record_id.encode() for r in self.records))[:8]


@dataclass(frozen=True, slots=True)
class Checked:
    """What somebody found who looked at a sample: record ids that are of the class, and ids that are not."""

    right: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """Of the looked-at records those that are right; 0 of none."""
        return len(self.right) / max(len(self.right) + len(self.wrong), 1)

    @property
    def ci95(self) -> tuple[float, float]:
        """Wilson's interval of the share."""
        return wilson(len(self.right), len(self.right) + len(self.wrong))


def ready_value(task: Task, said: str | Sequence[str] | None, checked: Checked) -> dict[str, Any]:
    """The value that a bulk label gives, once a sample was looked at.

    Raises:
        InputError: nothing was looked at or nothing of it is right, or the task has no such class.
    """
    value = vote_value(task, said)
    if not checked.right:
        raise InputError("Look at a sample first; where nothing in it is right, there is nothing to label so.")
    return value


class Bulk:
    """Mixed into ``Workspace``."""

    store: Store
    progress: Progress

    if TYPE_CHECKING:

        def _task(self, task: Task | handles.Task | str) -> Task: ...

        def selected_ids(self, name: str) -> list[str]:
            """Ids that a Selection names."""
            ...

        def submit(
            self, task: Task | handles.Task | str, submissions: Sequence[Submission], *, settles: bool = False
        ) -> list[Outcome]:
            """Keep a person's votes."""
            ...

        def sql(
            self,
            sql: str,
            parameters: list[Any] | None = None,
            *,
            limits: Limits | None = None,
            max_rows: int | None = None,
        ) -> Result:
            """Answer one SELECT."""
            ...

    def bulk_sample(
        self, task: Task | handles.Task | str, wanted: Filter, *, n: int = SAMPLE, seed: int = 0
    ) -> BulkSample:
        """Some records under a filter to look at before all of them are labelled.

        Example:
            >>> ws.bulk_sample("intent", Filter(words="refund")).n  # doctest: +SKIP
            312
        """
        ids = self._under(wanted)
        spoken = {record_id for record_id, _ in self.store.person_votes.standing(self._task(task).task_id)}
        free = [i for i in ids if i not in spoken]
        drawn = np.random.default_rng(seed).permutation(len(free))[:n]
        return BulkSample(len(ids), self.store.records.get([free[k] for k in drawn]))

    def bulk_label(
        self, task: Task | handles.Task | str, said: str | Sequence[str] | None, wanted: Filter, checked: Checked
    ) -> str:
        """Give everything under a filter one answer, as one source of votes that can be taken back as a whole.

        What was looked at and found right becomes a vote of the caller's own; what was found wrong is left out. A
        person's own vote on a record outweighs the bulk's.

        Args:
            task: the question.
            said: the name of a class, several where the task takes several, or None for "none of these".
            wanted: what to label.
            checked: the sample, looked at; at least one record, and the filter's name carries how many were right.

        Returns:
            The label source's id, which ``undo_bulk`` takes back.
        """
        asked, actor = self._task(task), self.store.actor
        value = ready_value(asked, said, checked)
        wrong = set(checked.wrong)
        self.progress.start("find records", None, "records")
        ids = [i for i in self._under(wanted) if i not in wrong]
        self.progress.advance(len(ids))
        self.progress.finish()
        self.progress.start("label", len(ids), "records")
        named = {"classes": named_ids(asked, value)}
        own = [Submission(new_id("c"), "vote", i, named) for i in checked.right]
        self.submit(asked, own)
        name = f"{actor.name}, everything under {wanted.says}"
        facts = {"bulk": True, "selection": wanted.selection, "words": wanted.words, "where": wanted.where}
        facts |= {"value": value, "n": len(ids)}
        facts["sample"] = {"n": len(checked.right) + len(checked.wrong), "n_right": len(checked.right)}
        self._drop_earlier(asked, name)
        facts["at"] = now().isoformat()
        source_id = self.store.tasks.label_source(actor, asked, LabelSourceKind.PERSON, name, facts)
        values, shares = [canonical_json(value).decode()] * len(ids), [checked.share] * len(ids)
        self.store.votes.replace(source_id, vote_table(asked, source_id, ids, values, shares))
        with self.store.db.write() as connection:
            record_event(
                connection, actor, "label.bulk", f"label_source:{source_id}",
                task_id=asked.task_id, n=len(ids), n_checked=len(checked.right) + len(checked.wrong),
            )  # fmt: skip
        self.progress.advance(len(ids))
        self.progress.finish()
        return source_id

    def bulk_labels(self, task: Task | handles.Task | str) -> list[dict[str, Any]]:
        """What was labelled in bulk and stands: ``label_source_id``, ``name`` and ``config`` with filter and sample."""
        sources = self.store.tasks.label_sources(self._task(task).task_id)
        return [s for s in sources if s["config"].get("bulk")]

    def undo_bulk(self, task: Task | handles.Task | str, label_source_id: str) -> None:
        """Take a bulk label back as a whole; the votes that somebody gave while looking at the sample stay."""
        asked = self._task(task)
        found = next((s for s in self.bulk_labels(asked) if s["label_source_id"] == label_source_id), None)
        if found is None:
            raise NotFoundError("There is no such bulk label, or it was taken back already.")
        self.store.tasks.label_source(
            self.store.actor, asked, LabelSourceKind.PERSON, found["name"], {"bulk": True, "removed": label_source_id},
            action="label.undo_bulk",
        )  # fmt: skip
        self.store.votes.replace(label_source_id, VOTES.empty_table())

    def _drop_earlier(self, task: Task, name: str) -> None:
        for source in self.bulk_labels(task):
            if source["name"] == name:
                self.store.votes.replace(source["label_source_id"], VOTES.empty_table())

    def _under(self, wanted: Filter) -> list[str]:
        if sum(bool(one.strip()) for one in (wanted.selection, wanted.words, wanted.where)) != 1:
            raise InputError("Name a Selection, or some words that the records hold, or a condition; one of these.")
        if wanted.selection or wanted.where:
            current = self.store.records.scan(["record_id"])["record_id"].to_pylist()
            named = set(self.selected_ids(wanted.selection) if wanted.selection else self._fulfilling(wanted.where))
            ids = [i for i in current if i in named]
        elif self.store.records.table.exists:
            ids = by_words(self.store, wanted.words, None, ["record_id"])[0]["record_id"].to_pylist()
        else:
            ids = []
        if not ids:
            raise EmptyDataError(f"No record is under {wanted.says}.")
        return ids

    def _fulfilling(self, where: str) -> list[str]:
        # The newline ends a comment at the condition's end. Whatever else it may say stays one SELECT that reads.
        rows = self.sql(f"SELECT DISTINCT record_id FROM records WHERE ({where}\n)")  # noqa: S608
        return [str(i) for i in rows.arrow["record_id"].to_pylist()]
