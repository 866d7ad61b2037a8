"""The tag of each token, from the votes of many, and the spans that legal tags make.

A token's tag is a class, and the votes on it are joined as those on a record's class are (``label.aggregate``: who
takes which tag for which, copies found, gold heard). What these probabilities say together is read along the text: only
legal tags follow one another (Rabiner 1989, Proceedings of the IEEE 77:257, section III). Learning both at once
(HMM-Crowd: Nguyen, Wallace, Li, Nenkova, Lease 2017, ACL, section 3) was no better on simulated crowds, and with three
voters per text it took every mark for a span unless its priors were strong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from homegrown.label.aggregate import aggregate, method_for
from homegrown.label.matrix import VoteMatrix
from homegrown.label.spans.tags import legal, n_tags

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLOCK = 256
_NEVER = 1e-30
#: a tag that the votes exclude is as good as impossible, but a legal path must always be there
_LEAST = 1e-9


@dataclass(frozen=True, slots=True)
class TagVotes:
    """Votes on the tokens of many documents, laid end to end.

    Attributes:
        token: int [n_votes].
        source: int [n_votes].
        tag: int [n_votes]; abstentions are no votes.
        lengths: int [n_docs], tokens of each document.
        known: int [n_tokens], the true tag, -1 where unknown.
    """

    token: np.ndarray
    source: np.ndarray
    tag: np.ndarray
    lengths: np.ndarray
    known: np.ndarray
    n_sources: int
    n_types: int


@dataclass(frozen=True, slots=True)
class Tagged:
    """What the tags are.

    Attributes:
        probs: float [n_tokens, n_tags], of each tag.
        goes_on: float [n_tokens, 2, n_types], that a token goes on a span of the type, given that the one before it
            begins such a span, or lies inside of one; 0 at the first token of a document.
        best: int [n_tokens], the most probable tags that are legal together.
    """

    probs: np.ndarray
    goes_on: np.ndarray
    best: np.ndarray


def fit_tags(votes: TagVotes) -> Tagged:
    """Join the votes on each token, and read the tags along each document."""
    k, n = n_tags(votes.n_types), int(votes.lengths.sum())
    probs = np.zeros((n, k))
    probs[:, 0] = 1.0
    if len(votes.token) and votes.n_types:
        sizes = {"n_records": n, "n_sources": votes.n_sources, "n_classes": k}
        matrix = VoteMatrix.of(votes.token, votes.source, votes.tag, **sizes)
        said = aggregate(matrix, gold=votes.known, method=method_for(votes.n_sources, k)).probs
        heard = (np.bincount(votes.token, minlength=n) > 0) | (votes.known >= 0)
        probs[heard] = said[heard]  # where nobody speaks, and rules alone do elsewhere, there is no span
    follows, first = legal(votes.n_types)
    return _read(np.maximum(probs, _LEAST), follows.astype(float), first.astype(float), votes.lengths)


def _blocks(lengths: np.ndarray) -> Iterator[np.ndarray]:
    """Documents of like length: token numbers int [n_docs, longest], -1 behind their ends."""
    begins = np.cumsum(lengths) - lengths
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] > 0]
    for at in range(0, len(order), _BLOCK):
        docs = order[at : at + _BLOCK]
        steps = np.arange(lengths[docs].max())
        yield np.where(steps < lengths[docs][:, None], begins[docs][:, None] + steps, -1)


def _rows(matrix: np.ndarray) -> np.ndarray:
    return matrix / np.maximum(matrix.sum(-1, keepdims=True), _NEVER)


def _sweep(
    likely: np.ndarray, moves: np.ndarray, starts: np.ndarray, tokens: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Messages forward and backward, float [n_docs, longest, k] each, scaled to 1 (Rabiner 1989, section V.A)."""
    longest = tokens.shape[1]
    here = np.where((tokens >= 0)[..., None], likely[tokens], 1.0)
    ahead, back = np.empty(here.shape), np.ones(here.shape)
    ahead[:, 0] = _rows(starts * here[:, 0])
    for t in range(1, longest):
        ahead[:, t] = _rows((ahead[:, t - 1] @ moves) * here[:, t])
    for t in range(longest - 2, -1, -1):
        message = _rows((back[:, t + 1] * here[:, t + 1]) @ moves.T)
        back[:, t] = np.where((tokens[:, t + 1] >= 0)[:, None], message, 1.0)
    return ahead, back


def _read(likely: np.ndarray, moves: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> Tagged:
    """Marginals, how spans go on, and the best legal tags (Viterbi 1967)."""
    k = likely.shape[1]
    inside = np.arange(2, k, 2)
    probs, best = np.zeros(likely.shape), np.zeros(len(likely), np.int64)
    goes_on = np.zeros((len(likely), 2, len(inside)))
    for tokens in _blocks(lengths):
        ahead, back = _sweep(likely, moves, starts, tokens)
        there = tokens >= 0
        probs[tokens[there]] = _rows(ahead * back)[there]
        for t in range(1, tokens.shape[1]):
            on = there[:, t]
            after = back[on, t] * likely[tokens[on, t]]
            for way, before in enumerate((inside - 1, inside)):
                whole = np.maximum(after @ moves[before].T, _NEVER)
                goes_on[tokens[on, t], way] = after[:, inside] * moves[before, inside] / whole
        _viterbi(np.log(likely), moves, starts, tokens, best)
    return Tagged(probs, goes_on, best)


def _viterbi(
    log_likely: np.ndarray, moves: np.ndarray, starts: np.ndarray, tokens: np.ndarray, best: np.ndarray
) -> None:
    steps = np.log(np.maximum(moves, _NEVER))
    n, longest = tokens.shape
    score = np.log(np.maximum(starts, _NEVER)) + log_likely[tokens[:, 0]]
    came = np.zeros((n, longest, len(starts)), np.int64)
    for t in range(1, longest):
        ways = score[:, :, None] + steps
        came[:, t] = ways.argmax(1)
        on = (tokens[:, t] >= 0)[:, None]
        score = np.where(on, ways.max(1) + log_likely[tokens[:, t]], score)
        came[:, t] = np.where(on, came[:, t], np.arange(len(starts)))
    tag = score.argmax(1)
    rows = np.arange(n)
    for t in range(longest - 1, -1, -1):
        there = tokens[:, t] >= 0
        best[tokens[there, t]] = tag[there]
        tag = came[rows, t, tag]


def span_prob(found: Tagged, first: int, end: int, kind: int) -> float:
    """The probability that exactly this span is there: it begins, goes on as far, and no further.

    Args:
        found: the tags.
        first: its first token, of all documents laid end to end.
        end: the token after its last.
        kind: number of its type.
    """
    chance = found.probs[first, 1 + 2 * kind]
    for way, at in enumerate(range(first + 1, end)):
        chance *= found.goes_on[at, min(way, 1), kind]
    if end < len(found.goes_on):
        chance *= 1 - found.goes_on[end, int(end > first + 1), kind]
    return float(chance)
