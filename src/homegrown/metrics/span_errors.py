"""What goes wrong with spans, by kind, with the spans themselves, to be shown in the text side by side."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from homegrown.metrics.span_table import match, tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from homegrown.core.spans import Span

MISSED, SPURIOUS, WRONG_TYPE, WRONG_BOUNDS, WRONG_BOTH = KINDS = (
    "missed",
    "spurious",
    "wrong type",
    "wrong bounds",
    "wrong type and bounds",
)


@dataclass(frozen=True, slots=True)
class SpanError:
    """One wrong answer.

    Attributes:
        document: its number.
        kind: one of ``KINDS``.
        truth: the true span; None where the answer is spurious.
        answer: the answered span; None where it was missed.
    """

    document: int
    kind: str
    truth: Span | None
    answer: Span | None

    @property
    def start(self) -> int:
        """Where to look in the text."""
        return min(span.start for span in (self.truth, self.answer) if span is not None)

    @property
    def end(self) -> int:
        """As far as to look."""
        return max(span.end for span in (self.truth, self.answer) if span is not None)


@dataclass(frozen=True, slots=True)
class SpanErrors:
    """All errors of an answer.

    Attributes:
        n_docs: documents.
        n_true: true spans.
        n_answered: answered spans.
        errors: in the order of the documents and of the text.
        kinds: how many of each kind, all of ``KINDS``.
        confused: (true type, answered type) → how often, most often first; of pairs whose types differ.
    """

    n_docs: int
    n_true: int
    n_answered: int
    errors: tuple[SpanError, ...]
    kinds: dict[str, int]
    confused: dict[tuple[str, str], int]

    def of(self, document: int) -> tuple[SpanError, ...]:
        """Those of one document."""
        return tuple(e for e in self.errors if e.document == document)


def span_errors(
    truth: Sequence[Iterable[Span]], answer: Sequence[Iterable[Span]], *, top: int | None = None
) -> SpanErrors:
    """Sort the errors of *answer* into kinds.

    A true span and the answered one that stands for it (see ``span_table.match``) are one error, not two.

    Args:
        truth: the true spans of each document.
        answer: those that were found.
        top: so many errors are kept whole, the first ones; all when not given. The counts are of all.

    Example:
        >>> from homegrown.core.spans import Span
        >>> done = span_errors([[Span(0, 4, "x"), Span(6, 9, "y")]], [[Span(0, 5, "x"), Span(6, 9, "x")]])
        >>> [(e.kind, e.start, e.end) for e in done.errors], done.confused
        ([('wrong bounds', 0, 5), ('wrong type', 6, 9)], {('y', 'x'): 1})
    """
    one, other = tables(truth, answer)
    found = match(one, other)
    code = np.where(found.same_bounds, np.where(found.same_type, -1, 2), np.where(found.same_type, 3, 4))
    wrong = np.flatnonzero(code >= 0)
    kinds = np.concatenate([np.zeros(len(found.missed), int), np.ones(len(found.spurious), int), code[wrong]])
    rows_t = np.concatenate([found.missed, np.full(len(found.spurious), -1), found.truth[wrong]])
    rows_a = np.concatenate([np.full(len(found.missed), -1), found.spurious, found.answer[wrong]])
    has_t, has_a = rows_t >= 0, rows_a >= 0
    doc, start = np.zeros(len(kinds), int), np.zeros(len(kinds), int)
    doc[has_a], start[has_a] = other.doc[rows_a[has_a]], other.start[rows_a[has_a]]
    doc[has_t], start[has_t] = one.doc[rows_t[has_t]], one.start[rows_t[has_t]]
    counts = np.bincount(kinds, minlength=len(KINDS))
    order = np.lexsort([start, doc])[:top]
    mixed = wrong[~found.same_type[wrong]]
    pairs = np.stack([one.type[found.truth[mixed]], other.type[found.answer[mixed]]])
    confused = Counter((one.types[t], one.types[a]) for t, a in pairs.T.tolist())
    return SpanErrors(
        n_docs=one.n_docs,
        n_true=len(one),
        n_answered=len(other),
        errors=tuple(
            SpanError(
                int(doc[i]),
                KINDS[kinds[i]],
                one.span(int(rows_t[i])) if has_t[i] else None,
                other.span(int(rows_a[i])) if has_a[i] else None,
            )
            for i in order.tolist()
        ),
        kinds={name: int(counts[k]) for k, name in enumerate(KINDS)},
        confused=dict(confused.most_common()),
    )
