"""Who says what when the truth is which: the votes' own model of their sources, fitted without a true answer.

A record has a class and, within it, a kind (plain or hard). A source has a distribution of values for each class and
kind, drawn around a population: right with the source's own skill, else wrong as the others are wrong. How closely
sources follow the population is learnt per row, so that ten votes of a person lean on the crowd and ten thousand on
themselves.
A source that names a single class (a rule that fires or is silent) says nothing by *which* value it gives, so
it is read by *where* it votes: as the shares of the classes among its records.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import digamma, gammaln

from homegrown.errors import InputError
from homegrown.label.matrix import VoteMatrix, majority

CONCENTRATIONS = np.geomspace(1, 1e4, 25)
SKILL = (4.0, 1.0)  # pseudo-votes of each source: right, and wrong per other class
RULE = (8.0, 2.0)  # pseudo-votes of each rule: right, and wrong in all
MAX_PARAMETERS = 40_000_000
HARD_SHARE = 0.8
MAX_ROUNDS = 300
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Confusion:
    """A fitted model; it reads new votes of the sources that it knows, and starts a new fit from there.

    Attributes:
        probs: float [n_records, n_classes], posterior of each record's class.
        evidence: lower bound of the log probability of all votes; larger is the better model of the same votes.
        log_votes: float [n_sources, n_classes (value), n_classes * n_kinds], what a vote adds to each class and kind.
        log_prior: float [n_classes * n_kinds].
        n_kinds: kinds of record per class.
        rounds: until it stood still.
    """

    probs: np.ndarray
    evidence: float
    log_votes: np.ndarray
    log_prior: np.ndarray
    n_kinds: int
    rounds: int

    def kinds(self, votes: VoteMatrix) -> np.ndarray:
        """Posterior float [n_records, n_classes * n_kinds]; votes of unknown sources do not count."""
        n_sources, n_classes, n_cells = self.log_votes.shape
        table = np.zeros((max(votes.n_sources, n_sources), n_classes, n_cells))
        table[:n_sources] = self.log_votes
        score = votes.sparse @ table[: votes.n_sources].reshape(-1, n_cells) + self.log_prior
        return _normalised(score)[0]


def fit(
    votes: VoteMatrix, *, n_kinds: int = 1, gold: np.ndarray | None = None, start: Confusion | None = None
) -> Confusion:
    """Variational Bayes for a hierarchical Dawid-Skene model.

    After Dawid, Skene 1979 (Applied Statistics 28:20); Kim, Ghahramani 2012 (AISTATS, Bayesian classifier combination,
    section 2); kinds as the subtypes of Li, Rubinstein, Cohn 2019 (ICML, enhanced BCC, section 4). The prior of a row
    is a Dirichlet around the population, its concentration the one of largest Dirichlet-multinomial likelihood
    (Minka 2000, "Estimating a Dirichlet distribution", section 3).

    Args:
        votes: at least two classes.
        n_kinds: of record within each class.
        gold: int [n_records], the true class where known, -1 elsewhere.
        start: an earlier fit of the same classes; its sources keep their numbers, new ones come behind.

    Raises:
        InputError: there is one class only, or more sources and classes than memory can hold.
    """
    size = votes.n_sources * votes.n_classes**2 * n_kinds
    if votes.n_classes < 2:
        raise InputError("The votes name fewer than two classes: there is nothing to decide.")
    if size > MAX_PARAMETERS:
        raise InputError(
            f"{votes.n_sources:,} sources and {votes.n_classes:,} classes are too many to learn who confuses what. "
            "Use the method 'majority'."
        )
    first, place, times = _distinct(votes, gold)
    few = votes.rows(first)
    found = _Fit(few, n_kinds, None if gold is None else gold[first], times.astype(float)).run(start)
    return replace(found, probs=found.probs[place])


def _distinct(votes: VoteMatrix, gold: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Records that differ in votes or gold: the first of each, int [n_distinct]; which of them each is; how many are.

    Rules make a million records a few thousand. Rows are told apart by a random projection, which two that differ share
    with probability zero.
    """
    rng = np.random.default_rng(0)
    table = votes.sparse
    key = table @ rng.standard_normal(votes.n_sources * votes.n_classes)
    if gold is not None:
        key = key + rng.standard_normal(votes.n_classes + 1)[gold]
    _, first, place, times = np.unique(key, return_index=True, return_inverse=True, return_counts=True)
    return first, place, times


