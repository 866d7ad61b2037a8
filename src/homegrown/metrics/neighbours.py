"""Nearest neighbours among vectors of length 1, exactly and in bounded memory, and what labels say around them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp

_BLOCK = 1024
N_NEIGHBOURS = 25
#: how fast a neighbour's word loses weight with its distance
_TEMPERATURE = 0.1
_LEAST = 1e-3
#: a similarity's power as an edge's weight; 1 to 8 give the same labels within a point
SHARPNESS = 4.0


def nearest(vectors: np.ndarray, k: int, *, others: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The *k* most similar rows to each row.

    Args:
        vectors: float32 [n, dim], rows of length 1.
        k: how many; fewer where there are not so many.
        others: row numbers int [m] among which neighbours are looked for; all where None.

    Returns:
        Row numbers int64 [n, k] and similarities float32 [n, k], the nearest first; a row is no neighbour of its own.
    """
    chosen = np.arange(len(vectors)) if others is None else others
    pool = vectors[chosen]
    place = np.full(len(vectors), -1)
    place[chosen] = np.arange(len(chosen))
    k = max(0, min(k, len(chosen) - 1))
    found = np.zeros((len(vectors), k), np.int64)
    similarity = np.zeros((len(vectors), k), np.float32)
    for start in range(0, len(vectors) if k else 0, _BLOCK):
        block = vectors[start : start + _BLOCK] @ pool.T
        mine = place[start : start + _BLOCK]
        block[np.flatnonzero(mine >= 0), mine[mine >= 0]] = -2.0
        top = np.argpartition(-block, k - 1, axis=1)[:, :k]
        value = np.take_along_axis(block, top, 1)
        order = np.argsort(-value, axis=1, kind="stable")
        found[start : start + _BLOCK] = chosen[np.take_along_axis(top, order, 1)]
        similarity[start : start + _BLOCK] = np.take_along_axis(value, order, 1)
    return found, similarity


def closest(vectors: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The most similar of *others* to each vector, int64 [n], and how similar it is, float32 [n].

    Args:
        vectors: float32 [n, dim].
        others: float32 [m, dim], at least one; both of length 1.
    """
    found, similarity = np.zeros(len(vectors), np.int64), np.zeros(len(vectors), np.float32)
    for start in range(0, len(vectors), _BLOCK):
        block = vectors[start : start + _BLOCK] @ others.T
        found[start : start + _BLOCK] = block.argmax(1)
        similarity[start : start + _BLOCK] = block.max(1)
    return found, similarity


def neighbour_probs(given: np.ndarray, n_classes: int, found: np.ndarray, similarity: np.ndarray) -> np.ndarray:
    """What the labels of its neighbours say of each row, the nearer the louder; float64 [n, n_classes].

    Args:
        given: int [n], the label of each row.
        n_classes: of the task.
        found: int [n, k], the neighbours, as ``nearest`` gives them.
        similarity: float [n, k].

    Example:
        >>> neighbour_probs(np.array([0, 0, 1]), 2, np.array([[1], [0], [1]]), np.ones((3, 1)))[2].round(2).tolist()
        [1.0, 0.0]
    """
    n = len(given)
    probs = np.zeros((n, n_classes))
    weight = np.exp((similarity - 1.0) / _TEMPERATURE)
    rows = np.arange(n)
    for column in range(found.shape[1]):
        np.add.at(probs, (rows, given[found[:, column]]), weight[:, column])
    probs += _LEAST * np.maximum(probs.sum(1, keepdims=True), _LEAST)
    return probs / probs.sum(1, keepdims=True)


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
        """``graph_of`` at the usual sharpness."""
        return self.graph_of(SHARPNESS)

    def graph_of(self, power: float) -> sp.csr_matrix:
        """The symmetric graph, each edge divided by the root of both its ends' degrees; float32 [n, n]."""
        weights = self.weights(power)
        degree = np.maximum(np.asarray(weights.sum(1)).ravel(), 1e-9)
        scale = sp.diags((1 / np.sqrt(degree)).astype(np.float32))
        return (scale @ weights @ scale).tocsr()

    def weights(self, power: float = SHARPNESS) -> sp.csr_matrix:
        """Edges between a vector and its neighbours, either way, as strong as their similarity to *power*; [n, n]."""
        one_way = self.one_way(power)
        return one_way.maximum(one_way.T).tocsr()

    def one_way(self, power: float = 1.0) -> sp.csr_matrix:
        """Edges from each vector to its neighbours, as strong as their similarity to *power*; float32 [n, n]."""
        n, k = self.index.shape
        rows = np.repeat(np.arange(n), k)
        strength = np.maximum(self.similarity.ravel(), 1e-3).astype(np.float32) ** np.float32(power)
        return sp.csr_matrix((strength, (rows, self.index.ravel())), shape=(n, n))


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
    found, similarity = nearest(vectors, k)
    return Neighbours(found.astype(np.int32), similarity)


def spread(
    near: Neighbours, labels: np.ndarray, *, keep: float = 0.1, rounds: int = 20, power: float = SHARPNESS
) -> np.ndarray:
    """Class probabilities of every vector from the labels of a few, float32 [n, n_classes]; rows of zeros unreached.

    Each round a vector takes the mean of its neighbours' and, by the share *keep*, its own label again (Zhou, Bousquet,
    Lal, Weston, Schölkopf 2003, "Learning with Local and Global Consistency", section 2).

    Args:
        near: the neighbours.
        labels: float32 [n, n_classes], rows of zeros where there is no label.
        keep: how much of its own label a vector keeps in each round.
        rounds: after which it stops.
        power: of a similarity as the weight of its edge.
    """
    graph = near.graph if power == SHARPNESS else near.graph_of(power)
    held = labels.astype(np.float32)
    found = held
    for _ in range(rounds):
        found = (1 - keep) * (graph @ found) + keep * held
    total = found.sum(1, keepdims=True)
    return np.where(total > 1e-12, found / np.maximum(total, 1e-12), 0).astype(np.float32)
