"""A linear chain of labels: which sequence is best, and how probable each label and each run of labels is.

Lafferty and others 2001, "Conditional Random Fields"; the sums are kept in range by dividing at each step (Rabiner
1989, "A Tutorial on Hidden Markov Models", section V A). Sequences are run together, the longest first, so that those
that still go on are always the first rows and none needs padding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOM = 1 << 16
LOWEST = -1e4


@dataclass(frozen=True, slots=True)
class Lattice:
    """What forward and backward sums say of some sequences; time comes first, rows by falling length.

    Attributes:
        rows: int [n], which of the given sequences each row is.
        lengths: int [n].
        emitted: float64 [longest, n, k], e^score up to a factor per place.
        before / after: float64 [longest, n, k], forward and backward sums; their product is the label's probability.
        scales: float64 [longest, n], what each step was divided by.
        log_sums: float64 [n], the logarithm of the sum over all sequences.
    """

    rows: np.ndarray
    lengths: np.ndarray
    emitted: np.ndarray
    before: np.ndarray
    after: np.ndarray
    scales: np.ndarray
    log_sums: np.ndarray

    @property
    def marginals(self) -> np.ndarray:
        """float64 [longest, n, k]: the probability of each label at each place; 0 beyond the end."""
        return self.before * self.after


class Chain:
    """Scores of labels that follow one another.

    Args:
        transition: float [k, k], from a row's label to a column's.
        start / end: float [k], of the first and of the last label.
        legal: bool [k, k], and *may_start* bool [k]: what is false never happens.
    """

    def __init__(
        self, transition: np.ndarray, start: np.ndarray, end: np.ndarray, legal: np.ndarray, may_start: np.ndarray
    ) -> None:
        self.transition = np.where(legal, transition, LOWEST).astype(np.float64)
        self.start = np.where(may_start, start, LOWEST).astype(np.float64)
        self.end = np.asarray(end, np.float64)
        self.factors = np.where(legal, np.exp(np.where(legal, self.transition, 0.0)), 0.0)
        self.start_factors = np.where(may_start, np.exp(np.where(may_start, self.start, 0.0)), 0.0)
        self.end_factors = np.exp(self.end)

    def best(self, scores: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The best legal sequence of each (Viterbi 1967).

        Args:
            scores: one float [length, k] for each sequence.

        Returns:
            int64 [length] each, in the order given.
        """
        found: list[np.ndarray] = [np.zeros(0, np.int64)] * len(scores)
        for rows in _batches(scores):
            lengths, padded = _laid_out(scores, rows)
            back = np.zeros(padded.shape, np.int16)
            so_far = padded[0] + self.start
            last = np.zeros(len(rows), np.int64)
            for t in range(len(padded)):
                n = int(np.searchsorted(-lengths, -t))
                if t:
                    ways = so_far[:n, :, None] + self.transition
                    back[t, :n] = ways.argmax(1)
                    so_far[:n] = ways.max(1) + padded[t, :n]
                ends = np.flatnonzero(lengths[:n] == t + 1)
                last[ends] = (so_far[ends] + self.end).argmax(1)
            path = np.zeros(padded.shape[:2], np.int64)
            for t in range(len(padded) - 1, -1, -1):
                n = int(np.searchsorted(-lengths, -t))
                path[t, :n] = last[:n]
                last[:n] = back[t, np.arange(n), last[:n]]
            for i, row in enumerate(rows):
                found[row] = path[: lengths[i], i]
        return found

    def log_sums(self, scores: Sequence[np.ndarray], left_out: Sequence[int] = ()) -> np.ndarray:
        """float64 [n]: the logarithm of the sum over all legal sequences of each; 0 for an empty one.

        Args:
            scores: one float [length, k] for each sequence.
            left_out: labels that do not occur in the sequences that are summed.
        """
        kept = [t for t in range(len(self.start)) if t not in left_out]
        start, factors, end = self.start_factors[kept], self.factors[np.ix_(kept, kept)], self.end_factors[kept]
        found = np.zeros(len(scores))
        for rows in _batches(scores):
            lengths, padded = _laid_out(scores, rows)
            padded = padded[:, :, kept]
            so_far = np.zeros(padded.shape[1:])
            for t in range(len(padded)):
                n = int(np.searchsorted(-lengths, -t))
                top = padded[t, :n].max(1)
                step = np.exp(padded[t, :n] - top[:, None]) * (start if t == 0 else so_far[:n] @ factors)
                scale = np.maximum(step.sum(1), 1e-300)
                so_far[:n] = step / scale[:, None]
                found[rows[:n]] += np.log(scale) + top
            found[rows] += np.log(np.maximum(so_far @ end, 1e-300))
        return found

    def lattices(self, scores: Sequence[np.ndarray]) -> Iterator[Lattice]:
        """Forward and backward sums, some sequences at a time; empty ones are left out."""
        for rows in _batches(scores):
            lengths, padded = _laid_out(scores, rows)
            yield self._lattice(rows, lengths, padded)

    def _lattice(self, rows: np.ndarray, lengths: np.ndarray, padded: np.ndarray) -> Lattice:
        longest, n_all, _ = padded.shape
        tops = padded.max(2, keepdims=True)
        emitted = np.exp(padded - tops)
        before, after = np.zeros_like(emitted), np.zeros_like(emitted)
        scales = np.ones((longest, n_all))
        going = [int(np.searchsorted(-lengths, -t)) for t in range(longest + 1)]
        for t in range(longest):
            n = going[t]
            step = emitted[0] * self.start_factors if t == 0 else (before[t - 1, :n] @ self.factors) * emitted[t, :n]
            scales[t, :n] = np.maximum(step.sum(1), 1e-300)
            before[t, :n] = step / scales[t, :n, None]
        last = lengths - 1
        ends = np.maximum(before[last, np.arange(n_all)] @ self.end_factors, 1e-300)
        after[last, np.arange(n_all)] = self.end_factors / ends[:, None]
        for t in range(longest - 2, -1, -1):
            n = going[t + 1]
            after[t, :n] = (emitted[t + 1, :n] * after[t + 1, :n] / scales[t + 1, :n, None]) @ self.factors.T
        inside = np.arange(longest)[:, None] < lengths
        log_sums = ((np.log(scales) + tops[:, :, 0]) * inside).sum(0) + np.log(ends)
        return Lattice(rows, lengths, emitted, before, after, scales, log_sums)

    def pairs(self, lattice: Lattice) -> np.ndarray:
        """float64 [k, k]: how often each label is expected to follow each, over all places of all rows."""
        onward = lattice.emitted[1:] * lattice.after[1:] / lattice.scales[1:, :, None]
        k = onward.shape[2]
        return (lattice.before[:-1].reshape(-1, k).T @ onward.reshape(-1, k)) * self.factors


def _batches(scores: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """Positions by falling length, cut so that a batch takes about ``ROOM`` places; empty sequences are left out."""
    lengths = np.array([len(s) for s in scores], int)
    order = np.argsort(-lengths, kind="stable")
    order = order[: int((lengths > 0).sum())]
    start = 0
    while start < len(order):
        size = max(1, ROOM // int(lengths[order[start]]))
        yield order[start : start + size]
        start += size


def _laid_out(scores: Sequence[np.ndarray], rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    lengths = np.array([len(scores[r]) for r in rows])
    padded = np.zeros((lengths[0], len(rows), scores[rows[0]].shape[1]))
    for i, row in enumerate(rows):
        padded[: lengths[i], i] = scores[row]
    return lengths, padded
