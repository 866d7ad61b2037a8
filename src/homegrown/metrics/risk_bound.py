"""A threshold of confidence above which the error is at most alpha, with confidence 1 - delta.

Learn-then-Test (Angelopoulos, Bates, Candès, Jordan, Lei 2021, arXiv 2110.01052): every threshold is a hypothesis "the
error among what it answers is above alpha", each has a valid p-value, and a procedure that holds the family-wise error
names those that are refuted. The error among the answered is conditional: of the calls above a threshold that was set
without looking at their outcomes, the wrong ones are binomial, so the p-value is an exact binomial tail (the inverse of
Clopper and Pearson 1934, Biometrika 26:404), as in Geifman and El-Yaniv 2017 (arXiv 1705.08500), section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import betaincinv, gammaincinv
from scipy.stats import binom

from homegrown.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

STEPS = 50
#: the first test bears so many mistakes, unless that takes more than this share of the calls
_BORNE, _FIRST_SHARE = 4, 0.4
#: planned thresholds begin where such a share of other rows is surer; chosen on Banking77's training split
BEGIN_SHARE = 1 / 3
_BETS = (np.arange(16) + 0.5) / 16


@dataclass(frozen=True, slots=True)
class RiskBound:
    """A threshold and what it stands on.

    Attributes:
        threshold: answer where the confidence is *above* it; None when no threshold could be vouched for.
        alpha: the error that is borne among the answers given.
        delta: how often, over draws of the calibration calls, the true error may be above *alpha* all the same.
        n: calls of the calibration.
        n_home: of them, above the threshold.
        error: of those, the (weighted) share that was wrong.
        coverage: share of calls above the threshold.
        coverage_ci95: its Clopper-Pearson interval.
        n_needed: calls without any mistake that the first test would need; more than *n* means that nothing can pass.
    """

    threshold: float | None
    alpha: float
    delta: float
    n: int
    n_home: int
    error: float | None
    coverage: float
    coverage_ci95: tuple[float, float]
    n_needed: int


def clopper_pearson(k: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Exact interval of a proportion (Clopper and Pearson 1934): never below its level.

    Example:
        >>> [round(x, 4) for x in clopper_pearson(90, 100)]
        [0.8238, 0.951]
    """
    tail = (1 - level) / 2
    low = float(betaincinv(k, n - k + 1, tail)) if k > 0 else 0.0
    high = float(betaincinv(k + 1, n - k, 1 - tail)) if k < n else 1.0
    return low, high


def risk_bound(
    confidence: np.ndarray,
    wrong: np.ndarray,
    *,
    alpha: float,
    delta: float = 0.05,
    weight: np.ndarray | None = None,
    thresholds: Sequence[float] | np.ndarray | None = None,
) -> RiskBound:
    """The lowest threshold for which the error among the answers is at most *alpha*, with confidence 1 - *delta*.

    Thresholds are tested from safe to risky, each with all of delta, until the first that is not refuted:
    fixed-sequence testing, as Learn-then-Test has it (Bauer 1991, Statistics in Medicine 10:871). The sequence does
    not begin at the few most confident calls, where an exact test has no power, but where it bears a few mistakes;
    its steps are the rest of the calls in fifty parts.

    By default the thresholds are confidences of the calibration calls at fixed ranks. Given such a confidence, the
    calls strictly above it are a plain sample of what lies above it, so each p-value is exact; that one may go on
    from test to test uses that the error does not fall when less sure answers are added beyond the limit. Where that
    is doubtful, give *thresholds* that were set without these calls: then nothing at all is assumed of the
    confidence.

    Args:
        confidence: float [n], of all calls of the calibration, which the model did not learn from.
        wrong: bool [n]: against gold, or "other than the upstream".
        alpha: between 0 and 1.
        delta: between 0 and 1.
        weight: float [n], 1 / (probability that the call was looked at) where it was looked at, else 0. Calls must have
            been drawn independently, by chances that do not depend on their outcome. Without: all were looked at. The
            p-value is then that of a betting martingale (Waudby-Smith and Ramdas 2024, JRSS B 86:1, section 4).
        thresholds: set beforehand (by ``planned`` or ``sequence``); tested in this order, from safe to risky.

    Raises:
        InputError: there is no call, or a share is out of range.

    Example:
        >>> sure = np.linspace(1, 0, 1000)
        >>> found = risk_bound(sure, sure < 0.3, alpha=0.05)
        >>> 0.26 < found.threshold < 0.32
        True
    """
    n = len(confidence)
    if n == 0:
        raise InputError("There is no call to calibrate on.")
    if not (0 < alpha < 1 and 0 < delta < 1):
        raise InputError(f"alpha is {alpha} and delta {delta}; both are shares between 0 and 1, such as 0.02 and 0.05.")
    order = np.argsort(-confidence, kind="stable")
    sure, bad = confidence[order].astype(float), wrong[order].astype(float)
    heavy = None if weight is None else weight[order].astype(float)
    n_needed = int(np.ceil(np.log(delta) / np.log1p(-alpha)))
    if thresholds is None:
        begin = min(max(min(calls_to_bound(alpha, delta, _BORNE), _FIRST_SHARE * n), n_needed), n)
        if heavy is not None:
            begin = max(begin, n / 2)
        ranks = np.ceil(begin + (n - begin) * np.linspace(0, 1, STEPS)).astype(int)
        # Above the confidence that follows the rank; all calls where none follows.
        cuts = np.append(sure, -np.inf)[np.unique(ranks)]
        # Where confidences tie there may be too few above to refute anything; these are no tests.
        cuts = cuts[np.searchsorted(-sure, -cuts, side="left") >= min(n_needed, n)]
    else:
        cuts = np.asarray(thresholds, float)
    n_above = np.searchsorted(-sure, -cuts, side="left")
    p_values = _exact(bad, n_above, alpha) if heavy is None else _betting(bad, heavy, n_above, alpha)
    passed = int(np.argmin(np.append(p_values <= delta, False)))
    if passed == 0:
        return RiskBound(None, alpha, delta, n, 0, None, 0.0, clopper_pearson(0, n), n_needed)
    last = passed - 1
    k = int(n_above[last])
    mass = np.ones(k) if heavy is None else heavy[:k]
    error = float((mass * bad[:k]).sum() / max(mass.sum(), 1e-12))
    return RiskBound(float(cuts[last]), alpha, delta, n, k, error, k / n, clopper_pearson(k, n), n_needed)


