"""Groups in a weighted graph, as many as there are."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import scipy.sparse as sp

MOST_LEVELS = 20
LEAST_GAIN = 1e-9


def communities(graph: sp.csr_matrix, *, resolution: float = 1.0, seed: int = 0) -> np.ndarray:
    """The community of each node, int64 [n], numbered from the largest on.

    Maximises modularity (Newman 2006, with a resolution as Reichardt and Bornholdt 2006, section 3) by moving nodes one
    by one and then whole communities (Blondel and others 2008, "Fast unfolding of communities in large networks"), with
    the queue of Traag, Waltman, van Eck 2019, "From Louvain to Leiden", algorithm A.2: only nodes whose neighbours
    moved are looked at again.

    Args:
        graph: symmetric, weights above 0, float [n, n].
        resolution: above 1 for more and smaller communities.
        seed: of the order in which nodes are looked at.

    Example:
        >>> pair = np.array([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]])
        >>> communities(sp.csr_matrix(pair)).tolist()
        [0, 0, 1, 1]
    """
    level: Any = sp.csr_matrix(graph, dtype=np.float64)
    label = np.arange(level.shape[0])
    draw = np.random.default_rng(seed)
    for _ in range(MOST_LEVELS):
        moved = _moved(level, resolution, draw)
        if len(np.unique(moved)) == level.shape[0]:
            break
        _, moved = np.unique(moved, return_inverse=True)
        label = moved[label]
        belongs = sp.csr_matrix((np.ones(len(moved)), (np.arange(len(moved)), moved)))
        level = (belongs.T @ level @ belongs).tocsr()
    size = np.bincount(label)
    rank = np.empty(len(size), np.int64)
    rank[np.argsort(-size, kind="stable")] = np.arange(len(size))
    return rank[label]


def _moved(graph: Any, resolution: float, draw: np.random.Generator) -> np.ndarray:
    """Each node's community after no single move raises the modularity any more."""
    n = graph.shape[0]
    starts, others, weights = graph.indptr.tolist(), graph.indices.tolist(), graph.data.tolist()
    degree = np.asarray(graph.sum(1)).ravel().tolist()
    total = sum(degree)
    if not total:
        return np.arange(n)
    label, inside = list(range(n)), list(degree)
    queue, waiting = deque(draw.permutation(n).tolist()), [True] * n
    while queue:
        node = queue.popleft()
        waiting[node] = False
        here = label[node]
        edges = range(starts[node], starts[node + 1])
        towards: dict[int, float] = {here: 0.0}
        for edge in edges:
            if others[edge] != node:
                group = label[others[edge]]
                towards[group] = towards.get(group, 0.0) + weights[edge]
        pull = resolution * degree[node] / total
        inside[here] -= degree[node]
        best, gain = here, towards[here] - pull * inside[here] + LEAST_GAIN
        for group, weight in towards.items():
            found = weight - pull * inside[group]
            if found > gain:
                best, gain = group, found
        inside[best] += degree[node]
        if best != here:
            label[node] = best
            for edge in edges:
                other = others[edge]
                if not waiting[other] and label[other] != best:
                    waiting[other] = True
                    queue.append(other)
    return np.array(label)
