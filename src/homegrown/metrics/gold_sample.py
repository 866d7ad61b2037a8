"""Which answered calls a person should look at, and what these say of all calls.

Strata are where two models agree and where they do not: almost every difference hides in the second, which is small, so
it is looked at more often; weights take that back (Horvitz and Thompson 1952, JASA 47:663).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from homegrown.errors import InputError
from homegrown.metrics.risk_bound import clopper_pearson


@dataclass(frozen=True, slots=True)
class Drawn:
    """A sample.

    Attributes:
        rows: int [k], the calls to look at, in their order.
        weight: float [k], one over the chance with which each was drawn.
    """

    rows: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share of all calls, from a sample.

    Attributes:
        value: without bias.
        ci95: an interval that holds at small counts too.
        n: calls that were looked at.
        n_all: calls that they stand for.
    """

    value: float
    ci95: tuple[float, float]
    n: int
    n_all: int


def shares(n_by_stratum: np.ndarray, n: int, spread: np.ndarray) -> np.ndarray:
    """The chance of each stratum's calls to be drawn, so that about *n* are (Neyman 1934, JRSS 97:558).

    Args:
        n_by_stratum: int [s].
        n: calls that a person will look at.
        spread: float [s], the guessed standard deviation of what is asked within each stratum, above 0.

    Example:
        >>> shares(np.array([900, 100]), 100, np.array([0.1, 0.5])).round(3).tolist()
        [0.071, 0.357]
    """
    if n <= 0 or (spread <= 0).any():
        raise InputError("A sample has at least one call, and every stratum some spread.")
    chance = np.zeros(len(spread))
    free = n_by_stratum > 0
    left = float(n)
    while free.any():
        chance[free] = left * spread[free] / float((n_by_stratum * spread)[free].sum())
        full = free & (chance >= 1)
        if not full.any():
            break
        chance[full] = 1.0
        left = max(0.0, left - float(n_by_stratum[full].sum()))
        free &= ~full
    return np.clip(chance, 0.0, 1.0)


def draw(stratum: np.ndarray, chance: np.ndarray, rng: np.random.Generator) -> Drawn:
    """Each call by itself, with the chance of its stratum: so a stream can be drawn from while it comes.

    Args:
        stratum: int [n].
        chance: float [s].
        rng: decides.
    """
    each = chance[stratum]
    rows = np.flatnonzero(rng.random(len(stratum)) < each)
    return Drawn(rows, 1.0 / each[rows])


def stratified(n_by_stratum: np.ndarray, n_looked: np.ndarray, n_yes: np.ndarray) -> Estimate:
    """The share of "yes" among all calls.

    Each stratum counts by its known size; the interval joins Clopper-Pearson limits of the strata as Zou, Huang, Zhang
    2009 (Computational Statistics and Data Analysis 53:1080) do for sums. A stratum nobody looked at may be anything.

    Args:
        n_by_stratum: int [s], calls.
        n_looked: int [s], of them looked at.
        n_yes: int [s], of those "yes".

    Example:
        >>> round(stratified(np.array([900, 100]), np.array([90, 100]), np.array([90, 40])).value, 3)
        0.94
    """
    size = n_by_stratum / max(1, int(n_by_stratum.sum()))
    value, below, above = 0.0, 0.0, 0.0
    for part, n, k in zip(size.tolist(), n_looked.tolist(), n_yes.tolist(), strict=True):
        here = k / n if n else 0.5
        low, high = clopper_pearson(k, n) if n else (0.0, 1.0)
        value += part * here
        below += (part * (here - low)) ** 2
        above += (part * (high - here)) ** 2
    interval = max(0.0, value - below**0.5), min(1.0, value + above**0.5)
    return Estimate(value, interval, int(n_looked.sum()), int(n_by_stratum.sum()))
