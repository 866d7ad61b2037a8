"""Answers of a model version by text, so that a query asks a model once per text: one Lance table per version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from homegrown.store.lance_tables import LanceTable, key_field

if TYPE_CHECKING:
    from pathlib import Path

PREDICTIONS = pa.schema(
    [key_field("text_hash"), pa.field("label", pa.string()), pa.field("prob", pa.float32(), nullable=False)]
)


class PredictionStore:
    """The cache of one model version; ``label`` is null where the answer was "none of these"."""

    def __init__(self, folder: Path, version_id: str) -> None:
        self.table = LanceTable(folder / f"predictions_{version_id}.lance", PREDICTIONS)

    def add(self, hashes: list[str], labels: list[str | None], probs: list[float]) -> None:
        """Store answers; a text that is there already is left alone."""
        self.table.insert_missing(pa.table([hashes, labels, probs], schema=PREDICTIONS), "text_hash")

    def load(self) -> pa.Table:
        """All of them."""
        return self.table.scan() if self.table.exists else PREDICTIONS.empty_table()
