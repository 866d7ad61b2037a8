"""Freeze the labelled records of a task into a Snapshot.

Rows with the same text stay on one side of each split; so do rows of one group.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow as pa

from homegrown.core.models import Snapshot
from homegrown.core.tasks import Task, TaskKind
from homegrown.errors import EmptyDataError
from homegrown.store.snapshots import snapshot_schema

if TYPE_CHECKING:
    from homegrown.store import Store

VALID_SHARE = 0.1
TEST_SHARE = 0.2


def freeze(store: Store, task: Task, *, seed: int = 0, test_source: str | None = None) -> Snapshot:
    """Freeze *task* as it is labelled now.

    Args:
        store: the workspace.
        task: in the version to freeze.
        seed: decides the random split.
        test_source: name of the source that is the test split, whole; otherwise a fifth is drawn.
    """
    probs = label_probs(store, task)
    if not probs:
        raise EmptyDataError(f"The task {task.name!r} has no labels yet.")
    records = store.records.scan(["record_id", "text_hash", "source"]).to_pylist()
    rows = [r for r in records if r["record_id"] in probs]
    rng = np.random.default_rng(seed)
    share = {h: rng.random() for h in sorted({r["text_hash"] for r in rows})}
    held_out = {r["text_hash"] for r in rows if r["source"] == test_source}
    chosen = [(r, _split(r, share[r["text_hash"]], test_source, held_out)) for r in rows]
    n_twins = sum(split is None for _, split in chosen)
    kept = [(r, split) for r, split in chosen if split is not None]
    table = _table(kept, probs, len(task.classes))
    facts = {"task_id": task.task_id, "task_version": task.version, "class_ids": task.class_ids, "seed": seed}
    snapshot_id = store.snapshots.write(table, facts)
    counts = {s: sum(split == s for _, split in kept) for s in ("train", "valid", "test")}
    details = {"seed": seed, "test_source": test_source, "n_twins_removed": n_twins}
    snapshot = Snapshot(snapshot_id, task.task_id, task.version, counts, details)
    store.models.add_snapshot(store.actor, snapshot)
    return snapshot


def _split(row: dict[str, str], share: float, test_source: str | None, held_out: set[str]) -> str | None:
    if test_source is not None:
        if row["source"] == test_source:
            return "test"
        if row["text_hash"] in held_out:
            return None
        return "valid" if share < VALID_SHARE else "train"
    if share < TEST_SHARE:
        return "test"
    return "valid" if share < TEST_SHARE + VALID_SHARE * (1 - TEST_SHARE) else "train"


def label_probs(store: Store, task: Task) -> dict[str, np.ndarray]:
    """Label probabilities float32 [n_classes] by record id: the share of votes for each class."""
    position = {c: i for i, c in enumerate(task.class_ids)}
    sums: dict[str, np.ndarray] = {}
    votes = store.votes.of_task(task.task_id)
    for record_id, value in zip(votes["record_id"].to_pylist(), votes["value"].to_pylist(), strict=True):
        if value is None:
            continue
        decoded = msgspec.json.decode(value)
        ids = decoded.get("classes") or [decoded.get("class")]
        row = sums.setdefault(record_id, np.zeros(len(position), np.float32))
        for class_id in ids:
            if class_id in position:
                row[position[class_id]] += 1
    if task.kind is TaskKind.CLASSES:
        return {r: np.minimum(p, 1.0) for r, p in sums.items()}
    return {r: p / p.sum() for r, p in sums.items() if p.sum() > 0}


def _table(kept: list[tuple[dict[str, str], str]], probs: dict[str, np.ndarray], n_classes: int) -> pa.Table:
    matrix = np.stack([probs[r["record_id"]] for r, _ in kept]).astype(np.float32)
    columns = [
        pa.array([r["record_id"] for r, _ in kept]),
        pa.array([r["text_hash"] for r, _ in kept]),
        pa.array([s for _, s in kept]),
        pa.nulls(len(kept), pa.string()),
        pa.array(np.ones(len(kept), np.float32)),
        pa.FixedSizeListArray.from_arrays(pa.array(matrix.reshape(-1)), n_classes),
    ]
    return pa.Table.from_arrays(columns, schema=snapshot_schema(n_classes))
