"""What changed between two snapshots: records added, removed, moved to another split, relabelled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from homegrown.curate.rulings import as_originals
from homegrown.errors import InputError
from homegrown.store.snapshots import probs_matrix

if TYPE_CHECKING:
    from homegrown.core.tasks import Task
    from homegrown.store import Store


@dataclass(frozen=True, slots=True)
class Change:
    """How a record differs; a snapshot without it says None.

    Attributes:
        splits: before and after.
        labels: names of the likeliest class, as it was called before and after; None without one.
    """

    record_id: str
    splits: tuple[str | None, str | None]
    labels: tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class SnapshotDiff:
    """From one snapshot to another.

    Attributes:
        moved: in both, in another split.
        relabelled: in both, with another likeliest class; a record may be moved too.
        n_same: in both, in the same split with the same label.
        n_by_split: rows per split before and after.
        same_test: whether both are tested on the same texts.
    """

    before: str
    after: str
    added: tuple[Change, ...]
    removed: tuple[Change, ...]
    moved: tuple[Change, ...]
    relabelled: tuple[Change, ...]
    n_same: int
    n_by_split: dict[str, tuple[int, int]]
    same_test: bool


def diff(store: Store, before: str, after: str) -> SnapshotDiff:
    """Compare two snapshots of one task, record by record.

    Raises:
        NotFoundError: there is no such snapshot.
        InputError: they are of different tasks.

    Example:
        >>> diff(store, "snap_…", "snap_…").relabelled  # doctest: +SKIP
    """
    first, second = store.models.snapshot(before), store.models.snapshot(after)
    if first.task_id != second.task_id:
        raise InputError("These snapshots are of two tasks; only snapshots of one task can be compared.")
    tasks = [store.tasks.get(s.task_id, s.task_version) for s in (first, second)]
    left, right = (_read(store, s.snapshot_id, t) for s, t in zip((first, second), tasks, strict=True))
    found = left.join(right, keys="record_id", join_type="full outer", left_suffix="_1", right_suffix="_2")
    found = found.sort_by("record_id").combine_chunks()
    ids = found["record_id"].to_pylist()
    splits, classes = (
        list(zip(*(found[f"{column}_{i}"].to_pylist() for i in (1, 2)), strict=True)) for column in ("split", "class")
    )
    called = [dict(zip(t.class_ids, t.class_names, strict=True)) for t in tasks]
    rows = [
        Change(record_id, split, (called[0].get(before), called[1].get(after)))
        for record_id, split, (before, after) in zip(ids, splits, classes, strict=True)
    ]
    # By id: a class that was only renamed is the same class.
    both = [
        (row, before != after) for row, (before, after) in zip(rows, classes, strict=True) if None not in row.splits
    ]
    names = dict.fromkeys([*first.n_by_split, *second.n_by_split])
    return SnapshotDiff(
        before=first.snapshot_id,
        after=second.snapshot_id,
        added=tuple(r for r in rows if r.splits[0] is None),
        removed=tuple(r for r in rows if r.splits[1] is None),
        moved=tuple(r for r, _ in both if r.splits[0] != r.splits[1]),
        relabelled=tuple(r for r, relabelled in both if relabelled),
        n_same=sum(r.splits[0] == r.splits[1] and not relabelled for r, relabelled in both),
        n_by_split={n: (first.n_by_split.get(n, 0), second.n_by_split.get(n, 0)) for n in names},
        same_test=first.details.get("test_digest") == second.details.get("test_digest"),
    )


def _read(store: Store, snapshot_id: str, task: Task) -> pa.Table:
    """record_id, split and id of the likeliest class; masked records under the id of their original."""
    rows = store.snapshots.read(snapshot_id)
    probs = probs_matrix(rows)
    top = np.where(probs.sum(1) > 0, probs.argmax(1), -1)
    classes = pa.array([task.class_ids[i] if i >= 0 else None for i in top.tolist()], pa.string())
    ids = as_originals(store, rows["record_id"])
    return pa.table({"record_id": ids, "split": pc.cast(rows["split"], pa.string()), "class": classes})
