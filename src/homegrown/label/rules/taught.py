"""A threshold taught by a handful of judgements: like the examples, or not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

UNTAUGHT = 0.6


def taught_threshold(near: Sequence[float] | np.ndarray, is_like: Sequence[bool]) -> float:
    """The cut that the fewest judgements contradict, in the middle of the widest gap where several do as well.

    A record taken in wrongly counts as two left out: a rule that abstains costs less than one that errs. Where people
    said yes alone, or no alone, the cut lies just beyond what they judged; with none it is ``UNTAUGHT``.

    Args:
        near: float [n], cosine of each judged text to its nearest example.
        is_like: what a person said of it.

    Example:
        >>> round(taught_threshold([0.9, 0.8, 0.4, 0.5], [True, True, False, False]), 2)
        0.65
    """
    if not len(near):
        return UNTAUGHT
    order = np.argsort(near)
    value, like = np.asarray(near, float)[order], np.asarray(is_like, bool)[order]
    # Cut k puts the k lowest outside.
    wrong = np.array([like[:k].sum() + 2 * (~like[k:]).sum() for k in range(len(value) + 1)])
    edges = np.concatenate([[max(-1.0, value[0] - 0.1)], value, [min(1.0, value[-1] + 0.1)]])
    gap = np.diff(edges)
    best = np.flatnonzero(wrong == wrong.min())
    k = int(best[np.argmax(gap[best])])
    cut = (edges[k] + edges[k + 1]) / 2
    return float(np.clip(cut, -1, 1))


def to_judge(near: np.ndarray, threshold: float, n: int) -> np.ndarray:
    """Rows int [<= n] whose judgement teaches the threshold most: nearest to it, from both sides in turn."""
    above = np.flatnonzero(near >= threshold)
    below = np.flatnonzero(near < threshold)
    above = above[np.argsort(near[above], kind="stable")][:n]
    below = below[np.argsort(-near[below], kind="stable")][:n]
    turns = [row for pair in zip(above.tolist(), below.tolist(), strict=False) for row in pair]
    rest = [*above.tolist()[len(below) :], *below.tolist()[len(above) :]]
    return np.array([*turns, *rest][:n], int)
