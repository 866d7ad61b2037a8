"""Spans as one tag per token: O, and for each type B where a span begins and I where it goes on."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

import numpy as np

from homegrown.core.spans import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

OUT = 0
_TOKEN = re.compile(r"\w+|[^\w\s]")


def tokens_of(text: str, spans: Iterable[Span] = ()) -> list[tuple[int, int]]:
    """Words and signs of a text, cut where one of *spans* begins or ends inside of one.

    Example:
        >>> tokens_of("my card!", [Span(3, 5, "x")])
        [(0, 2), (3, 5), (5, 7), (7, 8)]
    """
    edges = sorted({e for s in spans for e in (s.start, s.end)})
    found, at = [], 0
    for match in _TOKEN.finditer(text):
        start, end = match.span()
        while at < len(edges) and edges[at] <= start:
            at += 1
        while at < len(edges) and edges[at] < end:
            found.append((start, edges[at]))
            start = edges[at]
            at += 1
        found.append((start, end))
    return found


def n_tags(n_types: int) -> int:
    """O, and two for each type."""
    return 1 + 2 * n_types


def tags_of(spans: Iterable[Span], tokens: Sequence[tuple[int, int]], types: dict[str, int]) -> np.ndarray:
    """The tag of each token, int [n_tokens]; of spans that overlap the one that begins first, then the longer.

    A token belongs to a span if they share a code point.

    Example:
        >>> tags_of([Span(3, 8, "x")], [(0, 2), (3, 5), (5, 8)], {"x": 0}).tolist()
        [0, 1, 2]
    """
    tags = np.zeros(len(tokens), np.int64)
    for span in sorted(spans, key=lambda s: (s.start, -s.end)):
        first, last = touched(span, tokens)
        if first < last and not tags[first:last].any():
            tags[first:last] = 2 + 2 * types[span.type]
            tags[first] -= 1
    return tags


def touched(span: Span, tokens: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The first token that shares a code point with a span, and the one after the last."""
    first = bisect_right(tokens, span.start, key=lambda t: t[1])
    return first, max(first, bisect_left(tokens, span.end, key=lambda t: t[0]))


def spans_of(
    tags: Sequence[int], tokens: Sequence[tuple[int, int]], types: Sequence[str]
) -> list[tuple[Span, int, int]]:
    """Spans of legal tags, each with its first token and the one after its last."""
    found = []
    at = 0
    while at < len(tags):
        first, tag = at, tags[at]
        at += 1
        if tag != OUT:
            kind = (tag - 1) // 2
            while at < len(tags) and tags[at] == 2 + 2 * kind:
                at += 1
            found.append((Span(tokens[first][0], tokens[at - 1][1], types[kind]), first, at))
    return found


def legal(n_types: int) -> tuple[np.ndarray, np.ndarray]:
    """Which tag may follow which, bool [n_tags, n_tags], and which may be the first, bool [n_tags]."""
    k = n_tags(n_types)
    inside = np.arange(2, k, 2)
    follows = np.ones((k, k), bool)
    follows[:, inside] = False
    follows[inside, inside] = follows[inside - 1, inside] = True
    first = np.ones(k, bool)
    first[inside] = False
    return follows, first
