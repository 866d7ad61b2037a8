"""What more labels would bring: accuracy against the number of training rows, and a power law through it.

A linear head is fitted in closed form (linear discriminant analysis, Fisher 1936, its covariance shrunk towards a
sphere), so that the whole curve costs a few matrix products. Its level is a little below a tuned head's; the slope is
what is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RATES = np.linspace(0.1, 1.5, 29)
N_SIZES, MIN_SIZES, MIN_ROWS = 7, 4, 20
SPHERE_ROWS = 100.0  # the sphere counts as so many rows; from 20 to 1,500 the curve stays the same within a point
RESAMPLES = 400


@dataclass(frozen=True, slots=True)
class LearningPoint:
    """A head fitted on *n* rows is right in ``accuracy`` of those it is measured on; ``gain`` is against all rows."""

    n: int
    accuracy: float
    accuracy_ci95: tuple[float, float]
    gain: float
    gain_ci95: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Learning:
    """A learning curve.

    Attributes:
        points: measured, from few rows to all.
        ahead: read off the power law, for numbers of rows that are not there.
        floor, scale, rate: of error = floor + scale · n^(-rate).
    """

    points: tuple[LearningPoint, ...]
    ahead: tuple[LearningPoint, ...]
    floor: float
    scale: float
    rate: float


def learning_sizes(n: int, n_classes: int) -> list[int]:
    """Numbers of rows, each √2 times the one before, up to *n*; at least a row per class and ``MIN_ROWS`` in each.

    Example:
        >>> learning_sizes(800, 10)
        [100, 141, 200, 283, 400, 566, 800]
    """
    sizes = [round(n / 2 ** (i / 2)) for i in reversed(range(N_SIZES))]
    return [s for s in sizes if s >= max(MIN_ROWS, n_classes)]


def learning_curve(
    train: tuple[np.ndarray, np.ndarray],
    valid: tuple[np.ndarray, np.ndarray],
    *,
    multi: bool = False,
    orders: int = 6,
    ahead: tuple[float, ...] = (2, 4),
    n_rows: int | None = None,
    seed: int = 0,
) -> Learning | None:
    """Measure the curve on nested subsets of *train*, in several random orders, and fit the power law.

    error(n) = floor + scale · n^(-rate), all three at least 0 (Cortes, Jackel, Solla, Vapnik, Denker 1993, "Learning
    Curves: Asymptotic Values and Rate of Convergence"; Hestness et al. 2017, section 2). The intervals are percentiles
    over resampled *valid* rows and orders, the law fitted anew to each, also without the first one or two sizes, for no
    law is quite true; the last size, of which there is one sample, gets the spread that the orders show at the one
    before. They know nothing of rows of another kind.

    Args:
        train: vectors float32 [n, dim] and bool [n, n_classes].
        valid: the same of the rows to measure on.
        multi: a row may have several classes, and is right when all are.
        orders: how many, at least 2.
        ahead: multiples of the number of rows to look ahead to.
        n_rows: rows that there are, when *train* is a sample of them.
        seed: of the orders and the resampling.

    Returns:
        The curve; None when there are too few rows for ``MIN_SIZES`` sizes.
    """
    sizes = learning_sizes(len(train[0]), int(train[1].any(0).sum()))
    if len(sizes) < MIN_SIZES or not len(valid[0]):
        return None
    rng = np.random.default_rng(seed)
    right = np.stack([_nested(train, valid, sizes, rng, multi=multi) for _ in range(orders)])
    spread = float(right.mean(2).std(0, ddof=1)[-2])
    draws = np.concatenate([1 - right.mean((0, 2))[None], _resampled(right, spread, rng)])
    floor, scale, rate = _laws(np.array(sizes, float), draws)
    there = n_rows or sizes[-1]
    asked = np.array([there, *(there * k for k in ahead)], float)
    law = 1 - np.clip(floor[:, None] + scale[:, None] * asked ** -rate[:, None], 0, 1)
    # What is there and what will be there are one sample each: each may lie off the law by the spread of samples.
    law[1:, 1:] += rng.normal(0, 2**0.5 * spread, (RESAMPLES, len(ahead)))
    last = 1 - draws[:, -1:]
    return Learning(
        points=tuple(_point(n, 1 - draws[:, i], 1 - draws[:, i] - last[:, 0]) for i, n in enumerate(sizes)),
        ahead=tuple(
            _point(round(n), np.clip(law[:, i], 0, 1), law[:, i] - law[:, 0]) for i, n in enumerate(asked) if i
        ),
        floor=float(floor[0]),
        scale=float(scale[0]),
        rate=float(rate[0]),
    )


def fit_power_law(sizes: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Least squares of error = floor + scale · n^(-rate), floor and scale at least 0, rate among ``RATES``.

    Args:
        sizes: float [s].
        errors: float [b, s], b curves.

    Returns:
        floor, scale, rate: float [b] each.

    Example:
        >>> n = np.array([100.0, 200.0, 400.0, 800.0])
        >>> [float(v[0].round(3)) for v in fit_power_law(n, (0.05 + 2 * n**-0.5)[None])]
        [0.05, 2.0, 0.5]
    """
    powers = sizes ** -RATES[:, None]
    x = powers - powers.mean(1, keepdims=True)
    mean = errors.mean(1, keepdims=True)
    scale = np.maximum(((errors - mean) @ x.T) / (x**2).sum(1), 0)
    floor = mean - scale * powers.mean(1)
    through_zero = np.maximum((errors @ powers.T) / (powers**2).sum(1), 0)
    scale, floor = np.where(floor < 0, through_zero, scale), np.maximum(floor, 0)
    missed = floor[..., None] + scale[..., None] * powers - errors[:, None, :]
    best = (missed**2).sum(2).argmin(1)
    row = np.arange(len(errors))
    return floor[row, best], scale[row, best], RATES[best]


def _laws(sizes: np.ndarray, draws: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``fit_power_law`` of each draw; all but the first take turns in leaving out no, one or two of the first sizes."""
    drop = np.arange(len(draws)) % min(3, len(sizes) - MIN_SIZES + 1)
    found = np.empty((3, len(draws)))
    for k in np.unique(drop):
        found[:, drop == k] = fit_power_law(sizes[k:], draws[drop == k, k:])
    return found[0], found[1], found[2]


def _point(n: int, accuracy: np.ndarray, gain: np.ndarray) -> LearningPoint:
    """From the value itself (first) and its resamples (the others)."""
    values = np.percentile(np.stack([accuracy[1:], gain[1:]], axis=1), [2.5, 97.5], axis=0)
    low, high = np.minimum(values[0], [accuracy[0], gain[0]]), np.maximum(values[1], [accuracy[0], gain[0]])
    ends = [(float(a), float(b)) for a, b in zip(low, high, strict=True)]
    return LearningPoint(n, float(accuracy[0]), ends[0], float(gain[0]), ends[1])


def _resampled(right: np.ndarray, spread: float, rng: np.random.Generator) -> np.ndarray:
    """Errors float64 [RESAMPLES, n_sizes] of *right*, bool [n_orders, n_sizes, n_rows]; orders and rows resampled."""
    n_orders, n_sizes, n_rows = right.shape
    rows = rng.multinomial(n_rows, np.full(n_rows, 1 / n_rows), RESAMPLES).astype(np.float32) / n_rows
    by_order = (rows @ right.reshape(-1, n_rows).T.astype(np.float32)).reshape(RESAMPLES, n_orders, n_sizes)
    orders = rng.multinomial(n_orders, np.full(n_orders, 1 / n_orders), RESAMPLES) / n_orders
    errors = 1 - np.einsum("bo,bos->bs", orders, by_order)
    errors[:, -1] += rng.normal(0, spread, RESAMPLES)
    return np.clip(errors, 0, 1)


def _nested(
    train: tuple[np.ndarray, np.ndarray],
    valid: tuple[np.ndarray, np.ndarray],
    sizes: list[int],
    rng: np.random.Generator,
    *,
    multi: bool,
) -> np.ndarray:
    """Which valid rows are right after each of *sizes* rows of one random order, bool [n_sizes, n_valid].

    Each subset holds the one before, so its sums are those plus the new rows'.
    """
    order = rng.permutation(len(train[0]))
    x, y = train[0][order], train[1][order]
    dim, n_classes = x.shape[1], y.shape[1]
    sums = _Sums(np.zeros((dim, dim)), np.zeros(dim), np.zeros((n_classes, dim)), np.zeros(n_classes), 0)
    found, start = [], 0
    for size in sizes:
        sums = sums.more(x[start:size], y[start:size])
        weight, bias = _several(sums) if multi else _one(sums)
        scores = valid[0] @ weight.astype(np.float32) + bias.astype(np.float32)
        truth, start = valid[1], size
        found.append(((scores > 0) == truth).all(1) if multi else truth[np.arange(len(truth)), scores.argmax(1)])
    return np.stack(found)


@dataclass(frozen=True, slots=True)
class _Sums:
    """All that the heads need of n rows: products [dim, dim], the vectors' sum, the sum and number by class."""

    products: np.ndarray
    total: np.ndarray
    by_class: np.ndarray
    counts: np.ndarray
    n: int

    def more(self, x: np.ndarray, y: np.ndarray) -> _Sums:
        return _Sums(
            self.products + x.T @ x,
            self.total + x.sum(0),
            self.by_class + y.T.astype(np.float32) @ x,
            self.counts + y.sum(0),
            self.n + len(x),
        )

    def covariance(self, scatter: np.ndarray) -> np.ndarray:
        """*scatter* [dim, dim] joined with ``SPHERE_ROWS`` rows of a sphere with the variance of all vectors."""
        mean = self.total / self.n
        variance = (np.trace(self.products) / self.n - mean @ mean) / len(mean)
        return (scatter + SPHERE_ROWS * variance * np.eye(len(mean))) / (self.n + SPHERE_ROWS) + 1e-9 * np.eye(
            len(mean)
        )


def _one(sums: _Sums) -> tuple[np.ndarray, np.ndarray]:
    """Weights [dim, n_classes] and biases of classes that exclude one another; an unseen one is never the best."""
    seen = sums.counts > 0
    means = sums.by_class / np.maximum(sums.counts, 1)[:, None]
    inner = sums.covariance(sums.products - (means.T * sums.counts) @ means)
    weight = np.linalg.solve(inner, means.T)
    prior = np.log(np.maximum(sums.counts, 1) / sums.n)
    return weight, np.where(seen, prior - (means.T * weight).sum(0) / 2, -1e9)


def _several(sums: _Sums) -> tuple[np.ndarray, np.ndarray]:
    """The same for classes by themselves, each against its absence; a score above 0 says yes.

    The covariance within a class and its absence is the total one less what lies between the two, whose inverse
    follows from the total one's (Sherman and Morrison 1950), so that one system is solved for all classes.
    """
    n, share = sums.n, np.clip(sums.counts / sums.n, 0.5 / sums.n, 1 - 0.5 / sums.n)
    with_it = sums.by_class / np.maximum(sums.counts, 1)[:, None]
    without = (sums.total - sums.by_class) / np.maximum(n - sums.counts, 1)[:, None]
    apart = np.where((sums.counts > 0)[:, None] & (sums.counts < n)[:, None], with_it - without, 0.0)
    mean = sums.total / n
    weight = np.linalg.solve(sums.covariance(sums.products - n * np.outer(mean, mean)), apart.T)
    between = share * (1 - share) * (apart.T * weight).sum(0)
    weight = weight / np.maximum(1 - between, 1e-2)
    return weight, np.log(share / (1 - share)) - ((with_it + without).T * weight).sum(0) / 2
