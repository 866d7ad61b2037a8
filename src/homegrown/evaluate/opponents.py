"""Ours against another way to answer the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from homegrown.evaluate.document import Opponent
from homegrown.metrics.classification import NONE
from homegrown.metrics.intervals import wilson
from homegrown.metrics.paired import mcnemar, n_to_tell, paired_bootstrap

if TYPE_CHECKING:
    from homegrown.evaluate.baselines import Baseline

RESAMPLES = 500
MOST = 20  # a difference that needs more than so many times the rows is none that matters


def against(truth: np.ndarray, ours: np.ndarray, other: Baseline, *, seed: int = 0) -> Opponent:
    """Compare answers row by row.

    Args:
        truth: bool [n, n_classes], in-scope rows only.
        ours: bool [n, n_classes].
        other: with answers of the same shape.
        seed: of the bootstrap.
    """
    good, theirs = (ours == truth).all(1), (other.said == truth).all(1)
    first, second = f1_parts(truth, ours), f1_parts(truth, other.said)
    resamples = RESAMPLES if len(truth) <= 20_000 else 50
    gap, interval = paired_bootstrap(_macro_of(truth), first, second, seed=seed, resamples=resamples)
    return Opponent(
        kind=other.kind,
        name=other.name,
        macro_f1=_macro_of(truth)(second, np.arange(len(truth))),
        macro_f1_difference=gap,
        macro_f1_difference_ci95=interval,
        seconds=other.seconds,
        **row_by_row(good, theirs),
    )


def row_by_row(good: np.ndarray, theirs: np.ndarray) -> dict[str, Any]:
    """What every opponent says of the rows, bool [n], that are right by us and by the other.

    Returns:
        ``n, accuracy, accuracy_ci95`` (the other's), ``difference, difference_ci95, n_only_ours, n_only_theirs,
        p_value, verdict, n_more``.
    """
    pair, n_right = mcnemar(good, theirs), int(theirs.sum())
    verdict = verdict_of(pair.difference, pair.p_value)
    discordant = (pair.n_first + pair.n_second) / max(1, pair.n)
    n_more = n_to_tell(pair.difference, discordant) if verdict == "undecided" else None
    return {
        "n": pair.n,
        "accuracy": n_right / max(1, pair.n),
        "accuracy_ci95": wilson(n_right, pair.n),
        "difference": pair.difference,
        "difference_ci95": pair.difference_ci95,
        "n_only_ours": pair.n_first,
        "n_only_theirs": pair.n_second,
        "p_value": pair.p_value,
        "verdict": verdict,
        "n_more": n_more - pair.n if n_more is not None and pair.n < n_more <= pair.n * MOST else None,
    }


def verdict_of(difference: float, p_value: float) -> str:
    """Whether ours is ``better``, ``worse``, or neither for sure."""
    return ("better" if difference > 0 else "worse") if p_value < 0.05 else "undecided"


def f1_parts(truth: np.ndarray, said: np.ndarray) -> np.ndarray:
    """The answers in the form that ``_macro_of`` resamples: an index [n], or flags [n, n_classes] with many classes."""
    if (truth.sum(1) == 1).all() and (said.sum(1) <= 1).all():
        return np.where(said.any(1), said.argmax(1), NONE)
    return said


def _macro_of(truth: np.ndarray):  # noqa: ANN202 - a closure over the truth
    """Macro F1 of a resample, over the classes that it holds."""
    n_classes = truth.shape[1]
    index = truth.argmax(1)

    def value(answers: np.ndarray, rows: np.ndarray) -> float:
        if answers.ndim == 1:
            t = index[rows]
            true = np.bincount(t, minlength=n_classes)
            said = np.bincount(answers[answers >= 0], minlength=n_classes)
            hits = np.bincount(t[answers == t], minlength=n_classes)
        else:
            true, said = truth[rows].sum(0), answers.sum(0)
            hits = (truth[rows] & answers).sum(0)
        seen = true > 0
        return float((2 * hits / np.maximum(said + true, 1))[seen].mean()) if seen.any() else 0.0

    return value
