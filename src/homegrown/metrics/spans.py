"""How well spans are found: precision, recall and F1 of whole spans and of parts of them.

Four ways to count a pair of a true and an answered span that share a code point, after SemEval-2013 task 9.1
(Segura-Bedmar, Martínez, Herrero-Zazo 2013, "SemEval-2013 Task 9", section 4) and MUC-5 (Chinchor, Sundheim 1993):

    scheme    right                      half right        wrong
    strict    same bounds, same type     -                 every other pair
    exact     same bounds                -                 every other pair
    partial   same bounds                any other pair    -
    type      same type                  -                 every other pair

Spans without a partner are missed or spurious in each. Precision divides by all answered spans, recall by all true
ones. ``strict`` is the entity F1 of CoNLL (Tjong Kim Sang, De Meulder 2003).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from homegrown.metrics.intervals import RESAMPLES, percentile95, wilson
from homegrown.metrics.span_table import Matching, SpanTable, match, tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from homegrown.core.spans import Span

STRICT, EXACT, PARTIAL, TYPE = SCHEMES = ("strict", "exact", "partial", "type")
#: more documents are put into so many groups by chance, which are resampled whole (Wolter 2007, Introduction to
#: Variance Estimation, chapter 2: random groups), so that the cost of an interval does not grow with the data
GROUPS = 2000


@dataclass(frozen=True, slots=True)
class Score:
    """Precision, recall and F1 with 95% intervals over documents.

    Attributes:
        n_true: true spans.
        n_answered: answered spans.
        correct: pairs that are right.
        partial: pairs that are half right.
        incorrect: pairs that are wrong.
        missed: true spans that no answered one stands for.
        spurious: answered spans that stand for no true one.
    """

    n_true: int
    n_answered: int
    correct: int
    partial: int
    incorrect: int
    missed: int
    spurious: int
    precision: float
    precision_ci95: tuple[float, float]
    recall: float
    recall_ci95: tuple[float, float]
    f1: float
    f1_ci95: tuple[float, float]


@dataclass(frozen=True, slots=True)
class SpanScores:
    """One scheme.

    Attributes:
        scheme: one of ``SCHEMES``.
        n_docs: documents.
        micro: over all spans.
        by_type: of each type that is true or answered somewhere. A pair of two types is the true type's in recall and
            the answered type's in precision.
        macro_f1: mean of the types that are true somewhere.
    """

    scheme: str
    n_docs: int
    micro: Score
    by_type: dict[str, Score]
    macro_f1: float
    macro_f1_ci95: tuple[float, float]


@dataclass(frozen=True, slots=True)
class PairedSpans:
    """Two models on the same documents.

    Attributes:
        n_docs: documents.
        n_true: true spans.
        first: F1 of the first model.
        second: F1 of the second.
        difference: first - second.
        difference_ci95: both resampled by the same documents.
    """

    scheme: str
    n_docs: int
    n_true: int
    first: float
    second: float
    difference: float
    difference_ci95: tuple[float, float]


def span_scores(
    truth: Sequence[Iterable[Span]],
    answer: Sequence[Iterable[Span]],
    *,
    scheme: str = STRICT,
    types: Sequence[str] | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> SpanScores:
    """Score *answer* against *truth*, document by document.

    Args:
        truth: the true spans of each document.
        answer: those that were found.
        scheme: one of ``SCHEMES``.
        types: names; those that occur when not given.
        seed: of the bootstrap over documents.
        resamples: of the bootstrap.

    Raises:
        ValueError: they differ in the number of documents, or a span is of none of *types*.

    Example:
        >>> from homegrown.core.spans import Span
        >>> done = span_scores([[Span(0, 4, "x"), Span(6, 9, "y")]], [[Span(0, 5, "x")]], scheme="partial")
        >>> done.micro.precision, done.micro.recall, done.micro.missed
        (0.5, 0.25, 1)
    """
    one, other = tables(truth, answer, types)
    return scores_of(one, other, match(one, other), scheme=scheme, seed=seed, resamples=resamples)


def scores_of(
    truth: SpanTable, answer: SpanTable, found: Matching, *, scheme: str, seed: int = 0, resamples: int = RESAMPLES
) -> SpanScores:
    """``span_scores`` of spans that are matched already."""
    counts = _counts(truth, answer, found, scheme)
    totals = counts.sum(0)
    drawn = _resampled(counts, seed, resamples)
    whole, drawn_whole = totals.sum(1, keepdims=True), drawn.sum(2, keepdims=True)
    kinds = _kinds(truth, answer, found, scheme)
    micro = _score(whole[:, 0], drawn_whole[:, :, 0], kinds.sum(1))
    _, _, f1 = rates(totals)
    seen = totals[2] > 0
    drawn_f1, drawn_seen = rates(drawn.transpose(1, 0, 2))[2], drawn[:, 2] > 0
    macro = (drawn_f1 * drawn_seen).sum(1) / np.maximum(drawn_seen.sum(1), 1)
    value = float(f1[seen].mean()) if seen.any() else 0.0
    return SpanScores(
        scheme=scheme,
        n_docs=truth.n_docs,
        micro=micro,
        by_type={
            name: _score(totals[:, k], drawn[:, :, k], kinds[:, k])
            for k, name in enumerate(truth.types)
            if totals[2, k] or totals[3, k]
        },
        macro_f1=value,
        macro_f1_ci95=_interval(macro, value, int(totals[2].sum())),
    )


def paired_spans(
    truth: Sequence[Iterable[Span]],
    first: Sequence[Iterable[Span]],
    second: Sequence[Iterable[Span]],
    *,
    scheme: str = STRICT,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> PairedSpans:
    """Micro F1 of *first* minus that of *second*, on the same documents.

    The interval is a paired bootstrap over documents (Efron, Tibshirani 1993, chapter 13; for F1 of spans:
    Berg-Kirkpatrick, Burkett, Klein 2012, "An empirical investigation of statistical significance in NLP", section 3).

    Example:
        >>> from homegrown.core.spans import Span
        >>> right = [[Span(0, 4, "x")]] * 20
        >>> paired_spans(right, right, [[]] * 20).difference
        1.0
    """
    held = [list(spans) for spans in truth]
    counts = []
    for answer in (first, second):
        one, other = tables(held, answer)
        counts.append(_counts(one, other, match(one, other), scheme).sum(2))
    both = np.stack(counts, 2)  # documents, four sums, models
    value = rates(both.sum(0))[2]
    drawn = rates(_resampled(both, seed, resamples).transpose(1, 0, 2))[2]
    difference = float(value[0] - value[1])
    spread = drawn[:, 0] - drawn[:, 1]
    return PairedSpans(
        scheme=scheme,
        n_docs=len(held),
        n_true=int(both[:, 2, 0].sum()),
        first=float(value[0]),
        second=float(value[1]),
        difference=difference,
        difference_ci95=percentile95(spread) if len(held) else (-1.0, 1.0),
    )


def rates(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision, recall and F1 of [4, …]: credit in recall, credit in precision, true spans, answered spans."""
    recall = sums[0] / np.maximum(sums[2], 1)
    precision = sums[1] / np.maximum(sums[3], 1)
    return precision, recall, 2 * precision * recall / np.maximum(precision + recall, 1e-300)


