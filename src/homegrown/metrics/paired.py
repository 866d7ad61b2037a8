"""Two models on the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from homegrown.metrics.exact import binomial_midp
from homegrown.metrics.intervals import RESAMPLES, paired_difference, percentile95

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Paired:
    """First against second: only the rows on which one is right and the other wrong can decide.

    Attributes:
        difference: accuracy of the first minus that of the second.
        p_value: two-sided, McNemar mid-p.
    """

    n: int
    n_both: int
    n_first: int
    n_second: int
    n_neither: int
    difference: float
    difference_ci95: tuple[float, float]
    p_value: float


def mcnemar(first: np.ndarray, second: np.ndarray) -> Paired:
    """Compare two models by which rows they get right, both bool [n].

    McNemar's test in its mid-p form, which keeps its level with few discordant rows without the caution of
    the exact one (Fagerland, Lydersen, Laake 2013, BMC Med Res Methodol 13:91, section "Mid-p"); the interval is
    Newcombe's (``intervals.paired_difference``).

    Example:
        >>> mcnemar(np.array([1, 1, 1, 0], bool), np.array([1, 0, 0, 0], bool)).difference
        0.5
    """
    both, only_first = int((first & second).sum()), int((first & ~second).sum())
    only_second, neither = int((~first & second).sum()), int((~first & ~second).sum())
    n = len(first)
    return Paired(
        n=n,
        n_both=both,
        n_first=only_first,
        n_second=only_second,
        n_neither=neither,
        difference=(only_first - only_second) / n if n else 0.0,
        difference_ci95=paired_difference(both, only_first, only_second, neither),
        p_value=binomial_midp(only_first, only_first + only_second),
    )


def paired_bootstrap(
    statistic: Callable[[np.ndarray, np.ndarray], float],
    first: np.ndarray,
    second: np.ndarray,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[float, tuple[float, float]]:
    """Difference of a statistic between two models, with a 95% interval: both are resampled by the same rows.

    Args:
        statistic: gets the answers of one model on a resample and the row numbers of it.
        first: answers [n, …] of the first model.
        second: answers [n, …] of the second.
        seed: of the resampling.
        resamples: how many.

    Returns:
        statistic(first) - statistic(second), and its percentile interval (Efron and Tibshirani 1993, chapter 13).
    """
    n = len(first)
    rng = np.random.default_rng(seed)
    every = np.arange(n)
    value = statistic(first, every) - statistic(second, every)
    draws = (rng.integers(0, n, n) for _ in range(resamples))
    return value, percentile95(np.array([statistic(first[r], r) - statistic(second[r], r) for r in draws]))


def n_to_tell(difference: float, discordant: float, *, power_z: float = 0.8416, level_z: float = 1.96) -> int | None:
    """How many rows a paired comparison needs to see *difference* with 80% power at the 5% level.

    Connor 1987, Biometrics 43:207, formula 3; *discordant* is the share of rows on which the two differ.

    Example:
        >>> n_to_tell(0.02, 0.08)
        1568
    """
    if difference == 0:
        return None
    spread = max(0.0, discordant - difference * difference)
    return int(np.ceil((level_z * np.sqrt(discordant) + power_z * np.sqrt(spread)) ** 2 / difference**2))
