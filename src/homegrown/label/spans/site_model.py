"""Who finds which spans, cuts them wrongly, takes their type for another, misses and invents them: learnt from votes.

For every source and type two small tables are learnt: what becomes of a true span (found, cut wrongly, given another
type, missed), and of a place where nothing is true (marked all the same, or left alone). It is the model of Dawid,
Skene 1979 (Applied Statistics 28:20, section 2) with the truth of a whole place (``sites``) for the class of a record,
fitted by expectation and maximisation; a source's table leans on that of all sources, the more the fewer its votes
(Kim, Ghahramani 2012, AISTATS, section 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from homegrown.label.aggregate import SHARED_ERROR
from homegrown.label.spans.sites import shares, truths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.label.spans.sites import Pattern

FOUND, CUT, OTHER_TYPE, MISSED, INVENTED, QUIET = range(6)
N_KINDS = 6
#: pseudo-votes of every source: of a true span, and of a place where none is
_TRUE = np.array([4.0, 1.0, 0.5, 1.5])
_FALSE = np.array([1.0, 30.0])
#: so many votes a source's own tables lean on those of all
_CROWD = 10.0
#: places that nobody marked, for each one that somebody did
EMPTY = 10.0
#: of the places that were marked so many are believed to hold a span at first; for good where rules alone speak
_RIGHT = 0.8
_ROUNDS = 200
_STILL = 1e-4


@dataclass(frozen=True)
class Fitted:
    """A fitted model.

    Attributes:
        truths: of each pattern what may be true.
        probs: of each pattern their probabilities.
        counts: float [n_sources, n_types, 6], how often each source did what, expected.
    """

    truths: list[tuple[frozenset[int], ...]]
    probs: list[np.ndarray]
    counts: np.ndarray


def fit(
    patterns: Sequence[Pattern],
    times: np.ndarray,
    sources: Sequence[str],
    types: tuple[str, ...],
    looked: np.ndarray,
    *,
    may_overlap: bool,
) -> Fitted:
    """Learn who errs how, and what is true at each pattern.

    Sources that mark the same place agree by chance only if there are other places to mark. How many there are cannot
    be seen; ``EMPTY`` for each that was marked are taken, spread evenly over the documents.

    Args:
        patterns: all different.
        times: float [n_patterns], at how many sites each was seen.
        sources: names.
        types: names.
        looked: float [n_sources, n_types], share of the documents that each source read.
        may_overlap: a truth may hold spans of one place that overlap.
    """
    if not patterns:
        return Fitted([], [], np.zeros((len(sources), len(types), N_KINDS)))
    rows = _Rows(patterns, {s: i for i, s in enumerate(sources)}, types, may_overlap)
    total = times.sum()
    marked, told = rows.marked.T @ times, (rows.marked & rows.told).T @ times
    share = _RIGHT * np.maximum(marked, 0.5) / (total * (1 + EMPTY))
    # Where two disagree nothing but a third, or gold, can tell which is the better one: they share their tables, and do
    # not learn from what they cannot know.
    alike = len(sources) == 2 and not any(p.settled for p in patterns)
    post, last = rows.by_majority(), np.zeros(0)
    counts, table = np.zeros((len(sources), len(types), N_KINDS)), np.zeros(0)
    for _ in range(1 if alike else _ROUNDS):
        weight = post * times[rows.pattern]
        counts = (rows.counted.T @ weight).reshape(counts.shape)
        counts[..., QUIET] += EMPTY * total * looked
        table = _expected_logs(np.broadcast_to(counts.mean(0), counts.shape) if alike else counts).reshape(-1)
        # How often a type is there is learnt where somebody's silence speaks of it, and nowhere else.
        true = (rows.true_types * rows.told[rows.pattern]).T @ weight
        heard = total * (1 + EMPTY) * told / np.maximum(marked, 1.0)
        share = np.where(told > 0, (true + 0.5) / (heard + 1 + len(types)), share)
        if len(last) and np.abs(post - last).max(initial=0.0) < _STILL:
            break
        last, post = post, rows.posterior(table, share)
    return Fitted(rows.truths, np.split(rows.calibrated(table, share), rows.first[1:-1]), counts)


def _expected_logs(counts: np.ndarray) -> np.ndarray:
    """Log of the mean probability of each kind under the Dirichlet of each source and type."""
    found = np.empty(counts.shape)
    for part, prior in ((slice(FOUND, MISSED + 1), _TRUE), (slice(INVENTED, QUIET + 1), _FALSE)):
        own = counts[..., part]
        crowd = own.sum(0) + prior
        after = own + _CROWD * crowd / crowd.sum(-1, keepdims=True)
        found[..., part] = np.log(after / after.sum(-1, keepdims=True))
    return found


class _Rows:
    """One row per pattern and truth: what each source would have done were it true.

    Attributes:
        counted: how often each row makes each source do what, [n_rows, n_sources * n_types * 6].
        weighed: those of them that tell rows apart: silence of a source that looked for nothing does not.
        true_types: true spans of each type in each row, [n_rows, n_types].
        marked: types that are marked at each pattern, bool [n_patterns, n_types].
        told: types of which a source's silence speaks there, or whose truth is known.
    """

    def __init__(
        self, patterns: Sequence[Pattern], numbers: dict[str, int], types: tuple[str, ...], overlap: bool
    ) -> None:
        self._numbers, self._types = numbers, {t: i for i, t in enumerate(types)}
        self.truths = [truths(p, may_overlap=overlap) for p in patterns]
        self.first = np.cumsum([0, *(len(t) for t in self.truths)])
        self.pattern = np.repeat(np.arange(len(patterns)), np.diff(self.first))
        self.true_types = np.zeros((len(self.pattern), len(types)))
        self.marked = np.array([[any(s.type == t for s in p.spans) for t in types] for p in patterns], bool)
        self.told = np.array([[t in p.settled or any(t in k for k in p.looked) for t in types] for p in patterns], bool)
        self._shares = [shares(p) for p in patterns]
        self._n_votes = np.array([len(p.votes) for p in patterns], float)
        self._chance = np.zeros(len(self.pattern))
        self._entries: list[tuple[int, int, bool]] = []
        row = 0
        for p, sets in zip(patterns, self.truths, strict=True):
            for truth in sets:
                self._add(p, truth, row)
                row += 1
        at = np.array(self._entries, np.int64).reshape(-1, 3)
        shape = (row, len(numbers) * len(types) * N_KINDS)
        self.counted = sp.csr_matrix((np.ones(len(at)), (at[:, 0], at[:, 1])), shape=shape)
        said = at[at[:, 2] == 1]
        self.weighed = sp.csr_matrix((np.ones(len(said)), (said[:, 0], said[:, 1])), shape=shape)

    def by_majority(self) -> np.ndarray:
        """Where to begin: a truth is the likelier the more of those who looked marked its spans; float [n_rows]."""
        odds = [np.log((np.array(one) + 0.1) / (1.1 - np.array(one))) for one in self._shares]
        score = [odds[k][list(t)].sum() for k, sets in enumerate(self.truths) for t in sets]
        return self._normal(np.array(score))

    def posterior(self, table: np.ndarray, share: np.ndarray) -> np.ndarray:
        """Probability of each row within its pattern, float [n_rows]."""
        return self._normal(self._score(table, share))

    def calibrated(self, table: np.ndarray, share: np.ndarray) -> np.ndarray:
        """As ``label.aggregate`` flattens votes that share errors (Kish 1965, section 5.4)."""
        effect = 1 + np.maximum(self._n_votes - 1, 0) * SHARED_ERROR
        return self._normal(self._score(table, share) / effect[self.pattern])

    def _score(self, table: np.ndarray, share: np.ndarray) -> np.ndarray:
        something = self.true_types.any(1)
        many = np.maximum(np.bincount(self.pattern, something, len(self._n_votes)), 1)[self.pattern]
        prior = self.true_types @ np.log(share / (1 - share.sum())) - something * np.log(many)
        return self.weighed @ table + self._chance + prior

    def _normal(self, score: np.ndarray) -> np.ndarray:
        odds = np.exp(score - np.maximum.reduceat(score, self.first[:-1])[self.pattern])
        return odds / np.add.reduceat(odds, self.first[:-1])[self.pattern]

    def _add(self, p: Pattern, truth: frozenset[int], row: int) -> None:
        """What every source does at *p* if *truth* holds."""
        true_types = {p.spans[i].type for i in truth}
        for i in truth:
            self.true_types[row, self._types[p.spans[i].type]] += 1
        for (source, said), looked in zip(p.votes, p.looked, strict=True):
            left = [i for i in said if i not in truth]
            for i in sorted(truth):
                kind = p.spans[i].type
                if i in said:
                    self._entry(row, source, kind, FOUND)
                    continue
                other = _partner(p, i, left)
                if other is not None:
                    left.remove(other)
                    same = p.spans[other].type == kind
                    self._entry(row, source, kind, CUT if same else OTHER_TYPE)
                    self._chance[row] -= np.log(_rivals(p, i, same=same))
                else:
                    self._entry(row, source, kind, MISSED, says=kind in looked)
            for i in left:
                self._entry(row, source, p.spans[i].type, INVENTED)
                self._chance[row] -= np.log(sum(s.type == p.spans[i].type for s in p.spans))
            marked = {p.spans[i].type for i in said}
            for kind in {s.type for s in p.spans} - true_types - marked:
                self._entry(row, source, kind, QUIET, says=kind in looked)

    def _entry(self, row: int, source: str, kind: str, what: int, *, says: bool = True) -> None:
        place = (self._numbers[source] * len(self._types) + self._types[kind]) * N_KINDS + what
        self._entries.append((row, place, says))


def _partner(p: Pattern, true: int, marked: list[int]) -> int | None:
    """Which of the marked spans was meant for a true one: of its type if there is one, the more alike the better."""
    span = p.spans[true]
    near = [i for i in marked if p.spans[i].overlaps(span)]

    def unlike(i: int) -> tuple[bool, int]:
        other = p.spans[i]
        return other.type != span.type, abs(other.start - span.start) + abs(other.end - span.end)

    return min(near, key=unlike, default=None)


def _rivals(p: Pattern, true: int, *, same: bool) -> int:
    """How many spans could have been marked in place of a true one."""
    span = p.spans[true]
    near = [s for i, s in enumerate(p.spans) if i != true and s.overlaps(span) and (s.type == span.type) == same]
    return max(1, len(near))
