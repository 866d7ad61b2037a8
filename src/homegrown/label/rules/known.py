"""What is said of records already: every source's votes, people's word, and the labels that follow from them.

A rule is measured against this. It is read once and kept while nothing changed, so that a preview takes milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from homegrown.label.aggregate import MAJORITY, aggregate, method_for
from homegrown.label.matrix import VoteMatrix
from homegrown.label.reliability import Reliability, estimated
from homegrown.store.meaning import places, read_meaning

if TYPE_CHECKING:
    from homegrown.core.tasks import Task
    from homegrown.store import Store


@dataclass(frozen=True)
class Opinions:
    """What people said one by one, as entries; a vote for several classes is several of them.

    Attributes:
        record: int [k].
        value: int [k], class numbers.
        weight: float [k], below 1 where a class was split since and nobody said which part it is.
    """

    record: np.ndarray
    value: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True)
class Known:
    """Votes on n current records; a vote for several classes is several entries.

    Attributes:
        record_ids: n ids.
        names: of the sources, with their kinds.
        record: int [n_votes].
        source: int [n_votes].
        value: int [n_votes], class numbers; ``n_classes - 1`` for none of them.
        people: what people said, whose word outweighs all others.
        n_classes: of the task and one more.
    """

    record_ids: pa.Array
    names: tuple[tuple[str, str], ...]
    record: np.ndarray
    source: np.ndarray
    value: np.ndarray
    people: Opinions
    n_classes: int
    _without: dict[int, Known] = field(default_factory=dict, repr=False)

    def without(self, kind: str, name: str) -> Known:
        """The same without one source; asked again, the same object."""
        if (kind, name) not in self.names:
            return self
        number = self.names.index((kind, name))
        found = self._without.get(number)
        if found is None:
            found = self.less(number)
            self._without.clear()
            self._without[number] = found
        return found

    def less(self, number: int) -> Known:
        """The same without the votes of one source."""
        kept = self.source != number
        record, source, value = self.record[kept], self.source[kept], self.value[kept]
        return replace(self, record=record, source=source, value=value, _without={})

    @cached_property
    def spoken(self) -> np.ndarray:
        """Records on which people spoke, bool [n]: there they alone decide."""
        found = np.zeros(len(self.record_ids), bool)
        found[self.people.record] = True
        return found

    @cached_property
    def decided(self) -> np.ndarray:
        """The one class that people name, int [n]; -1 where they are silent, differ or name several."""
        pairs = np.unique(self.people.record * self.n_classes + self.people.value)
        record, value = np.divmod(pairs, self.n_classes)
        alone = np.bincount(record, minlength=len(self.record_ids))[record] == 1
        found = np.full(len(self.record_ids), -1)
        found[record[alone]] = value[alone]
        return found

    @cached_property
    def voted(self) -> np.ndarray:
        """Rows int [n_voted] with at least one vote or a person's word."""
        said = self.spoken.copy()
        said[self.record] = True
        return np.flatnonzero(said)

    @cached_property
    def votes(self) -> VoteMatrix:
        """Every vote on the rows ``voted``, all sources, those without a vote too."""
        return VoteMatrix.of(
            np.searchsorted(self.voted, self.record), self.source, self.value,
            n_records=len(self.voted), n_sources=len(self.names), n_classes=self.n_classes,
        )  # fmt: skip

    @cached_property
    def probs(self) -> np.ndarray:
        """Label probabilities float [n_voted, n_classes] of the rows ``voted``."""
        used, source = np.unique(self.source, return_inverse=True)
        if len(used):
            votes = replace(self.votes, source=source, n_sources=len(used))
            # One source alone is counted.
            method = MAJORITY if len(used) == 1 else method_for(len(used), self.n_classes)
            probs = aggregate(votes, gold=self.decided[self.voted], method=method).probs
        else:
            probs = np.zeros((len(self.voted), self.n_classes))
        by_people = np.flatnonzero(self.spoken)
        share = np.zeros((len(by_people), self.n_classes))
        place = np.searchsorted(by_people, self.people.record)
        np.add.at(share, (place, self.people.value), self.people.weight)
        probs[np.searchsorted(self.voted, by_people)] = share / share.sum(1, keepdims=True)
        return probs

    @cached_property
    def reliability(self) -> Reliability:
        """How right each source is under these probabilities."""
        return estimated(self.votes, self.probs)


def read_known(store: Store, task: Task, record_ids: pa.Array) -> Known:
    """Every standing vote on *record_ids*."""
    sources = store.tasks.label_sources(task.task_id)
    votes = store.votes.of_task(task.task_id)
    source = places(votes["label_source_id"], pa.array([s["label_source_id"] for s in sources], pa.string()))
    row = places(votes["record_id"], record_ids)
    heard = (source >= 0) & (row >= 0)
    row, source = row[heard], source[heard]
    vote, value, weight = _entries(task, votes["value"].filter(pa.array(heard)), row)
    sure = weight == 1  # a vote for a class that was split since says nothing definite
    return Known(
        record_ids,
        tuple((s["kind"], s["name"]) for s in sources),
        row[vote[sure]],
        source[vote[sure]],
        value[sure],
        _people(store, task, record_ids),
        len(task.classes) + 1,
    )


def _people(store: Store, task: Task, record_ids: pa.Array) -> Opinions:
    said = store.person_votes.standing(task.task_id)
    row = places(pa.array([record_id for record_id, _ in said], pa.string()), record_ids)
    values = pa.chunked_array([[value for _, value in said]], pa.string())
    row, values = row[row >= 0], values.filter(pa.array(row >= 0))
    vote, value, weight = _entries(task, values, row)
    return Opinions(row[vote], value, weight)


def _entries(task: Task, values: pa.ChunkedArray, record: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vote, class number and weight of what ``read_meaning`` finds; an empty list of classes is for none of them."""
    said = read_meaning(task, values, record)
    empty = np.setdiff1d(np.flatnonzero(said.speaks), said.vote)
    return (
        np.concatenate([said.vote, empty]),
        np.concatenate([said.column, np.full(len(empty), len(task.classes))]),
        np.concatenate([said.weight, np.ones(len(empty))]),
    )
