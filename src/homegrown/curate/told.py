"""What a model told beside its vote: how probable it held each class, for a student to learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from homegrown.core.models import OUT_OF_SCOPE
from homegrown.curate.labels import bulk_votes, counted_sources
from homegrown.store.meaning import places

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.core.tasks import Task
    from homegrown.store import Store


def read_told(
    store: Store, task: Task, record_ids: pa.Array, probs: np.ndarray, *, exclude_terms: Sequence[str] = ()
) -> np.ndarray | None:
    """How probable the model whose vote alone is a record's label held each class; None where none told.

    Only where nobody else voted, and the label is what it voted: what people and rules say is not softened by a model.

    Args:
        store: the workspace.
        task: of one class per record.
        record_ids: n records.
        probs: float32 [n, n_classes], their labels; all zero for none and for out of scope.
        exclude_terms: votes given under one of these terms do not count.

    Returns:
        float32 [n, n_classes], the rest of each row's mass being "none of these"; NaN in rows where nothing was told.
    """
    bulk = bulk_votes(store, task, counted_sources(store, task, exclude_terms))
    if bulk["probs"].null_count == bulk.num_rows:
        return None
    row = places(bulk["record_id"], record_ids)
    here = row >= 0
    alone = np.bincount(row[here], minlength=len(record_ids)) == 1
    spoken = pa.array([record_id for record_id, _ in store.person_votes.standing(task.task_id)], pa.string())
    alone &= ~pc.is_in(record_ids, value_set=spoken).to_numpy(zero_copy_only=False)
    position = {c: i for i, c in enumerate(task.class_ids)}
    meant = task.meanings()
    label = np.where(probs.sum(1) > 0, probs.argmax(1), -1)
    found = np.full(probs.shape, np.nan, np.float32)
    kept = bulk.filter(pa.array(here & alone[row] & pc.is_valid(bulk["probs"]).to_numpy()))
    for i, value, said in zip(
        places(kept["record_id"], record_ids).tolist(),
        kept["value"].to_pylist(),
        kept["probs"].to_pylist(),
        strict=True,
    ):
        voted = task.said(msgspec.json.decode(value), meant)
        if [tuple(position.get(c, -1) for c in ids) for ids in voted] != [(int(label[i]),)]:
            continue
        found[i] = 0.0
        for class_id, prob in msgspec.json.decode(said).items():
            ids = meant.get(class_id, ())
            for one in ids:
                if one != OUT_OF_SCOPE:
                    found[i, position[one]] += prob / len(ids)
    return found if np.isfinite(found).any() else None
