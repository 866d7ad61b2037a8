"""Exact tests by counting, in the mid-p form: half of the observed outcome's own probability counts.

Lancaster 1961, JASA 56:223. Mid-p keeps close to its level where the plain exact test is too careful.
"""

from __future__ import annotations

from math import lgamma

import numpy as np


def _log_factorials(n: int) -> np.ndarray:
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])


def binomial_midp(k: int, n: int) -> float:
    """Two-sided mid-p of *k* heads in *n* throws of a fair coin; 1 when there were none.

    Example:
        >>> round(binomial_midp(1, 10), 4)
        0.0117
    """
    if n == 0:
        return 1.0
    tail = min(k, n - k)
    ways = _log_factorials(n)
    logs = ways[n] - ways[: tail + 1] - ways[n : n - tail - 1 : -1] - n * np.log(2)
    probs = np.exp(logs)
    return float(min(1.0, 2 * (probs.sum() - probs[-1]) + probs[-1]))


def fewer_than_rest(right: int, n: int, right_rest: int, n_rest: int) -> float:
    """One-sided mid-p of Fisher's exact test: is *right* of *n* a smaller share than *right_rest* of *n_rest*?

    Small values say that the part is worse than the rest (Fisher 1935; mid-p as in Hwang and Yang 2001, section 4).

    Example:
        >>> fewer_than_rest(2, 10, 90, 100) < 0.001
        True
    """
    total, n_right = n + n_rest, right + right_rest
    if n == 0 or n_rest == 0 or n_right in (0, total):
        return 1.0
    lowest = max(0, n_right - n_rest)
    k = np.arange(lowest, right + 1)
    log = _choose(n, k) + _choose(n_rest, n_right - k) - _choose(total, np.array([n_right]))
    probs = np.exp(log)
    return float(min(1.0, probs.sum() - probs[-1] / 2))


def _choose(n: int, k: np.ndarray) -> np.ndarray:
    """Logarithm of binomial coefficients."""
    return np.array([lgamma(n + 1) - lgamma(i + 1) - lgamma(n - i + 1) for i in k.tolist()])


def holm(p_values: np.ndarray) -> np.ndarray:
    """Holm's adjusted p-values float64 [k] (Holm 1979, Scandinavian Journal of Statistics 6:65).

    Example:
        >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
        [0.03, 0.06, 0.06]
    """
    k = len(p_values)
    order = np.argsort(p_values, kind="stable")
    stepped = np.maximum.accumulate(p_values[order] * (k - np.arange(k)))
    adjusted = np.empty(k)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
