"""What the labels so far are worth, what more would bring, and when to stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from homegrown.metrics.learning import Learning, learning_curve

if TYPE_CHECKING:
    from homegrown.metrics.learning import LearningPoint

VALID_SHARE, MOST_VALID = 0.3, 1500
MORE_SHARE, LEAST_MORE, ROUND_TO = 0.25, 20, 10
STOP_GAIN = 0.005
GO_ON, SOON, STOP, TOO_EARLY = "go on", "soon", "stop", "too early"
LEAST_AT_RANDOM = 60


@dataclass(frozen=True)
class Forecast:
    """A learning curve and what follows from it.

    Attributes:
        n_labelled: records that somebody labelled.
        n_valid: of them, those that accuracy is measured on; the others are learnt from.
        advice: ``go on``, ``soon``, ``stop`` or ``too early``.
        sentence: the forecast.
        why: the advice as a sentence, with its ground.
        caution: what the figure leaves out; may be empty.
        n_more: how many more labels the sentence speaks of.
        curve: None when it is too early.
    """

    n_labelled: int
    n_valid: int
    advice: str
    sentence: str
    why: str
    caution: str
    n_more: int
    curve: Learning | None


def forecast(
    vectors: np.ndarray, classes: np.ndarray, at_random: np.ndarray | None = None, *, multi: bool = False, seed: int = 0
) -> Forecast:
    """Measure the curve on the labels there are and read it off for some more.

    Labels of records that were drawn at random measure it, where there are ``LEAST_AT_RANDOM`` of them; otherwise a
    part of all, which were chosen because they were hard, so that the figure is lower than the truth.

    Stop when doubling the labels would bring less than half a point of accuracy even at the upper end of the interval;
    soon, when it is expected to. The forecast knows nothing of records of another kind than these.

    Args:
        vectors: float32 [n, dim] of the labelled records.
        classes: bool [n, n_classes].
        at_random: bool [n], records that were drawn at random; None: none.
        multi: a record may have several classes.
        seed: of the split and the orders.
    """
    n = len(vectors)
    if at_random is None:
        at_random = np.zeros(n, bool)
    draw = np.random.default_rng(seed)
    is_fair = int(at_random.sum()) >= LEAST_AT_RANDOM
    measure = draw.permutation(np.flatnonzero(at_random) if is_fair else n)
    measure = measure[: min(round(VALID_SHARE * n), MOST_VALID)]
    learn = np.setdiff1d(np.arange(n), measure)
    n_more = _some_more(n)
    ahead = (1 + n_more / max(len(learn), 1), 2.0)
    curve = None
    if len(learn) and len(measure) >= 20:
        pairs = (vectors[learn], classes[learn]), (vectors[measure], classes[measure])
        curve = learning_curve(*pairs, multi=multi, ahead=ahead, seed=seed)
    if curve is None:
        few = f"{n:,} labels say too little about what more would bring: label some more, then look."
        return Forecast(n, len(measure), TOO_EARLY, few, few, "", n_more, None)
    now, soon, twice = curve.points[-1], *curve.ahead
    low, high = soon.accuracy_ci95
    sentence = (
        f"{n_more:,} more labels: {now.accuracy:.1%} to about {soon.accuracy:.1%} "
        f"(95% interval {low:.1%} to {high:.1%})."
    )
    advice, why = _advice(twice)
    caution = ""
    if not is_fair:
        caution = (
            "Measured on records that were chosen because they were hard: on all records it is higher. "
            f"{LEAST_AT_RANDOM} labels of records drawn at random make it fair; there are {int(at_random.sum())}."
        )
    return Forecast(n, len(measure), advice, sentence, why, caution, n_more, curve)


def _advice(twice: LearningPoint) -> tuple[str, str]:
    gain, (_, high) = twice.gain, twice.gain_ci95
    most = f"at most {high * 100:.1f} points (97.5% sure)"
    if high < STOP_GAIN:
        return STOP, f"Stop here: twice as many labels would bring {most}."
    if gain < STOP_GAIN:
        return SOON, f"Little is left: about {gain * 100:.1f} points for twice as many labels, {most}."
    return GO_ON, f"Go on: twice as many labels should bring about {gain * 100:.1f} points, {most}."


def _some_more(n: int) -> int:
    """About a quarter more, rounded as one would say it."""
    return max(LEAST_MORE, round(MORE_SHARE * n / ROUND_TO) * ROUND_TO)
