"""Places of a text where spans were marked, and what may be true there.

A site is a run of marked spans that touch one another. What may be true of it: nothing, one of the spans, or all that
one source marked there. Sites at which the same sources said the same in the same order are one pattern, however long
the spans are: a rule that fires a million times makes a few.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from homegrown.core.spans import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from homegrown.label.spans.votes import Heard

#: of one site so many spans are weighed against one another; what overlaps without end is cut into several sites
MOST_SPANS = 24


@dataclass(frozen=True, slots=True)
class Site:
    """One place of one document.

    Attributes:
        document: its number.
        spans: marked there, or true there by what is settled, in order.
        votes: of each source the positions of the spans that it marked, of those that marked none an empty one.
        looked: of each source the types that its silence speaks of, as far as they were marked here.
        settled: types whose truth is known.
        truth: positions of the spans of those types that are true.
    """

    document: int
    spans: tuple[Span, ...]
    votes: tuple[tuple[str, tuple[int, ...]], ...]
    looked: tuple[frozenset[str], ...]
    settled: frozenset[str]
    truth: frozenset[int]


@dataclass(frozen=True, slots=True)
class Pattern:
    """What is the same at many sites: ``spans`` have ranks in place of offsets."""

    spans: tuple[Span, ...]
    votes: tuple[tuple[str, tuple[int, ...]], ...]
    looked: tuple[frozenset[str], ...]
    settled: frozenset[str]
    truth: frozenset[int]


def sites(number: int, document: Heard, *, may_overlap: bool) -> Iterator[Site]:
    """The sites of one document.

    Args:
        number: of the document.
        document: its votes.
        may_overlap: spans of different types may share code points, so that each type has sites of its own.
    """
    marked = {s for vote in document.votes for s in vote.spans} | {s for t in document.settled.values() for s in t}
    groups = [[s for s in marked if s.type == kind] for kind in {s.type for s in marked}] if may_overlap else [marked]
    held = [(v, frozenset(v.spans)) for v in document.votes]
    for group in groups:
        for spans in _runs(sorted(group)):
            kinds = frozenset(s.type for s in spans)
            votes, looked = [], []
            for vote, own in held:
                said = tuple(i for i, s in enumerate(spans) if s in own)
                silent = (vote.looked_for or frozenset()) & kinds
                if said or silent:
                    votes.append((vote.source, said))
                    looked.append(silent)
            settled = frozenset(k for k in kinds if k in document.settled)
            truth = frozenset(i for i, s in enumerate(spans) if s.type in settled and s in document.settled[s.type])
            yield Site(number, tuple(spans), tuple(votes), tuple(looked), settled, truth)


def _runs(spans: list[Span]) -> Iterator[list[Span]]:
    """Spans that overlap, directly or by others between them."""
    run: list[Span] = []
    end = 0
    for span in spans:
        if run and (span.start >= end or len(run) >= MOST_SPANS):
            yield run
            run, end = [], 0
        run.append(span)
        end = max(end, span.end)
    if run:
        yield run


def pattern(site: Site) -> Pattern:
    """What of a site decides."""
    edges = sorted({s.start for s in site.spans} | {s.end for s in site.spans})
    rank = {edge: i for i, edge in enumerate(edges)}
    ranked = tuple(Span(rank[s.start], rank[s.end], s.type) for s in site.spans)
    return Pattern(ranked, site.votes, site.looked, site.settled, site.truth)


def truths(found: Pattern, *, may_overlap: bool) -> tuple[frozenset[int], ...]:
    """What may be true there, as sets of positions of its spans; the empty one first where it may be."""

    def fits(chosen: Iterable[int]) -> bool:
        spans = [found.spans[i] for i in sorted(chosen)]
        return may_overlap or not any(a.overlaps(b) for i, a in enumerate(spans) for b in spans[i + 1 :])

    open_ones = [i for i, s in enumerate(found.spans) if s.type not in found.settled]
    said = [frozenset(i for i in positions if i in open_ones) for _, positions in found.votes]
    sets = [frozenset[int](), *(frozenset({i}) for i in open_ones), *said]
    kept = dict.fromkeys(found.truth | one for one in sets if fits(found.truth | one))
    return tuple(kept) or (found.truth,)


def shares(found: Pattern) -> tuple[float, ...]:
    """Of each span the share of those who marked it among those who marked something here or looked for its type."""
    share = []
    for i, span in enumerate(found.spans):
        asked = [i in v[1] for v, looked in zip(found.votes, found.looked, strict=True) if v[1] or span.type in looked]
        share.append(float(i in found.truth) if span.type in found.settled else sum(asked) / max(1, len(asked)))
    return tuple(share)
