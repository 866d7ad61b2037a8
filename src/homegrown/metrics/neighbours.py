"""Nearest neighbours among vectors of length 1, exactly and in blocks, so that memory stays bounded."""

from __future__ import annotations

import numpy as np

_BLOCK = 1024
N_NEIGHBOURS = 25
#: how fast a neighbour's word loses weight with its distance
_TEMPERATURE = 0.1
_LEAST = 1e-3


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
