"""Bulk votes in Lance; people's votes are in the database. One view over both is built by ``query``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from homegrown.core.ids import now
from homegrown.store.lance_tables import LanceTable, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence
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
    ]
)


def vote_table(
    task: Task,
    label_source_id: str,
    record_ids: Sequence[str],
    values: Sequence[str | None],
    confidence: Sequence[float | None] | None = None,
) -> pa.Table:
    """Votes of one source of labels as ``replace`` takes them.

    Args:
        task: the question.
        label_source_id: who votes.
        record_ids: on what, n ids.
        values: n values as canonical JSON; None abstains.
        confidence: n probabilities, where they are known.
    """
    n = len(record_ids)
    columns = [
        pa.repeat(pa.scalar(task.task_id), n),
        pa.array(record_ids, pa.string()),
        pa.repeat(pa.scalar(label_source_id), n),
        pa.array(values, pa.string()),
        pa.nulls(n, pa.float32()) if confidence is None else pa.array(confidence, pa.float32()),
        pa.repeat(pa.scalar(now(), pa.timestamp("us", tz="UTC")), n),
    ]
    return pa.Table.from_arrays(columns, schema=VOTES)


class VoteStore:
    """Votes of rules, models and imports, replaced whole per label source (which carries its version)."""

    def __init__(self, folder: Path) -> None:
        self.table = LanceTable(folder / "votes.lance", VOTES)

    def replace(self, label_source_id: str, votes: pa.Table) -> None:
        """Put *votes* (schema ``VOTES``) in place of whatever this label source said before."""
        self.table.delete(f"label_source_id IN {quoted([label_source_id])}")
        self.table.append(votes.cast(VOTES).to_batches())

    def of_task(self, task_id: str) -> pa.Table:
        """All bulk votes of a task."""
        if not self.table.exists:
            return VOTES.empty_table()
        return self.table.scan(where=f"task_id IN {quoted([task_id])}")
