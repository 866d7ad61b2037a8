"""Clusters of vectors, as many as there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from homegrown.metrics.communities import communities
from homegrown.metrics.neighbours import Neighbours, neighbours

NEIGHBOURS, SMOOTHING, STARTS = 15, 2, 5
LEAST = 4  # distinct vectors: what is smaller is no cluster
FAR = 3.5  # robust deviations from the median similarity to the own centre


@dataclass(frozen=True)
class Clusters:
    """Clusters of n vectors.

    Attributes:
        label: int64 [n], from the largest cluster on; -1 for what is unlike every cluster.
        central: float32 [n], similarity to the centre of the own cluster, or to the nearest of them.
        centres: float32 [n_clusters, dim], rows of length 1.
    """

    label: np.ndarray
    central: np.ndarray
    centres: np.ndarray


def clusters(vectors: np.ndarray, weights: np.ndarray | None = None, *, seed: int = 0) -> Clusters:
    """Cluster distinct vectors; how many clusters there are is found.

    Communities of the graph of nearest neighbours say how many there are and where; then every vector is averaged with
    its neighbours twice (a low-pass filter on the graph: Zhang, Liu, Li, Wu 2019, "Attributed Graph Clustering via
    Adaptive Graph Convolution", section 3) and k-means, weighted by the texts that each stands for,
    begins from the communities' centres and from some drawn ones (Arthur and Vassilvitskii 2007); the tightest stands.

    Args:
        vectors: float32 [n, dim], rows of length 1, near duplicates counted once.
        weights: float [n], how many texts each stands for; None: one.
        seed: of the communities and of the drawn centres.

    Example:
        >>> x = np.repeat(np.eye(2, dtype=np.float32), 6, axis=0)
        >>> len(set(clusters(x).label.tolist()))
        2
    """
    n = len(vectors)
    if n < 2 * LEAST:
        return _sorted(np.zeros(n, np.int64), vectors, np.ones(n))
    weight = np.ones(n) if weights is None else np.asarray(weights, float)
    near = neighbours(vectors, NEIGHBOURS)
    found = communities(_both_ways(near), seed=seed)
    smooth = smoothed(vectors, near)
    kept = np.flatnonzero(np.bincount(found) >= LEAST)
    if not len(kept):
        return _sorted(np.zeros(n, np.int64), vectors, weight)
    start = np.stack([_unit(smooth[found == number].mean(0)) for number in kept])
    return _sorted(_best(smooth, weight, start, seed), vectors, weight)


def _best(smooth: np.ndarray, weight: np.ndarray, start: np.ndarray, seed: int) -> np.ndarray:
    """Labels int64 [n] of the tightest of several k-means, begun from *start* and from ``STARTS`` drawn centres."""
    with threadpool_limits(1):
        settings: list[dict[str, Any]] = [{"init": start, "n_init": 1}, {"n_init": STARTS, "random_state": seed}]
        models = [KMeans(len(start), max_iter=60, **how) for how in settings]
        fitted = [model.fit(smooth, sample_weight=weight) for model in models]
    tightest: Any = min(fitted, key=lambda model: float(model.inertia_ or 0))
    return tightest.labels_.astype(np.int64)


def kmeans(vectors: np.ndarray, n_clusters: int, **settings: Any) -> np.ndarray:
    """Labels int64 [n] by scikit-learn's ``KMeans`` with *settings*, on one thread."""
    # OpenMP threads of several callers wait for each other in these small steps.
    with threadpool_limits(1):
        model = KMeans(n_clusters, **{"n_init": 1, **settings})
        return model.fit_predict(vectors).astype(np.int64)


def smoothed(vectors: np.ndarray, near: Neighbours, rounds: int = SMOOTHING) -> np.ndarray:
    """Each vector averaged with its neighbours, *rounds* times; float32 [n, dim], rows of length 1."""
    graph = near.weights() + sp.identity(len(vectors), dtype="float32", format="csr")
    share = sp.diags((1 / np.asarray(graph.sum(1)).ravel()).astype(np.float32)) @ graph
    found = vectors
    for _ in range(rounds):
        found = share @ found
    return _unit(found).astype(np.float32)


def split(vectors: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """The parts of one cluster, int64 [n]: its own communities, two by k-means where it has only one."""
    found = clusters(vectors, seed=seed).label if len(vectors) >= 4 * LEAST else np.zeros(len(vectors), int)
    if len(np.unique(found[found >= 0])) > 1:
        return np.where(found < 0, 0, found)
    return kmeans(vectors, 2, n_init=4, random_state=seed)


def _both_ways(near: Neighbours) -> sp.csr_matrix:
    """Edges by similarity, those of mutual neighbours twice as strong."""
    one_way = near.one_way()
    return (one_way + one_way.T).tocsr()


def _sorted(label: np.ndarray, vectors: np.ndarray, weight: np.ndarray) -> Clusters:
    """Numbers by size, what lies far from its centre taken out."""
    n_clusters = int(label.max()) + 1 if len(label) else 0
    size = np.bincount(label, weight, n_clusters)
    place = np.argsort(-size, kind="stable")[: int((size > 0).sum())]
    rank = np.full(n_clusters, -1)
    rank[place] = np.arange(len(place))
    label = rank[label]
    centres = np.zeros((len(place), vectors.shape[1]), np.float32)
    np.add.at(centres, label, vectors)
    centres = _unit(centres).astype(np.float32)
    central = (vectors * centres[label]).sum(1) if len(label) else np.zeros(0, np.float32)
    return Clusters(np.where(_far(label, central, len(place)), -1, label), central.astype(np.float32), centres)


def _far(label: np.ndarray, central: np.ndarray, n_clusters: int) -> np.ndarray:
    """Whether a vector's similarity to its centre lies far below its cluster's, by median and absolute deviation."""
    far = np.zeros(len(label), bool)
    for number in range(n_clusters):
        inside = np.flatnonzero(label == number)
        middle = np.median(central[inside])
        spread = 1.4826 * np.median(np.abs(central[inside] - middle))
        far[inside] = central[inside] < middle - FAR * max(spread, 0.02)
    return far


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)
