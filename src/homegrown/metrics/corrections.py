"""What corrections of a source's labels say of the labels around them.

A model that is asked about thousands of texts errs in a system: it takes one kind of text for another class, again and
again. Such mistakes are predictable, so that no model of its own labels finds them doubtful. They are found by looking:
a person says what some records are that stand for many (``metrics.representatives``), and the verdict holds for what
lies nearest, as long as it was no accident (for source labels: Lee and others 2018, "CleanNet", section 3, one verdict
for each prototype).
"""

from __future__ import annotations

import numpy as np

#: how fast a verdict loses weight with distance; 10 to 40 give the same labels within half a point
SHARPNESS = 20.0


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
