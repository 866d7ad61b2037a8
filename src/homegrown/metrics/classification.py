"""Accuracy, precision, recall and F1 for single-label answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from homegrown.metrics.intervals import wilson


@dataclass(frozen=True, slots=True)
class ClassScore:
    """How one class fared. ``n`` counts its true examples."""

    index: int
    n: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Classification:
    """Aggregates over n examples."""

    n: int
    accuracy: float
    accuracy_ci95: tuple[float, float]
    macro_f1: float
    weighted_f1: float
    classes: tuple[ClassScore, ...]


def confusion(truth: np.ndarray, answer: np.ndarray, n_classes: int) -> np.ndarray:
    """Counts int64 [n_classes, n_classes]: rows are true classes, columns are answers.

    Example:
        >>> confusion(np.array([0, 1, 1]), np.array([0, 0, 1]), 2).tolist()
        [[1, 0], [1, 1]]
    """
    flat = np.bincount(truth * n_classes + answer, minlength=n_classes * n_classes)
    return flat.reshape(n_classes, n_classes)


def classification(truth: np.ndarray, answer: np.ndarray, n_classes: int) -> Classification:
    """Score *answer* against *truth*, both int [n] in 0 … n_classes-1.

    Classes without a true example do not enter the macro mean.
    """
    table = confusion(truth, answer, n_classes)
    hits, n_true, n_said = np.diag(table), table.sum(1), table.sum(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(n_said > 0, hits / np.maximum(n_said, 1), 0.0)
        recall = np.where(n_true > 0, hits / np.maximum(n_true, 1), 0.0)
        f1 = np.where(precision + recall > 0, 2 * precision * recall / np.maximum(precision + recall, 1e-12), 0.0)
    seen = n_true > 0
    n = int(n_true.sum())
    right = int(hits.sum())
    return Classification(
        n=n,
        accuracy=right / n if n else 0.0,
        accuracy_ci95=wilson(right, n),
        macro_f1=float(f1[seen].mean()) if seen.any() else 0.0,
        weighted_f1=float((f1 * n_true).sum() / n) if n else 0.0,
        classes=tuple(
            ClassScore(i, int(n_true[i]), float(precision[i]), float(recall[i]), float(f1[i])) for i in range(n_classes)
        ),
    )
