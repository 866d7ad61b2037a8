"""Texts with their spans, made ready: words, labels, pieces of a bounded length."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from homegrown.core.spans import check_spans
from homegrown.errors import EmptyDataError, UnsuitableLabelsError
from homegrown.inference.span_decoding import Tagging
from homegrown.inference.words import grain_of, words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.core.spans import Span
    from homegrown.inference.words import Grain, Words

PIECE_WORDS = 96
#: spans of a type from which on it is taken for a rule that none goes on after a line break
FEWEST_SPANS = 20


@dataclass(frozen=True, slots=True)
class SpanExamples:
    """Texts, and all spans of each.

    Attributes:
        texts: n texts.
        spans: of each; a text without any teaches too.
    """

    texts: list[str]
    spans: list[tuple[Span, ...]]

    def __len__(self) -> int:
        return len(self.texts)

    def plus(self, other: SpanExamples) -> SpanExamples:
        """Both, one after the other."""
        return SpanExamples(self.texts + other.texts, self.spans + other.spans)

    def take(self, rows: Sequence[int] | np.ndarray) -> SpanExamples:
        """Some of them."""
        return SpanExamples([self.texts[i] for i in rows], [self.spans[i] for i in rows])

    @property
    def n_spans(self) -> int:
        """All spans of all texts."""
        return sum(map(len, self.spans))


@dataclass(frozen=True)
class Prepared:
    """Examples as words and labels.

    Attributes:
        words / tags: of each text.
        n_lost: spans that labels cannot say: they overlap a longer one or hold no word.
    """

    examples: SpanExamples
    words: list[Words]
    tags: list[np.ndarray]
    n_lost: int

    @cached_property
    def lengths(self) -> np.ndarray:
        """Int [n_texts], words."""
        return np.array([len(w) for w in self.words], int)

    @cached_property
    def pieces(self) -> np.ndarray:
        """Int [n, 2]: stretches of at most ``PIECE_WORDS`` of all words in a row, one text each; no span is cut."""
        found = []
        offset = 0
        for tags in self.tags:
            start = 0
            while start < len(tags):
                stop = min(start + PIECE_WORDS, len(tags))
                cut = stop
                while stop < len(tags) and cut > start + 1 and _goes_on(int(tags[cut])):
                    cut -= 1
                if stop < len(tags) and cut > start + 1:
                    stop = cut
                found.append((offset + start, offset + stop))
                start = stop
            offset += len(tags)
        return np.array(found, int).reshape(-1, 2)

    @cached_property
    def all_tags(self) -> np.ndarray:
        """int64 [n_words in all], legal in each piece: where a span had to be cut, its rest begins anew."""
        tags = np.concatenate([np.zeros(0, np.int64), *self.tags])
        starts = self.pieces[:, 0]
        tags[starts] -= (tags[starts] > 0) & (tags[starts] % 2 == 0)
        return tags


def _goes_on(tag: int) -> bool:
    return tag > 0 and tag % 2 == 0


def choose_words(examples: SpanExamples) -> tuple[Tagging, Grain]:
    """The types that occur and the grain that says all spans.

    Raises:
        EmptyDataError: there is no text.
        UnsuitableLabelsError: no text has a span.
        InputError: a span lies outside its text.
    """
    if not len(examples):
        raise EmptyDataError("There is no text to learn from.")
    for text, spans in zip(examples.texts, examples.spans, strict=True):
        check_spans(text, spans)
    types = tuple(sorted({s.type for spans in examples.spans for s in spans}))
    if not types:
        raise UnsuitableLabelsError("None of the texts has a span. Mark some, then train again.")
    return Tagging(types), grain_of(examples.texts, examples.spans)


def types_within_lines(examples: SpanExamples) -> tuple[str, ...]:
    r"""Types of which many spans are known, and none holds a line break.

    Example:
        >>> from homegrown.core.spans import Span
        >>> page = "Ann Lee\n12 Main Road\nLondon"
        >>> spans = (Span(0, 7, "name"), Span(8, 27, "address"))
        >>> types_within_lines(SpanExamples([page] * 20, [spans] * 20))
        ('name',)
    """
    seen: Counter[str] = Counter()
    broken: set[str] = set()
    for text, spans in zip(examples.texts, examples.spans, strict=True):
        for one in spans:
            seen[one.type] += 1
            if "\n" in text[one.start : one.end]:
                broken.add(one.type)
    return tuple(sorted(t for t, n in seen.items() if n >= FEWEST_SPANS and t not in broken))


def prepare(examples: SpanExamples, tagging: Tagging, grain: Grain) -> Prepared:
    """Words and labels of *examples*."""
    words = [words_of(t, grain) for t in examples.texts]
    said = [tagging.tags(w, s) for w, s in zip(words, examples.spans, strict=True)]
    return Prepared(examples, words, [tags for tags, _ in said], sum(len(lost) for _, lost in said))
