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
        classes: the contradicted class of each suspect where a row may have several; empty otherwise.
    """

    n: int
    share: float
    share_ci95: tuple[float, float]
    suspects: tuple[int, ...]
    classes: tuple[int, ...] = ()


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


def set_suspects(truth: np.ndarray, probs: np.ndarray) -> LabelNoise:
    """``suspects`` where a row may have several classes: each class is a question of its own with two answers.

    Thyagarajan, Snorrason, Northcutt, Mueller 2022, "Identifying Incorrect Annotations in Multi-Label Classification
    Data", section 3. A row is a suspect when any class is contradicted; the most contradicted one is named. An answer
    with fewer than 5 rows sets no threshold.

    Args:
        truth: bool [n, n_classes], the given labels.
        probs: float [n, n_classes], of a model that never saw these rows.
    """
    n = len(truth)
    if n == 0:
        return LabelNoise(0, 0.0, (0.0, 1.0), ())
    against = np.where(truth, 1.0 - probs, probs)
    yes, no = truth.sum(0), (~truth).sum(0)
    sure_yes = np.where(yes >= 5, (probs * truth).sum(0) / np.maximum(yes, 1), np.inf)
    sure_no = np.where(no >= 5, ((1.0 - probs) * ~truth).sum(0) / np.maximum(no, 1), np.inf)
    contradicted = (against > 0.5) & (against >= np.where(truth, sure_no, sure_yes))
    strength = np.where(contradicted, against, 0.0)
    wrong = np.flatnonzero(contradicted.any(1))
    wrong = wrong[np.argsort(-strength[wrong].max(1), kind="stable")]
    classes = strength[wrong].argmax(1)
    rows = tuple(int(i) for i in wrong)
    return LabelNoise(n, len(rows) / n, wilson(len(rows), n), rows, tuple(int(j) for j in classes))
