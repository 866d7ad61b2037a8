"""Word and character n-grams, weighted by tf-idf, with a linear head: needs no encoder and no language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from safetensors.numpy import load_file, save_file
from scipy import sparse

from homegrown.inference.headed import HeadedModel
from homegrown.inference.ngrams import Grams, HashedTexts, chunks, join_grams, word_pairs

if TYPE_CHECKING:
    from pathlib import Path

    from homegrown.core.protocols import Encoder

FILE = "lexical.safetensors"
N_BUCKETS = 1 << 20
CHAR_SIZES = (2, 3, 4, 5)


def grams(texts: list[str]) -> Grams:
    """Words, pairs of words, and 2 to 5 characters, hashed into ``N_BUCKETS``."""
    hashed = HashedTexts(texts)
    words = hashed.words()
    found = join_grams([words, word_pairs(words), *(hashed.chars(n) for n in CHAR_SIZES)])
    return Grams(found.rows, found.hashes & np.uint64(N_BUCKETS - 1))


class LexicalFeatures:
    """Turns texts into sparse, normalised tf-idf rows.

    Args:
        buckets: uint32 [n_features], sorted: the hash buckets that count.
        idf: float32 [n_features].
    """

    def __init__(self, buckets: np.ndarray, idf: np.ndarray) -> None:
        self.buckets, self.idf = buckets, idf
        self._column = np.full(N_BUCKETS, -1, np.int32)
        self._column[buckets] = np.arange(len(buckets))

    @classmethod
    def fit(cls, texts: list[str], max_features: int, min_texts: int = 2) -> Self:
        """Keep the *max_features* buckets that occur in most texts, and in *min_texts* of them at least."""
        n_texts = np.zeros(N_BUCKETS, np.int64)
        for run in chunks(texts):
            found = grams(run)
            pairs = np.unique(found.rows * N_BUCKETS + found.hashes.astype(np.int64))
            n_texts += np.bincount(pairs % N_BUCKETS, minlength=N_BUCKETS)
        kept = np.flatnonzero(n_texts >= (min_texts if len(texts) > 50 else 1))
        if len(kept) > max_features:
            kept = np.sort(kept[np.argsort(-n_texts[kept], kind="stable")[:max_features]])
        idf = np.log((1 + len(texts)) / (1 + n_texts[kept])) + 1
        return cls(kept.astype(np.uint32), idf.astype(np.float32))

    def rows(self, texts: list[str]) -> sparse.csr_matrix:
        """float32 [n, n_features], rows of length 1 (or 0 where nothing is known)."""
        parts = [self._run(run) for run in chunks(texts)]
        return (
            sparse.csr_matrix(sparse.vstack(parts))
            if parts
            else sparse.csr_matrix((0, len(self.buckets)), dtype=np.float32)
        )

    def _run(self, texts: list[str]) -> sparse.csr_matrix:
        found = grams(texts)
        columns = self._column[found.hashes]
        known = columns >= 0
        keys, counts = np.unique(found.rows[known] * len(self.buckets) + columns[known], return_counts=True)
        row, column = keys // len(self.buckets), keys % len(self.buckets)
        values = ((1 + np.log(counts)) * self.idf[column]).astype(np.float32)
        length = np.sqrt(np.bincount(row, values.astype(np.float64) ** 2, minlength=len(texts)))
        values /= length[row]
        start = np.searchsorted(row, np.arange(len(texts) + 1))
        return sparse.csr_matrix((values, column.astype(np.int32), start), shape=(len(texts), len(self.buckets)))


class LexicalModel(HeadedModel):
    """Logistic regression over ``LexicalFeatures``; weights are kept in half precision, which moves none by 0.001."""

    kind = "lexical"
    features: LexicalFeatures

    def inputs(self, texts: list[str]) -> sparse.csr_matrix:
        """tf-idf rows."""
        return self.features.rows(texts)

    def write(self, folder: Path) -> dict[str, Any]:
        """One file."""
        arrays = {
            "buckets": self.features.buckets,
            "idf": self.features.idf,
            "weight": self.weight.astype(np.float16),
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
    ) -> tuple[LexicalFeatures, np.ndarray, np.ndarray]:
        """No encoder is needed."""
        arrays = load_file(folder / FILE)
        return LexicalFeatures(arrays["buckets"], arrays["idf"]), arrays["weight"].astype(np.float32), arrays["bias"]
