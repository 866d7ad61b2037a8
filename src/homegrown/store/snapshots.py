"""Snapshots on disk: one Parquet of ids and labels, one JSON, a digest over the sorted rows. Never a text."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from homegrown.core.ids import canonical_json, digest
from homegrown.errors import CorruptDataError, NotFoundError, UnsuitableLabelsError
from homegrown.store.files import write_atomic

if TYPE_CHECKING:
    from pathlib import Path


VALUE = pa.field("value", pa.string())
"""Labels that are objects, as canonical JSON; null where there is none."""
TOLD = "told"


def probs_field(n_classes: int) -> pa.Field:
    """Labels that are classes, as probabilities in class order."""
    return pa.field("probs", pa.list_(pa.float32(), n_classes), nullable=False)


def told_field(n_classes: int) -> pa.Field:
    """How probable the model whose vote is the label held each class, in class order; null where it did not tell."""
    return pa.field(TOLD, pa.list_(pa.float32(), n_classes))


def snapshot_schema(labels: pa.Field, told: pa.Field | None = None) -> pa.Schema:
    """record_id, text_hash, split, group, weight, labels (``probs_field`` or ``VALUE``); sorted by record_id.

    Where a model told how probable it held each class, ``told_field`` comes last.
    """
    return pa.schema(
        [
            pa.field("record_id", pa.string(), nullable=False),
            pa.field("text_hash", pa.string(), nullable=False),
            pa.field("split", pa.string(), nullable=False),
            pa.field("group", pa.string()),
            pa.field("weight", pa.float32(), nullable=False),
            labels,
            *([] if told is None else [told]),
        ]
    )


def rows_digest(rows: pa.Table) -> str:
    """Digest over the rows in order of record id, whatever order they come in."""
    ordered = rows.sort_by("record_id").combine_chunks()
    if VALUE.name in ordered.column_names:
        labels = _string_bytes(ordered[VALUE.name])
    else:
        labels = ordered["probs"].combine_chunks().flatten().to_numpy(zero_copy_only=False).astype("<f4").tobytes()
    parts = [_string_bytes(ordered[c]) for c in ("record_id", "text_hash", "split", "group")]
    weights = ordered["weight"].to_numpy().astype("<f4")
    told = [told_matrix(ordered).astype("<f4").tobytes()] if TOLD in ordered.column_names else []
    return digest(*parts, weights.tobytes(), labels, *told)


def _string_bytes(column: pa.ChunkedArray) -> bytes:
    """A string column as bytes that no other column gives: the lengths (-1 for null), then all characters."""
    lengths = pc.fill_null(pc.binary_length(column), -1).combine_chunks().to_numpy().astype("<i4")
    return lengths.tobytes() + "".join(pc.fill_null(column, "").to_pylist()).encode()


class SnapshotStore:
    """Folders ``snapshots/<id>/`` with ``rows.parquet`` and ``snapshot.json``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, rows: pa.Table, facts: dict[str, Any]) -> str:
        """Freeze *rows* with *facts* (task, class order, how it was made); the same content gives the same id.

        *facts* has ``names`` where somebody renamed what is answered: a model that learns from it answers with them.
        """
        ordered = rows.sort_by("record_id")
        identity = {"rows": rows_digest(rows), "task_id": facts["task_id"], "class_ids": facts["class_ids"]}
        identity |= {"names": facts["names"]} if facts.get("names") else {}
        snapshot_id = "snap_" + digest(canonical_json(identity))[:20]
        folder = self._folder / snapshot_id
        if (folder / "snapshot.json").exists():
            return snapshot_id
        folder.mkdir(mode=0o700, exist_ok=True)
        buffer = io.BytesIO()
        pq.write_table(ordered, buffer, compression="zstd")
        write_atomic(folder / "rows.parquet", buffer.getvalue())
        write_atomic(folder / "snapshot.json", canonical_json({**facts, **identity, "snapshot_id": snapshot_id}))
        return snapshot_id

    def read(self, snapshot_id: str) -> pa.Table:
        """The rows of a snapshot, their digest checked."""
        folder = self._folder / snapshot_id
        if not snapshot_id.startswith("snap_") or not (folder / "snapshot.json").exists():
            raise NotFoundError(f"There is no snapshot {snapshot_id!r} in this workspace.")
        try:
            rows = pq.read_table(folder / "rows.parquet")
        except (OSError, pa.ArrowException) as error:
            raise CorruptDataError(f"Snapshot {snapshot_id} is damaged: {error}. Restore it from a backup.") from error
        return rows

    def forget(self, snapshot_id: str, record_ids: list[str]) -> None:
        """Take out of a snapshot what objects say of some records, and what a model told of its answers.

        Dates, amounts and places are data of theirs. The rows stay, so that it is still known what trained a model; the
        snapshot's name tells what it was once.
        """
        rows = self.read(snapshot_id)
        gone = pc.is_in(rows["record_id"], value_set=pa.array(record_ids, pa.string()))
        held = [n for n in (VALUE.name, TOLD) if n in rows.column_names]
        held = [n for n in held if pc.any(pc.and_(gone, pc.is_valid(rows[n]))).as_py()]
        if not held:
            return
        for name in held:
            at, field = rows.schema.get_field_index(name), rows.schema.field(name)
            rows = rows.set_column(at, field, pc.if_else(gone, pa.scalar(None, field.type), rows[name]))
        buffer = io.BytesIO()
        pq.write_table(rows, buffer, compression="zstd")
        write_atomic(self._folder / snapshot_id / "rows.parquet", buffer.getvalue())

    def splits(self, snapshot_id: str, record_ids: list[str]) -> dict[str, str]:
        """The split of each of a few records; those that the snapshot does not hold are left out."""
        path = self._folder / snapshot_id / "rows.parquet"
        if not record_ids or not path.exists():
            return {}
        found = pq.read_table(path, columns=["record_id", "split"], filters=[("record_id", "in", record_ids)])
        return dict(zip(found["record_id"].to_pylist(), found["split"].to_pylist(), strict=True))

    def folder(self, snapshot_id: str) -> Path:
        """Where a snapshot lies."""
        return self._folder / snapshot_id


def probs_matrix(rows: pa.Table) -> np.ndarray:
    """The ``probs`` column as float32 [n, n_classes].

    Raises:
        UnsuitableLabelsError: the labels are objects.
    """
    if VALUE.name in rows.column_names:
        raise UnsuitableLabelsError(
            "The answers of this task are objects; this is for tasks that are answered by classes."
        )
    column = rows["probs"].combine_chunks()
    width = column.type.list_size
    return np.asarray(column.flatten().to_numpy(zero_copy_only=False), np.float32).reshape(-1, width)


def told_matrix(rows: pa.Table) -> np.ndarray:
    """The ``told`` column as float32 [n, n_classes]; NaN in rows where nothing was told."""
    column = rows[TOLD].combine_chunks()
    known = column.is_valid().to_numpy(zero_copy_only=False)
    found = np.full((len(column), column.type.list_size), np.nan, np.float32)
    found[known] = column.drop_null().flatten().to_numpy(zero_copy_only=False).reshape(-1, column.type.list_size)
    return found
