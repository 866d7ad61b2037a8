"""Labels where several sources voted: their votes joined by a model of who is right, instead of counted."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from homegrown.core.models import OUT_OF_SCOPE
from homegrown.core.tasks import Task
from homegrown.store import Store

Join = Callable[[np.ndarray, np.ndarray, np.ndarray, tuple[int, int, int], np.ndarray], np.ndarray]
"""``join(record, source, value, (n_records, n_sources, n_classes), gold)``, int [n_votes] each and gold int [n_records]
with -1 where unknown, gives label probabilities float [n_records, n_classes]."""

LEAST = 0.001


def joined(
    store: Store, task: Task, record_ids: pa.Array, decided: np.ndarray, join: Join, sources: list[str]
) -> tuple[np.ndarray, np.ndarray] | None:
    """Label probabilities of the records that sources other than people voted on, by *join*.

    Args:
        store: the workspace.
        task: with one class per record.
        record_ids: n records.
        decided: int [n], class that people settled, ``n_classes`` for none of them, -1 elsewhere; teaches *join*.
        join: the aggregator.
        sources: ids of those whose votes count.

    Returns:
        Record numbers int [k] and probabilities float [k, n_classes + 1], the last column for out of scope; None where
        no record has votes of two sources, and counting says the same.
    """
    votes = store.votes.of_task(task.task_id)
    source = _codes(votes["label_source_id"], pa.array(sources, pa.string()))
    record = _codes(votes["record_id"], record_ids)
    text = votes["value"].combine_chunks().dictionary_encode()
    place = {c: i for i, c in enumerate([*task.class_ids, OUT_OF_SCOPE])}
    named = [place.get(msgspec.json.decode(v).get("class"), -1) for v in text.dictionary.to_pylist()]
    value = np.array([*named, -1])[pc.fill_null(text.indices, len(named)).to_numpy(zero_copy_only=False)]
    kept = (source >= 0) & (record >= 0) & (value >= 0)
    record, source, value = record[kept], source[kept], value[kept]
    voted, times = np.unique(record, return_counts=True)
    if not (times > 1).any():
        return None
    used, source = np.unique(source, return_inverse=True)
    here = np.searchsorted(voted, record)
    probs = join(here, source, value, (len(voted), len(used), len(place)), decided[voted])
    # A class that is as good as excluded is left out, so that a label stays short in a task with many classes.
    probs = np.where(probs >= LEAST, probs, 0)
    return voted, probs / probs.sum(1, keepdims=True)


def _codes(column: pa.ChunkedArray, values: pa.Array) -> np.ndarray:
    return pc.fill_null(pc.index_in(column.combine_chunks(), value_set=values), -1).to_numpy(zero_copy_only=False)
