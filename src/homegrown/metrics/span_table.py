"""Spans of many documents as arrays, and which span of one reading answers which of another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from homegrown.core.spans import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: so many spans of the other reading a span is compared with at most, so that a million nested ones stay linear
NEIGHBOURS = 64


@dataclass(frozen=True)
class SpanTable:
    """Spans in columns, in the order of document, start, end and type, each once.

    Attributes:
        doc: int [n], number of the document.
        start: int [n], first code point.
        end: int [n], after the last.
        type: int [n], position in ``types``.
        types: names.
        n_docs: documents, those without a span included.
    """

    doc: np.ndarray
    start: np.ndarray
    end: np.ndarray
    type: np.ndarray
    types: tuple[str, ...]
    n_docs: int

    @classmethod
    def of(cls, documents: Sequence[Iterable[Span]], types: Sequence[str] | None = None) -> SpanTable:
        """Spans document by document.

        Args:
            documents: the spans of each.
            types: names in the order of their numbers; found ones, sorted, when not given.

        Raises:
            ValueError: a span is of none of *types*.

        Example:
            >>> table = SpanTable.of([[Span(3, 7, "card")], []])
            >>> table.n_docs, table.start.tolist(), table.types
            (2, [3], ('card',))
        """
        held = [list(spans) for spans in documents]
        flat = [s for spans in held for s in spans]
        names = tuple(sorted({s.type for s in flat})) if types is None else tuple(types)
        number = {name: i for i, name in enumerate(names)}
        if missing := {s.type for s in flat} - number.keys():
            raise ValueError(f"A span is of the type {min(missing)!r}, which is none of the given types.")
        n = len(flat)
        columns = np.empty((4, n), np.int64)
        columns[0] = np.repeat(np.arange(len(held)), [len(spans) for spans in held])
        columns[1] = np.fromiter((s.start for s in flat), np.int64, n)
        columns[2] = np.fromiter((s.end for s in flat), np.int64, n)
        columns[3] = np.fromiter((number[s.type] for s in flat), np.int64, n)
        return cls.of_columns(columns, names, len(held))

    @classmethod
    def of_columns(cls, columns: np.ndarray, types: tuple[str, ...], n_docs: int) -> SpanTable:
        """From int [4, n]: document, start, end and type of each span, in any order."""
        order = np.lexsort(columns[::-1])
        columns = columns[:, order]
        kept = np.ones(columns.shape[1], bool)
        kept[1:] = (columns[:, 1:] != columns[:, :-1]).any(0)
        doc, start, end, type_ = columns[:, kept]
        return cls(doc, start, end, type_, types, n_docs)

    def __len__(self) -> int:
        return len(self.doc)

    def span(self, row: int) -> Span:
        """One of them."""
        return Span(int(self.start[row]), int(self.end[row]), self.types[self.type[row]])


@dataclass(frozen=True, slots=True)
class Matching:
    """Which answered span stands for which true one; each is used once at most.

    Attributes:
        truth: int [k], rows of the true spans that have a partner.
        answer: int [k], the rows of their partners.
        missed: int, rows of true spans without one.
        spurious: int, rows of answered spans without one.
        same_bounds: bool [k].
        same_type: bool [k].
    """

    truth: np.ndarray
    answer: np.ndarray
    missed: np.ndarray
    spurious: np.ndarray
    same_bounds: np.ndarray
    same_type: np.ndarray


def tables(
    truth: Sequence[Iterable[Span]], answer: Sequence[Iterable[Span]], types: Sequence[str] | None = None
) -> tuple[SpanTable, SpanTable]:
    """Two readings of the same documents, with the same numbers of types.

    Raises:
        ValueError: they differ in the number of documents, or a span is of none of *types*.
    """
    if len(truth) != len(answer):
        raise ValueError(f"There are {len(truth):,} documents with truth and {len(answer):,} with answers.")
    one, other = [list(spans) for spans in truth], [list(spans) for spans in answer]
    if types is None:
        types = sorted({s.type for spans in (*one, *other) for s in spans})
    return SpanTable.of(one, types), SpanTable.of(other, types)


def match(truth: SpanTable, answer: SpanTable) -> Matching:
    """Pair true spans with answered ones, as the alignment of MUC does (Chinchor, Sundheim 1993, MUC-5, section 3).

    First those that are equal; then, of spans that share a code point, those of the same bounds, then those of the same
    type, then the rest, always the most alike first (intersection over union). The cost grows with the number of spans:
    a span is compared with ``NEIGHBOURS`` others at most.

    Example:
        >>> a, b = tables([[Span(0, 4, "x"), Span(9, 12, "x")]], [[Span(0, 5, "x")]])
        >>> found = match(a, b)
        >>> found.truth.tolist(), found.answer.tolist(), found.missed.tolist(), found.same_bounds.tolist()
        ([0], [0], [1], [False])
    """
    equal_t, equal_a = equal(truth, answer)
    free_t, free_a = np.ones(len(truth), bool), np.ones(len(answer), bool)
    free_t[equal_t], free_a[equal_a] = False, False
    left_t, left_a = np.flatnonzero(free_t), np.flatnonzero(free_a)
    near_t, near_a = _alike(truth, answer, left_t, left_a)
    free_t[near_t], free_a[near_a] = False, False
    one, other = np.concatenate([equal_t, near_t]), np.concatenate([equal_a, near_a])
    order = np.argsort(one, kind="stable")
    one, other = one[order], other[order]
    return Matching(
        truth=one,
        answer=other,
        missed=np.flatnonzero(free_t),
        spurious=np.flatnonzero(free_a),
        same_bounds=(truth.start[one] == answer.start[other]) & (truth.end[one] == answer.end[other]),
        same_type=truth.type[one] == answer.type[other],
    )


def equal(truth: SpanTable, answer: SpanTable) -> tuple[np.ndarray, np.ndarray]:
    """Rows of equal spans in both."""
    both = np.concatenate([np.stack([t.doc, t.start, t.end, t.type]) for t in (truth, answer)], axis=1)
    order = np.lexsort(both[::-1])
    ordered = both[:, order]
    twin = np.flatnonzero((ordered[:, 1:] == ordered[:, :-1]).all(0))  # lexsort is stable: the truth stands first
    return order[twin], order[twin + 1] - len(truth)


def _alike(truth: SpanTable, answer: SpanTable, rows: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Partners among the spans that have no equal one."""
    one, other = overlapping(truth, answer, rows, others)
    shared = np.minimum(truth.end[one], answer.end[other]) - np.maximum(truth.start[one], answer.start[other])
    whole = np.maximum(truth.end[one], answer.end[other]) - np.minimum(truth.start[one], answer.start[other])
    bounds = shared == whole
    same_type = truth.type[one] == answer.type[other]
    order = np.lexsort([other, one, -shared / np.maximum(whole, 1), ~same_type, ~bounds])
    taken_t, taken_a = set[int](), set[int]()
    found: list[tuple[int, int]] = []
    for t, a in zip(one[order].tolist(), other[order].tolist(), strict=True):
        if t not in taken_t and a not in taken_a:
            taken_t.add(t)
            taken_a.add(a)
            found.append((t, a))
    pairs = np.array(found, np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def overlapping(
    one: SpanTable, other: SpanTable, rows: np.ndarray, others: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of rows of both whose spans share a code point: int [k] and int [k].

    Args:
        one: a reading.
        other: another of the same documents.
        rows: of *one*, ascending.
        others: of *other*, ascending; each of *rows* is compared with the ``NEIGHBOURS`` that begin nearest.
    """
    if not len(rows) or not len(others):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    # Documents laid end to end on one line, so that order by start is order by document and start.
    width = 1 + int(max(one.end[rows].max(), other.end[others].max()))
    starts = other.doc[others] * width + other.start[others]
    ends = np.maximum.accumulate(other.doc[others] * width + other.end[others])
    first = np.searchsorted(ends, one.doc[rows] * width + one.start[rows], side="right")
    last = np.searchsorted(starts, one.doc[rows] * width + one.end[rows], side="left")
    n = np.minimum(np.maximum(last - first, 0), NEIGHBOURS)
    beside = np.searchsorted(starts, one.doc[rows] * width + one.start[rows]) - NEIGHBOURS // 2
    first = np.clip(beside, first, np.maximum(last - n, first))
    left = np.repeat(rows, n)
    right = others[np.repeat(first, n) + np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)]
    real = (
        (one.doc[left] == other.doc[right])
        & (one.start[left] < other.end[right])
        & (other.start[right] < one.end[left])
    )
    return left[real], right[real]
