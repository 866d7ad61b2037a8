"""Fits ``inference.ranked``: penalised likelihood, the penalty chosen on the validation rows.

So is the temperature, which makes probabilities of scores, where there are enough of them. A few say nothing of how
sure a model may be (all right, they ask for certainty): then every row is answered by one that did not learn from it.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.optimize import minimize, minimize_scalar

from homegrown.inference.place_features import WIDTH
from homegrown.inference.ranked import Places, Ranking, log_probs, places

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.core.schema import FieldType
    from homegrown.inference.candidates import Reading

PENALTIES = (0.03, 0.3, 3.0)
_STEPS = 60
#: validation rows that can tell a temperature, and in how many parts rows are dealt out where there are fewer
ENOUGH, FOLDS = 30, 3


def fit_ranking(
    type: FieldType,
    reading: Reading,
    train: tuple[Sequence[str], Sequence[str | None], np.ndarray],
    valid: tuple[Sequence[str], Sequence[str | None], np.ndarray],
) -> Ranking:
    """A field that chooses among candidates.

    Args:
        type: of the field.
        reading: how its values are written.
        train: texts, the value of each as candidates call it (None: it is not there), and weights float [n]. A value
            that stands nowhere in its text teaches nothing.
        valid: the same, to choose by.

    Example:
        >>> from homegrown.core.schema import FieldType
        >>> from homegrown.inference.candidates import Reading
        >>> texts = [f"lamp {i}.50 total {i + 1}.00" for i in range(40)]
        >>> rows = (texts, [str(i + 1) for i in range(40)], np.ones(40))
        >>> fit_ranking(FieldType.NUMBER, Reading(), rows, rows).best(["lamp 3.50 total 9.25"])[0][0].value
        '9.25'
    """
    learnt, chosen = _Rows(type, reading, *train), _Rows(type, reading, *valid)
    best, best_penalty, weights = np.inf, PENALTIES[-1], np.zeros(WIDTH)
    start = weights
    for penalty in PENALTIES[::-1]:  # from the smoothest on, each from where the last ended
        start = _fitted(learnt, penalty, start)
        loss = chosen.loss(start)
        if loss < best:
            best, best_penalty, weights = loss, penalty, start
    rows = learnt.plus(chosen)
    judged = [(chosen, weights)] if chosen.n >= ENOUGH else _folds(rows, best_penalty)
    temperature = _temperature(judged)
    if chosen.n:  # what judged teaches too, once it has judged
        weights = _fitted(rows, best_penalty, weights)
    return Ranking(type, reading, weights.astype(np.float32), temperature)


def _fitted(rows: _Rows, penalty: float, start: np.ndarray) -> np.ndarray:
    """Weights of the columns that occur; all others stay 0."""
    used = np.unique(rows.places.rows.indices)
    matrix = rows.places.rows[:, used].tocsr()
    transposed = matrix.T.tocsr()

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        said, slope = rows.likelihood(np.asarray(matrix @ weights).ravel())
        return said + 0.5 * penalty * float(weights @ weights), transposed @ slope + penalty * weights

    done = minimize(loss, start[used], jac=True, method="L-BFGS-B", options={"maxiter": _STEPS})
    found = np.zeros(WIDTH)
    found[used] = done.x
    return found


def _folds(rows: _Rows, penalty: float) -> list[tuple[_Rows, np.ndarray]]:
    """Each part of the rows, and weights that the others taught."""
    part = np.arange(len(rows.weight)) % FOLDS
    each = ((rows.take(part != k), rows.take(part == k)) for k in range(FOLDS))
    return [(held, _fitted(rest, penalty, np.zeros(WIDTH))) for rest, held in each if held.n and rest.n]


def _temperature(judged: Sequence[tuple[_Rows, np.ndarray]]) -> float:
    """The one under which what is right was likeliest; it is drawn to 1 as one row with that evidence would."""

    def loss(log: float) -> float:
        return sum(rows.n * rows.loss(weights, float(np.exp(log))) for rows, weights in judged) + 0.5 * log * log

    done = minimize_scalar(loss, bounds=(-1.5, 2.0), method="bounded")
    return float(np.exp(done.x))


class _Rows:
    """Texts with their candidates, and which of these are right."""

    def __init__(
        self, type: FieldType, reading: Reading, texts: Sequence[str], values: Sequence[str | None], weight: np.ndarray
    ) -> None:
        found = places(texts, type, reading)
        flags, kept = [], []
        for some, value in zip(found.found, values, strict=True):
            right = [c.value == value for c in some]
            flags += [*right, value is None]
            kept.append(value is None or any(right))
        self.places: Places = found
        self.right = np.array(flags, bool)
        self.weight = np.where(np.array(kept, bool), np.asarray(weight, float), 0.0)
        self.n = int((self.weight > 0).sum())

    def plus(self, other: _Rows) -> _Rows:
        """Both, one after the other."""
        both = copy(self)
        mine, theirs = self.places, other.places
        both.places = Places(
            mine.found + theirs.found,
            sparse.csr_matrix(sparse.vstack([mine.rows, theirs.rows])),
            np.concatenate([mine.begin, theirs.begin[1:] + mine.begin[-1]]),
        )
        both.right = np.concatenate([self.right, other.right])
        both.weight = np.concatenate([self.weight, other.weight])
        both.n = self.n + other.n
        return both

    def take(self, those: np.ndarray) -> _Rows:
        """The texts of a mask, bool [n]."""
        some = copy(self)
        sizes = np.diff(self.places.begin)
        kept = np.repeat(those, sizes)
        some.places = Places(
            [found for found, is_kept in zip(self.places.found, those, strict=True) if is_kept],
            sparse.csr_matrix(self.places.rows[np.flatnonzero(kept)]),
            np.concatenate([[0], np.cumsum(sizes[those])]),
        )
        some.right, some.weight = self.right[kept], self.weight[those]
        some.n = int((some.weight > 0).sum())
        return some

    def likelihood(self, scores: np.ndarray) -> tuple[float, np.ndarray]:
        """Minus the log likelihood, and its slope by the score of each row."""
        first, sizes = self.places.begin[:-1], np.diff(self.places.begin)
        if not len(sizes):
            return 0.0, scores
        top = np.repeat(np.maximum.reduceat(scores, first), sizes)
        mass = np.exp(scores - top)
        total = np.add.reduceat(mass, first)
        good = np.add.reduceat(np.where(self.right, mass, 0.0), first)
        share = np.where(self.right, mass, 0.0) / np.repeat(np.maximum(good, 1e-300), sizes)
        weight = np.repeat(self.weight, sizes)
        said = self.weight * (np.log(total) - np.log(np.maximum(good, 1e-300)))
        return float(said[self.weight > 0].sum()), weight * (mass / np.repeat(total, sizes) - share)

    def loss(self, weights: np.ndarray, temperature: float = 1.0) -> float:
        """Mean minus log probability of the right values."""
        if not self.n:
            return 0.0
        logs = np.where(self.right, log_probs(self.places, weights, temperature), -np.inf)
        good = np.logaddexp.reduceat(logs, self.places.begin[:-1])
        seen = self.weight > 0
        return float(-(self.weight[seen] * good[seen]).sum() / self.weight[seen].sum())
