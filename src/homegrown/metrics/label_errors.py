"""Which given labels are wrong, by what a model that never saw them says.

Two readings of the same probabilities are joined. The first is a posterior: a label is given by a table of mistakes
(Natarajan and others 2013, "Learning with Noisy Labels"; Northcutt, Jiang, Chuang 2021, "Confident Learning", section
3), which is counted on the records where the model is most sure, for there it is hardly wrong itself (anchor points:
Patrini and others 2017, "Making Deep Neural Networks Robust to Label Noise", section 4.1). Whether mistakes go to
particular classes or anywhere is learnt by the Dirichlet-multinomial likelihood. The second is the margin by which
another class leads. The share of all disagreement that wrong labels can explain, and not the model, weighs the two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from homegrown.metrics.neighbours import N_NEIGHBOURS, nearest, neighbour_probs

_ANCHORS = 0.5
_STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
#: so many records of every class are believed to be mislabelled at the common rate before its own are counted
_PRIOR = 20.0
_TINY = 1e-15


@dataclass(frozen=True, slots=True)
class LabelErrors:
    """How doubtful each given label is.

    Attributes:
        score: float64 [n], 0 to 1; the posterior that it is wrong where labels are the noisier, else nearer the margin.
        other: int [n], the class that the record more likely has.
        rate: share of wrong labels among the records that the model is sure of.
        trust: 0 to 1, the share of the disagreement between model and labels that wrong labels can explain.
    """

    score: np.ndarray
    other: np.ndarray
    rate: float
    trust: float


def label_errors(given: np.ndarray, probs: np.ndarray) -> LabelErrors:
    """Score the labels *given* by the out-of-sample *probs*.

    Args:
        given: int [n], the label of each record.
        probs: float [n, n_classes], of models that did not see the record's own label, calibrated.

    Example:
        >>> sure = np.eye(2)[[0] * 20 + [1] * 20] * 0.9 + 0.05
        >>> found = label_errors(np.array([0] * 19 + [1] * 21), sure)
        >>> int(found.score.argmax()), int(found.other[19])
        (19, 0)
    """
    n, n_classes = probs.shape
    rows = np.arange(n)
    probs = np.clip(np.asarray(probs, np.float64), 1e-12, 1.0)
    probs /= probs.sum(1, keepdims=True)
    own = probs[rows, given]
    rest = probs.copy()
    rest[rows, given] = -1.0
    other = rest.argmax(1)
    if n == 0 or n_classes < 2:
        return LabelErrors(np.zeros(n), given.copy(), 0.0, 0.0)
    table = _Mistakes(given, probs)
    likely = probs * table.of_rows(given)
    wrong = likely.sum(1) - likely[rows, given]
    posterior = wrong / (wrong + likely[rows, given] + _TINY)
    margin = (rest[rows, other] - own + 1.0) / 2.0
    disagreement = float((probs.argmax(1) != given).mean())
    trust = min(1.0, table.rate / disagreement) if disagreement else 1.0
    return LabelErrors(trust * posterior + (1.0 - trust) * margin, other, table.rate, trust)


def with_neighbours(
    given: np.ndarray, probs: np.ndarray, vectors: np.ndarray, *, others: np.ndarray | None = None
) -> np.ndarray:
    """*probs* averaged with what the labels of the nearest rows say, none of which is the row itself; [n, n_classes].

    Args:
        given: int [n], the label of each record.
        probs: float [n, n_classes], of models that did not see it.
        vectors: float32 [n, dim], rows of length 1.
        others: see ``nearest``.
    """
    near = neighbour_probs(given, probs.shape[1], *nearest(vectors, N_NEIGHBOURS, others=others))
    return (probs + near) / 2


class _Mistakes:
    """The table of mistakes: how often a record of one class is given each label."""

    def __init__(self, given: np.ndarray, probs: np.ndarray) -> None:
        n, k = probs.shape
        self._said = probs.argmax(1)
        self._anchor = _surest(self._said, probs[np.arange(n), self._said])
        counts = np.zeros((k, k))
        np.add.at(counts, (self._said[self._anchor], given[self._anchor]), 1)
        self._total = counts.sum(1)
        self._off = counts.copy()
        np.fill_diagonal(self._off, 0)
        self._n_off = self._off.sum(1)
        self.rate = float((self._off.sum() + 1) / (counts.sum() + 2))
        spread = np.tile(self._off.sum(0) + 1, (k, 1))
        np.fill_diagonal(spread, 0)
        self._spread = spread / spread.sum(1, keepdims=True)
        self._strength = self._learnt()

    def _learnt(self) -> float:
        """How far mistakes of a class go where those of all go, instead of to places of its own."""
        seen = self._off > 0

        def fit(strength: float) -> float:
            prior = np.maximum(strength * self._spread, 1e-9)
            whole = gammaln(strength) - gammaln(strength + self._n_off)
            return float(whole.sum() + (gammaln(prior + self._off) - gammaln(prior))[seen].sum())

        return max(_STRENGTHS, key=fit)

    def of_rows(self, given: np.ndarray) -> np.ndarray:
        """How likely each class is given the label that each row has, its own case left out of the count; [n, k]."""
        rate = (self._n_off + _PRIOR * self.rate) / (self._total + _PRIOR)
        table = rate[:, None] * (self._off + self._strength * self._spread) / (self._n_off + self._strength)[:, None]
        np.fill_diagonal(table, 1 - rate)
        found = table[:, given].T.copy()
        mine = np.flatnonzero(self._anchor & (self._said != given))
        said, label = self._said[mine], given[mine]
        left = (self._n_off[said] - 1 + _PRIOR * self.rate) / (self._total[said] - 1 + _PRIOR)
        share = (self._off[said, label] - 1 + self._strength * self._spread[said, label]) / (
            self._n_off[said] - 1 + self._strength
        )
        found[mine, said] = left * share
        return found


def _surest(said: np.ndarray, sure: np.ndarray) -> np.ndarray:
    """The surer half of the records that are said to be of each class, at least one; bool [n]."""
    order = np.lexsort((-sure, said))
    ordered = said[order]
    begins = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    sizes = np.diff(np.append(begins, len(said)))
    rank = np.arange(len(said)) - np.repeat(begins, sizes)
    kept = np.zeros(len(said), bool)
    kept[order] = rank < np.repeat(np.maximum(1, (sizes * _ANCHORS).astype(int)), sizes)
    return kept
