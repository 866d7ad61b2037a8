"""Which rows fit, which judge, and what cannot be learnt from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from homegrown.core.models import Examples
from homegrown.errors import EmptyDataError, UnsuitableLabelsError
from homegrown.train.balance import hard
from homegrown.train.judge import with_none_column

if TYPE_CHECKING:
    from collections.abc import Iterator

    from homegrown.core.models import TrainingData

FEW_PER_CLASS = 20
MAX_CLASSES = 20_000
N_FOLDS = 5


@dataclass(frozen=True, slots=True)
class Parts:
    """Training data made ready: empty texts gone, both labelled splits also joined.

    Attributes:
        fit / judge / both: labelled rows that fit, that judge, and the two together.
        none_column: whether out-of-scope rows are among them, so that a model learns one more output.
        warnings: sentences for the report.
        weak: the labels were corrected by ``train.weak``: the likeliest class is learnt, not the probabilities.
        n_guessed: the last of the ``fit`` rows, on which nobody voted; they judge nothing.
        softness: how far the labels give way to what a model told of its vote (``Examples.told``), 0 to 1.
    """

    data: TrainingData
    fit: Examples
    judge: Examples
    both: Examples
    none_column: bool
    warnings: tuple[str, ...]
    weak: bool = False
    n_guessed: int = 0
    softness: float = 0.0

    @property
    def is_told(self) -> bool:
        """Whether there is something to learn from beside the labels: a model told how probable it held each class."""
        return not self.weak and self.both.told is not None and bool(np.isfinite(self.both.told).any())

    @property
    def few(self) -> bool:
        """Whether there are so few labels per class that unlabelled rows are worth their time."""
        return len(self.both) <= FEW_PER_CLASS * len(self.data.class_names)

    @property
    def voted_rows(self) -> np.ndarray:
        """Positions among ``both`` of the rows that have a label of their own."""
        n_fit = len(self.fit)
        return np.concatenate([np.arange(n_fit - self.n_guessed), np.arange(n_fit, len(self.both))])

    def targets(self, examples: Examples) -> np.ndarray:
        """float32 [n, n_outputs]: the probabilities, with the none column where there is one."""
        probs = examples.probs
        if self.softness and examples.told is not None and not self.weak:
            known = np.isfinite(examples.told).all(1, keepdims=True)
            mixed = self.softness * np.nan_to_num(examples.told) + (1 - self.softness) * probs
            probs = np.where(known, mixed, probs).astype(np.float32)
        probs = with_none_column(probs) if self.none_column else probs
        return hard(probs) if self.weak else probs

    def weights(self, examples: Examples) -> np.ndarray:
        """float32 [n]; the out-of-scope rows together weigh no less than a twentieth of all."""
        weights = examples.weights.astype(np.float32).copy()
        if self.none_column:
            outside = examples.probs.sum(1) == 0
            total, theirs = float(weights.sum()), float(weights[outside].sum())
            if 0 < theirs < 0.05 * total:
                weights[outside] *= 0.05 * total / theirs
        return weights


def make_parts(data: TrainingData) -> Parts:
    """Clean *data* and refuse what cannot be learnt from.

    Raises:
        EmptyDataError: no labelled text is left.
        UnsuitableLabelsError: fewer than two classes have rows, or there are too many classes.
    """
    train, n_train = _without_empty(data.train)
    valid, n_valid = _without_empty(data.valid)
    both = join_examples(train, valid)
    if len(both) == 0:
        raise EmptyDataError("There is no labelled text to train on. Label some records, then freeze a snapshot.")
    n_classes = len(data.class_names)
    if n_classes > MAX_CLASSES:
        raise UnsuitableLabelsError(
            f"{n_classes:,} classes are more than can be learnt here ({MAX_CLASSES:,}). Is the label really an id?"
        )
    counts = (both.probs > 0).sum(0)
    if not data.multi and int((counts > 0).sum()) < 2:
        raise UnsuitableLabelsError("Only one class has labelled texts. At least two are needed to learn a difference.")
    warnings = []
    if n_train + n_valid:
        warnings.append(f"{n_train + n_valid} labelled rows have an empty text and were left out.")
    single = [data.class_names[i] for i in np.flatnonzero(counts == 1)]
    if single:
        warnings.append(f"{len(single)} classes have one row only and cannot be judged, e.g. {single[0]!r}.")
    outside = not data.multi and bool((both.probs.sum(1) == 0).any())
    return Parts(data, train, valid, both, outside, tuple(warnings))


def _without_empty(examples: Examples) -> tuple[Examples, int]:
    keep = np.array([bool(t.strip()) for t in examples.texts], bool)
    if keep.all():
        return examples, 0
    return subset(examples, np.flatnonzero(keep)), int((~keep).sum())


def subset(examples: Examples, rows: np.ndarray) -> Examples:
    """The chosen rows, in the given order."""
    return replace(
        examples,
        texts=[examples.texts[i] for i in rows],
        probs=examples.probs[rows],
        weights=examples.weights[rows],
        record_ids=[examples.record_ids[i] for i in rows],
        told=None if examples.told is None else examples.told[rows],
    )


def join_examples(first: Examples, second: Examples) -> Examples:
    """The rows of both, in that order."""
    return Examples(
        [*first.texts, *second.texts],
        np.vstack([first.probs, second.probs]),
        np.concatenate([first.weights, second.weights]),
        [*first.record_ids, *second.record_ids],
        told=_joined_told(first, second),
    )


def _joined_told(first: Examples, second: Examples) -> np.ndarray | None:
    if first.told is None and second.told is None:
        return None
    return np.vstack(
        [np.full(e.probs.shape, np.nan, np.float32) if e.told is None else e.told for e in (first, second)]
    )


def folds(probs: np.ndarray, seed: int, n_folds: int = N_FOLDS) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(rows that fit, rows that judge), stratified by the top class: row r of a class goes to fold r mod n.

    A fold with nothing on one of its sides is left out.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(probs))
    top = np.where(probs.sum(1) > 0, probs.argmax(1), -1)
    fold = np.empty(len(probs), int)
    for label in np.unique(top):
        rows = order[top[order] == label]
        fold[rows] = (np.arange(len(rows)) + rng.integers(n_folds)) % n_folds
    for k in range(n_folds):
        fit, judge = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        if len(fit) and len(judge):
            yield fit, judge
