"""Which records of a source stand for many others that it gave the same label.

Clusters are told apart within a label, where two kinds of text under one name lie apart; representatives teach more
than chance or doubt where few can be asked (Nguyen and Smeulders 2004, "Active Learning Using Pre-clustering").
"""

from __future__ import annotations

import numpy as np

from homegrown.metrics.clusters import kmeans

#: so many records of a label are clustered at most, drawn by chance
_MOST_ROWS = 5000


def representatives(
    vectors: np.ndarray, said: np.ndarray, n: int, *, known: np.ndarray | None = None, seed: int = 0
) -> np.ndarray:
    """Rows that stand for many others of the same label, those of the largest clusters first; int [at most n].

    Labels get clusters by how far their records lie apart in all, so that one that hides two classes gets more.

    Args:
        vectors: float32 [m, dim], of length 1.
        said: int [m], the label that the source gave; -1 for rows that do not count.
        n: how many.
        known: bool [m], rows on which a person has spoken; what they stand for needs no other.
        seed: of the clusters.

    Example:
        >>> rows = np.repeat(np.eye(3, dtype=np.float32), 4, axis=0)
        >>> np.sort(representatives(rows, np.repeat([0, 1], [8, 4]), 3) // 4).tolist()
        [0, 1, 2]
    """
    rng = np.random.default_rng(seed)
    known = np.zeros(len(said), bool) if known is None else known
    members, spread = [], []
    for label in np.unique(said[said >= 0]):
        rows = np.flatnonzero(said == label)
        if len(rows) > _MOST_ROWS:
            kept = known[rows] | (rng.permutation(len(rows)) < _MOST_ROWS)
            rows = rows[kept]
        members.append(rows)
        spread.append(float(((vectors[rows] - vectors[rows].mean(0)) ** 2).sum()))
    found: list[tuple[int, int]] = []
    for rows, k in zip(members, _shared(np.array(spread), n + int(known.sum()), members), strict=True):
        k = min(k, len(np.unique(vectors[rows], axis=0))) if k > 1 else 1
        part = kmeans(vectors[rows], k, random_state=seed) if k > 1 else np.zeros(len(rows), int)
        for number in np.unique(part):
            here = rows[part == number]
            if not known[here].any():
                middle = here[int((vectors[here] @ vectors[here].mean(0)).argmax())]
                found.append((len(here), int(middle)))
    found.sort(key=lambda one: (-one[0], one[1]))
    return np.array([row for _, row in found[:n]], int)


def _shared(spread: np.ndarray, n: int, members: list[np.ndarray]) -> list[int]:
    """*n* clusters shared out by *spread*: one for each label at least, and no more than it has records."""
    most = np.array([len(rows) for rows in members], int)
    exact = spread / max(float(spread.sum()), 1e-12) * n
    given = np.clip(np.floor(exact).astype(int), 1, most)
    for label in np.argsort(-(exact - np.floor(exact)), kind="stable"):
        if given.sum() >= n:
            break
        given[label] = min(given[label] + 1, most[label])
    return given.tolist()
