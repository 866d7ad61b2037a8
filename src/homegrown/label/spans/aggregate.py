"""Votes on spans → spans with their probability, and where sources disagree."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from homegrown.core.spans import ScoredSpan, Span
from homegrown.errors import InputError
from homegrown.label.spans.laid import lay
from homegrown.label.spans.site_model import fit
from homegrown.label.spans.sites import Pattern, Site, pattern, shares, sites
from homegrown.label.spans.token_model import fit_tags
from homegrown.label.spans.votes import Heard, SpanVote, heard, types_in
from homegrown.metrics.intervals import wilson

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MODEL, TOKENS, MAJORITY = METHODS = ("model", "tokens", "majority")
#: spans that are less probable are left out
LEAST = 0.01


@dataclass(frozen=True, slots=True)
class SpanQuality:
    """How good a source is at one type.

    Attributes:
        n_marked: spans that it marked.
        n_true: true spans of the documents where it voted, expected.
        precision: share of its spans that are right, bounds and type; not a number where it marked none.
        recall: share of the true spans that it marked so; not a number where there are none.
        is_measured: counted on places whose truth is known, and on nothing else; else expected under the model.
    """

    source: str
    type: str
    n_marked: int
    n_true: float
    precision: float
    precision_ci95: tuple[float, float]
    recall: float
    recall_ci95: tuple[float, float]
    is_measured: bool


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One place where not all who looked say the same, and nothing settles it.

    Attributes:
        document: its number.
        spans: what may be true there, with probabilities.
        said: of each source the spans that it marked; none where it saw nothing.
        doubt: 1 - the probability of what is most probably true.
    """

    document: int
    spans: tuple[ScoredSpan, ...]
    said: tuple[tuple[str, tuple[Span, ...]], ...]
    doubt: float


@dataclass(frozen=True, slots=True)
class AggregatedSpans:
    """What the votes say together.

    Attributes:
        spans: of each document those that most probably are there, in order.
        candidates: of each document all that somebody marked, with the probability that exactly this span is right;
            those below ``LEAST`` are left out.
        disagreements: the most doubtful first.
        sources: by source and type.
    """

    spans: tuple[tuple[ScoredSpan, ...], ...]
    candidates: tuple[tuple[ScoredSpan, ...], ...]
    disagreements: tuple[Disagreement, ...]
    sources: tuple[SpanQuality, ...]


def aggregate_spans(
    documents: Sequence[Sequence[SpanVote]],
    *,
    gold: Sequence[Iterable[Span] | None] | None = None,
    method: str = MODEL,
    tokens: Sequence[Sequence[tuple[int, int]]] | None = None,
    may_overlap: bool = False,
) -> AggregatedSpans:
    """Join the votes of each document.

    As with classes (``label.aggregate``): what people agree on where they looked, and gold, is settled, stands against
    every rule and model, and teaches how good those are.

    Args:
        documents: the votes on each.
        gold: the true spans of documents where all of them are known, None elsewhere.
        method: ``model`` (see ``site_model``); ``tokens`` (see ``token_model``), which may put a span together of parts
            that different sources marked; or ``majority``: spans that more than half of those who looked marked.
        tokens: of each document, for ``tokens``; spans that overlap are cut to one per token there.
        may_overlap: spans of different types may share code points; those of one type never do.

    Raises:
        InputError: the method is unknown.

    Example:
        >>> said = [[SpanVote("ann", (Span(0, 4, "x"),)), SpanVote("bob", (Span(0, 4, "x"),)), SpanVote("cid", ())]]
        >>> [(s.start, s.end, s.type) for s in aggregate_spans(said).spans[0]]
        [(0, 4, 'x')]
    """
    if method not in METHODS:
        raise InputError(f"There is no method {method!r}. Methods: {', '.join(METHODS)}.")
    types = types_in(documents, gold)
    known = list(gold) if gold is not None else [None] * len(documents)
    counted = [heard(votes, truth, types) for votes, truth in zip(documents, known, strict=True)]
    places = [s for i, one in enumerate(counted) for s in sites(i, one, may_overlap=may_overlap)]
    if method == TOKENS:
        read = _by_tokens(places, counted, tokens, types)
    else:
        read = _by_patterns(places, documents, types, method, may_overlap=may_overlap)
    found: list[list[ScoredSpan]] = [[] for _ in documents]
    every: list[list[ScoredSpan]] = [[] for _ in documents]
    for one in read:
        every[one.site.document] += [s for s in one.spans if s.prob >= LEAST]
        found[one.site.document] += [one.spans[i] for i in sorted(one.says.best)]
    if not may_overlap:
        found = [_apart(spans, one.settled) for spans, one in zip(found, counted, strict=True)]
    disputed = [one.disagreement() for one in read if one.is_disputed]
    return AggregatedSpans(
        spans=tuple(tuple(sorted(spans)) for spans in found),
        candidates=tuple(tuple(sorted(spans)) for spans in every),
        disagreements=tuple(sorted(disputed, key=lambda d: (-d.doubt, d.document))),
        sources=tuple(_qualities(read, [tuple(dict.fromkeys(v.source for v in votes)) for votes in documents])),
    )


def _by_patterns(
    places: list[Site],
    documents: Sequence[Sequence[SpanVote]],
    types: tuple[str, ...],
    method: str,
    *,
    may_overlap: bool,
) -> list[_Read]:
    kinds = [pattern(site) for site in places]
    times = Counter(kinds)
    number = {one: i for i, one in enumerate(times)}
    if method == MAJORITY:
        says = [_by_majority(one) for one in number]
    else:
        names = sorted({v.source for votes in documents for v in votes})
        looked = _looked(documents, names, len(types))
        many = np.array(list(times.values()), float)
        fitted = fit(list(number), many, names, types, looked, may_overlap=may_overlap)
        says = [_by_model(*way) for way in zip(fitted.truths, fitted.probs, strict=True)]
    return [_Read(site, says[number[kind]]) for site, kind in zip(places, kinds, strict=True)]


