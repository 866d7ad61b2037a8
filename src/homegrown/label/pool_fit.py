"""A model of a task that learns from the few labelled records and from how all the others lie among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from homegrown.inference.readout import softmax
from homegrown.metrics.neighbours import Neighbours, spread

STRENGTH, POOL_STRENGTH = 1.0, 0.3
FOLDS = 3
LEAST_FOR_ERRORS, LEAST_PER_CLASS = 50, 5
ERROR_RATES = (0.0, 0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3)
TEMPERATURES = (0.4, 0.6, 0.8, 1.0, 1.4)
POOL_WEIGHT, POOL_SURE, SHARPEN = 0.5, 0.5, 4.0


class Head(Protocol):
    """A fitted linear head."""

    def logits(self, inputs: np.ndarray) -> np.ndarray:
        """float32 [n, n_classes]."""
        ...


class Fit(Protocol):
    """Fits a regularised softmax head; ``train.softmax.fit_head`` is one."""

    def __call__(
        self,
        inputs: np.ndarray,
        probs: np.ndarray,
        weights: np.ndarray,
        strength: float,
        *,
        multi: bool = False,
        start: Any = None,
        max_iter: int = 100,
    ) -> Head:
        """See ``train.softmax.fit_head``."""
        ...


@dataclass(frozen=True)
class PoolFit:
    """What is known of every record of the pool.

    Attributes:
        head: fitted on the labelled records.
        by_head: float32 [n, n_classes], its probabilities.
        probs: float32 [n, n_classes], head and neighbours together; the suggestion.
        targets: float32 [n, n_classes], of the labelled records what they probably are, given that labels err.
        wrong: float32 [n], probability that a record's label is wrong; 0 where there is none.
        error_rate: estimated share of wrong labels.
    """

    head: Head
    by_head: np.ndarray
    probs: np.ndarray
    targets: np.ndarray
    wrong: np.ndarray
    error_rate: float


def fit_pool(
    fit: Fit,
    vectors: np.ndarray,
    near: Neighbours,
    counts: np.ndarray,
    *,
    multi: bool = False,
    start: Head | None = None,
    doubt: bool = True,
    seed: int = 0,
) -> PoolFit:
    """Fit head and graph on the labelled records, and doubt labels that both, fitted without them, contradict.

    A label is a draw from somebody who errs at a rate e and then names any other class; the record's own class has the
    probability that head and neighbours give it from the other labels (the idea of Raykar and others 2010, "Learning
    From Crowds", section 2, with the classifier as the prior). e and the temperature of that prior are those that
    make the labels most probable.

    Args:
        fit: fits the head.
        vectors: float32 [n, dim], rows of length 1.
        near: their neighbours.
        counts: float [n, n_classes], how often each class was said of a record; rows of zeros where nobody spoke.
        multi: a record may have several classes: *counts* are then 0 or 1, unlabelled rows are negative.
        start: a head of the same classes to start from.
        doubt: whether labels are doubted; those of classes with fewer than ``LEAST_PER_CLASS`` labels never are.
        seed: of the folds.
    """
    if multi:
        return _fit_many(fit, vectors, counts, start)
    rows = np.flatnonzero(counts.sum(1) > 0)
    given = counts[rows] / counts[rows].sum(1, keepdims=True)
    target, rate = given.astype(np.float32), 0.0
    judged = given.sum(0)[given.argmax(1)] >= LEAST_PER_CLASS
    if doubt and judged.sum() >= LEAST_FOR_ERRORS:
        prior = _from_the_others(fit, vectors, near, rows, target, seed)
        target[judged], rate = settled(counts[rows[judged]], prior[judged])
    wrong = np.zeros(len(vectors), np.float32)
    wrong[rows] = 1 - target[np.arange(len(rows)), given.argmax(1)] if rate else 0
    targets = np.zeros(counts.shape, np.float32)
    targets[rows] = target
    head = fit(vectors[rows], target, np.ones(len(rows), np.float32), STRENGTH, start=start)
    by_head = softmax(head.logits(vectors))
    probs = blended(by_head, spread(near, targets))
    return PoolFit(head, by_head, probs, targets, wrong, rate)


def fit_with_pool(fit: Fit, vectors: np.ndarray, found: PoolFit) -> Head:
    """The head for use: fitted on the labels and, with half their weight, on what the others probably are.

    With every record labelled it is an ordinary fit. Of the records without a label those are left out whose likeliest
    class has a probability below ``POOL_SURE``; the others' probabilities are sharpened (as Berthelot and others 2019,
    "MixMatch", section 3.2).
    """
    labelled = found.targets.sum(1) > 0
    sure = ~labelled & (found.probs.max(1) > POOL_SURE)
    guess = found.probs[sure] ** SHARPEN
    guess /= np.maximum(guess.sum(1, keepdims=True), 1e-12)
    inputs = np.concatenate([vectors[labelled], vectors[sure]])
    weights = np.concatenate([np.ones(int(labelled.sum())), np.full(int(sure.sum()), POOL_WEIGHT)])
    targets = np.concatenate([found.targets[labelled], guess])
    return fit(inputs, targets.astype(np.float32), weights.astype(np.float32), POOL_STRENGTH, start=found.head)


def settled(counts: np.ndarray, prior: np.ndarray) -> tuple[np.ndarray, float]:
    """What records probably are, given what was said and *prior*, and the rate at which what is said is wrong.

    Args:
        counts: float [n, n_classes], how often each class was said.
        prior: float [n, n_classes], probabilities that know nothing of *counts*.

    Returns:
        Probabilities float32 [n, n_classes], and the rate; the labels as they are where no rate above 0 explains them
        better.
    """
    n_classes = counts.shape[1]
    total = counts.sum(1, keepdims=True)
    best, chosen = -np.inf, (counts / total, 0.0)
    for temperature in TEMPERATURES:
        sharp = np.log(np.maximum(prior, 1e-6)) / temperature
        sharp -= _log_sum(sharp)
        for rate in ERROR_RATES:
            right, other = np.log(1 - rate), np.log(max(rate, 1e-9) / (n_classes - 1))
            joint = sharp + counts * right + (total - counts) * other
            evidence = float(_log_sum(joint).sum())
            if evidence > best:
                best, chosen = evidence, (np.exp(joint - _log_sum(joint)), rate)
    return chosen[0].astype(np.float32), chosen[1]


def blended(by_head: np.ndarray, by_graph: np.ndarray) -> np.ndarray:
    """The geometric mean of two opinions, float32 [n, n_classes]; the head's alone where the graph is silent."""
    both = np.sqrt(by_head * np.maximum(by_graph, 1e-4))
    both = np.where(by_graph.sum(1, keepdims=True) > 0, both, by_head)
    return (both / np.maximum(both.sum(1, keepdims=True), 1e-12)).astype(np.float32)


