"""How far several people agree beyond chance: Cohen's and Fleiss' kappa, Krippendorff's alpha, with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from homegrown.metrics.intervals import RESAMPLES, percentile95

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Agreement:
    """A coefficient: 1 is perfect, 0 is what chance gives, below 0 is worse than chance.

    Attributes:
        value: not a number where it is undefined: nothing to compare, or one class everywhere.
        ci95: by resampling records (bootstrap percentiles); (-1, 1) where undefined.
        n: records that two or more sources answered.
    """

    value: float
    ci95: tuple[float, float]
    n: int


def alpha(counts: np.ndarray, *, seed: int = 0) -> Agreement:
    """Krippendorff's alpha for classes without order; any number of answers per record, missing ones allowed.

    Krippendorff 2011, "Computing Krippendorff's alpha-reliability", section C: 1 - observed / expected disagreement,
    over the pairs of answers to records with at least two.

    Args:
        counts: [n_records, n_classes], how many sources gave each class.
        seed: of the interval.

    Example:
        >>> round(alpha(np.array([[2, 0], [2, 0], [0, 2], [1, 1]])).value, 4)
        0.5333
    """
    return _with_interval(_pairable(counts), _alpha, seed)


def alpha_of_class(counts: np.ndarray, one: int, *, seed: int = 0) -> Agreement:
    """``alpha`` of the question whether a record is of class *one*: all other classes count as one."""
    mine = np.asarray(counts, float)[:, one]
    return alpha(np.stack([mine, np.asarray(counts, float).sum(1) - mine], 1), seed=seed)


def fleiss_kappa(counts: np.ndarray, *, seed: int = 0) -> Agreement:
    """Fleiss' kappa (Fleiss 1971, Psychological Bulletin 76:378): the same number of answers for each record.

    Raises:
        ValueError: records differ in their number of answers, for which ``alpha`` is made.

    Example:
        >>> round(fleiss_kappa(np.array([[2, 0], [2, 0], [0, 2], [1, 1]])).value, 4)
        0.4667
    """
    rows = np.asarray(counts, float)
    if len(np.unique(rows.sum(1))) > 1:
        raise ValueError("Fleiss' kappa needs the same number of answers for each record; use alpha.")
    return _with_interval(_pairable(rows), _fleiss, seed)


def cohen_kappa(first: np.ndarray, second: np.ndarray, n_classes: int, *, seed: int = 0) -> Agreement:
    """Cohen's kappa of two sources (Cohen 1960, Educational and Psychological Measurement 20:37).

    Args:
        first: int [n], class numbers; -1 where the source abstains, and the record does not count.
        second: int [n], likewise.
        n_classes: of the task.
        seed: of the interval.

    Example:
        >>> round(cohen_kappa(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0]), 2).value, 4)
        0.5
    """
    both = (first >= 0) & (second >= 0)
    cells = np.eye(n_classes * n_classes)[first[both] * n_classes + second[both]]
    return _with_interval(cells, lambda total, _: _cohen(total.reshape(-1, n_classes, n_classes)), seed)


def _pairable(counts: np.ndarray) -> np.ndarray:
    rows = np.asarray(counts, float)
    return rows[rows.sum(1) >= 2]


def _with_interval(rows: np.ndarray, statistic: Callable[[np.ndarray, np.ndarray], np.ndarray], seed: int) -> Agreement:
    """*statistic* of sums over rows, for the rows as they are and for resamples.

    A row's contribution does not depend on the others', so that a resample is a weighting of the distinct rows.
    """
    n = len(rows)
    if n == 0:
        return Agreement(float("nan"), (-1.0, 1.0), 0)
    distinct, times = np.unique(rows, axis=0, return_counts=True)
    agreeing = _agreeing(distinct)
    value = float(statistic(times[None] @ distinct, times[None] @ agreeing)[0])
    if np.isnan(value):
        return Agreement(value, (-1.0, 1.0), n)
    drawn = np.random.default_rng(seed).multinomial(n, times / n, RESAMPLES).astype(float)
    return Agreement(value, percentile95(statistic(drawn @ distinct, drawn @ agreeing)), n)


def _agreeing(rows: np.ndarray) -> np.ndarray:
    """Per record [n, 2]: agreeing ordered pairs / (answers - 1), which is alpha's weight, and answers."""
    answers = rows.sum(1)
    return np.stack([(rows * (rows - 1)).sum(1) / np.maximum(answers - 1, 1), answers], 1)


def _alpha(totals: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    n = pairs[:, 1]
    observed = 1 - pairs[:, 0] / n
    expected = 1 - (totals * (totals - 1)).sum(1) / (n * (n - 1))
    return _beyond_chance(observed, expected)


def _fleiss(totals: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    n = pairs[:, 1]
    return _beyond_chance(1 - pairs[:, 0] / n, 1 - ((totals / n[:, None]) ** 2).sum(1))


def _cohen(tables: np.ndarray) -> np.ndarray:
    n = tables.sum((1, 2))
    observed = 1 - np.trace(tables, axis1=1, axis2=2) / n
    expected = 1 - (tables.sum(1) * tables.sum(2)).sum(1) / n**2
    return _beyond_chance(observed, expected)


def _beyond_chance(observed: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """1 - observed / expected disagreement; not a number where one class is all there is."""
    # Sums of fractions: what is equal may differ in the last digit.
    possible = expected > 1e-12
    return np.where(possible, 1 - observed / np.where(possible, expected, 1), np.nan)
