"""Accuracy, precision, recall and F1 where each row has one true class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from homegrown.metrics.intervals import RESAMPLES, percentile95, percentiles95, wilson, wilson_many

NONE = -1


@dataclass(frozen=True, slots=True)
class ClassScore:
    """How one class fared. ``n`` counts its true examples, ``n_answered`` how often it was the answer."""

    index: int
    n: int
    n_answered: int
    precision: float
    precision_ci95: tuple[float, float]
    recall: float
    recall_ci95: tuple[float, float]
    f1: float
    f1_ci95: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Classification:
    """Aggregates over n examples. The intervals of F1 are bootstrapped over the rows."""

    n: int
    accuracy: float
    accuracy_ci95: tuple[float, float]
    macro_f1: float
    macro_f1_ci95: tuple[float, float]
    weighted_f1: float
    weighted_f1_ci95: tuple[float, float]
    classes: tuple[ClassScore, ...]


@dataclass(frozen=True, slots=True)
class Confusion:
    """*n* of the *of* examples of class ``truth`` were answered ``answer`` (``NONE``: none of these)."""

    truth: int
    answer: int
    n: int
    of: int


def confusion(truth: np.ndarray, answer: np.ndarray, n_classes: int) -> np.ndarray:
    """Counts int64 [n_classes, n_classes + 1]: rows are true classes, columns are answers, the last one "none".

    Example:
        >>> confusion(np.array([0, 1, 1]), np.array([0, 0, NONE]), 2).tolist()
        [[1, 0, 0], [1, 0, 1]]
    """
    width = n_classes + 1
    column = np.where(answer == NONE, n_classes, answer)
    return np.bincount(truth * width + column, minlength=n_classes * width).reshape(n_classes, width)


def classification(
    truth: np.ndarray, answer: np.ndarray, n_classes: int, *, seed: int = 0, resamples: int = RESAMPLES
) -> Classification:
    """Score *answer* against *truth*.

    Args:
        truth: int [n] in 0 … n_classes-1.
        answer: int [n], the same or ``NONE``, which is never right.
        n_classes: width of the confusion table; classes without a true example do not enter the macro mean.
        seed: of the bootstrap.
        resamples: of the bootstrap.
    """
    table = confusion(truth, answer, n_classes)
    n, right = int(table.sum()), int(np.trace(table))
    precision, recall, f1 = _rates(table[None])
    n_true, n_said, hits = table.sum(1), table.sum(0)[:n_classes], np.diag(table)
    macro_ci, weighted_ci, f1_ci = _bootstrap(table, seed, resamples)
    precision_ci, recall_ci = np.stack(wilson_many(hits, n_said)), np.stack(wilson_many(hits, n_true))
    return Classification(
        n=n,
        accuracy=right / n if n else 0.0,
        accuracy_ci95=wilson(right, n),
        macro_f1=float(_macro(f1, table[None])[0]),
        macro_f1_ci95=macro_ci,
        weighted_f1=float(_weighted(f1, table[None])[0]),
        weighted_f1_ci95=weighted_ci,
        classes=tuple(
            ClassScore(
                index=i,
                n=int(n_true[i]),
                n_answered=int(n_said[i]),
                precision=float(precision[0, i]),
                precision_ci95=(float(precision_ci[0, i]), float(precision_ci[1, i])),
                recall=float(recall[0, i]),
                recall_ci95=(float(recall_ci[0, i]), float(recall_ci[1, i])),
                f1=float(f1[0, i]),
                f1_ci95=(float(f1_ci[0, i]), float(f1_ci[1, i])),
            )
            for i in range(n_classes)
        ),
    )


def _rates(tables: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision, recall and F1 float64 [b, n_classes] of b confusion tables; 0 where undefined."""
    hits = np.diagonal(tables, axis1=1, axis2=2).astype(float)
    said, true = tables.sum(1)[:, : hits.shape[1]], tables.sum(2)
    precision, recall = hits / np.maximum(said, 1), hits / np.maximum(true, 1)
    return precision, recall, 2 * hits / np.maximum(said + true, 1)


def _macro(f1: np.ndarray, tables: np.ndarray) -> np.ndarray:
    seen = tables.sum(2) > 0
    return (f1 * seen).sum(1) / np.maximum(seen.sum(1), 1)


def _weighted(f1: np.ndarray, tables: np.ndarray) -> np.ndarray:
    true = tables.sum(2)
    return (f1 * true).sum(1) / np.maximum(true.sum(1), 1)


def _bootstrap(
    table: np.ndarray, seed: int, resamples: int
) -> tuple[tuple[float, float], tuple[float, float], np.ndarray]:
    """Intervals of macro and weighted F1, and of each class's F1 as float64 [2, n_classes].

    Resampling rows with replacement is drawing the confusion table from a multinomial, and F1 needs three sums of
    each class only; so no table is ever rebuilt, and the cost does not grow with n.
    """
    n, n_classes = int(table.sum()), len(table)
    if n == 0:
        return (0.0, 1.0), (0.0, 1.0), np.repeat([[0.0], [1.0]], n_classes, axis=1)
    truth, answer = np.nonzero(table)
    shares = table[truth, answer] / n
    rng = np.random.default_rng(seed)
    true_of = np.zeros((len(truth), n_classes))
    said_of = np.zeros((len(truth), n_classes + 1))
    true_of[np.arange(len(truth)), truth] = 1
    said_of[np.arange(len(truth)), answer] = 1
    hit_of = true_of * (truth == answer)[:, None]
    macro, weighted, by_class = [], [], []
    step = max(1, min(resamples, 4_000_000 // len(truth)))
    for start in range(0, resamples, step):
        draws = rng.multinomial(n, shares, size=min(step, resamples - start)).astype(float)
        true, said, hits = draws @ true_of, (draws @ said_of)[:, :n_classes], draws @ hit_of
        f1 = 2 * hits / np.maximum(said + true, 1)
        by_class.append(f1)
        macro.append((f1 * (true > 0)).sum(1) / np.maximum((true > 0).sum(1), 1))
        weighted.append((f1 * true).sum(1) / n)
    return (
        percentile95(np.concatenate(macro)),
        percentile95(np.concatenate(weighted)),
        percentiles95(np.concatenate(by_class)),
    )


def confusions(truth: np.ndarray, answer: np.ndarray, n_classes: int, *, top: int = 20) -> list[Confusion]:
    """The wrong answers that happen most often, most frequent first."""
    table = confusion(truth, answer, n_classes)
    wrong = table.copy()
    np.fill_diagonal(wrong, 0)
    flat = np.argsort(-wrong, axis=None, kind="stable")[:top]
    found = []
    for position in flat:
        i, j = divmod(int(position), n_classes + 1)
        if wrong[i, j]:
            found.append(Confusion(i, NONE if j == n_classes else j, int(wrong[i, j]), int(table[i].sum())))
    return found
