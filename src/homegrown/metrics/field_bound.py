"""A threshold above which at most alpha of the fields that are answered are wrong, with confidence 1 - delta.

The fields of one document are no independent draws: what makes one hard to read makes all of them hard. So documents
are the draws. With a_if for "field f of document i is above the threshold" and w_if for "it is wrong", the share of
wrong ones among those answered is E[sum_f a w] / E[sum_f a], and it is above alpha exactly where
X_i = sum_f a_if (w_if - alpha) has a mean above 0. X_i lies between -m alpha and m (1 - alpha), m being how many fields
of a document may be answered, and a bet against it, prod_i (1 - b X_i) with b below 1 / (m (1 - alpha)), is a
nonnegative supermartingale under every such distribution: its value exceeds 1 / delta with a chance of at most delta
(Waudby-Smith and Ramdas 2024, JRSS B 86:1, section 4). However the fields of a document hang together, the bound holds.

One threshold for the confidences of all fields makes them one hypothesis, so that nothing need be divided among them.
Thresholds are tested from safe to risky until one is not refuted (fixed sequence, as in ``metrics.risk_bound``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from homegrown.errors import InputError
from homegrown.metrics.risk_bound import clopper_pearson

if TYPE_CHECKING:
    from collections.abc import Sequence

STEPS = 50
#: shares of the largest bet, and of the stake: most is put on the bet that is best while errors are about half of alpha
_BETS, _STAKES = np.array([0.92, 0.5]), np.array([0.8, 0.2])
_HAIR = 1e-9


@dataclass(frozen=True, slots=True)
class FieldRisk:
    """A threshold for fields, and what it stands on.

    Attributes:
        threshold: answer a field where its confidence is *above* it; None when none could be vouched for.
        n: documents.
        n_home: of them, those of which every field is above the threshold.
        n_fields: fields of all documents; of them *n_answered* above, *n_wrong* of these wrong.
        coverage: share of the fields that are above.
        coverage_ci95: its interval over documents.
        n_needed: documents without any mistake, all fields of which are answered, that a test needs at least.
        n_more: about how many more documents a threshold needs; 0 with one; None where more alone do not help.
    """

    threshold: float | None
    n: int
    n_home: int
    n_fields: int
    n_answered: int
    n_wrong: int
    coverage: float
    coverage_ci95: tuple[float, float]
    n_needed: int
    n_more: int | None = 0

    @property
    def error(self) -> float | None:
        """Of the fields that are answered, the share that is wrong."""
        return self.n_wrong / self.n_answered if self.n_answered else None


def field_bound(
    confidence: np.ndarray,
    wrong: np.ndarray,
    *,
    alpha: float,
    delta: float = 0.05,
    thresholds: Sequence[float] | np.ndarray | None = None,
    most: Sequence[float] | np.ndarray | None = None,
) -> FieldRisk:
    """The lowest threshold for which the error among the fields answered is at most *alpha*.

    Args:
        confidence: float [n, m], of each field of each document; below 0 where it cannot be answered at all.
        wrong: bool [n, m].
        alpha: between 0 and 1.
        delta: between 0 and 1.
        thresholds: set without these documents, tested in this order; without, they are planned on the confidences
            of these, and it is assumed that errors do not become fewer as confidence falls.
        most: float [m], above which the confidence of a field can never be: fields that cannot pass a threshold do
            not count among those that may all be wrong at once. 1 when not given.

    Raises:
        InputError: there is no document, or a share is out of range.

    Example:
        >>> sure = np.linspace(1, 0, 900).reshape(300, 3)
        >>> found = field_bound(sure, sure < 0.3, alpha=0.05)
        >>> 0.26 < found.threshold < 0.36
        True
    """
    n, m = confidence.shape
    if n == 0 or m == 0:
        raise InputError("There is no document to calibrate on.")
    if not (0 < alpha < 1 and 0 < delta < 1):
        raise InputError(f"alpha is {alpha} and delta {delta}; both are shares between 0 and 1, such as 0.02 and 0.05.")
    ceiling = np.ones(m) if most is None else np.asarray(most, float)
    able = np.where(confidence < 0, -np.inf, confidence)
    if thresholds is None:
        thresholds = planned_fields(confidence, n, alpha=alpha, delta=delta, most=ceiling)
    cuts = np.asarray(thresholds, float)
    best: float | None = None
    for cut in cuts:
        answered = able > cut
        if _p_value(answered, wrong, alpha, _n_able(ceiling, cut)) > delta:
            break
        best = float(cut)
    more = 0 if best is not None else _more(able, wrong, ceiling, alpha, delta)
    answered = able > best if best is not None else np.zeros((n, m), bool)
    n_wrong = int((answered & wrong).sum())
    shares = answered.mean(1)
    return FieldRisk(
        best, n, int(answered.all(1).sum()), n * m, int(answered.sum()), n_wrong, float(shares.mean()),
        _interval(shares), documents_needed(alpha, delta), more,
    )  # fmt: skip


def _interval(shares: np.ndarray) -> tuple[float, float]:
    """Of the mean share, over documents; where all of them are alike, by how many others may be that were not seen."""
    n, middle = len(shares), float(shares.mean())
    if np.ptp(shares) == 0:
        unseen = clopper_pearson(0, n)[1]
        return middle * (1 - unseen), middle + (1 - middle) * unseen
    off = 1.96 * float(shares.std(ddof=1) / np.sqrt(n))
    return max(0.0, middle - off), min(1.0, middle + off)


def planned_fields(
    confidence: np.ndarray, n: int, *, alpha: float, delta: float = 0.05, most: Sequence[float] | np.ndarray
) -> np.ndarray:
    """Thresholds for ``field_bound``, planned on how sure the model was of other documents, whether right or wrong.

    They are quantiles of those confidences: those at which *n* documents would refute an error of *alpha* though a
    quarter as many of the fields are wrong, and one at least; where there is none, though none is wrong. The others are
    left out, for a test without power would end the sequence: where a second field begins to pass, the stake must bear
    both being wrong while few of the second are answered yet.

    Args:
        confidence: float [k, m], of other documents; k at least 1.
        n: documents of the calibration.
        alpha: as for ``field_bound``.
        delta: as for ``field_bound``.
        most: as for ``field_bound``.

    Example:
        >>> found = planned_fields(np.linspace(1, 0.5, 60).reshape(20, 3), 300, alpha=0.05, most=[1, 1, 1])
        >>> bool(0.8 < found[0] < 0.9)
        True
    """
    ceiling = np.asarray(most, float)
    able = np.where(confidence < 0, -np.inf, confidence)
    finite = able[np.isfinite(able)]
    if not len(finite):
        return np.array([])
    # A hair below: many fields may share one value, such as 1.
    cuts = np.unique(np.quantile(finite, np.linspace(0, 1, 2 * STEPS + 1), method="lower") - _HAIR)[::-1]
    wanted, clean, spoilt = -np.log(delta) - np.log(_STAKES[0]), np.zeros(len(cuts)), np.zeros(len(cuts))
    for i, cut in enumerate(cuts):
        k = _n_able(ceiling, cut)
        rate = _BETS[0] / (k * (1 - alpha))
        n_each = (able > cut).sum(1)
        n_wrong = max(1.0, n * float(n_each.mean()) * alpha / 4)
        each = float(np.log1p(-rate * (1 - alpha * n_each.mean())) - np.log1p(rate * alpha * n_each.mean()))
        clean[i] = n * float(np.log1p(rate * alpha * n_each).mean())
        spoilt[i] = clean[i] + n_wrong * each
    enough = next((e for g in (spoilt, clean) if len(e := np.flatnonzero(g >= wanted))), np.array([np.argmax(clean)]))
    return cuts[enough]


def _n_able(ceiling: np.ndarray, cut: float) -> int:
    """Fields of a document that may pass a threshold."""
    return max(1, int((ceiling > cut).sum()))


def _more(able: np.ndarray, wrong: np.ndarray, ceiling: np.ndarray, alpha: float, delta: float) -> int | None:
    """About how many more documents, if they are like these."""
    n, best, finite = len(able), None, able[np.isfinite(able)]
    for cut in np.unique(np.quantile(finite, np.linspace(0, 1, STEPS), method="lower") - _HAIR) if len(finite) else ():
        k = _n_able(ceiling, cut)
        x = ((able > cut) * (wrong - alpha)).sum(1)
        gain = float(np.log1p(-_BETS[0] / (k * (1 - alpha)) * np.minimum(x, k * (1 - alpha))).mean())
        if gain > 0:
            needed = (-np.log(delta) - np.log(_STAKES[0])) / gain
            best = needed if best is None else min(best, needed)
    return None if best is None else max(int(np.ceil(best)) - n, n // 10, 1)


def documents_needed(alpha: float, delta: float) -> int:
    """Documents that refute an error of *alpha* where all of their fields are answered and none is wrong.

    Example:
        >>> documents_needed(0.03, 0.05)
        113
    """
    n = np.arange(1, 200_000)
    gain = np.log(_STAKES)[:, None] + n * np.log1p(_BETS[:, None] * alpha / (1 - alpha))
    wealth = np.logaddexp.reduce(gain, axis=0)
    return int(n[np.argmax(wealth >= -np.log(delta))])


def _p_value(answered: np.ndarray, wrong: np.ndarray, alpha: float, m: int) -> float:
    """One over what a bet became that the error is below alpha."""
    x = (answered * (wrong - alpha)).sum(1)
    rates = _BETS[:, None] / (m * (1 - alpha))
    logs = np.log1p(-rates * np.minimum(x, m * (1 - alpha))[None, :]).sum(1)
    return float(np.exp(-np.logaddexp.reduce(logs + np.log(_STAKES))))