class _Fit:
    """One fit: K classes, G kinds, cells (class, kind) flattened to K * G; a record stands for *times* equal ones."""

    def __init__(self, votes: VoteMatrix, n_kinds: int, gold: np.ndarray | None, times: np.ndarray) -> None:
        self.votes, self.g, self.k, self.times = votes, n_kinds, votes.n_classes, times
        self.a = votes.sparse
        self.at = self.a.multiply(times[:, None]).T.tocsr()
        self.own = np.repeat(np.eye(self.k), n_kinds, axis=0)
        self.closed = None
        if gold is not None:
            self.closed = np.where((gold[:, None] >= 0) & (gold[:, None] != np.arange(self.k)), -np.inf, 0.0)
        counts = votes.counts
        self.rule = (counts > 0).sum(1) <= 1
        self.rule_value = counts.argmax(1)
        open_minded = np.bincount(votes.record, ~self.rule[votes.source], votes.n_records) > 0
        self.informs_balance = times * open_minded
        self.majority_balance = np.log(times @ majority(votes) / times.sum() + 1e-6)
        self.concentration = np.full(self.k * n_kinds, 12)

    def run(self, start: Confusion | None) -> Confusion:
        cells = self._first(start)
        last, evidence, rounds = -np.inf, -np.inf, 0
        table, prior = np.zeros(0), np.zeros(0)
        for rounds in range(1, MAX_ROUNDS + 1):
            table, cost = self._sources(cells, every=rounds <= 10)
            prior, prior_cost = self._balance(cells)
            score = self.a @ table.reshape(-1, self.k * self.g) + prior
            if self.closed is not None:
                score += np.repeat(self.closed, self.g, axis=1)
            cells, total = _normalised(score)
            evidence = float(self.times @ total) - cost - prior_cost
            if abs(evidence - last) < TOLERANCE * abs(evidence) and rounds > 5:
                break
            last = evidence
        probs = cells.reshape(-1, self.k, self.g).sum(2)
        return Confusion(probs, evidence, table, prior, self.g, rounds)

    def _first(self, start: Confusion | None) -> np.ndarray:
        """Where to begin: an earlier fit, or the majority with its least contested records as the first kind."""
        if start is not None and start.n_kinds == self.g:
            return start.kinds(self.votes)
        share = majority(self.votes)
        if self.closed is not None:
            share = np.where(np.isfinite(self.closed), share + 1e-6, 0)
            share /= share.sum(1, keepdims=True)
        agreed = (share**2).sum(1)
        rank = _rank(agreed, self.times)
        near = np.clip(1 - np.abs(rank[:, None] * (self.g - 1) - np.arange(self.g)), 0, 1)
        kind = HARD_SHARE * near + (1 - HARD_SHARE) / self.g if self.g > 1 else np.ones((len(agreed), 1))
        return (share[:, :, None] * kind[:, None, :]).reshape(len(agreed), -1)

    def _sources(self, cells: np.ndarray, *, every: bool) -> tuple[np.ndarray, float]:
        """What each vote says, [n_sources, K, K * G], and what the sources' parameters cost the evidence."""
        joint = np.asarray(self.at @ cells).reshape(-1, self.k, self.k * self.g)
        table = np.zeros(joint.shape)
        self._rules(table, joint, cells)
        if self.rule.all():
            return table, 0.0
        counts = joint[~self.rule].transpose(0, 2, 1)
        centre = self._population(counts)
        self._concentrate(counts, centre, every=every)
        prior = CONCENTRATIONS[self.concentration][None, :, None] * centre
        after = prior + counts
        table[~self.rule] = (digamma(after) - digamma(after.sum(2, keepdims=True))).transpose(0, 2, 1)
        return table, _divergence(after, prior)

    def _population(self, counts: np.ndarray) -> np.ndarray:
        """Mean rows: right with the source's skill, else as all others are wrong in that cell."""
        right, wrong = SKILL
        hits = (counts * self.own).sum((1, 2))
        skill = (hits + right) / (counts.sum((1, 2)) + right + wrong * (self.k - 1))
        off = (counts.sum(0) + 1) * (1 - self.own)
        off /= off.sum(1, keepdims=True)
        mean = skill[:, None, None] * self.own + (1 - skill)[:, None, None] * off
        return np.maximum(mean, 1e-4)

    def _concentrate(self, counts: np.ndarray, centre: np.ndarray, *, every: bool) -> None:
        """Move each cell's concentration to the best on the grid; to a better neighbour once it is near."""
        steps = np.arange(len(CONCENTRATIONS)) if every else np.array([-1, 0, 1])
        grid = np.broadcast_to(steps[:, None], (len(steps), len(self.concentration)))
        tried = grid if every else np.clip(self.concentration + grid, 0, len(CONCENTRATIONS) - 1)
        found = [_polya(counts, CONCENTRATIONS[one][None, :, None] * centre) for one in tried]
        self.concentration = np.take_along_axis(tried, np.argmax(found, axis=0)[None], axis=0)[0]

    def _rules(self, table: np.ndarray, joint: np.ndarray, cells: np.ndarray) -> None:
        """A source with one value: log of (share of each class where it votes / share of the class everywhere)."""
        which, value = np.flatnonzero(self.rule), self.rule_value[self.rule]
        if not len(which):
            return
        base = (self.times @ cells).reshape(self.k, self.g).sum(1) + 1
        found = joint[which, value].reshape(-1, self.k, self.g).sum(2)
        right, wrong = RULE
        prior = np.full((len(which), self.k), wrong / (self.k - 1))
        prior[np.arange(len(which)), value] = right
        after = found + prior
        lift = digamma(after) - digamma(after.sum(1, keepdims=True)) - np.log(base / base.sum())
        table[which, value] = np.repeat(lift, self.g, axis=1)

    def _balance(self, cells: np.ndarray) -> tuple[np.ndarray, float]:
        """Log shares of classes and kinds.

        Where rules alone vote, the balance is the majority's: learnt from where they happen to fire, it would run away.
        """
        n = (self.informs_balance @ cells).reshape(self.k, self.g)
        within = n + 1
        log_kind = digamma(within) - digamma(within.sum(1, keepdims=True))
        cost = _divergence(within, np.ones_like(within)) if self.g > 1 else 0.0
        if not self.informs_balance.any():
            return (log_kind + self.majority_balance[:, None]).reshape(-1), cost
        classes = n.sum(1) + 1
        log_class = digamma(classes) - digamma(classes.sum())
        cost += _divergence(classes, np.ones_like(classes))
        return (log_class[:, None] + (log_kind if self.g > 1 else 0.0)).reshape(-1), cost


