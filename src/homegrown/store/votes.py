"""Bulk votes in Lance; people's votes are in the database. One view over both is built by ``query``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from homegrown.core.ids import now
from homegrown.store.lance_tables import LanceTable, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from homegrown.core.tasks import Task

VOTES = pa.schema(
    [
        pa.field("task_id", pa.string(), nullable=False),
        pa.field("record_id", pa.string(), nullable=False),
        pa.field("label_source_id", pa.string(), nullable=False),
        pa.field("value", pa.string()),
        pa.field("confidence", pa.float32()),
        pa.field("created_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("probs", pa.string()),
    ]
)
"""``probs``: where a model told how probable it held each class, JSON, class id → probability; it came last."""


def vote_table(
    task: Task,
    label_source_id: str,
    record_ids: Sequence[str] | pa.Array | pa.ChunkedArray,
    values: Sequence[str | None] | pa.Array | pa.ChunkedArray,
    confidence: Sequence[float | None] | pa.ChunkedArray | None = None,
    probs: Sequence[str | None] | None = None,
) -> pa.Table:
    """Votes of one source of labels as ``replace`` takes them.

    Args:
        task: the question.
        label_source_id: who votes.
        record_ids: on what, n ids.
        values: n values as canonical JSON; None abstains.
        confidence: n probabilities, where they are known.
        probs: n distributions over the classes as JSON (``VOTES``), where they are known.
    """
    n = len(record_ids)
    columns = [
        pa.repeat(task.task_id, n),
        _column(record_ids, pa.string()),
        pa.repeat(label_source_id, n),
        _column(values, pa.string()),
        pa.nulls(n, pa.float32()) if confidence is None else _column(confidence, pa.float32()),
        pa.repeat(pa.scalar(now(), pa.timestamp("us", tz="UTC")), n),
        pa.nulls(n, pa.string()) if probs is None else _column(probs, pa.string()),
    ]
    return pa.Table.from_arrays(columns, schema=VOTES)


def _column(values: Any, kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    return values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, kind)


class VoteStore:
    """Votes of rules, models and imports, replaced whole per label source (which carries its version)."""

    def __init__(self, folder: Path) -> None:
        self.table = LanceTable(folder / "votes.lance", VOTES)

    def replace(self, label_source_id: str, votes: pa.Table) -> None:
        """Put *votes* (schema ``VOTES``) in place of whatever this label source said before."""
        self.table.delete(_by([label_source_id]))
        self.table.append(votes.cast(VOTES).to_batches())

    def put(self, votes: pa.Table, *, whole: list[str], again: Mapping[str, pa.Array]) -> None:
        """Add the votes of several label sources in one commit, after what they stand in place of was taken out.

        Args:
            votes: with the schema ``VOTES``.
            whole: label sources whose votes are replaced whole.
            again: label source → ids of the records on which its earlier votes are replaced.
        """
        if whole:
            self.table.delete(_by(whole))
        asked = {i: record_ids for i, record_ids in again.items() if len(record_ids) and self.table.exists}
        said = self.table.scan(["label_source_id", "record_id"], where=_by(asked)) if asked else VOTES.empty_table()
        for label_source_id, record_ids in asked.items():
            ids = said.filter(pc.equal(said["label_source_id"], label_source_id))["record_id"]
            old = ids.filter(pc.is_in(ids, value_set=record_ids)).to_pylist()
            for start in range(0, len(old), 1000):
                piece = quoted(old[start : start + 1000])
                self.table.delete(f"{_by([label_source_id])} AND record_id IN {piece}")
        if votes.num_rows:
            self.table.append(votes.cast(VOTES).to_batches())

    def copy(self, label_source_id: str, new_id: str) -> None:
        """Give the votes of one label source to another one, which had none."""
        if not self.table.exists:
            return
        votes = _whole(self.table.scan(where=_by([label_source_id])))
        at = votes.schema.get_field_index("label_source_id")
        self.replace(new_id, votes.set_column(at, VOTES.field(at), pa.repeat(new_id, votes.num_rows)))

    def n_by_source(self, label_source_ids: Sequence[str]) -> dict[str, int]:
        """How many votes some label sources have given, abstentions left out; those that gave none are not named."""
        said = self.of_sources(label_source_ids, ["label_source_id"])["label_source_id"]
        return {g["values"].as_py(): g["counts"].as_py() for g in pc.value_counts(said)}

    def of_sources(self, label_source_ids: Sequence[str], columns: list[str]) -> pa.Table:
        """*columns* of what some label sources say; abstentions are left out."""
        if not self.table.exists or not label_source_ids:
            return pa.schema([VOTES.field(c) for c in columns]).empty_table()
        where = f"label_source_id IN {quoted(label_source_ids)} AND value IS NOT NULL"
        return self.table.scan(columns, where=where)

    def of_task(self, task_id: str) -> pa.Table:
        """All bulk votes of a task."""
        if not self.table.exists:
            return VOTES.empty_table()
        return _whole(self.table.scan(where=f"task_id IN {quoted([task_id])}"))


def _whole(votes: pa.Table) -> pa.Table:
    """*votes* with every column of ``VOTES``: a table that was made before the last one came has it not."""
    missing = [f for f in VOTES if f.name not in votes.column_names]
    for field in missing:
        votes = votes.append_column(field, pa.nulls(votes.num_rows, field.type))
    return votes


def _by(label_source_ids: Iterable[str]) -> str:
    return f"label_source_id IN {quoted(label_source_ids)}"
