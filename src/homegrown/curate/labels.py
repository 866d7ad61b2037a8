"""Votes → Labels, in bulk: which class each record has, by the newest version of each label source."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from homegrown.core.tasks import Task, TaskKind
from homegrown.curate.joined import Join, joined, joined_people
from homegrown.curate.nearby import Near, corrected
from homegrown.store.meaning import places, read_meaning
from homegrown.store.snapshots import probs_field

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.store import Store


#: record numbers int, class numbers int and shares of the votes float, [k] each
Counted = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of n records, sparse.

    Attributes:
        row: int [k], record numbers.
        column: int [k], class numbers.
        prob: float32 [k].
        labelled: bool [n], has a label: classes, or the statement that it belongs to none.
        n_classes: of the task.
        undecided: bool [n], somebody named a class that was split since, and nobody says which part it is.
        joined: votes on some records decide what those on others are worth.
    """

    row: np.ndarray
    column: np.ndarray
    prob: np.ndarray
    labelled: np.ndarray
    n_classes: int
    undecided: np.ndarray
    joined: bool = False

    def stratum(self) -> np.ndarray:
        """One class per record for balanced splits, int [n]: its rarest; ``n_classes`` out of scope, -1 unlabelled."""
        frequency = np.bincount(self.column, minlength=self.n_classes)
        found = np.where(self.labelled, self.n_classes, -1)
        order = np.lexsort((self.column, frequency[self.column], -self.prob, self.row))
        rows, first = np.unique(self.row[order], return_index=True)
        found[rows] = self.column[order][first]
        return found

    def weights(self) -> np.ndarray:
        """How much each record counts, float32 [n]: the probability of its likeliest class where it is of one class.

        A record about which voters disagree teaches less. Out of scope, unlabelled and of several classes: 1.
        """
        top = np.zeros(len(self.labelled), np.float32)
        np.maximum.at(top, self.row, self.prob)
        several = np.bincount(self.row, self.prob, len(self.labelled)) > 1.001
        return np.where((top > 0) & ~several, np.minimum(top, 1), 1).astype(np.float32)

    def dense(self, chosen: np.ndarray) -> np.ndarray:
        """Label probabilities float32 [len(chosen), n_classes] of the records *chosen*."""
        found = self.of(chosen)
        matrix = np.zeros((len(chosen), self.n_classes), np.float32)
        matrix[found.row, found.column] = found.prob
        return matrix

    def stored(self, chosen: np.ndarray) -> tuple[pa.Field, pa.Array]:
        """What a snapshot stores of the records *chosen*."""
        flat = pa.array(self.dense(chosen).reshape(-1))
        return probs_field(self.n_classes), pa.FixedSizeListArray.from_arrays(flat, self.n_classes)

    def of(self, chosen: np.ndarray) -> Labels:
        """The labels of the records *chosen*, numbered as they stand there."""
        place = np.full(len(self.labelled), -1)
        place[chosen] = np.arange(len(chosen))
        row = place[self.row]
        kept = row >= 0
        return replace(
            self, row=row[kept], column=self.column[kept], prob=self.prob[kept], labelled=self.labelled[chosen],
            undecided=self.undecided[chosen],
        )  # fmt: skip

    def but(self, chosen: np.ndarray, other: Labels) -> Labels:
        """These labels, those of the records *chosen* taken from *other*, numbered as they stand there."""
        kept = ~np.isin(self.row, chosen)
        labelled, undecided = self.labelled.copy(), self.undecided.copy()
        labelled[chosen], undecided[chosen] = other.labelled, other.undecided
        row = np.concatenate([self.row[kept], chosen[other.row]])
        column, prob = (np.concatenate([a[kept], b]) for a, b in ((self.column, other.column), (self.prob, other.prob)))
        return replace(self, row=row, column=column, prob=prob, labelled=labelled, undecided=undecided)


def read_labels(
    store: Store,
    task: Task,
    record_ids: pa.Array,
    join: Join | None = None,
    *,
    exclude_terms: Sequence[str] = (),
    near: Near | None = None,
) -> Labels:
    """The labels of *record_ids* as they stand: each class's share of the votes; abstentions do not count.

    Votes that were given under terms of *exclude_terms* do not count, as if their source had never spoken.
    With *join*, where sources voted together on records of one class each, it weighs their votes, what people agree on
    teaching it; and those of people who disagree, where reviewers settled enough to know that this is better. With
    *near*, what people said of records that stand for others corrects a model's votes around them (``curate.nearby``).

    Where a person has spoken, people alone decide: no imported vote stands against them. With many classes a record has
    those that at least half of its voters name. A vote for out of scope outweighs others only by majority.
    """
    sources = counted_sources(store, task, exclude_terms)
    bulk, people = bulk_votes(store, task, sources), store.person_votes.standing(task.task_id)
    votes = heard(bulk, people)
    row = places(votes["record_id"], record_ids)
    here = row >= 0
    said = read_meaning(task, votes["value"].filter(pa.array(here)), row[here])
    n, n_classes = len(record_ids), len(task.classes)
    n_votes = np.bincount(row[here][said.speaks], minlength=n)
    unique, weight = _summed(said.record * (n_classes + 1) + said.column, said.weight)
    where, column = np.divmod(unique, n_classes + 1)
    share = np.minimum(weight / np.maximum(n_votes[where], 1), 1)
    undecided = np.zeros(n, bool)
    undecided[said.record[said.weight < 1]] = True
    many = task.kind is TaskKind.CLASSES
    counted, weighed = (where, column, share), []
    if join is not None and not many:
        by_people, agreed = _by_people(record_ids, people, counted)
        differ = by_people & (agreed < 0) & ~undecided
        voices = store.person_votes.people(task.task_id) if differ.any() else []
        found = (
            (differ, joined_people(task, record_ids, join, voices) if voices else None),
            (~by_people, joined(task, record_ids, agreed, join, bulk, sources)),
        )
        weighed = [(chosen, done) for chosen, done in found if done is not None]
        if near is not None and (done := corrected(store, task, record_ids, agreed, near, bulk)) is not None:
            weighed.append((~by_people, done))
        for chosen, done in weighed:
            counted = _put(counted, chosen, *done)
    labels = _settle(*counted, n_votes > 0, undecided, n_classes, many=many)
    return replace(labels, joined=bool(weighed))


