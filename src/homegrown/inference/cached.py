"""An encoder that answers from the store what the store already has, and stores what it had to compute."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from homegrown.core.ids import text_hash

if TYPE_CHECKING:
    from homegrown.core.protocols import Encoder, Progress
    from homegrown.store.vectors import VectorStore

WRITE_EVERY = 4096


class CachedEncoder:
    """Wraps an encoder with the vectors table; a kill loses at most ``WRITE_EVERY`` vectors of work."""

    def __init__(self, encoder: Encoder, vectors: VectorStore) -> None:
        self._encoder, self._vectors = encoder, vectors
        self.fingerprint, self.dim = encoder.fingerprint, encoder.dim

    def encode(self, texts: list[str], progress: Progress | None = None) -> np.ndarray:
        """float32 [n, dim] for *texts*, each distinct text computed once, ever."""
        hashes = [text_hash(t) for t in texts]
        self.ensure(dict(zip(hashes, texts, strict=True)), progress)
        position, matrix = self._vectors.load()
        return matrix[[position[h] for h in hashes]] if hashes else np.zeros((0, self.dim), np.float32)

    def ensure(self, texts: dict[str, str], progress: Progress | None = None) -> int:
        """Compute and store the vectors of *texts* (by hash) that are missing; returns how many were."""
        known = self._vectors.known()
        missing = [h for h in texts if h not in known]
        for start in range(0, len(missing), WRITE_EVERY):
            chosen = missing[start : start + WRITE_EVERY]
            self._vectors.add(chosen, self._encoder.encode([texts[h] for h in chosen], progress))
        return len(missing)
