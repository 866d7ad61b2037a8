"""Static embeddings: one vector per word and per frequent pair of words, summed, with a linear head.

The vectors are distilled from the encoder (Model2Vec, Tulkens and van Dongen 2024), so a text costs a few look-ups in
place of a forward pass: a hundred thousand texts a second and more.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import load_file, save_file

from homegrown.inference.headed import HeadedModel
from homegrown.inference.ngrams import Grams, HashedTexts, chunks, word_pairs

if TYPE_CHECKING:
    from pathlib import Path

    from homegrown.core.protocols import Encoder

FILE = "static.safetensors"
SLOT_BITS = 21


class StaticVectors:
    """Words and pairs of words to summed vectors.

    Args:
        keys: uint64 [n_entries], the hashes of the entries; one that shares its slot with an earlier one is dropped,
            so the most important stand first.
        vectors: float32 [n_entries, dim], each weighted already.
    """

    def __init__(self, keys: np.ndarray, vectors: np.ndarray) -> None:
        slots = keys & np.uint64((1 << SLOT_BITS) - 1)
        _, first = np.unique(slots, return_index=True)
        first.sort()
        self.keys, self.vectors = keys[first], np.ascontiguousarray(vectors[first])
        self._slot = np.zeros(1 << SLOT_BITS, np.int32)
        self._slot[slots[first]] = np.arange(len(first))
        # Imported here: who loads another kind of model through the same door does not wait for PyTorch.
        self._torch = import_module("torch")
        self._table = self._torch.from_numpy(self.vectors)

    def entries(self, grams: Grams, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Entry numbers int64 of the known *grams*, and for each of n texts where its own begin."""
        found = self._slot[grams.hashes & np.uint64((1 << SLOT_BITS) - 1)]
        known = self.keys[found] == grams.hashes
        starts = np.zeros(n, np.int64)
        np.cumsum(np.bincount(grams.rows[known], minlength=n)[:-1], out=starts[1:])
        return found[known].astype(np.int64), starts

    def encode(self, texts: list[str]) -> np.ndarray:
        """float32 [n, dim], rows of length 1, or 0 where no word is known."""
        parts = [self._run(run) for run in chunks(texts)]
        return np.vstack(parts) if parts else np.zeros((0, self.vectors.shape[1]), np.float32)

    def _run(self, texts: list[str]) -> np.ndarray:
        with self._torch.inference_mode():
            return self._summed(texts)

    def _summed(self, texts: list[str]) -> np.ndarray:
        torch, embedding_bag = self._torch, self._torch.nn.functional.embedding_bag
        words = HashedTexts(texts).words()
        total = torch.zeros(len(texts), self.vectors.shape[1])
        for found in (words, word_pairs(words)):
            entries, starts = self.entries(found, len(texts))
            total += embedding_bag(torch.from_numpy(entries), self._table, torch.from_numpy(starts), mode="sum")
        return torch.nn.functional.normalize(total, dim=1).numpy()


class StaticModel(HeadedModel):
    """Logistic regression over ``StaticVectors``; vectors are kept in half precision, as which they were trained."""

    kind = "static"
    features: StaticVectors

    def inputs(self, texts: list[str]) -> np.ndarray:
        """Vectors of the texts."""
        return self.features.encode(texts)

    def write(self, folder: Path) -> dict[str, Any]:
        """One file."""
        arrays = {
            "keys": self.features.keys,
            "vectors": self.features.vectors.astype(np.float16),
            "weight": self.weight,
            "bias": self.bias,
        }
        save_file(arrays, folder / FILE)
        return {}

    @classmethod
    def read(
        cls,
        folder: Path,
        facts: dict[str, Any],  # noqa: ARG003 - other kinds do
        encoder: Encoder | None,  # noqa: ARG003 - other kinds do
    ) -> tuple[StaticVectors, np.ndarray, np.ndarray]:
        """No encoder is needed."""
        arrays = load_file(folder / FILE)
        return StaticVectors(arrays["keys"], arrays["vectors"].astype(np.float32)), arrays["weight"], arrays["bias"]
