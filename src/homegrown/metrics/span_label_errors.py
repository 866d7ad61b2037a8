"""Which labelled spans are probably wrong, and where one was forgotten, by what a model that never saw them says.

In the spirit of confident learning for texts (Wang, Mueller 2022, "Detecting label errors in token classification
data", sections 3 and 4; Northcutt, Jiang, Chuang 2021, JAIR 70, section 3.1): a label is doubted by the probability
that the model gives to something else there, a suspect is one where that reaches the mean probability of sound labels
of its type, and a document is as doubtful as its worst place. Here the places are spans, not tokens, so that each doubt
names what is wrong: the span was forgotten, does not belong there, or has other bounds or another type.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from homegrown.core.spans import ScoredSpan, Span
from homegrown.metrics.intervals import wilson
from homegrown.metrics.span_errors import MISSED, SPURIOUS, WRONG_BOTH, WRONG_BOUNDS, WRONG_TYPE
from homegrown.metrics.span_table import SpanTable, equal, overlapping

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: of types with fewer sound labels nothing is called a suspect
_FEWEST = 5
#: of one document so many forgotten spans are named at most
_MOST = 100
#: that share of labels is wrong by experience (Northcutt, Athalye, Mueller 2021, "Pervasive label errors in test sets",
#: section 1: 3.3% on average of ten), which counts as much as so many labels
_USUAL, _AS = 0.033, 50
#: less doubtful places are left out
_LEAST = 0.01


@dataclass(frozen=True, slots=True)
class SpanDoubt:
    """One doubtful place.

    Attributes:
        document: its number.
        kind: what seems to be wrong with the labels, by the words of ``metrics.span_errors``: ``missed`` where a span
            was forgotten, ``spurious`` where one does not belong, else which part of it is wrong.
        label: as it stands; None where it was forgotten.
        instead: what the model says; None where it says that nothing is there.
        score: how doubtful, 0 to 1.
        is_suspect: the model is as sure of this as it is of sound labels.
    """

    document: int
    kind: str
    label: Span | None
    instead: ScoredSpan | None
    score: float
    is_suspect: bool


@dataclass(frozen=True, slots=True)
class SpanLabelErrors:
    """All doubts.

    Attributes:
        n: labels.
        doubts: the most doubtful first.
        documents: float [n_docs], how doubtful each document is: as its worst place.
        n_suspects: doubts that are suspects.
        share: suspects per label. Mistakes of the model are among them: an upper guess.
        share_ci95: Wilson's.
    """

    n: int
    doubts: tuple[SpanDoubt, ...]
    documents: np.ndarray
    n_suspects: int
    share: float
    share_ci95: tuple[float, float]


def span_label_errors(
    labels: Sequence[Iterable[Span]], found: Sequence[Iterable[ScoredSpan]], *, top: int | None = None
) -> SpanLabelErrors:
    """Doubt *labels* by what a model found.

    That the model finds nothing where a label stands is a weak sign, for models overlook much: it counts by the share
    of such cases that wrong labels can explain. How often labels are wrong is seen from where the model is sure of
    something else; ``_USUAL`` stands for it at first.

    Args:
        labels: the spans of each document.
        found: of each document what the model finds possible, with calibrated probabilities, improbable spans too; by
            a model that did not see the document's labels.
        top: so many doubts are kept; all when not given.

    Example:
        >>> sound = [[Span(0, 4, "x")]] * 9
        >>> done = span_label_errors([*sound, []], [[ScoredSpan(0, 4, "x", 0.9)]] * 10)
        >>> done.doubts[0].document, done.doubts[0].kind, done.doubts[0].is_suspect
        (9, 'missed', True)
    """
    given = [list(spans) for spans in labels]
    said = [list(spans) for spans in found]
    types = sorted({s.type for spans in (*given, *said) for s in spans})
    one = SpanTable.of(given, types)
    other, prob = _scored(said, types)
    at_label, at_found = equal(one, other)
    own = np.zeros(len(one))
    own[at_label] = prob[at_found]
    confident = _confident(one.type, own, len(types))
    free = np.ones(len(other), bool)
    free[at_found] = False
    rivals = np.flatnonzero(free)
    rival, rival_prob, touched = _best_rival(one, other, prob, rivals)
    nothing = np.maximum(0.0, 1 - own - rival_prob)
    instead = rival_prob * (1 - own)
    is_rival = (rival >= 0) & (instead >= nothing)
    forgotten = _apart(other, prob, rivals[~touched[rivals]])
    is_sure = prob >= confident[other.type]
    # Forgotten spans, wrong bounds and wrong types are three kinds of error: spurious spans are believed as frequent.
    n_sure = int(is_sure[rival[is_rival]].sum() + is_sure[forgotten].sum())
    wrong = (n_sure / 3 + _USUAL * _AS) / (len(one) + _AS)
    unseen = np.bincount(one.type, nothing > 0.5, len(types)) / np.maximum(
        np.bincount(one.type, minlength=len(types)), 1
    )
    nothing *= np.minimum(1.0, wrong / np.maximum(unseen, wrong))[one.type]
    doubts = _Doubts(one, other, prob)
    for row in np.flatnonzero(is_rival).tolist():
        doubts.add(row, int(rival[row]), float(instead[row]), is_sure[rival[row]])
    for row in np.flatnonzero(~is_rival).tolist():
        doubts.add(row, -1, float(nothing[row]), nothing[row] >= max(0.5, confident[one.type[row]]))
    for row in forgotten.tolist():
        doubts.add(-1, row, float(prob[row]), is_sure[row])
    return doubts.done(len(given), top)


def _scored(found: list[list[ScoredSpan]], types: Sequence[str]) -> tuple[SpanTable, np.ndarray]:
    """The spans of a model in order, each once with its greatest probability."""
    flat = [(d, s) for d, spans in enumerate(found) for s in spans]
    number = {name: i for i, name in enumerate(types)}
    columns = np.array([(d, s.start, s.end, number[s.type]) for d, s in flat], np.int64).reshape(-1, 4).T
    prob = np.array([s.prob for _, s in flat], float)
    order = np.lexsort([-prob, *columns[::-1]])
    columns, prob = columns[:, order], prob[order]
    kept = np.ones(len(prob), bool)
    kept[1:] = (columns[:, 1:] != columns[:, :-1]).any(0)
    return SpanTable.of_columns(columns[:, kept], tuple(types), len(found)), prob[kept]


def _confident(types: np.ndarray, own: np.ndarray, n_types: int) -> np.ndarray:
    """Of each type the mean probability of labels that the model finds: float [n_types]; infinite where few are."""
    seen = own >= 0.5
    n_seen = np.bincount(types, seen, n_types)
    mean = np.bincount(types, own * seen, n_types) / np.maximum(n_seen, 1)
    return np.where(n_seen >= _FEWEST, mean - 1e-9, np.inf)


def _best_rival(
    one: SpanTable, other: SpanTable, prob: np.ndarray, rivals: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each label the likeliest span that overlaps it and is no label; how likely it is; which spans overlap one."""
    rival, best, touched = np.full(len(one), -1), np.zeros(len(one)), np.zeros(len(other), bool)
    left, right = overlapping(one, other, np.arange(len(one)), rivals)
    order = np.argsort(prob[right], kind="stable")
    rival[left[order]] = right[order]  # the last of several writes stays: the most probable
    touched[right] = True
    best[rival >= 0] = prob[rival[rival >= 0]]
    return rival, best, touched


