"""Joins a Snapshot with its texts, and never lets the test split through."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow.compute as pc

from homegrown.core.models import Examples, TrainingData
from homegrown.core.tasks import Task, TaskKind
from homegrown.store.snapshots import TOLD, VALUE, probs_matrix, told_matrix

if TYPE_CHECKING:
    import pyarrow as pa

    from homegrown.store import Store


def training_data(store: Store, snapshot_id: str, task: Task) -> TrainingData:
    """What a trainer may see of a snapshot: its train, valid and unlabelled rows."""
    rows = store.snapshots.read(snapshot_id)
    rows = rows.filter(pc.not_equal(rows["split"], "test"))
    texts = store.records.texts(rows["record_id"].to_pylist())
    if task.kind is TaskKind.OBJECT:
        parts = {name: _objects(rows, name, texts) for name in ("train", "valid", "unlabelled")}
        ids, names = tuple(f.field_id for f in task.fields), tuple(f.name for f in task.fields)
        unlabelled = parts.pop("unlabelled").texts
        return TrainingData(ids, names, multi=False, **parts, unlabelled=unlabelled, fields=task.fields)
    unlabelled = _part(rows, "unlabelled", texts)
    return TrainingData(
        class_ids=task.class_ids,
        class_names=task.class_names,
        multi=task.kind is TaskKind.CLASSES,
        train=_part(rows, "train", texts),
        valid=_part(rows, "valid", texts),
        unlabelled=unlabelled.texts,
    )


def _objects(rows: pa.Table, split: str, texts: dict[str, str]) -> Examples:
    part = rows.filter(pc.equal(rows["split"], split))
    kept = [row for row in part.select(["record_id", "weight", VALUE.name]).to_pylist() if row["record_id"] in texts]
    ids = [row["record_id"] for row in kept]
    values = tuple(msgspec.json.decode(row[VALUE.name])["fields"] if row[VALUE.name] else {} for row in kept)
    weights = np.array([row["weight"] for row in kept], np.float32)
    return Examples([texts[i] for i in ids], np.zeros((len(ids), 0), np.float32), weights, ids, values)


def _part(rows: pa.Table, split: str, texts: dict[str, str]) -> Examples:
    part = rows.filter(pc.equal(rows["split"], split))
    ids = part["record_id"].to_pylist()
    keep = np.array([i in texts for i in ids], bool)
    kept = [i for i in ids if i in texts]
    told = told_matrix(part)[keep] if TOLD in part.column_names else None
    weights = part["weight"].to_numpy()[keep]
    return Examples([texts[i] for i in kept], probs_matrix(part)[keep], weights, kept, told=told)
