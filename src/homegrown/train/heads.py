"""Fits a linear head on given inputs: strength, calibration and the final fit on every labelled row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import vstack

from homegrown.train.balance import offsets
from homegrown.train.crossed import crossed_logits
from homegrown.train.judge import fit_readout, judge, right
from homegrown.train.parts import folds, subset
from homegrown.train.softmax import Head, fit_head, fit_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.core.models import Examples
    from homegrown.core.protocols import Progress
    from homegrown.inference.readout import Readout
    from homegrown.train.parts import Parts

CROSS_VALIDATE_BELOW = 3000
#: weak labels lose by a line between classes that a few rows have drawn
WEAK_BELOW = 10_000


@dataclass(frozen=True, slots=True)
class FittedHead:
    """A head with what validation said of it.

    Attributes:
        head: fitted on all labelled rows.
        judging: the head fitted on the ``fit`` rows alone; its logits on the ``judge`` rows may be compared.
        readout: calibrated on held-out rows.
        report: ``judge`` on the held-out rows, with the strength and how it was chosen.
    """

    head: Head
    judging: Head
    readout: Readout
    report: dict[str, Any]


def choose_head(
    parts: Parts,
    fit_inputs: Any,
    judge_inputs: Any,
    strengths: Sequence[float],
    *,
    stage: str,
    seed: int,
    progress: Progress,
    reject: float,
) -> FittedHead:
    """Choose the strength on held-out rows, calibrate there, then fit on every labelled row.

    With few rows the choice is made by five-fold cross-validation over all of them, for a small validation split would
    decide by chance; with many, on the validation split, which is then large enough and five times cheaper.

    Args:
        parts: the rows.
        fit_inputs: float32 [n, dim] of the fit rows, dense or sparse.
        judge_inputs: the same of the judge rows.
        strengths: candidates.
        stage: what the progress is called.
        seed: draws the folds.
        progress: told at each fit, those of the folds counted one by one.
        reject: see ``fit_readout``.
    """
    multi = parts.data.multi
    both_inputs = _stack(fit_inputs, judge_inputs)
    crossed = len(parts.both) < (WEAK_BELOW if parts.weak else CROSS_VALIDATE_BELOW) or len(parts.judge) == 0
    cuts = list(folds(parts.both.probs, seed)) if crossed else []
    progress.start(stage, len(strengths) * len(cuts) + 2 if crossed else len(strengths) + 1, "fits")
    targets, weights = parts.targets(parts.both), parts.weights(parts.both)
    path: list[Any] = []
    if crossed:
        held_out = parts.both
        logits = crossed_logits(both_inputs, targets, weights, strengths, cuts, multi=multi, progress=progress)
    else:
        path = fit_path(fit_inputs, parts.targets(parts.fit), parts.weights(parts.fit), strengths, multi=multi)
        held_out, logits = parts.judge, [h.logits(judge_inputs) for h in path]
        progress.advance(len(strengths))
    added = [balance(parts, z, held_out) for z in logits]
    logits = [z + a for z, a in zip(logits, added, strict=True)]
    if crossed and parts.n_guessed:
        held_out, logits = subset(held_out, parts.voted_rows), [z[parts.voted_rows] for z in logits]
    best = best_of(logits, held_out, multi=multi)
    strength = sorted(strengths)[best]
    readout = fit_readout(logits[best], held_out.probs, multi=multi, none_column=parts.none_column, reject=reject)
    report = {**judge(readout, logits[best], held_out), "strength": strength, "cross_validated": crossed}
    judging = (
        fit_head(fit_inputs, parts.targets(parts.fit), parts.weights(parts.fit), strength, multi=multi)
        if crossed
        else path[best]
    )
    start = judging if len(parts.fit) else None
    head = fit_head(both_inputs, targets, weights, strength, multi=multi, start=start)
    progress.advance(2 if crossed else 1)
    progress.finish()
    return FittedHead(head.plus(added[best]), judging.plus(added[best]), readout, report)


def balance(parts: Parts, logits: np.ndarray, held_out: Examples) -> np.ndarray:
    """What to add to *logits* of the *held_out* rows, float32 [n_outputs]: nothing unless labels are weak."""
    if not parts.weak:
        return np.zeros(logits.shape[1], np.float32)
    return offsets(logits, parts.targets(held_out).mean(0))


def best_of(candidates: list[np.ndarray], held_out: Examples, *, multi: bool) -> int:
    """The candidate with the most right answers; of equals the most regularised, which stands first."""
    return int(np.argmax([right(logits, held_out.probs, multi=multi).sum() for logits in candidates]))


def _stack(first: Any, second: Any) -> Any:
    if hasattr(first, "tocsr"):
        return vstack([first, second]).tocsr()
    return np.vstack([first, second])