def _rank(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Place of each value from 0 to 1; equal values share one, so that the order of the records decides nothing."""
    # Shares that differ by rounding alone are equal.
    _, inverse = np.unique(values.round(9), return_inverse=True)
    many = np.bincount(inverse, times)
    middle = np.cumsum(many) - (many + 1) / 2
    return middle[inverse] / max(times.sum() - 1, 1)


def _normalised(score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Softmax of each row, and the log of its total."""
    wide = np.ascontiguousarray(score.T)  # few classes, many records: sums along the long axis are several times faster
    top = wide.max(0)
    odds = np.exp(wide - top)
    total = odds.sum(0)
    return np.ascontiguousarray((odds / total).T), top + np.log(total)


def _polya(counts: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Log likelihood [cells] of rows under Dirichlet-multinomials, summed over sources."""
    rows = gammaln(counts + prior).sum(2) - gammaln(prior).sum(2)
    return (rows + gammaln(prior.sum(2)) - gammaln(prior.sum(2) + counts.sum(2))).sum(0)


def _divergence(after: np.ndarray, prior: np.ndarray) -> float:
    """Kullback-Leibler divergence between Dirichlets on the last axis, summed."""
    a, b = after.sum(-1), prior.sum(-1)
    gap = ((after - prior) * (digamma(after) - digamma(a)[..., None])).sum(-1)
    return float((gammaln(a) - gammaln(b) + (gammaln(prior) - gammaln(after)).sum(-1) + gap).sum())
