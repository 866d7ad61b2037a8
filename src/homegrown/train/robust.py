"""Fitting where labels are noisy: rows whose label is likely wrong weigh as much as it is likely right.

Reweighting by an estimate of the noise (Liu and Tao 2016, "Classification with Noisy Labels by Importance
Reweighting"), here by ``metrics.label_errors`` on cross-fitted probabilities and neighbours.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from homegrown.metrics.label_errors import label_errors, with_neighbours
from homegrown.train.crossed import out_of_sample

if TYPE_CHECKING:
    from homegrown.train.parts import Parts

FEWEST_ROWS = 50
#: neighbours are looked for among so many rows at most
_POOL = 20_000


def reweighted(parts: Parts, vectors: np.ndarray, seed: int) -> tuple[Parts, float] | None:
    """*parts* with doubtful labels made light, and the estimated share of wrong ones; None where it cannot be told.

    Args:
        parts: with one class per row.
        vectors: float32 [n, dim] of ``parts.both``.
        seed: draws the folds.
    """
    both = parts.both
    rows = np.flatnonzero(both.probs.sum(1) > 0)
    if parts.data.multi or len(rows) < FEWEST_ROWS:
        return None
    given, inside = both.probs[rows].argmax(1), vectors[rows]
    n_classes = both.probs.shape[1]
    pool = None if len(rows) <= _POOL else np.sort(np.random.default_rng(seed).permutation(len(rows))[:_POOL])
    probs = out_of_sample(inside, given, n_classes, seed=seed)
    found = label_errors(given, with_neighbours(given, probs, inside, others=pool))
    weights = both.weights.astype(np.float32).copy()
    weights[rows] *= 1 - found.score.astype(np.float32)
    n_fit = len(parts.fit)
    lighter = replace(
        parts,
        fit=replace(parts.fit, weights=weights[:n_fit]),
        both=replace(both, weights=weights),
    )
    return lighter, found.rate
