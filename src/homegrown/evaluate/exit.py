"""May a model answer in the upstream's place, above which confidence, and for which share of the calls?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import binom

from homegrown.core.routing import NEVER
from homegrown.metrics.drift import baseline
from homegrown.metrics.risk_bound import BEGIN_SHARE, planned, risk_bound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.metrics.risk_bound import RiskBound

FEWEST_USUAL = 100
_MOST_CALLS = 200_000
_SHARES = np.linspace(0.05, 1.0, 20)


@dataclass(frozen=True, slots=True)
class Bound:
    """What the calls say.

    Attributes:
        threshold: answer where the confidence is above; None: no threshold can be vouched for.
        n: calls looked at.
        n_home: of them, above the threshold.
        disagreement: with the upstream, among those.
        coverage: share of calls above it, with its Clopper-Pearson interval.
        agreement: over all calls, however sure.
        n_more: about how many more calls a threshold needs; 0 with one; None where more calls alone do not help.
        usual: what calls look like, for the watch over drift; None without a threshold, and of fewer than 100 calls.
        sentence: for a person.
    """

    threshold: float | None
    alpha: float
    delta: float
    n: int
    n_home: int
    disagreement: float | None
    coverage: float
    coverage_ci95: tuple[float, float]
    agreement: float
    n_more: int | None
    usual: dict[str, Any] | None
    sentence: str


def exit_bound(
    confidence: np.ndarray,
    wrong: np.ndarray,
    in_scope: np.ndarray,
    group: Sequence[str],
    *,
    alpha: float,
    delta: float,
    plan: Sequence[float] = (),
    watch: bool = True,
) -> Bound:
    """Calibrate on calls that the model did not learn from; see ``metrics.risk_bound``.

    Args:
        confidence: float [n]; ``NEVER`` where the answer cannot be given at home whatever its confidence.
        wrong: bool [n]: other than the upstream said.
        in_scope: float [n].
        group: n names: the class that was answered.
        alpha: disagreement that is borne among the answers given at home.
        delta: chance that this promise is wrong.
        plan: how sure the model was of other rows (``risk_bound.planned``); without, thresholds are ranks of the calls.
        watch: whether to learn what calls look like, too, for the watch over drift.

    Raises:
        InputError: there is no call, or a share is out of range.

    Example:
        >>> sure = np.linspace(1, 0.5, 600)
        >>> found = exit_bound(sure, sure < 0.6, sure, ["a"] * 600, alpha=0.05, delta=0.05)
        >>> found.n_home > 450, found.n_more
        (True, 0)
    """
    able = confidence > NEVER
    thresholds = planned(plan, len(confidence), alpha=alpha, delta=delta) if len(plan) > 1 else None
    found = risk_bound(
        np.where(able, confidence, -np.inf), wrong | ~able, alpha=alpha, delta=delta, thresholds=thresholds
    )
    n, is_on = found.n, found.threshold is not None
    usual = asdict(baseline(1.0 - in_scope, group)) if watch and is_on and n >= FEWEST_USUAL else None
    # Nothing less sure than all that was looked at.
    lowest = float(np.nextafter(confidence[able].min(), NEVER)) if able.any() else NEVER
    threshold = None if found.threshold is None else max(float(found.threshold), lowest)
    least = 0.0 if thresholds is None else BEGIN_SHARE
    more = 0 if is_on else _more(confidence[able], wrong[able], n, alpha, delta, least)
    agreement = float((~wrong).mean())
    return Bound(
        threshold, alpha, delta, n, found.n_home, found.error, found.coverage, found.coverage_ci95, agreement, more,
        usual, _sentence(found, more, agreement),
    )  # fmt: skip


def _more(confidence: np.ndarray, wrong: np.ndarray, n: int, alpha: float, delta: float, least: float) -> int | None:
    """About how many more calls, if they are like these; None where the surest of them differ too often.

    No threshold is tried above which there is less than the share *least*.
    """
    bad = np.cumsum(wrong[np.argsort(-confidence, kind="stable")])
    sizes = np.unique(np.geomspace(1, _MOST_CALLS, 400).astype(int))
    best: list[int] = []
    for k in np.unique((_SHARES[least <= _SHARES] * len(bad)).astype(int)):
        rate = (bad[k - 1] + 0.5) / (k + 1) if k else 1.0  # half a mistake more than was seen: few calls say little
        home = np.floor(sizes * (k / n))
        passes = binom.cdf(np.floor(rate * home), home, alpha) <= delta
        if rate < alpha and passes.any():
            best.append(int(sizes[int(np.argmax(passes))]))
    if not best and len(bad) < 4 / alpha:
        best.append(n + int(np.ceil(np.log(delta) / np.log1p(-alpha))))  # too few to tell: none of them may differ
    return max(min(best) - n, n // 10, 1) if best else None


def _sentence(found: RiskBound, more: int | None, agreement: float) -> str:
    sure, n = f"with confidence {100 * (1 - found.delta):g}%", found.n
    bound = f"at most {100 * found.alpha:g}% of its answers differ from the upstream's, {sure}"
    if more == 0:
        low, high = found.coverage_ci95
        return (
            f"It answers {100 * found.coverage:.1f}% of the calls at home (95% interval {100 * low:.1f} to "
            f"{100 * high:.1f}); {bound}: of {n:,} calls that it did not learn from it was sure of {found.n_home:,}, "
            f"and differed in {100 * (found.error or 0):.2f}% of those."
        )
    seen = (
        f"That {bound}, cannot be vouched for: on {n:,} calls that it did not learn from it agrees in "
        f"{100 * agreement:.1f}%."
    )
    if more is None:
        return f"{seen} Even its surest answers differ too often: not more calls, but better labels or training help."
    return f"{seen} With about {more:,} more such calls it probably can."
