"""Intervals for proportions and for paired differences."""

from __future__ import annotations

import math

Z95 = 1.959963984540054


def wilson(n_right: float, n: int, z: float = Z95) -> tuple[float, float]:
    """Wilson score interval of a proportion (Wilson 1927, JASA 22:209; Brown, Cai, DasGupta 2001, section 3.1.1).

    Args:
        n_right: successes, 0 to *n*.
        n: trials; with 0 the answer is (0, 1), for nothing is known.
        z: normal quantile of the level, 1.96 for 95%.

    Example:
        >>> [round(x, 4) for x in wilson(90, 100)]
        [0.8256, 0.9448]
    """
    if n == 0:
        return 0.0, 1.0
    p = n_right / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, centre - half), min(1.0, centre + half)
