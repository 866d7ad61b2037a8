"""Votes → Labels: majority, or a model of who confuses what."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from homegrown.errors import InputError
from homegrown.label import confusion, correlated, reliability
from homegrown.label.confusion import Confusion
from homegrown.label.correlated import Pairs
from homegrown.label.matrix import VoteMatrix, majority
from homegrown.label.reliability import Reliability

CONFUSION, MAJORITY = "dawid-skene", "majority"
METHODS = (CONFUSION, MAJORITY)
SHARED_ERROR = 0.25
MAX_KINDS_CLASSES = 20
ENOUGH = 0.005


@dataclass(frozen=True)
class Aggregated:
    """Labels of n records.

    Attributes:
        method: one of ``METHODS``.
        probs: float [n_records, n_classes], calibrated; one-hot where gold.
        label: int [n_records], the most probable class; the first of equals.
        sources: measured on gold where gold was given, else estimated.
        pairs: of sources that copy one another.
        gain: expected accuracy of these labels minus that of the majority's, by *probs*.
        fitted: to start the next fit from; None for majority.
    """

    method: str
    probs: np.ndarray
    label: np.ndarray
    sources: Reliability
    pairs: Pairs
    gain: float
    fitted: Confusion | None

    @property
    def majority_is_enough(self) -> bool:
        """The majority's labels would be as good, within half a point of accuracy."""
        return self.method == MAJORITY or self.gain < ENOUGH


def aggregate(
    votes: VoteMatrix, *, gold: np.ndarray | None = None, method: str = CONFUSION, start: Confusion | None = None
) -> Aggregated:
    """Join the votes of each record to one label with its probability.

    Sources that copy one another are found and count once. Gold answers fix their records and teach the model about the
    sources; a source's accuracy is then counted on gold alone, never on labels that its own votes made.

    Args:
        votes: the matrix; a record without a vote gets the balance of the classes.
        gold: int [n_records], the true class where known, -1 elsewhere.
        method: one of ``METHODS``.
        start: ``fitted`` of an earlier call with the same classes and sources (new ones behind): fewer rounds.

    Raises:
        InputError: the method is unknown, or the votes have one class only.

    Example:
        >>> done = aggregate(VoteMatrix.of([0, 0, 0, 1, 1, 1], [0, 1, 2] * 2, [1, 1, 0, 0, 0, 0]))
        >>> done.label.tolist()
        [1, 0]
    """
    if method not in METHODS:
        raise InputError(f"There is no method {method!r}. Methods: {', '.join(METHODS)}.")
    if gold is not None and not (gold >= 0).any():
        gold = None
    share, fitted, pairs = majority(votes), None, Pairs(np.zeros(0, int), np.zeros(0, int), np.zeros(0))
    probs = share
    if method == CONFUSION:
        pairs = _copies(votes, gold)
        counted = votes.reweighted(correlated.discount(votes, pairs)) if len(pairs.first) else votes
        fitted = _best(counted, gold, start)
        probs = _calibrated(fitted.probs, counted.votes_per_record)
    free = probs
    if gold is not None:
        probs = np.where((gold >= 0)[:, None], np.eye(votes.n_classes)[gold], probs)
    sources = reliability.estimated(votes, free) if gold is None else reliability.measured(votes, gold)
    gain = float((free.max(1) - _of_winners(share, free)).mean()) if votes.n_records else 0.0
    return Aggregated(method, probs, probs.argmax(1), sources, pairs, gain, fitted)


def join_votes(
    record: np.ndarray,
    source: np.ndarray,
    value: np.ndarray,
    sizes: tuple[int, int, int],
    gold: np.ndarray,
    weight: np.ndarray | None = None,
) -> np.ndarray:
    """Label probabilities float [n_records, n_classes] of votes in columns; see ``curate.joined.Join``."""
    n_records, n_sources, n_classes = sizes
    votes = VoteMatrix.of(record, source, value, weight, n_records=n_records, n_sources=n_sources, n_classes=n_classes)
    return aggregate(votes, gold=gold, method=method_for(n_sources, n_classes)).probs


def method_for(n_sources: int, n_classes: int) -> str:
    """How votes are joined that nobody chose a method for: those of more than the model can hold are counted."""
    return MAJORITY if n_sources * n_classes**2 * 2 > confusion.MAX_PARAMETERS else CONFUSION


def _copies(votes: VoteMatrix, gold: np.ndarray | None) -> Pairs:
    """Suspects count as one in a first majority, lest copies outvote what would show them; then they are tried."""
    suspects = correlated.suspects(votes)
    if not len(suspects.first):
        return suspects
    counted = votes.reweighted(correlated.discount(votes, suspects))
    share = majority(counted)
    settled = (share >= share.max(1, keepdims=True) - 1e-9).astype(float)
    settled /= settled.sum(1, keepdims=True)
    if gold is not None:
        settled = np.where((gold >= 0)[:, None], np.eye(votes.n_classes)[gold], settled)
    found = correlated.correlated(votes, settled)
    if not len(found.first):
        return found
    counted = votes.reweighted(correlated.discount(votes, found))
    return correlated.correlated(votes, confusion.fit(counted, gold=gold).probs)


def _best(votes: VoteMatrix, gold: np.ndarray | None, start: Confusion | None) -> Confusion:
    """One kind of record or plain and hard ones: whichever makes the votes more probable."""
    if votes.n_sources == 2 and gold is None:
        # Where two disagree, nothing but a third or gold can tell which is the better one: they share their confusions.
        shared = confusion.fit(replace(votes, source=np.zeros_like(votes.source), n_sources=1))
        return replace(shared, log_votes=np.repeat(shared.log_votes, 2, axis=0))
    # Rules leave no room for a second kind: how they confuse classes is not asked.
    only_rules = ((votes.counts > 0).sum(1) <= 1).all()
    kinds = (1,) if only_rules or votes.n_classes > MAX_KINDS_CLASSES else (1, 2)
    if start is not None:
        kinds = (start.n_kinds,)
    return max((confusion.fit(votes, n_kinds=k, gold=gold, start=start) for k in kinds), key=lambda f: f.evidence)


def _calibrated(probs: np.ndarray, n_votes: np.ndarray) -> np.ndarray:
    """Votes on one record share errors that no source's confusion explains, so that n are worth fewer.

    The posterior is flattened by Kish's design effect 1 + (n - 1) * rho (Kish 1965, Survey Sampling, section 5.4).
    """
    effect = 1 + np.maximum(n_votes - 1, 0) * SHARED_ERROR
    flat = np.maximum(probs, 1e-300) ** (1 / effect[:, None])
    return flat / flat.sum(1, keepdims=True)


def _of_winners(share: np.ndarray, probs: np.ndarray) -> np.ndarray:
    """Probability float [n_records] that the majority's answer is right, ties shared."""
    tops = share >= share.max(1, keepdims=True) - 1e-9
    return (probs * tops).sum(1) / tops.sum(1)
