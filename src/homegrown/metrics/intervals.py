"""Intervals for proportions, for differences of paired proportions, and for anything that can be resampled."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

Z95 = 1.959963984540054
RESAMPLES = 1000


def wilson(n_right: float, n: int, z: float = Z95) -> tuple[float, float]:
    """Wilson score interval of a proportion (Wilson 1927, JASA 22:209; Brown, Cai, DasGupta 2001, section 3.1.1).

    Args:
        n_right: successes, 0 to *n*.
        n: trials; with 0 the answer is (0, 1), for nothing is known.
        z: normal quantile of the level, 1.96 for 95%.

    Example:
        >>> [round(x, 4) for x in wilson(90, 100)]
        [0.8256, 0.9448]
    """
    low, high = wilson_many(np.array([n_right], float), np.array([n]), z)
    return float(low[0]), float(high[0])


def wilson_many(n_right: np.ndarray, n: np.ndarray, z: float = Z95) -> tuple[np.ndarray, np.ndarray]:
    """``wilson`` for arrays: lower and upper bounds float64 [k] of k proportions *n_right* / *n*."""
    trials = np.maximum(n, 1).astype(float)
    p = n_right / trials
    centre = (p + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z * np.sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials)) / (1 + z * z / trials)
    # A bound touches the end exactly when all or none succeed; rounding must not leave it a hair inside.
    low = np.where((n == 0) | (n_right <= 0), 0.0, np.maximum(0.0, centre - half))
    high = np.where((n == 0) | (n_right >= n), 1.0, np.minimum(1.0, centre + half))
    return low, high


def paired_difference(n_both: int, n_first: int, n_second: int, n_neither: int) -> tuple[float, float]:
    """95% interval of (accuracy of the first - accuracy of the second) on the same rows.

    Newcombe 1998, Statistics in Medicine 17:2635, method 10: Wilson limits of both proportions, joined with
    their correlation.

    Args:
        n_both: rows that both got right.
        n_first: rows that only the first got right.
        n_second: rows that only the second got right.
        n_neither: rows that both got wrong.

    Example:
        >>> [round(x, 4) for x in paired_difference(36, 12, 2, 0)]
        [0.0569, 0.3404]
    """
    n = n_both + n_first + n_second + n_neither
    if n == 0:
        return -1.0, 1.0
    first, second = (n_both + n_first) / n, (n_both + n_second) / n
    (low1, high1), (low2, high2) = wilson(n_both + n_first, n), wilson(n_both + n_second, n)
    phi = _correlation(n_both, n_first, n_second, n_neither)
    difference = first - second
    a, b = first - low1, high2 - second
    below = math.sqrt(max(0.0, a * a - 2 * phi * a * b + b * b))
    c, d = second - low2, high1 - first
    above = math.sqrt(max(0.0, c * c - 2 * phi * c * d + d * d))
    return max(-1.0, difference - below), min(1.0, difference + above)


def _correlation(both: int, first: int, second: int, neither: int) -> float:
    """Phi of the fourfold table, with Newcombe's correction of its numerator by n/2 where it is positive."""
    margins = (both + first) * (second + neither) * (both + second) * (first + neither)
    if margins == 0:
        return 0.0
    top = both * neither - first * second
    n = both + first + second + neither
    if top > 0:
        top = max(top - n / 2, 0)
    return top / math.sqrt(margins)


def percentile95(samples: np.ndarray) -> tuple[float, float]:
    """The 2.5th and 97.5th percentile of resampled values (Efron 1979, Annals of Statistics 7:1)."""
    low, high = np.nanpercentile(samples, [2.5, 97.5])
    return float(low), float(high)


def percentiles95(samples: np.ndarray) -> np.ndarray:
    """``percentile95`` of each column of *samples* [b, k], as float64 [2, k]."""
    return np.percentile(samples, [2.5, 97.5], axis=0)


def bootstrap_rows(
    statistic: Callable[[np.ndarray], float], n: int, *, seed: int = 0, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """95% percentile interval of *statistic*, which gets the row numbers int [n] of one resample.

    Example:
        >>> values = np.arange(100.0)
        >>> low, high = bootstrap_rows(lambda rows: values[rows].mean(), 100)
        >>> low < 49.5 < high
        True
    """
    rng = np.random.default_rng(seed)
    return percentile95(np.array([statistic(rng.integers(0, n, n)) for _ in range(resamples)]))
