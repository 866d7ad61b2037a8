"""Labels where several sources or people voted: their votes joined by a model of who is right, instead of counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from homegrown.core.tasks import Task
from homegrown.store.meaning import places, read_meaning


class Join(Protocol):
    """Joins votes to label probabilities float [n_records, n_classes]."""

    def __call__(
        self,
        record: np.ndarray,
        source: np.ndarray,
        value: np.ndarray,
        sizes: tuple[int, int, int],
        gold: np.ndarray,
        weight: np.ndarray | None = None,
    ) -> np.ndarray:
        """Join votes in columns.

        Args:
            record: int [n_votes].
            source: int [n_votes].
            value: int [n_votes], class numbers.
            sizes: n_records, n_sources, n_classes.
            gold: int [n_records], -1 where unknown.
            weight: float [n_votes]; a vote that is shared between classes comes once for each.
        """
        ...


LEAST = 0.001
#: disagreements that reviewers settled, from which on people's votes are weighed: of a few people whom nobody checked,
#: the model of who is right gave worse probabilities than counting did on most of the crowds that it was chosen on
SETTLED, FOLDS = 50, 5
#: by how much the join has to make what reviewers said more probable than counting does, as a natural logarithm
LEAD = 2.0
#: what a class that somebody named keeps beside 1 for the others, so that no disagreement looks like an agreement
NAMED = 0.01


def joined(
    task: Task, record_ids: pa.Array, decided: np.ndarray, join: Join, votes: pa.Table, sources: list[str]
) -> tuple[np.ndarray, np.ndarray] | None:
    """Label probabilities of the records that sources other than people voted on, by *join*.

    Args:
        task: with one class per record.
        record_ids: n records.
        decided: int [n], class that people settled, ``n_classes`` for none of them, -1 elsewhere; teaches *join*.
        join: the aggregator.
        votes: those that count, in bulk; none abstains.
        sources: ids of those who gave them.

    Returns:
        Record numbers int [k] and probabilities float [k, n_classes + 1], the last column for out of scope; None where
        no record has votes of two sources, and counting says the same.
    """
    record = places(votes["record_id"], record_ids)
    votes, record = votes.filter(pa.array(record >= 0)), record[record >= 0]
    source = places(votes["label_source_id"], pa.array(sources, pa.string()))
    said = read_meaning(task, votes["value"], record)
    n_classes = len(task.classes) + 1
    one = np.bincount(said.vote, said.weight, len(said.speaks))[said.vote] < 1 + 1e-9
    record, value, weight = said.record[one], said.column[one], said.weight[one]
    source = source[said.vote[one]]
    voted, times = np.unique(np.unique(record * len(sources) + source) // max(len(sources), 1), return_counts=True)
    if not (times > 1).any():
        return None
    used, source = np.unique(source, return_inverse=True)
    here = np.searchsorted(voted, record)
    shared = {"weight": weight} if (weight < 1).any() else {}
    probs = join(here, source, value, (len(voted), len(used), n_classes), decided[voted], **shared)
    # A class that is as good as excluded is left out, so that a label stays short in a task with many classes.
    probs = np.where(probs >= LEAST, probs, 0)
    return voted, probs / probs.sum(1, keepdims=True)


def joined_people(
    task: Task, record_ids: pa.Array, join: Join, votes: list[dict[str, Any]]
) -> tuple[np.ndarray, np.ndarray] | None:
    """Label probabilities of the records that several people answered and no reviewer settled, by *join*.

    Only where it is better than counting, which is measured: of the disagreements that reviewers settled each fifth is
    guessed from the others, and *join* has to make what they said more probable, by ``LEAD``.

    Args:
        task: with one class per record.
        record_ids: n records.
        join: the aggregator.
        votes: that stand, as ``PersonVotes.people`` gives them; a reviewer's are the truth.

    Returns:
        As ``joined``; None where counting is as good, or reviewers settled too little to know.
    """
    shared = _Shared.of(task, record_ids, votes)
    share = shared.counts / shared.counts.sum(1, keepdims=True)
    known = np.flatnonzero((shared.gold >= 0) & (share.max(1) < 1))
    if len(known) < SETTLED:
        return None
    truth, guessed = shared.gold[known], np.zeros(len(known))
    for fold in range(FOLDS):
        asked = np.arange(fold, len(known), FOLDS)
        told = shared.gold.copy()
        told[known[asked]] = -1
        guessed[asked] = shared.joined(join, told)[known[asked], truth[asked]]
    lead = np.log(np.maximum(guessed, LEAST)) - np.log(np.maximum(share[known, truth], LEAST))
    if lead.sum() < LEAD:
        return None
    waits = shared.gold < 0
    return shared.records[waits], shared.joined(join, shared.gold)[waits]


@dataclass(frozen=True, slots=True)
class _Shared:
    """What people said of the k records that two or more of them answered.

    Attributes:
        records: int [k], record numbers.
        gold: int [k], what a reviewer said; -1 elsewhere.
        votes: record int, person int, class int and weight float, [n_votes] each.
        counts: float [k, n_classes], summed votes.
    """

    records: np.ndarray
    gold: np.ndarray
    votes: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
    counts: np.ndarray

    @classmethod
    def of(cls, task: Task, record_ids: pa.Array, votes: list[dict[str, Any]]) -> _Shared:
        place = places(pa.array([vote["record_id"] for vote in votes], pa.string()), record_ids)
        votes, place = [votes[i] for i in np.flatnonzero(place >= 0)], place[place >= 0]
        said = read_meaning(task, pa.chunked_array([[vote["value"] for vote in votes]], pa.string()), place)
        people = {actor_id: i for i, actor_id in enumerate(sorted({vote["actor_id"] for vote in votes}))}
        person = np.array([people[vote["actor_id"]] for vote in votes], int)[said.vote]
        settles = np.array([vote["settles"] for vote in votes], bool)[said.vote]
        gold = np.full(len(record_ids), -1)
        gold[said.record[settles]] = said.column[settles]
        answers = np.unique(said.record[~settles] * len(people) + person[~settles]) // len(people)
        records = np.flatnonzero(np.bincount(answers, minlength=len(record_ids)) > 1)
        own = ~settles & np.isin(said.record, records)
        row, value, weight = np.searchsorted(records, said.record[own]), said.column[own], said.weight[own]
        counts = np.zeros((len(records), len(task.classes) + 1))
        np.add.at(counts, (row, value), weight)
        source = np.unique(person[own], return_inverse=True)[1]
        return cls(records, gold[records], (row, source, value, weight), counts)

    def joined(self, join: Join, gold: np.ndarray) -> np.ndarray:
        """Probabilities float [k, n_classes] by *join*, which is told *gold*."""
        row, source, value, weight = self.votes
        sizes = (len(self.records), int(source.max()) + 1, self.counts.shape[1])
        probs = join(row, source, value, sizes, gold, weight)
        probs = np.maximum(np.where(probs >= LEAST, probs, 0), NAMED * (self.counts > 0))
        return probs / probs.sum(1, keepdims=True)
