"""Sources that copy one another: found by agreement beyond what the truth explains, and counted as one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from homegrown.label.matrix import VoteMatrix

MIN_SHARED = 20
SUSPECT = 0.85
PROVEN = 0.75
Z_MANY = 4.0  # one false alarm in 30,000 pairs: thousands are tried


@dataclass(frozen=True)
class Pairs:
    """Pairs of sources with ``first < second``, and how much of their agreement is shared beyond the truth.

    Attributes:
        first: int [n_pairs].
        second: int [n_pairs].
        share: float [n_pairs], 0 to 1; 1: the second says what the first says, right or wrong.
    """

    first: np.ndarray
    second: np.ndarray
    share: np.ndarray

    def matrix(self, n_sources: int) -> sp.csr_matrix:
        """Symmetric, float [n_sources, n_sources]."""
        half = sp.csr_matrix((self.share, (self.first, self.second)), shape=(n_sources, n_sources))
        return (half + half.T).tocsr()


def discount(votes: VoteMatrix, pairs: Pairs) -> np.ndarray:
    """Factor float [n_votes]: 1 / (1 + what correlated sources say the same on the record), so that copies count once.

    Example:
        >>> votes = VoteMatrix.of([0, 0, 0], [0, 1, 2], [1, 1, 0])
        >>> discount(votes, Pairs(np.array([0]), np.array([1]), np.array([1.0]))).tolist()
        [0.5, 0.5, 1.0]
    """
    linked = pairs.matrix(votes.n_sources)
    touched = np.flatnonzero((linked.getnnz(1) > 0)[votes.source])
    echo = np.zeros(len(votes.record))
    for value in np.unique(votes.value[touched]):
        of_value = touched[votes.value[touched] == value]
        said = sp.csr_matrix(
            (votes.weight[of_value], (votes.record[of_value], votes.source[of_value])),
            shape=(votes.n_records, votes.n_sources),
        )
        echo[of_value] = np.asarray((said @ linked)[votes.record[of_value], votes.source[of_value]]).ravel()
    return 1 / (1 + echo)


def suspects(votes: VoteMatrix) -> Pairs:
    """Pairs that nearly always say the same, whether for good reasons (both are right) or bad ones."""
    first, second, agreed, possible = _agreement(votes)
    kept = agreed >= SUSPECT * possible
    return Pairs(first[kept], second[kept], np.ones(int(kept.sum())))


def correlated(votes: VoteMatrix, probs: np.ndarray) -> Pairs:
    """Pairs whose agreement the classes do not explain: sources independent given the class would agree less.

    Expected agreement under conditional independence, as in the dependency search of Bach, He, Ratner, Re 2017
    (ICML, section 2); a pair counts when the excess is beyond chance and at least three quarters of what is possible.

    Args:
        votes: the matrix.
        probs: float [n_records, n_classes], of a fit in which the suspects count as one.
    """
    first, second, agreed, possible = _agreement(votes)
    if not len(first):
        return Pairs(first, second, np.zeros(0))
    expected = _expected(votes, probs, first, second)
    chance = Z_MANY * np.sqrt(np.maximum(expected * (1 - expected / possible), 0) + 0.25)
    share = (agreed - expected) / np.maximum(possible - expected, 1e-9)
    kept = (agreed - expected > chance) & (share >= PROVEN)
    return Pairs(first[kept], second[kept], np.minimum(share[kept], 1.0))


def _rules(votes: VoteMatrix) -> np.ndarray:
    return (votes.counts > 0).sum(1) == 1


def _agreement(votes: VoteMatrix) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pairs with enough in common, how often they agree, and how often they could.

    Two sources that answer when asked could agree wherever both did; two rules, that choose where to fire, on
    all records of the commoner one. A rule and a source with several values are not compared.
    """
    rule = _rules(votes)
    total = votes.counts.sum(1)
    many = total >= MIN_SHARED
    chosen = many[votes.source]
    same = sp.csr_matrix((votes.n_sources, votes.n_sources))
    for value in range(votes.n_classes):
        one = _said(votes, chosen & (votes.value == value))
        same = same + one.T @ one
    both = _said(votes, chosen)
    seen = sp.triu(both.T @ both, 1).tocoo()
    first, second = seen.row, seen.col
    agreed = np.asarray(same.tocsr()[first, second]).ravel() if len(first) else np.zeros(0)
    possible = np.where(rule[first] & rule[second], np.maximum(total[first], total[second]), seen.data)
    kept = (rule[first] == rule[second]) & (possible >= MIN_SHARED)
    return first[kept], second[kept], agreed[kept], possible[kept]


def _said(votes: VoteMatrix, chosen: np.ndarray) -> sp.csr_matrix:
    shape = (votes.n_records, votes.n_sources)
    return sp.csr_matrix((votes.weight[chosen], (votes.record[chosen], votes.source[chosen])), shape=shape)


def _expected(votes: VoteMatrix, probs: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Agreements expected of each pair if the classes *probs* were all that they share."""
    k = votes.n_classes
    counts = np.asarray(votes.sparse.T @ probs).reshape(-1, k, k)  # source, value, class
    rule = _rules(votes)
    mass = np.maximum(probs.sum(0), 1e-9)
    rate = counts.sum(1) / mass
    same_value = votes.counts.argmax(1)[first] == votes.counts.argmax(1)[second]
    of_rules = (rate[first] * rate[second] * mass).sum(1) * same_value
    pooled = counts.sum(0) + 1e-3
    rows = counts + 2 * pooled / pooled.sum(0)
    rows /= rows.sum(1, keepdims=True)
    answer = np.zeros(len(first))
    truth = probs.argmax(1)[votes.record]
    for value in range(k):
        in_class = _said(votes, truth == value)
        shared = np.asarray((in_class.T @ in_class).tocsr()[first, second]).ravel()
        answer += shared * (rows[first, :, value] * rows[second, :, value]).sum(1)
    return np.where(rule[first], of_rules, answer)
