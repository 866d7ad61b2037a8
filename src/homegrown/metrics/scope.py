"""Telling texts that belong to no class from those that do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from homegrown.metrics.intervals import Z95, wilson


@dataclass(frozen=True, slots=True)
class ScopePoint:
    """What one threshold would do."""

    threshold: float
    in_scope_accuracy: float
    recall: float


@dataclass(frozen=True, slots=True)
class Scope:
    """Out-of-scope behaviour at the model's threshold, and at every other.

    ``recall``: share of the out-of-scope rows that were answered "none of these" (Larson et al. 2019, section 4).
    ``precision``: share of those answers that were out of scope. ``n_rejected`` in-scope rows were turned away.
    """

    n_in: int
    n_out: int
    threshold: float
    recall: float
    recall_ci95: tuple[float, float]
    precision: float
    precision_ci95: tuple[float, float]
    in_scope_accuracy: float
    in_scope_accuracy_ci95: tuple[float, float]
    n_rejected: int
    auroc: float
    auroc_ci95: tuple[float, float]
    curve: tuple[ScopePoint, ...]


def scope(in_scope: np.ndarray, is_out: np.ndarray, right: np.ndarray, threshold: float, *, points: int = 101) -> Scope:
    """Measure.

    Args:
        in_scope: float [n], higher means more likely inside.
        is_out: bool [n], truly out of scope.
        right: bool [n], whether the best class is the true one, threshold aside; False where *is_out*.
        threshold: below it the answer is "none of these".
        points: at most so many on the trade-off curve.
    """
    kept = in_scope >= threshold
    n_in, n_out = int((~is_out).sum()), int(is_out.sum())
    caught, refused = int((~kept & is_out).sum()), int((~kept).sum())
    good = int((kept & right & ~is_out).sum())
    area, interval = auroc(in_scope, ~is_out)
    cuts = np.unique(np.quantile(in_scope, np.linspace(0, 1, points))) if len(in_scope) else np.zeros(0)
    curve = tuple(
        ScopePoint(
            float(c),
            float((right & ~is_out & (in_scope >= c)).sum() / max(1, n_in)),
            float((is_out & (in_scope < c)).sum() / max(1, n_out)),
        )
        for c in cuts
    )
    return Scope(
        n_in=n_in,
        n_out=n_out,
        threshold=float(threshold),
        recall=caught / max(1, n_out),
        recall_ci95=wilson(caught, n_out),
        precision=caught / max(1, refused),
        precision_ci95=wilson(caught, refused),
        in_scope_accuracy=good / max(1, n_in),
        in_scope_accuracy_ci95=wilson(good, n_in),
        n_rejected=refused - caught,
        auroc=area,
        auroc_ci95=interval,
        curve=curve,
    )


def auroc(score: np.ndarray, positive: np.ndarray) -> tuple[float, tuple[float, float]]:
    """Area under the ROC curve with DeLong's 95% interval (DeLong et al. 1988).

    By ranks, as in Sun and Xu 2014, section III.

    Args:
        score: float [n], higher for positives.
        positive: bool [n].

    Returns:
        The area and its interval; (0.5, (0, 1)) when one side is empty.
    """
    high, low = score[positive], score[~positive]
    m, n = len(high), len(low)
    if m == 0 or n == 0:
        return 0.5, (0.0, 1.0)
    together = _midranks(np.concatenate([high, low]))
    v_high = (together[:m] - _midranks(high)) / n
    v_low = 1 - (together[m:] - _midranks(low)) / m
    area = float(v_high.mean())
    variance = (v_high.var(ddof=1) / m if m > 1 else 0.25) + (v_low.var(ddof=1) / n if n > 1 else 0.25)
    half = Z95 * float(np.sqrt(variance))
    return area, (max(0.0, area - half), min(1.0, area + half))


def _midranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, ties share their mean."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[inverse]
