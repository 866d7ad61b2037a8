"""Documents with votes on spans, laid end to end as tokens with votes on tags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from homegrown.core.spans import Span
from homegrown.label.spans.tags import spans_of, tags_of, touched
from homegrown.label.spans.token_model import Tagged, TagVotes, span_prob

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.label.spans.votes import Heard


@dataclass(frozen=True, slots=True)
class Laid:
    """The votes, and how to find back from tokens to spans."""

    votes: TagVotes
    tokens: Sequence[Sequence[tuple[int, int]]]
    begins: np.ndarray
    types: tuple[str, ...]

    def spans(self, found: Tagged) -> list[list[Span]]:
        """The best spans of each document."""
        ends = self.begins + self.votes.lengths
        tags = (found.best[a:b].tolist() for a, b in zip(self.begins, ends, strict=True))
        return [[s for s, _, _ in spans_of(t, own, self.types)] for t, own in zip(tags, self.tokens, strict=True)]

    def prob(self, found: Tagged, document: int, span: Span) -> float:
        """The probability of the tokens that the span touches, no more and no fewer; 0 where it touches none."""
        first, end = touched(span, self.tokens[document])
        if first >= end:
            return 0.0
        at = int(self.begins[document])
        return span_prob(found, at + first, at + end, self.types.index(span.type))


def lay(documents: Sequence[Heard], tokens: Sequence[Sequence[tuple[int, int]]], types: tuple[str, ...]) -> Laid:
    """Votes on spans as votes on tags.

    A source that looked for every type votes O on what it did not mark; another one abstains there.

    Args:
        documents: the votes that count.
        tokens: of each document.
        types: in the order of their tags.
    """
    numbers = {kind: i for i, kind in enumerate(types)}
    sources: dict[str, int] = {}
    lengths = np.array([len(own) for own in tokens], np.int64)
    begins = np.cumsum(lengths) - lengths
    known = np.full(int(lengths.sum()), -1)
    parts: list[tuple[np.ndarray, int, np.ndarray]] = []
    for document, own, at in zip(documents, tokens, begins.tolist(), strict=True):
        for vote in document.votes:
            tags = tags_of(vote.spans, own, numbers)
            looked = vote.looked_for is None or len(vote.looked_for) == len(types)
            where = np.arange(len(own)) if looked else np.flatnonzero(tags)
            parts.append((at + where, sources.setdefault(vote.source, len(sources)), tags[where]))
        if len(document.settled) == len(types):
            known[at : at + len(own)] = tags_of((s for t in document.settled.values() for s in t), own, numbers)
    empty = np.zeros(0, np.int64)
    token = np.concatenate([empty, *(p[0] for p in parts)])
    source = np.repeat(np.array([p[1] for p in parts], np.int64), [len(p[0]) for p in parts])
    tag = np.concatenate([empty, *(p[2] for p in parts)])
    return Laid(TagVotes(token, source, tag, lengths, known, len(sources), len(types)), tokens, begins, types)
