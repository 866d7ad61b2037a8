"""Which labels of a source stand for many others, and what corrections of them say of those.

A model that is asked about thousands of texts errs in a system: it takes one kind of text for another class, again and
again. Such mistakes are predictable, so that no model of its own labels finds them doubtful. They are found by looking:
records that it gave one label are clustered, a person says what the middle one of each cluster is, and the verdict
holds for what lies nearest. Clusters are told apart within a label, where two kinds of text under one name lie apart;
representatives teach more than chance or doubt where few can be asked (Nguyen and Smeulders 2004, "Active Learning
Using Pre-clustering"; for source labels: Lee and others 2018, "CleanNet", section 3, one verdict for each prototype).
"""

from __future__ import annotations

import numpy as np

from homegrown.metrics.clusters import kmeans

#: how fast a verdict loses weight with distance; 10 to 40 give the same labels within half a point
SHARPNESS = 20.0
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
        >>> sorted(representatives(rows, np.repeat([0, 1], [8, 4]), 3) // 4)
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


def unconfirmed(vectors: np.ndarray, said: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """For each mistake that was seen once only, the nearest row that nobody looked at and that has the same label.

    A mistake that is seen twice is a habit; one that its neighbour does not share says nothing of others.

    Args:
        vectors: float32 [m, dim], of length 1.
        said: int [m], the label that the source gave; -1 for rows that do not count.
        truth: int [m], what a person said; -1 where nobody did.

    Returns:
        Rows, int [k].

    Example:
        >>> rows = np.array([[1, 0], [0.9, 0.1], [0, 1]], np.float32)
        >>> unconfirmed(rows, np.array([0, 0, 0]), np.array([1, -1, -1])).tolist()
        [1]
    """
    found: list[int] = []
    for row in np.flatnonzero(_is_mistake(said, truth) & ~_is_habit(said, truth)).tolist():
        free = np.flatnonzero((said == said[row]) & (truth < 0))
        free = free[~np.isin(free, found)]
        looked = np.flatnonzero((said == said[row]) & (truth >= 0) & (truth != truth[row]))
        if len(free):
            near = free[int((vectors[free] @ vectors[row]).argmax())]
            # Where somebody nearer said otherwise already, that was the answer.
            if not (vectors[looked] @ vectors[row] > vectors[near] @ vectors[row]).any():
                found.append(int(near))
    return np.array(found, int)


def _is_mistake(said: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return (said >= 0) & (truth >= 0) & (truth != said)


def _is_habit(said: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Which mistakes were seen twice at least; bool [m]."""
    rows = np.flatnonzero(_is_mistake(said, truth))
    _, place, times = np.unique(np.stack([said[rows], truth[rows]]), axis=1, return_inverse=True, return_counts=True)
    found = np.zeros(len(said), bool)
    found[rows[times[place.ravel()] > 1]] = True
    return found


def spread_verdicts(vectors: np.ndarray, said: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """What each row is, by the nearest verdicts on rows that the source gave the same label; int [m].

    A mistake that was seen once only speaks of its own row: a source that errs by chance errs elsewhere next time.

    Args:
        vectors: float32 [m, dim], of length 1.
        said: int [m], the label that the source gave; -1 for rows that do not count.
        truth: int [m], what a person said; -1 where nobody did.

    Returns:
        *said*, in its place the class that verdicts nearby weigh most, each ``exp(SHARPNESS · cosine)``.

    Example:
        >>> rows = np.array([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9], [0.2, 0.9]], np.float32)
        >>> spread_verdicts(rows, np.array([0, 0, 0, 0, 0]), np.array([0, -1, 1, -1, 1])).tolist()
        [0, 0, 1, 1, 1]
    """
    found, habit = said.copy(), _is_habit(said, truth)
    for label in np.unique(said[habit]):
        rows = np.flatnonzero(said == label)
        looked = rows[(truth[rows] == label) | habit[rows]]
        classes, place = np.unique(truth[looked], return_inverse=True)
        weight = np.exp(SHARPNESS * (vectors[rows] @ vectors[looked].T - 1))
        found[rows] = classes[(weight @ np.eye(len(classes))[place]).argmax(1)]
    return np.where(truth >= 0, truth, found)
