"""Bulk votes in Lance; people's votes are in the database. One view over both is built by ``query``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from homegrown.store.lance_tables import LanceTable, quoted

if TYPE_CHECKING:
    from pathlib import Path

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
