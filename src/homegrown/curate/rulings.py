"""What people decided about records, honoured by a snapshot: dropped, merged into another, masked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from homegrown.core.tasks import Task
    from homegrown.store import Store

_SWAPPED = ("record_id", "text_hash", "text")


@dataclass(frozen=True, slots=True)
class Honoured:
    """How many records left or changed for a decision."""

    n_dropped: int = 0
    n_merged: int = 0
    n_masked: int = 0


def without(store: Store, task: Task, records: pa.Table) -> tuple[pa.Table, Honoured]:
    """*records* without those that were dropped or that another stands for, and without records made from others.

    A record that was merged leaves only while the one that stands for it is there.
    """
    rulings = store.issues.rulings(task.task_id)
    ids = records["record_id"].combine_chunks()
    dropped = _among(ids, rulings.dropped)
    here = set(ids.filter(pa.array(~dropped)).to_pylist()) if rulings.merged else set()
    merged = _among(ids, [r for r in rulings.merged if _stands(r, rulings.merged, here)]) & ~dropped
    made = _among(ids, rulings.masked.values())
    kept = ~(dropped | merged | made)
    done = Honoured(int(dropped.sum()), int(merged.sum()))
    return records if kept.all() else records.filter(pa.array(kept)), done


def masked(store: Store, records: pa.Table) -> tuple[pa.Table, int]:
    """*records* with the masked ones in place of their originals, and how many there are; other columns stay."""
    made = store.issues.derived("mask")
    ids = records["record_id"].combine_chunks()
    place = np.flatnonzero(_among(ids, made))
    if not len(place):
        return records, 0
    wanted = [made[i] for i in ids.take(pa.array(place)).to_pylist()]
    found = store.records.rows(pa.chunked_array([pa.array(wanted, pa.string())]), list(_SWAPPED))
    by_id = {row["record_id"]: row for row in found.to_pylist()}
    for name in _SWAPPED:
        values = records[name].to_pylist()
        for row, derived in zip(place.tolist(), wanted, strict=True):
            if derived in by_id:
                values[row] = by_id[derived][name]
        records = records.set_column(records.schema.get_field_index(name), name, pa.array(values, pa.string()))
    return records, len(place)


def _stands(record_id: str, merged: dict[str, str], here: set[str]) -> bool:
    """Whether somebody stands for a record: it leads, over however many merges, to one that is here and stays."""
    seen = {record_id}
    at = merged[record_id]
    while at in merged and at not in seen:
        seen.add(at)
        at = merged[at]
    return at in here and at not in seen


def _among(ids: pa.Array, wanted: object) -> np.ndarray:
    values = pa.array(list(wanted), pa.string())  # type: ignore[call-overload]
    return pc.is_in(ids, value_set=values).to_numpy(zero_copy_only=False)
