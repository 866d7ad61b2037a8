"""Out of sample: what linear heads say of rows that they did not see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from homegrown.train.judge import fit_readout
from homegrown.train.parts import folds
from homegrown.train.softmax import fit_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.core.protocols import Progress

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
    logits = crossed_logits(vectors, probs, weights, [STRENGTH], list(folds(probs, seed)))[0]
    readout = fit_readout(logits, probs, multi=False, none_column=False)
    return readout.read(logits).probs


def crossed_logits(
    inputs: Any,
    targets: np.ndarray,
    weights: np.ndarray,
    strengths: Sequence[float],
    cuts: Sequence[tuple[np.ndarray, np.ndarray]],
    *,
    multi: bool = False,
    progress: Progress | None = None,
) -> list[np.ndarray]:
    """Logits float32 [n, n_outputs] of every row for each of *strengths*, weakest first; 0 for rows in no cut.

    Args:
        inputs: float32 [n, dim], dense or sparse.
        targets: float32 [n, n_outputs].
        weights: float32 [n].
        strengths: see ``fit_path``.
        cuts: of ``folds``.
        multi: independent classes.
        progress: told of every fit.
    """
    logits = [np.zeros(targets.shape, np.float32) for _ in strengths]
    for fit_rows, judge_rows in cuts:
        path = fit_path(inputs[fit_rows], targets[fit_rows], weights[fit_rows], strengths, multi=multi)
        for i, head in enumerate(path):
            logits[i][judge_rows] = head.logits(inputs[judge_rows])
        if progress is not None:
            progress.advance(len(strengths))
    return logits
