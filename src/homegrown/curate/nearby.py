"""Labels of one source, corrected by what people said of the records that stand for others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from homegrown.core.tasks import LabelSourceKind, Task
from homegrown.metrics.corrections import spread_verdicts
from homegrown.store.meaning import places, read_meaning

if TYPE_CHECKING:
    from homegrown.store import Store

#: verdicts from which on they speak of other records
FEWEST = 20


class Near(Protocol):
    """Vectors of records."""

    def __call__(self, record_ids: pa.Array, /) -> np.ndarray:
        """float32 [n, dim], of length 1."""
        ...


def checked_key(task: Task) -> str:
    """Under which setting the records stand that were chosen to be checked because they stand for others."""
    return f"checked:{task.task_id}"


def said_alone(store: Store, task: Task, record_ids: pa.Array, votes: pa.Table) -> np.ndarray:
    """The class that one model said of each record, int [n]; -1 where it said none, or others voted too.

    Args:
        store: the workspace.
        task: with one class per record.
        record_ids: n records.
        votes: those that count, in bulk; none abstains.
    """
    found = np.full(len(record_ids), -1)
    sources = {s["label_source_id"]: s["kind"] for s in store.tasks.label_sources(task.task_id)}
    models = pa.array([i for i, kind in sources.items() if kind == LabelSourceKind.MODEL], pa.string())
    record = places(votes["record_id"], record_ids)
    here = record >= 0
    votes, record = votes.filter(pa.array(here)), record[here]
    by_model = pc.is_in(votes["label_source_id"], value_set=models).to_numpy(zero_copy_only=False)
    alone = by_model & (np.bincount(record, minlength=len(record_ids))[record] == 1)
    said = read_meaning(task, votes["value"].filter(pa.array(alone)), record[alone])
    whole = said.weight == 1
    found[said.record[whole]] = said.column[whole]
    return found


def corrected(
    store: Store, task: Task, record_ids: pa.Array, decided: np.ndarray, near: Near, votes: pa.Table
) -> tuple[np.ndarray, np.ndarray] | None:
    """What verdicts on records that stand for others say of the records of one model's votes around them.

    Only verdicts on records that ``ws.records_to_check`` named count here: people who looked for mistakes alone would
    make the model seem to err everywhere.

    Args:
        store: the workspace.
        task: with one class per record.
        record_ids: n records.
        decided: int [n], class that people settled, ``n_classes`` for none of them, -1 elsewhere.
        near: vectors of records.
        votes: those that count, in bulk.

    Returns:
        Record numbers int [k] and label probabilities float [k, n_classes + 1] of those whose label changes; None where
        nobody corrected anything, or too few records were checked.
    """
    chosen = pa.array(store.settings.get(checked_key(task)) or [], pa.string())
    checked = (decided >= 0) & pc.is_in(record_ids, value_set=chosen).to_numpy(zero_copy_only=False)
    if checked.sum() < FEWEST:
        return None
    said = said_alone(store, task, record_ids, votes)
    truth = np.where(checked, decided, -1)
    if not ((said >= 0) & (truth >= 0) & (truth != said)).any():
        return None
    rows = np.flatnonzero(said >= 0)
    found = spread_verdicts(near(record_ids.take(pa.array(rows))), said[rows], truth[rows])
    changed = found != said[rows]
    return rows[changed], np.eye(len(task.classes) + 1)[found[changed]]
