"""Scores where a row may have several classes, or none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from homegrown.metrics.classification import NONE, ClassScore, Confusion
from homegrown.metrics.intervals import RESAMPLES, percentile95, percentiles95, wilson, wilson_many


@dataclass(frozen=True, slots=True)
class MultiLabel:
    """Aggregates over n rows. ``accuracy`` is exact match: every class of the row right, and none too many."""

    n: int
    accuracy: float
    accuracy_ci95: tuple[float, float]
    micro_f1: float
    micro_f1_ci95: tuple[float, float]
    macro_f1: float
    macro_f1_ci95: tuple[float, float]
    weighted_f1: float
    weighted_f1_ci95: tuple[float, float]
    classes: tuple[ClassScore, ...]


def multilabel(truth: np.ndarray, answer: np.ndarray, *, seed: int = 0, resamples: int = RESAMPLES) -> MultiLabel:
    """Score *answer* against *truth*, both bool [n, n_classes].

    Classes without a true example do not enter the macro mean. Intervals of F1 by bootstrap over the rows.
    """
    n, n_classes = truth.shape
    hit = truth & answer
    hits, true, said = hit.sum(0), truth.sum(0), answer.sum(0)
    exact = int((truth == answer).all(1).sum())
    f1 = 2 * hits / np.maximum(said + true, 1)
    seen = true > 0
    intervals, f1_ci = _bootstrap(truth, answer, seed, resamples)
    precision_ci, recall_ci = np.stack(wilson_many(hits, said)), np.stack(wilson_many(hits, true))
    return MultiLabel(
        n=n,
        accuracy=exact / n if n else 0.0,
        accuracy_ci95=wilson(exact, n),
        micro_f1=float(2 * hits.sum() / max(1, said.sum() + true.sum())),
        micro_f1_ci95=intervals[0],
        macro_f1=float(f1[seen].mean()) if seen.any() else 0.0,
        macro_f1_ci95=intervals[1],
        weighted_f1=float((f1 * true).sum() / max(1, true.sum())),
        weighted_f1_ci95=intervals[2],
        classes=tuple(
            ClassScore(
                index=i,
                n=int(true[i]),
                n_answered=int(said[i]),
                precision=float(hits[i] / max(1, said[i])),
                precision_ci95=(float(precision_ci[0, i]), float(precision_ci[1, i])),
                recall=float(hits[i] / max(1, true[i])),
                recall_ci95=(float(recall_ci[0, i]), float(recall_ci[1, i])),
                f1=float(f1[i]),
                f1_ci95=(float(f1_ci[0, i]), float(f1_ci[1, i])),
            )
            for i in range(n_classes)
        ),
    )


def set_confusions(truth: np.ndarray, answer: np.ndarray, *, top: int = 20) -> list[Confusion]:
    """Which classes go wrong together, both bool [n, n_classes]; most frequent first.

    In a wrong row each class that is missing pairs with each that is too many: the second was taken for the first.
    Where nothing is too many the missing ones pair with ``NONE`` (left out), and the other way round (added); ``of``
    then counts the answers, not the examples.

    Example:
        >>> truth, answer = np.array([[1, 0], [1, 1], [0, 0]], bool), np.array([[0, 1], [1, 0], [1, 0]], bool)
        >>> [(c.truth, c.answer, c.n, c.of) for c in set_confusions(truth, answer)]
        [(0, 1, 1, 2), (1, -1, 1, 1), (-1, 0, 1, 2)]
    """
    missed, added = truth & ~answer, answer & ~truth
    n_classes = truth.shape[1]
    table = np.zeros((n_classes + 1, n_classes + 1))
    table[:-1, :-1] = missed.T.astype(np.float32) @ added.astype(np.float32)
    table[:-1, -1] = missed[~added.any(1)].sum(0)
    table[-1, :-1] = added[~missed.any(1)].sum(0)
    true, said = truth.sum(0), answer.sum(0)
    found = []
    for position in np.argsort(-table, axis=None, kind="stable")[:top]:
        i, j = divmod(int(position), n_classes + 1)
        if table[i, j]:
            of = int(said[j]) if i == n_classes else int(true[i])
            found.append(Confusion(NONE if i == n_classes else i, NONE if j == n_classes else j, int(table[i, j]), of))
    return found


def set_confidence(probs: np.ndarray, answer: np.ndarray) -> np.ndarray:
    """How sure a model is of a whole answer, float [n]: the product over the classes of what it gives to each decision.

    So the chance that every class is right, were they independent given the text (Dembczyński, Waegeman, Cheng,
    Hüllermeier 2012, Machine Learning 88:5, section 3).

    Args:
        probs: float [n, n_classes], of each class by itself.
        answer: bool [n, n_classes].

    Example:
        >>> set_confidence(np.array([[0.9, 0.2]]), np.array([[True, False]])).round(2).tolist()
        [0.72]
    """
    return np.where(answer, probs, 1.0 - probs).prod(1)


def _bootstrap(
    truth: np.ndarray, answer: np.ndarray, seed: int, resamples: int
) -> tuple[list[tuple[float, float]], np.ndarray]:
    """Intervals of micro, macro and weighted F1, and of each class's F1 as float64 [2, n_classes].

    One matrix product of row counts with each indicator.
    """
    n = len(truth)
    if n == 0:
        return [(0.0, 1.0)] * 3, np.repeat([[0.0], [1.0]], truth.shape[1], axis=1)
    rng = np.random.default_rng(seed)
    t, s = truth.astype(np.float32), answer.astype(np.float32)
    h = t * s
    values: list[list[np.ndarray]] = [[], [], []]
    by_class: list[np.ndarray] = []
    step = max(1, min(resamples, 8_000_000 // n))
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        counts = np.stack([np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(size)]).astype(np.float32)
        true, said, hits = counts @ t, counts @ s, counts @ h
        f1 = 2 * hits / np.maximum(said + true, 1)
        by_class.append(f1)
        values[0].append(2 * hits.sum(1) / np.maximum(1, said.sum(1) + true.sum(1)))
        values[1].append((f1 * (true > 0)).sum(1) / np.maximum((true > 0).sum(1), 1))
        values[2].append((f1 * true).sum(1) / np.maximum(true.sum(1), 1))
    return [percentile95(np.concatenate(v)) for v in values], percentiles95(np.concatenate(by_class))
