"""Probabilities out of sample: what linear heads say of records that they did not see."""

from __future__ import annotations

import numpy as np

from homegrown.core.models import Examples
from homegrown.train.judge import fit_readout
from homegrown.train.parts import folds
from homegrown.train.softmax import fit_head

STRENGTH = 0.1


def out_of_sample(vectors: np.ndarray, given: np.ndarray, n_classes: int, *, seed: int = 0) -> np.ndarray:
    """Cross-validated, calibrated probabilities of each row, by heads that were fitted on the other folds.

    Args:
        vectors: float32 [n, dim].
        given: int [n], the labels as they stand.
        n_classes: of the task; one without rows gets next to nothing.
        seed: draws the folds.

    Returns:
        float32 [n, n_classes].
    """
    probs = np.eye(n_classes, dtype=np.float32)[given]
    weights = np.ones(len(given), np.float32)
    names = [""] * len(given)
    logits = np.zeros_like(probs)
    for fitted, left in folds(Examples(names, probs, weights, names), seed):
        if len(fitted) and len(left):
            head = fit_head(vectors[fitted], probs[fitted], weights[fitted], STRENGTH, max_iter=60)
            logits[left] = head.logits(vectors[left])
    readout = fit_readout(logits, probs, multi=False, none_column=False)
    return readout.read(logits).probs