def _log_sum(logs: np.ndarray) -> np.ndarray:
    top = logs.max(1, keepdims=True)
    return top + np.log(np.exp(logs - top).sum(1, keepdims=True))


def _from_the_others(
    fit: Fit,
    vectors: np.ndarray,
    near: Neighbours,
    rows: np.ndarray,
    target: np.ndarray,
    seed: int,
) -> np.ndarray:
    """Probabilities float32 [len(rows), n_classes] of labelled records, each from the labels of the other folds."""
    fold = np.random.default_rng(seed).permutation(len(rows)) % FOLDS
    found = np.zeros(target.shape, np.float32)
    for number in range(FOLDS):
        kept, out = fold != number, fold == number
        known = np.zeros((len(vectors), target.shape[1]), np.float32)
        known[rows[kept]] = target[kept]
        head = fit(vectors[rows[kept]], target[kept], np.ones(int(kept.sum()), np.float32), STRENGTH, max_iter=40)
        by_graph = spread(near, known, rounds=8)[rows[out]]
        found[out] = blended(softmax(head.logits(vectors[rows[out]])), by_graph)
    return found


def _fit_many(fit: Fit, vectors: np.ndarray, counts: np.ndarray, start: Head | None) -> PoolFit:
    rows = np.flatnonzero((counts >= 0).all(1))
    target = counts[rows].astype(np.float32)
    head = fit(vectors[rows], target, np.ones(len(rows), np.float32), STRENGTH, multi=True, start=start)
    probs = (1 / (1 + np.exp(-np.clip(head.logits(vectors), -30, 30)))).astype(np.float32)
    targets = np.zeros(counts.shape, np.float32)
    targets[rows] = target
    return PoolFit(head, probs, probs, targets, np.zeros(len(vectors), np.float32), 0.0)
