"""Labels of the test set that look wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from homegrown.metrics.intervals import wilson


@dataclass(frozen=True, slots=True)
class LabelNoise:
    """Rows whose label a model confidently contradicts.

    Attributes:
        n: rows looked at.
        share: of the rows that are suspects. Mistakes of the model itself are among them: an upper guess.
        suspects: row numbers, most confident contradiction first.
    """

    n: int
    share: float
    share_ci95: tuple[float, float]
    suspects: tuple[int, ...]


def suspects(truth: np.ndarray, probs: np.ndarray) -> LabelNoise:
    """Confident learning (Northcutt, Jiang, Chuang 2021, JAIR 70, section 3.1): off-diagonal of the confident joint.

    A row is a suspect when another class reaches that class's own threshold, which is the mean probability that the
    model gives to the class on rows labelled so, and is the answer. Classes with fewer than 5 rows set no threshold.

    Args:
        truth: int [n], the given labels.
        probs: float [n, n_classes], of a model that never saw these rows.
    """
    n, n_classes = probs.shape
    if n == 0:
        return LabelNoise(0, 0.0, (0.0, 1.0), ())
    counts = np.bincount(truth, minlength=n_classes)
    own = np.bincount(truth, probs[np.arange(n), truth], n_classes) / np.maximum(counts, 1)
    threshold = np.where(counts >= 5, own, np.inf)
    confident = np.where(probs >= threshold, probs, -1.0)
    best = confident.argmax(1)
    wrong = np.flatnonzero((confident.max(1) >= 0) & (best != truth) & (best == probs.argmax(1)))
    ordered = wrong[np.argsort(probs[wrong, truth[wrong]] - probs[wrong, best[wrong]], kind="stable")]
    return LabelNoise(n, len(wrong) / n, wilson(len(wrong), n), tuple(int(i) for i in ordered))
