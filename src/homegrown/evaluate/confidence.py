"""How far a confidence can be relied on: answer fewer, be right more often."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from homegrown.metrics.coverage import coverage_at, coverage_curve

if TYPE_CHECKING:
    import numpy as np

WANTED = (0.90, 0.95, 0.97, 0.99)


def coverage_of(sure: np.ndarray, right: np.ndarray) -> dict[str, Any]:
    """The curve, and the share that one can answer at 90, 95, 97 and 99% accuracy, as an evaluation holds them.

    Args:
        sure: float [n], confidence in each answer.
        right: bool [n].
    """
    wanted = [(a, coverage_at(sure, right, a)) for a in WANTED]
    return {
        "curve": [asdict(p) for p in coverage_curve(sure, right)],
        "wanted": [{"wanted": a, **(asdict(p) if p else {"coverage": 0.0, "n": 0})} for a, p in wanted],
    }
