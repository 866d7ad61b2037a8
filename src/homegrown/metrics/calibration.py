"""Whether "80% sure" is right 80% of the time."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from homegrown.metrics.intervals import RESAMPLES, bootstrap_rows, wilson


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows of similar confidence: what was promised (``confidence``) and what came true (``accuracy``)."""

    n: int
    low: float
    high: float
    confidence: float
    accuracy: float
    accuracy_ci95: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Over n answers: the mean gap between promise and truth, and the mean squared error of the promise."""

    n: int
    ece: float
    ece_ci95: tuple[float, float]
    brier: float
    brier_ci95: tuple[float, float]
    bins: tuple[Bin, ...]


def calibration(
    confidence: np.ndarray,
    right: np.ndarray,
    *,
    row: np.ndarray | None = None,
    n_bins: int = 10,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Calibration:
    """Measure the calibration of the top answer.

    The expected calibration error is taken over bins of equal mass (Nguyen and O'Connor 2015, section 4;
    Nixon et al. 2019, section 3.2), since bins of equal width leave most of them empty. It is biased upwards when bins
    are small; so there are at least 20 rows to a bin. Brier score: Brier 1950, of the event "the answer is right".

    Args:
        confidence: float [n], the probability given to the answer.
        right: bool [n].
        row: int [n], the text that each answer is about, where one text gets several: texts are resampled, so that
            their answers stay together. None: each answer is about a text of its own.
        n_bins: at most.
        seed: of the bootstrap.
        resamples: of the bootstrap; at most 200 above 20,000 rows.
    """
    n = len(confidence)
    if n == 0:
        return Calibration(0, 0.0, (0.0, 1.0), 0.0, (0.0, 1.0), ())
    order = np.argsort(confidence, kind="stable")
    sure, hit = confidence[order].astype(float), right[order].astype(float)
    count = int(np.clip(n // 20, 1, n_bins))
    edges = np.linspace(0, n, count + 1).astype(int)
    bins = tuple(_bin(sure[a:b], hit[a:b]) for a, b in pairwise(edges))
    group = np.searchsorted(edges[1:-1], np.arange(n), side="right")
    gap, squared = sure - hit, (sure - hit) ** 2
    text = np.arange(n) if row is None else np.unique(row[order], return_inverse=True)[1]
    n_texts = int(text.max()) + 1

    def ece(texts: np.ndarray) -> float:
        times = np.bincount(texts, minlength=n_texts)[text]
        return float(np.abs(np.bincount(group, gap * times, count)).sum() / max(1, times.sum()))

    value = ece(np.arange(n_texts))
    resamples = resamples if n <= 20_000 else min(200, resamples)
    interval = bootstrap_rows(ece, n_texts, seed=seed, resamples=resamples)
    spread = 1.96 * float(np.bincount(text, squared - squared.mean()).std()) * np.sqrt(n_texts) / n
    brier = float(squared.mean())
    return Calibration(
        n, value, (min(interval[0], value), interval[1]), brier, (max(0.0, brier - spread), brier + spread), bins
    )


def _bin(sure: np.ndarray, hit: np.ndarray) -> Bin:
    return Bin(
        n=len(sure),
        low=float(sure[0]),
        high=float(sure[-1]),
        confidence=float(sure.mean()),
        accuracy=float(hit.mean()),
        accuracy_ci95=wilson(float(hit.sum()), len(hit)),
    )