def _summed(keys: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct *keys*, ascending, each with the sum of its weights; most votes weigh 1 and are merely counted."""
    if (weight == 1).all():
        return np.unique(keys, return_counts=True)
    unique, place = np.unique(keys, return_inverse=True)
    return unique, np.bincount(place, weight, len(unique))


def _by_people(record_ids: pa.Array, people: list[tuple[str, str]], counted: Counted) -> tuple[np.ndarray, np.ndarray]:
    """Where people have spoken, bool [n], and the class on which they agree there, int [n], -1 elsewhere."""
    where, column, share = counted
    spoken = pa.array([record_id for record_id, _ in people], pa.string())
    by_people = pc.is_in(record_ids, value_set=spoken).to_numpy(zero_copy_only=False)
    agreed, sure = np.full(len(record_ids), -1), by_people[where] & (share == 1)
    agreed[where[sure]] = column[sure]
    return by_people, agreed


def _put(counted: Counted, chosen: np.ndarray, joint: np.ndarray, probs: np.ndarray) -> Counted:
    """*counted* with the rows *probs* of the records *joint* in place of theirs, as far as they are *chosen*."""
    where, column, share = counted
    free = chosen[joint]
    row, new = np.nonzero(probs[free])
    kept = ~np.isin(where, joint[free])
    return (
        np.concatenate([where[kept], joint[free][row]]),
        np.concatenate([column[kept], new]),
        np.concatenate([share[kept], probs[free][row, new]]),
    )


def counted_sources(store: Store, task: Task, exclude_terms: Sequence[str] = ()) -> list[str]:
    """Ids of the label sources whose votes count: the newest version of each, unless its terms are excluded."""
    newest = store.tasks.label_sources(task.task_id)
    return [s["label_source_id"] for s in newest if s["config"].get("terms", "") not in exclude_terms]


def bulk_votes(store: Store, task: Task, sources: list[str]) -> pa.Table:
    """The votes of *sources* that people did not give one by one, abstentions left out."""
    votes = store.votes.of_task(task.task_id)
    current = pa.array(sources, pa.string())
    return votes.filter(pc.and_(pc.is_in(votes["label_source_id"], value_set=current), pc.is_valid(votes["value"])))


def heard(bulk: pa.Table, people: list[tuple[str, str]]) -> pa.Table:
    """Record ids and values of the votes that count: people's, and elsewhere those in bulk."""
    votes = bulk.select(["record_id", "value"])
    if not people:
        return votes
    ids, values = (pa.array(column, pa.string()) for column in zip(*people, strict=True))
    said = pa.table({"record_id": ids, "value": values}, schema=votes.schema)
    return pa.concat_tables([votes.filter(pc.invert(pc.is_in(votes["record_id"], value_set=ids))), said])


def _settle(
    row: np.ndarray,
    column: np.ndarray,
    share: np.ndarray,
    labelled: np.ndarray,
    undecided: np.ndarray,
    n_classes: int,
    *,
    many: bool,
) -> Labels:
    outside = np.zeros(len(labelled), bool)
    is_out = column == n_classes
    outside[row[is_out]] = share[is_out] > 0.5
    kept = ~is_out & ~outside[row] & ((share >= 0.5) if many else True)
    row, column, share = row[kept], column[kept], share[kept]
    if not many:
        total = np.bincount(row, share, len(labelled))
        share = share / total[row]
        # A vote for a class that the task has no more leaves nothing behind: the record is unlabelled then.
        known = np.zeros(len(labelled), bool)
        known[row] = True
        labelled = labelled & (known | outside)
    else:
        # "P or Q" cannot be said by probabilities that are learnt one class at a time: such a record waits.
        labelled = labelled & ~undecided
        kept = labelled[row]
        row, column, share = row[kept], column[kept], share[kept]
    return Labels(row, column, share.astype(np.float32), labelled, n_classes, undecided)
