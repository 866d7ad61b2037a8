"""Which labels somebody vouched for: a person, or a file. What rules, groups and models vote is a guess."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from homegrown.core.tasks import LabelSourceKind
from homegrown.store.lance_tables import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.store import Store

_GUESS = (LabelSourceKind.RULE, LabelSourceKind.MODEL)


def vouched(store: Store, task_id: str, record_ids: Sequence[str]) -> np.ndarray:
    """For each record whether a person or an imported column says what it is, bool [n].

    Where no rule and no model votes on the task, all labels were given by somebody, and no vote is read.

    Example:
        >>> vouched(store, task.task_id, ids).mean()  # doctest: +SKIP
        0.09
    """
    sources = store.tasks.label_sources(task_id)
    if not any(s["kind"] in _GUESS for s in sources):
        return np.ones(len(record_ids), bool)
    given = [pa.array([record_id for record_id, _ in store.person_votes.standing(task_id)], pa.string())]
    imported = [s["label_source_id"] for s in sources if s["kind"] == LabelSourceKind.IMPORTED]
    if imported and store.votes.table.exists:
        where = f"label_source_id IN {quoted(imported)} AND value IS NOT NULL"
        given += store.votes.table.scan(["record_id"], where=where)["record_id"].chunks
    known = pc.is_in(pa.array(record_ids, pa.string()), value_set=pa.chunked_array(given).combine_chunks())
    return np.asarray(known.to_numpy(zero_copy_only=False))
