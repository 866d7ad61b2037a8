"""Vectors, one Lance table per embedder, keyed by the hash of the text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
import pyarrow as pa

from homegrown.store.lance_tables import LanceTable, key_field

if TYPE_CHECKING:
    from pathlib import Path


class VectorStore:
    """Vectors of one embedder.

    Args:
        folder: the workspace's Lance folder.
        fingerprint: names the embedder: weights digest, pooling, length, precision.
        dim: numbers per vector.
    """

    def __init__(self, folder: Path, fingerprint: str, dim: int) -> None:
        self.dim = dim
        self.schema = pa.schema(
            [key_field("text_hash"), pa.field("vector", pa.list_(pa.float32(), dim), nullable=False)]
        )
        self.table = LanceTable(folder / f"vectors_{fingerprint}.lance", self.schema)

    @classmethod
    def stored(cls, folder: Path, fingerprint: str) -> Self | None:
        """What is there of an embedder that need not be loaded for it; None when there is nothing."""
        table = LanceTable(folder / f"vectors_{fingerprint}.lance", pa.schema([]))
        return cls(folder, fingerprint, table.dataset().schema.field("vector").type.list_size) if table.exists else None

    def known(self) -> set[str]:
        """Hashes of texts that have a vector."""
        return set(self.table.scan(["text_hash"])["text_hash"].to_pylist()) if self.table.exists else set()

    def add(self, hashes: list[str], vectors: np.ndarray) -> None:
        """Store float32 [n, dim] under *hashes*; a hash that is there already is left alone."""
        flat = pa.array(np.ascontiguousarray(vectors, dtype=np.float32).reshape(-1))
        column = pa.FixedSizeListArray.from_arrays(flat, self.dim)
        self.table.insert_missing(pa.Table.from_arrays([pa.array(hashes), column], schema=self.schema), "text_hash")

    def fetch(self, hashes: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """The vectors of *hashes*, however many others there are.

        Returns:
            For each hash its row in the matrix, -1 where it has no vector (int64 [n]); float32 [n_found, dim].
        """
        if not self.table.exists or not hashes:
            return np.full(len(hashes), -1, np.int64), np.zeros((0, self.dim), np.float32)
        where, rows = self.table.take("text_hash", hashes, ["vector"])
        flat = rows["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        return where, flat.reshape(-1, self.dim)
