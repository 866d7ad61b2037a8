"""Labels where several sources voted: their votes joined by a model of who is right, instead of counted."""

from __future__ import annotations

from typing import Protocol

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
