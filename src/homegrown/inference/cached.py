"""An encoder that answers from the store what the store already has, and stores what it had to compute."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from homegrown.core.ids import text_hash
from homegrown.inference.encoder import Encoder as LocalEncoder
from homegrown.inference.encoder_tokens import Reading

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from homegrown.core.protocols import Encoder, Progress
    from homegrown.store.vectors import VectorStore

WRITE_TEXTS = 4096
WRITE_CHARACTERS = 500_000


class CachedEncoder:
    """Wraps an encoder with the vectors table.

    What was computed is committed every ``WRITE_TEXTS`` texts or ``WRITE_CHARACTERS`` characters, whichever comes
    first; a kill loses at most that much work.

    Attributes:
        reading: what this object had to read itself; see ``Reading``.
    """

    def __init__(self, encoder: Encoder, vectors: VectorStore) -> None:
        self._encoder, self._vectors = encoder, vectors
        self.fingerprint, self.dim = encoder.fingerprint, encoder.dim
        self.folder: Path | None = encoder.folder if isinstance(encoder, LocalEncoder) else None
        self.reading = Reading()

    def encode(self, texts: list[str], progress: Progress | None = None) -> np.ndarray:
        """float32 [n, dim] for *texts*, each distinct text computed once, ever."""
        hashes = [text_hash(t) for t in texts]
        where, matrix = self._vectors.fetch(hashes)
        missing = {h: t for h, t, row in zip(hashes, texts, where, strict=True) if row < 0}
        if missing:
            self.add(missing, progress)
            where, matrix = self._vectors.fetch(hashes)
        return matrix[where]

    def known(self) -> set[str]:
        """Hashes of the texts that have a vector."""
        return self._vectors.known()

    def add(self, texts: dict[str, str], progress: Progress | None = None) -> None:
        """Compute and store the vectors of *texts*, by hash."""
        for hashes in _portions(texts):
            portion = [texts[h] for h in hashes]
            if isinstance(self._encoder, LocalEncoder):
                vectors, reading = self._encoder.encode_with_report(portion, progress)
                self.reading += reading
            else:
                vectors = self._encoder.encode(portion, progress)
            self._vectors.add(hashes, vectors)


def _portions(texts: dict[str, str]) -> Iterator[list[str]]:
    portion: list[str] = []
    characters = 0
    for hashed, text in texts.items():
        portion.append(hashed)
        characters += len(text)
        if len(portion) == WRITE_TEXTS or characters >= WRITE_CHARACTERS:
            yield portion
            portion, characters = [], 0
    if portion:
        yield portion
