"""What people decided about records, honoured by a snapshot: dropped, merged into another, masked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from homegrown.store import Store
    from homegrown.store.issues import Rulings

_SWAPPED = ("record_id", "text_hash", "text")


@dataclass(frozen=True, slots=True)
class Honoured:
    """How many records left or changed for a decision."""

    n_dropped: int = 0
    n_merged: int = 0
    n_masked: int = 0


def without(rulings: Rulings, records: pa.Table) -> tuple[pa.Table, Honoured]:
    """*records* without those that were dropped or that another stands for.

    A record that was merged leaves only while the one that stands for it is there.
    """
    ids = records["record_id"].combine_chunks()
    dropped = _among(ids, rulings.dropped)
    here = set(ids.filter(pa.array(~dropped)).to_pylist()) if rulings.merged else set()
    merged = _among(ids, [r for r in rulings.merged if _stands(r, rulings.merged, here)]) & ~dropped
    kept = ~(dropped | merged)
    done = Honoured(int(dropped.sum()), int(merged.sum()))
    return records if kept.all() else records.filter(pa.array(kept)), done


def masked(store: Store, made: Mapping[str, str], records: pa.Table) -> tuple[pa.Table, int]:
    """*records* with the masked ones in place of their originals, and how many there are; other columns stay.

    Args:
        store: the workspace.
        made: original → the masked record.
        records: with ``record_id``, ``text_hash``, ``text``.
    """
    ids = records["record_id"].combine_chunks()
    hidden = pa.array(_among(ids, made))
    wanted = pa.array([made[i] for i in ids.filter(hidden).to_pylist()], pa.string())
    if not len(wanted):
        return records, 0
    found = store.records.rows(wanted, list(_SWAPPED))
    for name in _SWAPPED:
        values = pc.replace_with_mask(records[name].combine_chunks(), hidden, found[name].combine_chunks())
        records = records.set_column(records.schema.get_field_index(name), name, values)
    return records, len(wanted)


def as_originals(store: Store, record_ids: pa.ChunkedArray) -> pa.Array:
    """*record_ids* of a snapshot, each masked record under the id of the one that it was made from."""
    ids = record_ids.combine_chunks()
    originals = store.issues.originals()
    return pa.array([originals.get(i, i) for i in ids.to_pylist()], pa.string()) if originals else ids


def _stands(record_id: str, merged: dict[str, str], here: set[str]) -> bool:
    """Whether somebody stands for a record: it leads, over however many merges, to one that is here and stays."""
    seen = {record_id}
    at = merged[record_id]
    while at in merged and at not in seen:
        seen.add(at)
        at = merged[at]
    return at in here and at not in seen


def _among(ids: pa.Array, wanted: Iterable[str]) -> np.ndarray:
    return pc.is_in(ids, value_set=pa.array(list(wanted), pa.string())).to_numpy(zero_copy_only=False)