def _apart(found: SpanTable, prob: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Of *rows* that overlap one another the most probable ones, so that a place is named once."""
    held: dict[int, list[int]] = {}
    kept = []
    for row in rows[np.argsort(-prob[rows], kind="stable")].tolist():
        mine = held.setdefault(int(found.doc[row]), [])
        if len(mine) < _MOST and not any(
            found.start[row] < found.end[i] and found.start[i] < found.end[row] for i in mine
        ):
            mine.append(row)
            kept.append(row)
    return np.array(kept, np.int64)


class _Doubts:
    """Gathers the doubtful places."""

    def __init__(self, labels: SpanTable, found: SpanTable, prob: np.ndarray) -> None:
        self._labels, self._found, self._prob = labels, found, prob
        self._rows: list[tuple[float, int, int, bool]] = []

    def add(self, label: int, instead: int, score: float, is_suspect: object) -> None:
        if score >= _LEAST:
            self._rows.append((score, label, instead, bool(is_suspect)))

    def done(self, n_docs: int, top: int | None) -> SpanLabelErrors:
        self._rows.sort(key=lambda row: (-row[0], row[1], row[2]))
        documents = np.zeros(n_docs)
        for score, label, instead, _ in self._rows:
            where = self._document(label, instead)
            documents[where] = max(documents[where], score)
        n, n_suspects = len(self._labels), sum(row[3] for row in self._rows)
        return SpanLabelErrors(
            n=n,
            doubts=tuple(self._doubt(*row) for row in self._rows[:top]),
            documents=documents,
            n_suspects=n_suspects,
            share=min(1.0, n_suspects / max(1, n)),
            share_ci95=wilson(min(n_suspects, n), n),
        )

    def _document(self, label: int, instead: int) -> int:
        return int(self._labels.doc[label] if label >= 0 else self._found.doc[instead])

    def _doubt(self, score: float, label: int, instead: int, is_suspect: bool) -> SpanDoubt:
        given = self._labels.span(label) if label >= 0 else None
        said = None
        if instead >= 0:
            span = self._found.span(instead)
            said = ScoredSpan(span.start, span.end, span.type, float(self._prob[instead]))
        return SpanDoubt(self._document(label, instead), _kind(given, said), given, said, score, is_suspect)


def _kind(label: Span | None, instead: Span | None) -> str:
    if label is None:
        return MISSED
    if instead is None:
        return SPURIOUS
    same_bounds = (label.start, label.end) == (instead.start, instead.end)
    if same_bounds:
        return WRONG_TYPE
    return WRONG_BOUNDS if label.type == instead.type else WRONG_BOTH
