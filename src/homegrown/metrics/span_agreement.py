"""How far several people agree on spans: F1 of each two, and Krippendorff's unitizing alpha, with intervals."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from homegrown.metrics.agreement import Agreement
from homegrown.metrics.intervals import RESAMPLES, percentile95
from homegrown.metrics.spans import STRICT, SpanScores, span_scores

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from homegrown.core.spans import Span

_GAP: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """Two people on the documents that both read. ``scores`` takes the first as truth; F1 is the same either way."""

    first: str
    second: str
    n_docs: int
    scores: SpanScores


def pairwise_f1(
    documents: Sequence[Mapping[str, Iterable[Span]]], *, scheme: str = STRICT, seed: int = 0
) -> tuple[PairAgreement, ...]:
    """F1 of each two people on the documents that both read, in the order of their names.

    Where what is *no* span cannot be counted, F1 is what kappa tends to (Hripcsak, Rothschild 2005, JAMIA 12:296).

    Args:
        documents: of each document the spans of everybody who read it; nobody's are empty.
        scheme: of ``metrics.spans``.
        seed: of the intervals.

    Example:
        >>> from homegrown.core.spans import Span
        >>> (pair,) = pairwise_f1([{"ann": [Span(0, 4, "x")], "bob": [Span(0, 4, "x"), Span(6, 9, "x")]}])
        >>> pair.n_docs, round(pair.scores.micro.f1, 2)
        (1, 0.67)
    """
    people = sorted({who for said in documents for who in said})
    found = []
    for one, other in combinations(people, 2):
        both = [said for said in documents if one in said and other in said]
        if both:
            scores = span_scores([said[one] for said in both], [said[other] for said in both], scheme=scheme, seed=seed)
            found.append(PairAgreement(one, other, len(both), scores))
    return tuple(found)


def unitizing_alpha(
    documents: Sequence[Mapping[str, Iterable[Span]]],
    lengths: Sequence[int],
    *,
    type: str | None = None,
    seed: int = 0,
) -> Agreement:
    """Krippendorff's alpha of spans: 1 is perfect, 0 is what chance gives.

    The coefficient u-alpha, nominal, of Krippendorff, Mathet, Bouvry, Widlöcher 2016 ("On the reliability of unitizing
    textual continua: further developments", Quality & Quantity 50:2347): the text is a line that each person cuts into
    units and gaps; agreement is length on which two agree, and by chance whole units are laid anywhere. Documents stand
    end to end; one that m people read counts m times its length. Where units have the length one and no gaps part them
    it is ``agreement.alpha``. Where spans of one person overlap, the part that they share is a unit of all their types.

    Args:
        documents: of each document the spans of everybody who read it.
        lengths: of the documents in code points.
        type: ask for spans of this type only; all others are gaps then.
        seed: of the interval, which resamples documents.

    Returns:
        The value, its interval, and the number of documents that two or more people read. Not a number where there is
        nothing to compare, or no span at all.

    Example:
        >>> from homegrown.core.spans import Span
        >>> one, other = [Span(2, 4, "x"), Span(6, 8, "x")], [Span(2, 4, "x"), Span(6, 9, "x")]
        >>> round(unitizing_alpha([{"ann": one, "bob": other}], [10]).value, 3)
        0.814
    """
    numbers: defaultdict[tuple[str, ...], int] = defaultdict(lambda: len(numbers))
    numbers[_GAP]
    read = [
        _Sums(
            [_units((s for s in spans if type is None or s.type == type), length) for spans in said.values()], numbers
        )
        for said, length in zip(documents, lengths, strict=True)
        if len(said) > 1
    ]
    n, k = len(read), len(numbers)
    if not n:
        return Agreement(float("nan"), (-1.0, 1.0), 0)
    rows = np.zeros((n, 1 + 2 * k))
    for row, sums in zip(rows, read, strict=True):
        row[0] = sums.agreed
        for value, length in sums.length.items():
            row[1 + value] = length
        for value, own in sums.own.items():
            row[1 + k + value] = own
    value = float(_alpha(rows.sum(0)[None], k)[0])
    if np.isnan(value):
        return Agreement(value, (-1.0, 1.0), n)
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), RESAMPLES).astype(float)
    return Agreement(value, percentile95(_alpha(drawn @ rows, k)), n)


def _alpha(sums: np.ndarray, k: int) -> np.ndarray:
    """Of [b, 1 + 2k]: length on which two agree, length of each value, and what a unit has in common with itself."""
    agreed, length, own = sums[:, 0], sums[:, 1 : 1 + k], sums[:, 1 + k :]
    total = length.sum(1)
    observed = total - agreed
    possible = total**2 - own.sum(1)
    expected = total - total * (length**2 - own).sum(1) / np.maximum(possible, 1e-300)
    defined = (possible > 0) & (expected > 1e-9 * total)
    return np.where(defined, 1 - observed / np.where(defined, expected, 1), np.nan)


def _units(spans: Iterable[Span], length: int) -> list[tuple[int, int, tuple[str, ...]]]:
    """A person's reading as pieces without overlap, from the text's start to its end; gaps have no type."""
    opens, closes = defaultdict(list), defaultdict(list)
    for span in set(spans):
        opens[span.start].append(span.type)
        closes[span.end].append(span.type)
    open_now: list[str] = []
    pieces, last = [], 0
    for edge in sorted({*opens, *closes, length}):
        if edge > last:
            pieces.append((last, edge, tuple(sorted(open_now))))
        for kind in closes[edge]:
            open_now.remove(kind)
        open_now += opens[edge]
        last = edge
    return pieces


class _Sums:
    """What one document adds: see ``_alpha``."""

    def __init__(
        self, readings: list[list[tuple[int, int, tuple[str, ...]]]], numbers: defaultdict[tuple[str, ...], int]
    ) -> None:
        self.length: defaultdict[int, float] = defaultdict(float)
        self.own: defaultdict[int, float] = defaultdict(float)
        for pieces in readings:
            for start, end, kinds in pieces:
                value = numbers[kinds]
                self.length[value] += end - start
                self.own[value] += (end - start) ** 2 if kinds else end - start
        self.agreed = 2 * sum(_shared(*pair) for pair in combinations(readings, 2)) / (len(readings) - 1)


def _shared(one: list[tuple[int, int, tuple[str, ...]]], other: list[tuple[int, int, tuple[str, ...]]]) -> int:
    """Length on which two readings say the same, by one walk along both."""
    i, j, same = 0, 0, 0
    while i < len(one) and j < len(other):
        (a, b, x), (c, d, y) = one[i], other[j]
        same += max(0, min(b, d) - max(a, c)) if x == y else 0
        i, j = i + (b <= d), j + (d <= b)
    return same