def sequence(confidence: np.ndarray, wrong: np.ndarray, n: int, *, alpha: float, delta: float = 0.05) -> np.ndarray:
    """Thresholds for ``risk_bound``, planned on other calls, such as the student's own validation rows.

    The first is where *n* calls of calibration will most probably refute an error of *alpha*; from there on they fall
    in steps of 2% of the calls. The plan may be wrong: that costs coverage, never the bound.

    Args:
        confidence: float [m], of the other calls.
        wrong: bool [m].
        n: calls that the calibration will have.
        alpha: as for ``risk_bound``.
        delta: as for ``risk_bound``.
    """
    order = np.argsort(-confidence, kind="stable")
    m = len(order)
    above = np.arange(1, m + 1)
    # Errors rise as confidence falls; a plan that follows every bump of few calls would begin at a bump.
    rate = isotonic_regression(wrong[order].astype(float)).x
    error = (np.cumsum(rate) + 0.5) / (above + 1)
    n_home = np.floor(above * (n / m))
    borne = binom.ppf(delta, n_home, alpha)
    borne -= binom.cdf(borne, n_home, alpha) > delta
    chance = np.where(borne >= 0, binom.cdf(borne, n_home, error), 0.0)
    begin = int(np.argmax(chance))
    places = np.unique(np.append(np.arange(begin, m, max(1, m // STEPS)), m))
    return np.append(confidence[order], -np.inf)[places].astype(float)


def planned(quantiles: Sequence[float], n: int, *, alpha: float, delta: float = 0.05) -> np.ndarray:
    """Thresholds for ``risk_bound``, planned on how sure the student was of other rows, whether right or wrong.

    The first is where a third of those rows are surer, or as many as an error of *alpha* can be refuted on at all; the
    others follow by the quantiles; what is less sure than all of those rows is never answered. As no call of the
    calibration has a say in them, the bound assumes nothing of the confidence, not even that errors rise as it falls.

    Args:
        quantiles: of the confidence on other rows, from the surest down, evenly spaced.
        n: calls that the calibration will have.
        alpha: as for ``risk_bound``.
        delta: as for ``risk_bound``.

    Example:
        >>> planned([1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4], 1000, alpha=0.05).tolist()
        [0.8, 0.7, 0.6, 0.5, 0.4]
    """
    least = np.log(delta) / np.log1p(-alpha) / max(n, 1)
    begin = int(np.ceil(max(BEGIN_SHARE, min(least, 1.0)) * (len(quantiles) - 1) - 1e-9))
    return np.asarray(quantiles, float)[begin:]


def calls_to_bound(alpha: float, delta: float, n_wrong: int = 4) -> int:
    """About how few calls refute an error of *alpha* though *n_wrong* of them are wrong (in the Poisson limit).

    Example:
        >>> calls_to_bound(0.02, 0.05), calls_to_bound(0.02, 0.05, 0)
        (458, 150)
    """
    return int(np.ceil(gammaincinv(n_wrong + 1, 1 - delta) / alpha))


def _exact(bad: np.ndarray, n_above: np.ndarray, alpha: float) -> np.ndarray:
    """P(at most so many wrong among so many), were the error alpha."""
    n_wrong = np.concatenate([[0.0], np.cumsum(bad)])[n_above]
    return np.where(n_above > 0, binom.cdf(n_wrong, n_above, alpha), 1.0)


def _betting(bad: np.ndarray, weight: np.ndarray, n_above: np.ndarray, alpha: float) -> np.ndarray:
    """One over the mean final wealth of constant bets that the weighted error is below alpha (Markov's inequality)."""
    most = max(float(weight.max()), 1e-12)
    gain = -weight * (bad - alpha) / (most * (1 - alpha))
    logs = np.concatenate([np.zeros((1, len(_BETS))), np.cumsum(np.log1p(gain[:, None] * _BETS), axis=0)])[n_above]
    top = logs.max(1)
    wealth = top + np.log(np.exp(logs - top[:, None]).mean(1))
    return np.exp(-np.maximum(wealth, 0.0))
