"""Spans as labels of words, and back: what is legal, which spans are best, and how probable each is.

A word is outside (0), begins a span of type t (1 + 2 t) or goes on in one (2 + 2 t): BIO (Ramshaw, Marcus 1995).
"""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from homegrown.core.spans import ScoredSpan, Span
from homegrown.inference.chain import Chain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from homegrown.inference.chain import Lattice
    from homegrown.inference.words import Words

LEAST_PROB = 0.02


@dataclass(frozen=True)
class Tagging:
    """The labels for spans of some types.

    Attributes:
        types: names of the types, in the order of their labels.
    """

    types: tuple[str, ...]

    @property
    def n_tags(self) -> int:
        """How many labels there are."""
        return 1 + 2 * len(self.types)

    @cached_property
    def may_start(self) -> np.ndarray:
        """Bool [n_tags]: what a text may begin with."""
        found = np.ones(self.n_tags, bool)
        found[2::2] = False
        return found

    @cached_property
    def legal(self) -> np.ndarray:
        """Bool [n_tags, n_tags]: what may follow what. Only a span that has begun goes on, in its own type."""
        found = np.tile(self.may_start, (self.n_tags, 1))
        inside = np.arange(2, self.n_tags, 2)
        found[inside, inside] = found[inside - 1, inside] = True
        return found

    def chain(self, transition: np.ndarray, start: np.ndarray, end: np.ndarray) -> Chain:
        """These scores, with what is illegal ruled out."""
        return Chain(transition, start, end, self.legal, self.may_start)

    def tags(self, words: Words, spans: Iterable[Span]) -> tuple[np.ndarray, list[Span]]:
        """The labels of *words*, and the spans that labels cannot say.

        A span takes every word that it touches. Of spans that share a word the longest is kept.

        Returns:
            int64 [n_words]; the spans that were left out: they overlap a longer one, hold no word or have another
            type.

        Example:
            >>> from homegrown.inference.words import words_of
            >>> spans = [Span(3, 11, "card"), Span(7, 11, "card")]
            >>> tags, lost = Tagging(("card",)).tags(words_of("my new card"), spans)
            >>> tags.tolist(), lost
            ([0, 1, 2], [Span(start=7, end=11, type='card')])
        """
        tags = np.zeros(len(words), np.int64)
        lost = []
        for span in sorted(spans, key=lambda s: (s.start - s.end, s)):
            first = int(np.searchsorted(words.ends, span.start, side="right"))
            last = int(np.searchsorted(words.starts, span.end, side="left"))
            if first >= last or tags[first:last].any() or span.type not in self.types:
                lost.append(span)
                continue
            begins = 1 + 2 * self.types.index(span.type)
            tags[first:last] = begins + 1
            tags[first] = begins
        return tags, sorted(lost)

    def spans(self, words: Words, tags: np.ndarray) -> list[Span]:
        """The spans that *tags*, a legal sequence of one label per word, say of a text."""
        found = []
        for first in np.flatnonzero(tags % 2 == 1).tolist():
            last = first + 1
            while last < len(tags) and tags[last] == tags[first] + 1:
                last += 1
            found.append(
                Span(int(words.starts[first]), int(words.ends[last - 1]), self.types[(int(tags[first]) - 1) // 2])
            )
        return found

    def candidates(
        self, chain: Chain, scores: Sequence[np.ndarray], words: Sequence[Words], least: float = LEAST_PROB
    ) -> list[list[ScoredSpan]]:
        """Every span whose probability is *least* or more, overlapping ones too.

        The probability is that of all sequences in which exactly these words are one span of this type.

        Args:
            chain: of these labels.
            scores: one float [n_words, n_tags] for each text.
            words: of each text.
            least: what is less probable is left out.
        """
        found: list[list[ScoredSpan]] = [[] for _ in scores]
        for lattice in chain.lattices(scores):
            begins = lattice.marginals[:, :, 1::2]
            onward = lattice.emitted * lattice.after / lattice.scales[:, :, None]
            for row, t, kind in np.argwhere(begins.transpose(1, 0, 2) >= least).tolist():
                place = words[lattice.rows[row]]
                for stop, prob in _runs(chain, lattice, onward, t, row, 1 + 2 * kind, least):
                    span = ScoredSpan(int(place.starts[t]), int(place.ends[stop - 1]), self.types[kind], prob)
                    found[lattice.rows[row]].append(span)
        return found

    def absence(self, chain: Chain, scores: Sequence[np.ndarray]) -> np.ndarray:
        """Float [n, n_types]: the probability of all sequences in which no span of a type occurs.

        Args:
            chain: of these labels.
            scores: one float [n_words, n_tags] for each text.
        """
        every = chain.log_sums(scores)
        without = [chain.log_sums(scores, (1 + 2 * k, 2 + 2 * k)) for k in range(len(self.types))]
        return np.exp(np.minimum(np.stack(without, 1) - every[:, None], 0.0))


def _runs(
    chain: Chain, lattice: Lattice, onward: np.ndarray, t: int, row: int, begin: int, least: float
) -> Iterable[tuple[int, float]]:
    """Ends (exclusive) of spans that begin at *t*, and their probabilities."""
    length, tag, inside = int(lattice.lengths[row]), begin, begin + 1
    so_far = float(lattice.before[t, row, begin])
    for last in range(t, length):
        if last + 1 == length:
            leave = so_far * float(lattice.after[last, row, tag])
        else:
            ways = chain.factors[tag] * onward[last + 1, row]
            leave = so_far * float(ways.sum() - ways[inside])
        if leave >= least:
            yield last + 1, min(leave, 1.0)
        if last + 1 == length:
            return
        step = chain.factors[tag, inside] * lattice.emitted[last + 1, row, inside] / lattice.scales[last + 1, row]
        so_far, tag = so_far * float(step), inside
        if so_far * float(lattice.after[last + 1, row, inside]) < least:
            return


def choose(candidates: Iterable[ScoredSpan], line: float) -> list[ScoredSpan]:
    """Of spans that overlap the most probable, where it is *line* or more; in the order of the text.

    Example:
        >>> choose([ScoredSpan(0, 4, "a", 0.4), ScoredSpan(0, 8, "a", 0.5), ScoredSpan(9, 10, "b", 0.1)], 0.3)
        [ScoredSpan(start=0, end=8, type='a', prob=0.5)]
    """
    kept: list[ScoredSpan] = []
    for span in sorted(candidates, key=lambda s: (-s.prob, s.start - s.end, s)):
        if span.prob < line:
            break
        # What is kept lies apart, so only the neighbours can overlap.
        at = bisect(kept, span.start, key=lambda s: s.start)
        if not any(span.overlaps(other) for other in kept[max(at - 1, 0) : at + 1]):
            kept.insert(at, span)
    return kept
