"""How often each source is right, with an interval that says how little is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from homegrown.label.matrix import VoteMatrix
from homegrown.metrics.intervals import wilson_many


@dataclass(frozen=True)
class Reliability:
    """Per source.

    Attributes:
        coverage: float [n_sources], share of the records on which it votes.
        accuracy: float [n_sources], share of its votes that are right; not a number where nothing is known.
        low: float [n_sources], of the 95% interval.
        high: float [n_sources].
    """

    coverage: np.ndarray
    accuracy: np.ndarray
    low: np.ndarray
    high: np.ndarray


def measured(votes: VoteMatrix, gold: np.ndarray) -> Reliability:
    """Counted on the records whose answer is known, and on nothing else; Wilson's interval.

    Args:
        votes: the matrix.
        gold: int [n_records], -1 where unknown.
    """
    known = gold[votes.record] >= 0
    right = known & (gold[votes.record] == votes.value)
    n = np.bincount(votes.source, votes.weight * known, votes.n_sources)
    hits = np.bincount(votes.source, votes.weight * right, votes.n_sources)
    low, high = wilson_many(hits, n)
    return Reliability(_coverage(votes), np.where(n > 0, hits / np.maximum(n, 1e-300), np.nan), low, high)


def estimated(votes: VoteMatrix, probs: np.ndarray) -> Reliability:
    """Expected under the label probabilities *probs*, float [n_records, n_classes].

    The interval joins two doubts in quadrature: the few votes (Wilson, of the votes that another source's stand
    beside), and the labels themselves, which are wrong as often as their probabilities say, and may all be wrong in the
    source's favour or against it. A source that meets only one other is known no better than that the two agree: its
    interval reaches from their agreement to 1. One that meets none is not known: 0 to 1.
    """
    n = votes.counts.sum(1)
    total = np.maximum(n, 1e-300)
    sure = probs.max(1)[votes.record]
    accuracy = np.bincount(votes.source, votes.weight * probs[votes.record, votes.value], votes.n_sources) / total
    doubt = np.bincount(votes.source, votes.weight * (1 - sure), votes.n_sources) / total
    seen = _sources_seen(votes)
    pairs = (seen.T @ seen).tocsr()
    partners = pairs.getnnz(1) - (n > 0)
    beside = np.bincount(votes.source, votes.weight * (seen.getnnz(1) > 1)[votes.record], votes.n_sources)
    low, high = wilson_many(accuracy * beside, beside)
    low, high = np.maximum(0, accuracy - np.hypot(accuracy - low, doubt)), np.hypot(high - accuracy, doubt) + accuracy
    floor = wilson_many(_agreed(votes), beside)[0]
    low, high = np.where(partners == 1, np.minimum(low, floor), low), np.where(partners == 1, 1.0, high)
    low, high = np.where(partners < 1, 0.0, low), np.where(partners < 1, 1.0, np.minimum(high, 1.0))
    return Reliability(_coverage(votes), np.where(n > 0, accuracy, np.nan), low, high)


def _sources_seen(votes: VoteMatrix) -> sp.csr_matrix:
    """Ones [n_records, n_sources] where a source votes."""
    shape = (votes.n_records, votes.n_sources)
    table = sp.csr_matrix((np.ones(len(votes.record)), (votes.record, votes.source)), shape=shape)
    table.data[:] = 1
    return table


def _agreed(votes: VoteMatrix) -> np.ndarray:
    """Votes float [n_sources] of each source that another one repeats on the record."""
    key = votes.record * votes.n_classes + votes.value
    _, place, times = np.unique(key, return_inverse=True, return_counts=True)
    return np.bincount(votes.source, votes.weight * (times[place] > 1), votes.n_sources)


def _coverage(votes: VoteMatrix) -> np.ndarray:
    pairs = np.unique(votes.source * max(votes.n_records, 1) + votes.record)
    found = np.bincount(pairs // max(votes.n_records, 1), minlength=votes.n_sources)
    return found / max(votes.n_records, 1)
