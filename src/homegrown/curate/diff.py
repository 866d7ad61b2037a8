"""What changed between two snapshots: records added, removed, moved to another split, relabelled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from homegrown.errors import InputError
from homegrown.store.snapshots import probs_matrix

if TYPE_CHECKING:
    from homegrown.store import Store


@dataclass(frozen=True, slots=True)
class Change:
    """How a record differs; a snapshot without it says None.

    Attributes:
        splits: before and after.
        labels: names of the likeliest class before and after; None without one.
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
    left, right = (_read(store, s.snapshot_id, s.task_id, s.task_version) for s in (first, second))
    found = left.join(right, keys="record_id", join_type="full outer", left_suffix="_1", right_suffix="_2")
    found = found.sort_by("record_id").combine_chunks()
    split = [found[f"split_{i}"].to_pylist() for i in (1, 2)]
    label = [found[f"label_{i}"].to_pylist() for i in (1, 2)]
    rows = [
        Change(record_id, splits, labels)
        for record_id, splits, labels in zip(
            found["record_id"].to_pylist(), zip(*split, strict=True), zip(*label, strict=True), strict=True
        )
    ]
    both = [r for r in rows if None not in r.splits]
    names = dict.fromkeys([*first.n_by_split, *second.n_by_split])
    return SnapshotDiff(
        before=first.snapshot_id,
        after=second.snapshot_id,
        added=tuple(r for r in rows if r.splits[0] is None),
        removed=tuple(r for r in rows if r.splits[1] is None),
        moved=tuple(r for r in both if r.splits[0] != r.splits[1]),
        relabelled=tuple(r for r in both if r.labels[0] != r.labels[1]),
        n_same=sum(r.splits[0] == r.splits[1] and r.labels[0] == r.labels[1] for r in both),
        n_by_split={n: (first.n_by_split.get(n, 0), second.n_by_split.get(n, 0)) for n in names},
        same_test=first.details.get("test_digest") == second.details.get("test_digest"),
    )


def _read(store: Store, snapshot_id: str, task_id: str, version: int) -> pa.Table:
    """record_id, split and name of the likeliest class; masked records under the id of their original."""
    rows = store.snapshots.read(snapshot_id)
    names = store.tasks.get(task_id, version).class_names
    probs = probs_matrix(rows)
    top = np.where(probs.sum(1) > 0, probs.argmax(1), -1)
    label = pa.array([names[i] if i >= 0 else None for i in top.tolist()], pa.string())
    originals = {made: original for original, made in store.issues.derived("mask").items()}
    ids = rows["record_id"]
    if originals:
        ids = pa.chunked_array([pa.array([originals.get(i, i) for i in ids.to_pylist()], pa.string())])
    return pa.table({"record_id": ids, "split": pc.cast(rows["split"], pa.string()), "label": label})