def _by_tokens(
    places: list[Site], counted: list[Heard], tokens: Sequence[Sequence[tuple[int, int]]] | None, types: tuple[str, ...]
) -> list[_Read]:
    """The hidden Markov model; a span that nobody marked, but two together suggest, is a candidate of its own."""
    if tokens is None:
        raise InputError("The method 'tokens' needs the tokens of each document; see tags.tokens_of.")
    laid = lay(counted, tokens, types)
    tagged = fit_tags(laid.votes)
    best = laid.spans(tagged)
    by_document: defaultdict[int, list[Site]] = defaultdict(list)
    for site in places:
        by_document[site.document].append(site)
    read = []
    for number, chosen in enumerate(best):
        left = set(chosen)
        for site in by_document[number]:
            each = tuple(
                float(i in site.truth) if s.type in site.settled else laid.prob(tagged, number, s)
                for i, s in enumerate(site.spans)
            )
            mine = frozenset(i for i, s in enumerate(site.spans) if s in left)
            left -= {site.spans[i] for i in mine}
            sure = min([each[i] for i in mine] + [1 - p for i, p in enumerate(each) if i not in mine])
            read.append(_Read(site, _Says(each, mine, sure)))
        for span in sorted(left):
            alone = Site(number, (span,), (), (), frozenset(), frozenset())
            prob = laid.prob(tagged, number, span)
            read.append(_Read(alone, _Says((prob,), frozenset({0}), prob)))
    return read


def _looked(documents: Sequence[Sequence[SpanVote]], names: list[str], n_types: int) -> np.ndarray:
    """Share of the documents that each source read, for each type the same."""
    read = Counter(source for votes in documents for source in {v.source for v in votes})
    share = np.array([read[name] / max(1, len(documents)) for name in names])
    return np.repeat(share[:, None], n_types, axis=1)


def _apart(spans: list[ScoredSpan], settled: Mapping[str, frozenset[Span]]) -> list[ScoredSpan]:
    """Of spans that overlap the more probable ones; what is settled stays, for people said so.

    One source may mark spans that overlap, and what overlaps without end is more than one site.
    """
    kept: list[ScoredSpan] = []
    for span in sorted(spans):
        is_better = True
        while kept and kept[-1].end > span.start and not (span.type in settled and kept[-1].type in settled):
            is_better = span.prob > kept[-1].prob
            if not is_better:
                break
            kept.pop()
        if is_better:
            kept.append(span)
    return kept


class _Says(NamedTuple):
    """Of one pattern: the probability of each of its spans, those that are chosen, and how sure that choice is."""

    each: tuple[float, ...]
    best: frozenset[int]
    sure: float


def _by_model(truths: tuple[frozenset[int], ...], probs: np.ndarray) -> _Says:
    spans = frozenset[int]().union(*truths)
    each = [
        float(sum(p for t, p in zip(truths, probs, strict=True) if i in t)) for i in range(max(spans, default=-1) + 1)
    ]
    top = int(np.argmax(probs))
    return _Says(tuple(min(1.0, p) for p in each), truths[top], float(probs[top]))


def _by_majority(one: Pattern) -> _Says:
    """Each span's share of those who marked it or looked for its type; above a half it is there."""
    share = shares(one)
    best = frozenset(i for i, s in enumerate(share) if s > 0.5)
    return _Says(
        tuple(share), best, min([1.0 - s for i, s in enumerate(share) if i not in best] + [share[i] for i in best])
    )


class _Read:
    """A site with what is true there, by probability."""

    def __init__(self, site: Site, says: _Says) -> None:
        self.site, self.says = site, says
        each = says.each + (0.0,) * (len(site.spans) - len(says.each))
        self.spans = [ScoredSpan(s.start, s.end, s.type, p) for s, p in zip(site.spans, each, strict=True)]

    @property
    def is_disputed(self) -> bool:
        free = {s.type for s in self.site.spans} - self.site.settled
        said = {tuple(i for i in marked if self.site.spans[i].type in free) for _, marked in self.site.votes}
        return bool(free) and len(said) > 1

    def disagreement(self) -> Disagreement:
        said = tuple((who, tuple(self.site.spans[i] for i in marked)) for who, marked in self.site.votes)
        return Disagreement(self.site.document, tuple(self.spans), said, 1.0 - self.says.sure)


def _qualities(read: list[_Read], voters: list[tuple[str, ...]]) -> list[SpanQuality]:
    """By source and type, each in order: right marks, marks and true spans; where something is settled, there alone."""
    sums: defaultdict[tuple[str, str, bool], np.ndarray] = defaultdict(lambda: np.zeros(3))
    for one in read:
        marks = dict(one.site.votes)
        for source in voters[one.site.document]:
            marked = marks.get(source, ())
            for i, span in enumerate(one.spans):
                is_marked = float(i in marked)
                sums[source, span.type, span.type in one.site.settled] += (span.prob * is_marked, is_marked, span.prob)
    found = []
    for source, kind in sorted({(source, kind) for source, kind, _ in sums}):
        is_measured = (source, kind, True) in sums
        right, marked, true = sums[source, kind, is_measured]
        precision = right / marked if marked else float("nan")
        recall = right / true if true else float("nan")
        bounds = [wilson(right * round(n) / n, round(n)) if n >= 0.5 else (0.0, 1.0) for n in (marked, true)]
        found.append(
            SpanQuality(source, kind, int(marked), float(true), precision, bounds[0], recall, bounds[1], is_measured)
        )
    return found
