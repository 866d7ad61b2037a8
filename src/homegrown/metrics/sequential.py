"""Intervals and tests that hold however often one looks, and whenever one stops.

All stand on Ville's inequality (Ville 1939): a fair bettor's wealth ever exceeds 1/level with probability at most
level. A value of the mean is refuted once a bettor who bets against it has become so rich (Waudby-Smith and Ramdas
2024, "Estimating means of bounded random variables by betting", JRSS B 86:1; first as arXiv 2010.09686).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import betaln, logsumexp, ndtri

POINTS = 401
BATCH = 25
_FRACTIONS = np.geomspace(0.005, 0.9, 14)
_TUNED = 0.8
# The date is aim² divided into this: where the variance is 0.1, a fixed test at 5% tells an aim then in 88% of cases.
_DEADLINE = 0.8
_DATED, _BEYOND = 0.7, 1.1
_TIMID = 0.75  # no bet risks more than this share of the wealth
_JUMPS = (1.5, 2.0, 4.0, 8.0, 16.0)


class _Side:
    """Bets that the mean is above each value of a grid; the wealth of each.

    Most of the money has a date: it is bet so that, if at all, it has become enough when a test of fixed size would
    end, as one hedges an option that pays out then or never (Browne 1999, "Reaching goals by a deadline: digital
    options and continuous-time active portfolio management", Advances in Applied Probability 31:551; Kulldorff 1993,
    SIAM Journal on Control and Optimization 31:52). It aims at a little more than is enough, so that the end may come
    before the date.
    """

    def __init__(self, low: float, grid: np.ndarray, aim: float, level: float) -> None:
        self.grid, self._aim = grid, aim
        self._most = 1.0 / np.maximum(grid - low, 1e-9)
        self._deadline, self._n = max(1, round(_DEADLINE / aim**2)), 0
        self._goal = float(np.log(_BEYOND / (level * _DATED)))
        self._dated = np.zeros(len(grid))
        self._mixed = np.zeros((len(_FRACTIONS), len(grid)))
        self._tuned = np.zeros(len(grid))
        self.best = np.zeros(len(grid))

    def update(self, values: np.ndarray, counts: np.ndarray, variance: float) -> None:
        """Take in a batch; *variance* is of what came before it, so that the bet was placed before the outcome."""
        bet = np.minimum(self._aim / (variance + self._aim**2), _TIMID * self._most)
        dated = self._dated_bet(variance, bet)
        self._n += int(counts.sum())
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            gain = value - self.grid
            self._tuned += count * np.log1p(bet * gain)
            self._dated += count * np.log1p(dated * gain)
            self._mixed += count * np.log1p(_FRACTIONS[:, None] * (self._most * gain)[None, :])
        self.best = np.maximum(self.best, self.log_wealth())

    def _dated_bet(self, variance: float, tuned: np.ndarray) -> np.ndarray:
        """The hedge at the present share of the goal; nothing once it is reached, as the others after the date."""
        share = np.clip(np.exp(self._dated - self._goal), 1e-12, 1 - 1e-9)
        left = max(self._deadline - self._n, BATCH)
        slope = np.exp(-(ndtri(share) ** 2) / 2) / np.sqrt(2 * np.pi)
        hedge = np.minimum(slope / (share * np.sqrt(variance * left)), _TIMID * self._most)
        bet = hedge if self._n < self._deadline else np.minimum(hedge, tuned)
        return np.where(self._dated >= self._goal, 0.0, bet)

    def log_wealth(self) -> np.ndarray:
        """Of all bets: that with a date, that for the aim, and a mixture of fixed ones."""
        mixture = logsumexp(self._mixed, axis=0) - np.log(len(_FRACTIONS))
        open_end = np.logaddexp(self._tuned + np.log(_TUNED), mixture + np.log(1 - _TUNED))
        return np.logaddexp(self._dated + np.log(_DATED), open_end + np.log(1 - _DATED))


class MeanSequence:
    """The mean of a stream of bounded values, followed while it comes in.

    Args:
        low: no value lies below.
        high: no value lies above.
        aim: the distance from the truth at which a value should be refuted soon. It costs no validity, only speed at
            other distances.
        marks: values that a question will be asked about; the grid holds them exactly.
        points: of the grid: the resolution of the interval.
        within: where the mean can lie, when that is narrower than where the values can.
        levels: at which "at most" and "at least" will be refuted; they too cost speed only.

    Example:
        >>> seen = MeanSequence(-1, 1, aim=0.1)
        >>> seen.update(np.tile([1.0, 0.0, 0.0, 0.0], 250))
        >>> low, high = seen.interval(0.05)
        >>> low < 0.25 < high and high - low < 0.2
        True
    """

    def __init__(
        self,
        low: float,
        high: float,
        *,
        aim: float,
        marks: tuple[float, ...] = (),
        points: int = POINTS,
        within: tuple[float, float] | None = None,
        levels: tuple[float, float] = (0.05, 0.05),
    ) -> None:
        self.low, self.high = low, high
        grid = np.unique(np.concatenate([np.linspace(*(within or (low, high)), points), np.asarray(marks, float)]))
        self._above = _Side(low, grid, aim, levels[0])
        self._below = _Side(-high, -grid[::-1], aim, levels[1])
        # A first guess of the spread that weighs as much as ten values.
        self.n, self._sum = 0, 0.0
        self._square = 10 * (high - low) ** 2 / 40

    def update(self, values: np.ndarray) -> None:
        """Take in the next values, in their order."""
        for start in range(0, len(values), BATCH):
            batch = np.asarray(values[start : start + BATCH], float)
            found, counts = np.unique(batch, return_counts=True)
            variance = self.variance
            self._above.update(found, counts, variance)
            self._below.update(-found[::-1], counts[::-1], variance)
            self.n += len(batch)
            self._sum += float(batch.sum())
            self._square += float((batch**2).sum())

    @property
    def mean(self) -> float:
        """Of what came."""
        return self._sum / self.n if self.n else (self.low + self.high) / 2

    @property
    def variance(self) -> float:
        """Of what came, with the first guess in it."""
        return max(self._square / (self.n + 10) - (self._sum / (self.n + 10)) ** 2, 1e-6)

    def evidence_above(self, value: float) -> float:
        """Log of the most wealth that ever spoke for a mean above *value*, a mark; log(1/level) refutes "at most"."""
        return float(self._above.best[np.argmin(np.abs(self._above.grid - value))])

    def evidence_below(self, value: float) -> float:
        """The same for a mean below *value*."""
        return float(self._below.best[np.argmin(np.abs(self._below.grid + value))])

    def interval(self, level: float) -> tuple[float, float]:
        """Bounds of which each is ever wrong with probability at most *level*."""
        bounds = []
        for side in (self._above, self._below):
            kept = np.flatnonzero(side.best < np.log(1 / level))
            # One step back on the grid: between two of its points nothing was tested.
            bounds.append(float(side.grid[max(0, kept[0] - 1)]) if len(kept) else float(side.grid[-1]))
        return bounds[0], -bounds[1]


def proportion(
    k: float, n: int, level: float = 0.05, *, prior: tuple[float, float] = (0.5, 0.5)
) -> tuple[float, float]:
    """Bounds of a proportion after *k* of *n*; both together are ever wrong with probability at most *level*.

    They hold for the mean of shares between 0 and 1 that add up to *k*, too: none varies more than an outcome would.

    Robbins' mixture over a beta prior (Robbins 1970, Annals of Mathematical Statistics 41:1397; Howard, Ramdas,
    McAuliffe, Sekhon 2021, Annals of Statistics 49:1055, section 3): closed form, no matter when one stops.

    Example:
        >>> [round(x, 3) for x in proportion(0, 300)]
        [0.0, 0.021]
    """
    a, b = prior
    mixed = float(betaln(a + k, b + n - k) - betaln(a, b))

    def kept(p: float) -> bool:
        plain = (k * np.log(p) if k else 0.0) + ((n - k) * np.log1p(-p) if n > k else 0.0)
        return bool(mixed - plain < np.log(1 / level))

    centre = min(max(k / n if n else 0.5, 1e-9), 1 - 1e-9)
    return _edge(kept, centre, 0.0), _edge(kept, centre, 1.0)


def _edge(kept: Any, inside: float, outside: float) -> float:
    """Where *kept* ends on the way from *inside* to *outside*."""
    far = abs(outside - 1e-12)
    if kept(far):
        return outside
    for _ in range(60):
        middle = (inside + far) / 2
        inside, far = (middle, far) if kept(middle) else (inside, middle)
    return far


@dataclass(slots=True)
class RunningError:
    """Has the error risen above *alpha*, at the beginning or at any time since? A watch over random audits.

    While every audit is wrong with a chance of at most *alpha*, it ever says so with probability at most *delta*.
    Half of the bettor's money is staked at the start, the rest at each later audit t in proportion to 1 / (t (t +
    1)), so that a long good time does not eat what a later change is to be seen with (a Shiryaev-Roberts mixture that
    spends delta once: Shin, Ramdas, Rinaldo 2024, "E-detectors", New England Journal of Statistics in Data Science
    2:229, section 3).

    Attributes:
        alpha: the error that is borne.
        delta: chance of a false alarm, for all time.
        n: audits.
        n_wrong: of them wrong.
        stakes: wealth of each bet, as plain numbers.
        most: the largest wealth of all together so far.

    Example:
        >>> watch = RunningError(0.02, 0.05)
        >>> [watch.update(True) for _ in range(3)]
        [False, True, True]
    """

    alpha: float
    delta: float
    n: int = 0
    n_wrong: float = 0
    stakes: list[float] | None = None
    most: float = 1.0

    def update(self, wrong: float) -> bool:
        """Take in the outcome of one audit; whether the bound is broken.

        Args:
            wrong: whether it was, or a share between 0 and 1, of which *alpha* is borne on average: the bet is linear
                in it, so that it stays fair.
        """
        rates = np.minimum(np.array(_JUMPS) * self.alpha, (1 + self.alpha) / 2)
        share = float(wrong)
        grown = share * rates / self.alpha + (1 - share) * (1 - rates) / (1 - self.alpha)
        self.n += 1
        self.n_wrong += int(wrong) if share in (0.0, 1.0) else share
        before = np.full(len(rates), 0.5) if self.stakes is None else np.array(self.stakes)
        after = (before + 0.5 / (self.n * (self.n + 1))) * grown
        self.stakes = after.tolist()
        self.most = max(self.most, float(after.mean()) + 0.5 / (self.n + 1))
        return self.broken

    @property
    def broken(self) -> bool:
        """Whether it ever was."""
        return self.most >= 1 / self.delta

    def interval(self) -> tuple[float, float]:
        """Of the error over all audits, valid at every moment, at the level 1 - delta."""
        return proportion(self.n_wrong, self.n, self.delta)