def _credit(found: Matching, scheme: str) -> np.ndarray:
    """How right each pair is: 1, 0.5 or 0; float [k]."""
    if scheme == STRICT:
        return (found.same_bounds & found.same_type).astype(float)
    if scheme == EXACT:
        return found.same_bounds.astype(float)
    if scheme == PARTIAL:
        return np.where(found.same_bounds, 1.0, 0.5)
    if scheme == TYPE:
        return found.same_type.astype(float)
    raise ValueError(f"There is no scheme {scheme!r}. Schemes: {', '.join(SCHEMES)}.")


def _counts(truth: SpanTable, answer: SpanTable, found: Matching, scheme: str) -> np.ndarray:
    """What F1 is made of, float [n_groups of documents, 4, n_types]; see ``rates``."""
    n_types, n_groups = len(truth.types), min(truth.n_docs, GROUPS)
    group = np.arange(truth.n_docs)
    if truth.n_docs > GROUPS:
        group = np.random.default_rng(truth.n_docs).permutation(truth.n_docs) % GROUPS
    credit = _credit(found, scheme)

    def summed(table: SpanTable, rows: np.ndarray | slice, weight: np.ndarray | None) -> np.ndarray:
        cell = group[table.doc[rows]] * n_types + table.type[rows]
        return np.bincount(cell, weight, n_groups * n_types).reshape(n_groups, n_types).astype(float)

    every = slice(None)
    parts = (summed(truth, found.truth, credit), summed(answer, found.answer, credit),
             summed(truth, every, None), summed(answer, every, None))  # fmt: skip
    return np.stack(parts, 1)


def _kinds(truth: SpanTable, answer: SpanTable, found: Matching, scheme: str) -> np.ndarray:
    """Correct, partial and incorrect pairs, missed and spurious spans of each type, int [5, n_types]."""
    credit, n = _credit(found, scheme), len(truth.types)
    pairs = [np.bincount(truth.type[found.truth[credit == c]], minlength=n) for c in (1.0, 0.5, 0.0)]
    rest = [np.bincount(truth.type[found.missed], minlength=n), np.bincount(answer.type[found.spurious], minlength=n)]
    return np.stack([*pairs, *rest])


def _resampled(counts: np.ndarray, seed: int, resamples: int) -> np.ndarray:
    """Sums over resamples of the first axis of *counts* [n, a, b]: float [resamples, a, b]."""
    n = len(counts)
    if n == 0:
        return np.zeros((resamples, *counts.shape[1:]))
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), resamples).astype(float)
    return (drawn @ counts.reshape(n, -1)).reshape(resamples, *counts.shape[1:])


def _score(sums: np.ndarray, drawn: np.ndarray, kinds: np.ndarray) -> Score:
    precision, recall, f1 = (float(v) for v in rates(sums))
    some_precision, some_recall, some_f1 = rates(drawn.T)
    n_true, n_answered = int(sums[2]), int(sums[3])
    correct, partial, incorrect, missed, spurious = (int(k) for k in kinds)
    return Score(
        n_true=n_true,
        n_answered=n_answered,
        correct=correct,
        partial=partial,
        incorrect=incorrect,
        missed=missed,
        spurious=spurious,
        precision=precision,
        precision_ci95=_interval(some_precision[drawn[:, 3] > 0], precision, n_answered),
        recall=recall,
        recall_ci95=_interval(some_recall[drawn[:, 2] > 0], recall, n_true),
        f1=f1,
        f1_ci95=_interval(some_f1, f1, n_true),
    )


def _interval(samples: np.ndarray, value: float, n: int) -> tuple[float, float]:
    """Percentiles; where no resample differs (all right, all wrong, one document) Wilson's, which knows of n."""
    if len(samples) and samples.min() < samples.max():
        return percentile95(samples)
    return wilson(value * n, n)
