"""Answer fewer, be right more often (El-Yaniv and Wiener 2010, JMLR 11:1605, section 2: risk against coverage)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from homegrown.metrics.intervals import wilson_many


@dataclass(frozen=True, slots=True)
class CoveragePoint:
    """Answering the *n* rows whose confidence is at least ``threshold`` is right in ``accuracy`` of them."""

    coverage: float
    n: int
    threshold: float
    accuracy: float
    accuracy_ci95: tuple[float, float]


def coverage_curve(confidence: np.ndarray, right: np.ndarray, *, points: int = 41) -> list[CoveragePoint]:
    """From the most confident rows to all of them; rows that tie in confidence are never parted.

    Args:
        confidence: float [n].
        right: bool [n].
        points: at most so many points, evenly spread over coverage.
    """
    cut = _Cuts(confidence, right)
    if cut.n == 0:
        return []
    wanted = np.ceil(np.linspace(0, cut.n, points + 1)[1:]).astype(int)
    chosen = np.unique(np.minimum(np.searchsorted(cut.counts, wanted), len(cut.counts) - 1))
    return [cut.point(int(i)) for i in chosen]


def coverage_at(confidence: np.ndarray, right: np.ndarray, accuracy: float) -> CoveragePoint | None:
    """The largest share that can be answered while those answers are right in at least *accuracy* of them.

    Read off the same rows that it is stated for, so it flatters a little; None when no share reaches it.

    Example:
        >>> coverage_at(np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, True, True, False]), 0.99).coverage
        0.75
    """
    cut = _Cuts(confidence, right)
    good = np.flatnonzero(cut.hits >= accuracy * cut.counts - 1e-9) if cut.n else np.zeros(0, int)
    return cut.point(int(good[-1])) if len(good) else None


class _Cuts:
    """Cumulative counts at every place where the confidence changes."""

    def __init__(self, confidence: np.ndarray, right: np.ndarray) -> None:
        order = np.argsort(-confidence, kind="stable")
        sure = confidence[order]
        self.n = len(sure)
        last = np.flatnonzero(np.append(sure[1:] != sure[:-1], True)) if self.n else np.zeros(0, int)
        self.counts = last + 1
        self.hits = np.cumsum(right[order])[last] if self.n else np.zeros(0, int)
        self.thresholds = sure[last]
        self.low, self.high = wilson_many(self.hits, self.counts)

    def point(self, i: int) -> CoveragePoint:
        count = int(self.counts[i])
        interval = float(self.low[i]), float(self.high[i])
        return CoveragePoint(count / self.n, count, float(self.thresholds[i]), float(self.hits[i]) / count, interval)
