"""Who lies near whom among vectors, as a sparse graph, and what labels say when they spread over it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp

BLOCK = 1024
SHARPNESS = 4.0  # a similarity's power as an edge's weight; 1 to 8 give the same labels within a point


@dataclass(frozen=True)
class Neighbours:
    """The nearest others of each of n vectors, the nearest first.

    Attributes:
        index: int32 [n, k].
        similarity: float32 [n, k], cosines.
    """

    index: np.ndarray
    similarity: np.ndarray

    @cached_property
    def density(self) -> np.ndarray:
        """Mean similarity to the neighbours, float32 [n]: high where many texts say about the same."""
        return self.similarity.mean(1) if self.similarity.shape[1] else np.zeros(len(self.index), np.float32)

    @cached_property
    def graph(self) -> sp.csr_matrix:
        """The symmetric graph, each edge divided by the root of both its ends' degrees; float32 [n, n]."""
        weights = self.weights(SHARPNESS)
        degree = np.maximum(np.asarray(weights.sum(1)).ravel(), 1e-9)
        scale = sp.diags((1 / np.sqrt(degree)).astype(np.float32))
        return (scale @ weights @ scale).tocsr()

    def weights(self, power: float) -> sp.csr_matrix:
        """Edges between a vector and its neighbours, either way, as strong as their similarity to *power*; [n, n]."""
        n, k = self.index.shape
        rows = np.repeat(np.arange(n), k)
        strength = np.maximum(self.similarity.ravel(), 1e-3).astype(np.float32) ** np.float32(power)
        one_way = sp.csr_matrix((strength, (rows, self.index.ravel())), shape=(n, n))
        return one_way.maximum(one_way.T).tocsr()


def neighbours(vectors: np.ndarray, k: int = 10) -> Neighbours:
    """The *k* nearest others of each vector, exactly, block by block.

    Args:
        vectors: float32 [n, dim], rows of length 1.
        k: how many; fewer where there are not so many others.

    Example:
        >>> x = np.eye(3, dtype=np.float32)[[0, 0, 1]]
        >>> neighbours(x, 1).index.ravel().tolist()[:2]
        [1, 0]
    """
    n = len(vectors)
    k = max(min(k, n - 1), 0)
    index, similarity = np.zeros((n, k), np.int32), np.zeros((n, k), np.float32)
    for start in range(0, n if k else 0, BLOCK):
        scores = vectors[start : start + BLOCK] @ vectors.T
        here = np.arange(len(scores))
        scores[here, start + here] = -2
        best = np.argpartition(scores, n - k, axis=1)[:, n - k :]
        found = np.take_along_axis(scores, best, 1)
        order = np.argsort(-found, axis=1, kind="stable")
        index[start : start + BLOCK] = np.take_along_axis(best, order, 1)
        similarity[start : start + BLOCK] = np.take_along_axis(found, order, 1)
    return Neighbours(index, similarity)


def spread(near: Neighbours, labels: np.ndarray, *, keep: float = 0.1, rounds: int = 20) -> np.ndarray:
    """Class probabilities of every vector from the labels of a few, float32 [n, n_classes]; rows of zeros unreached.

    Each round a vector takes the mean of its neighbours' and, by the share *keep*, its own label again (Zhou, Bousquet,
    Lal, Weston, Schölkopf 2003, "Learning with Local and Global Consistency", section 2).

    Args:
        near: the neighbours.
        labels: float32 [n, n_classes], rows of zeros where there is no label.
        keep: how much of its own label a vector keeps in each round.
        rounds: after which it stops.
    """
    held = labels.astype(np.float32)
    found = held
    for _ in range(rounds):
        found = (1 - keep) * (near.graph @ found) + keep * held
    total = found.sum(1, keepdims=True)
    return np.where(total > 1e-12, found / np.maximum(total, 1e-12), 0).astype(np.float32)
