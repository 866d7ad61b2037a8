"""Votes on values (numbers, dates, amounts, one span) → what is probably true, by how good each source is.

The truth of a record is one of the values that somebody said, or that there is none. Of each source it is learnt how
often it says a true value, overlooks it, says another one, and invents one where there is none: Dawid and Skene (1979)
with the ways to err that an open set of values has, as a maximum a posteriori EM. What sources have in common is the
prior of each, so that one with few votes is taken for an ordinary one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

#: a value, true or wrong, is one of so many as probable ones: two sources that say the same are seldom both wrong.
#: Chosen on made-up sources (``benchmarks.object_votes`` with other draws): 2, 5, 10 and 20 in rising order
WRONG = 20.0
#: how many votes the common behaviour counts in that of one source
STRENGTH = 4.0
ROUNDS, SETTLED = 100, 1e-5
#: right, overlooked, another one; and where there is none: right, invented. What is thought before anybody voted
_VALUE, _NONE = np.array([8.0, 1.0, 1.0]), np.array([8.0, 2.0])


class Fitted(NamedTuple):
    """What votes say together.

    Attributes:
        prob: float [n_candidates].
        right: float [n_sources], how often each is right where there is a value.
    """

    prob: np.ndarray
    right: np.ndarray


def fit_values(
    record: np.ndarray,
    is_none: np.ndarray,
    vote: np.ndarray,
    source: np.ndarray,
    n_sources: int,
    gold: np.ndarray | None = None,
) -> Fitted:
    """How probable each candidate is.

    Args:
        record: int [n_candidates], the record of each, ascending; each record has one that says "there is none".
        is_none: bool [n_candidates], it is that one.
        vote: int [n_votes], the candidate that was said.
        source: int [n_votes], by whom.
        n_sources: how many there are.
        gold: int [k], candidates that are known to be true.

    Example:
        >>> votes = np.array([1, 1, 2, 4, 4, 4, 7, 7, 8])  # three records, of 3 candidates the first is none
        >>> record, is_none, source = np.repeat([0, 1, 2], 3), np.tile([True, False, False], 3), np.tile([0, 1, 2], 3)
        >>> done = fit_values(record, is_none, votes, source, 3)
        >>> int(done.right.argmin()), bool(done.prob[7] > 0.9)
        (2, True)
    """
    of, kind, who = _pairs(record, is_none, vote, source)
    known = np.zeros(len(record), bool)
    known[gold if gold is not None else []] = True
    told = np.isin(record, record[known])
    first = np.searchsorted(record, record)
    said = np.bincount(vote, minlength=len(record)) + 0.1
    prob = _normal(np.log(said), first)
    prob = np.where(told, known, prob)
    right = np.zeros((n_sources, 5))
    for _ in range(ROUNDS):
        counts = np.zeros((n_sources, 5))
        np.add.at(counts, (who, kind), prob[of])
        right = _rates(counts)
        none = (prob[is_none].sum() + 1) / (is_none.sum() + 2)
        log = np.where(is_none, np.log(none), np.log1p(-none) - np.log(WRONG))
        spread = np.array([1.0, 1.0, WRONG, 1.0, WRONG])
        log = log + np.bincount(of, np.log(right / spread)[who, kind], len(record))
        before, prob = prob, np.where(told, known, _normal(log, first))
        if np.abs(prob - before).max(initial=0) < SETTLED:
            break
    return Fitted(prob.astype(float), right[:, 0])


def _pairs(
    record: np.ndarray, is_none: np.ndarray, vote: np.ndarray, source: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each vote beside each candidate of its record: the candidate, what the vote is if that is true, by whom."""
    n = np.bincount(record)
    start = np.concatenate([[0], np.cumsum(n)[:-1]])
    many = n[record[vote]]
    which = np.repeat(np.arange(len(vote)), many)
    of = np.arange(len(which)) - np.repeat(np.cumsum(many) - many, many) + start[record[vote]][which]
    same, said_none = of == vote[which], is_none[vote][which]
    kind = np.where(is_none[of], np.where(same, 3, 4), np.where(same, 0, np.where(said_none, 1, 2)))
    return of, kind, source[which]


def _rates(counts: np.ndarray) -> np.ndarray:
    """Of each source, how often it does what: float [n_sources, 5]; the first three and the last two sum to one."""
    found = np.zeros_like(counts)
    for part, prior in ((slice(0, 3), _VALUE), (slice(3, 5), _NONE)):
        common = counts[:, part].sum(0) + prior
        found[:, part] = counts[:, part] + STRENGTH * common / common.sum()
        found[:, part] /= found[:, part].sum(1, keepdims=True)
    return found


def _normal(log: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Probabilities that sum to one in each record; *first* names the first candidate of each candidate's record."""
    starts = np.unique(first)
    top = np.maximum.reduceat(log, starts)
    place = np.searchsorted(starts, first)
    weight = np.exp(log - top[place])
    return weight / np.add.reduceat(weight, starts)[place]
