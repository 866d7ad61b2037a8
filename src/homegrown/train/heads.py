"""Fits a linear head on given inputs: strength, calibration and the final fit on every labelled row."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
#: how much labels that nobody looked at may count beside those that are sure, chosen on the sure ones alone: guesses of
#: rules cover some classes and not others, and can then do more harm than good
TRUSTS = (0.0, 0.03, 0.1, 0.3, 1.0)
SURE, FEWEST_SURE, MOST_SURE = 0.999, 40, 0.9
#: how far labels give way to what the model behind them told (Hinton and others 2015, section 2), by held-out rows
SOFTNESS = (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class FittedHead:
    """A head with what validation said of it.

    Attributes:
        head: fitted on all labelled rows.
        judging: the head fitted on the ``fit`` rows alone; its logits on the ``judge`` rows may be compared.
        readout: calibrated on held-out rows.
        report: ``judge`` on the held-out rows, with the strength and how it was chosen.
        softness: how far labels gave way to what was told (``Parts.softness``); 0 where nothing was.
    """

    head: Head
    judging: Head
    readout: Readout
    report: dict[str, Any]
    softness: float = 0.0


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
    everyone = parts.both if crossed else parts.judge
    sure = None if multi else sure_rows(everyone)
    trusts = (1.0,) if sure is None else TRUSTS
    softly = [replace(parts, softness=s) for s in (SOFTNESS if parts.is_told else (0.0,))]
    ways = [(some, trust) for some in softly for trust in trusts]
    n_fits = len(ways) * len(strengths) * (len(cuts) if crossed else 1)
    progress.start(stage, n_fits + (2 if crossed else 1), "fits")
    voted = parts.voted_rows if crossed and parts.n_guessed else np.arange(len(everyone))
    judged = voted if sure is None else sure
    held_out = subset(everyone, judged)
    added: list[np.ndarray] = []
    logits: list[np.ndarray] = []
    paths: list[Head] = []
    for some, trust in ways:
        if crossed:
            targets = some.targets(parts.both)
            weights = trusted(parts.weights(parts.both), parts.both, trust)
            found = crossed_logits(both_inputs, targets, weights, strengths, cuts, multi=multi, progress=progress)
        else:
            weights = trusted(parts.weights(parts.fit), parts.fit, trust)
            path = fit_path(fit_inputs, some.targets(parts.fit), weights, strengths, multi=multi)
            found = [h.logits(judge_inputs) for h in path]
            paths += path
            progress.advance(len(strengths))
        moved = [balance(parts, rows, everyone) for rows in found]
        logits += [(rows + line)[judged] for rows, line in zip(found, moved, strict=True)]
        added += moved
    best = best_of(logits, held_out, multi=multi)
    (chosen, trust), strength = ways[best // len(strengths)], sorted(strengths)[best % len(strengths)]
    readout = fit_readout(logits[best], held_out.probs, multi=multi, none_column=parts.none_column, reject=reject)
    report = {**judge(readout, logits[best], held_out), "strength": strength, "cross_validated": crossed}
    if len(trusts) > 1:
        report["trust"] = trust
    if parts.is_told:
        n_right = [int(right(rows, held_out.probs, multi=multi).sum()) for rows in logits]
        n_hard = max(n_right[: len(trusts) * len(strengths)])
        report["softness"] = {"chosen": chosen.softness, "right": n_right[best], "right_without": n_hard}
    fit_weights = trusted(parts.weights(parts.fit), parts.fit, trust)
    judging = (
        fit_head(fit_inputs, chosen.targets(parts.fit), fit_weights, strength, multi=multi) if crossed else paths[best]
    )
    start = judging if len(parts.fit) else None
    weights = trusted(parts.weights(parts.both), parts.both, trust)
    head = fit_head(both_inputs, chosen.targets(parts.both), weights, strength, multi=multi, start=start)
    progress.advance(2 if crossed else 1)
    progress.finish()
    return FittedHead(head.plus(added[best]), judging.plus(added[best]), readout, report, chosen.softness)


def balance(parts: Parts, logits: np.ndarray, held_out: Examples) -> np.ndarray:
    """What to add to *logits* of the *held_out* rows, float32 [n_outputs]: nothing unless labels are weak."""
    if not parts.weak:
        return np.zeros(logits.shape[1], np.float32)
    return offsets(logits, parts.targets(held_out).mean(0))


def trust_said(report: dict[str, Any]) -> list[str]:
    """What was decided about labels that nobody looked at, and about what models told of theirs, a sentence each."""
    said = []
    if "trust" in report:
        much = "not at all" if not report["trust"] else f"{report['trust']:g} times as much"
        said.append(
            f"labels that nobody looked at count {much}: best on the {report['n']:,} that people or a file gave"
        )
    if "softness" in report:
        found = report["softness"]
        which = "the probabilities that were told were learnt" if found["chosen"] else "answers alone were learnt"
        said.append(
            f"{which}: {found['right']:,} right of {report['n']:,}, {found['right_without']:,} by answers alone"
        )
    return said


def sure_rows(examples: Examples) -> np.ndarray | None:
    """Rows whose label is sure, int [n]; None where nearly all are, or too few are to choose by.

    A label that people agree on, or a file, is sure. One that rules and groups alone vote never weighs 1 in a snapshot.
    """
    sure = np.flatnonzero(examples.weights >= SURE)
    return sure if FEWEST_SURE <= len(sure) < MOST_SURE * len(examples) else None


def trusted(weights: np.ndarray, examples: Examples, trust: float) -> np.ndarray:
    """*weights* with those of unsure labels times *trust*, float32 [n]."""
    return np.where(examples.weights >= SURE, weights, np.float32(trust) * weights)


def best_of(candidates: list[np.ndarray], held_out: Examples, *, multi: bool) -> int:
    """The candidate with the most right answers; of equals the most regularised, which stands first."""
    return int(np.argmax([right(logits, held_out.probs, multi=multi).sum() for logits in candidates]))


def _stack(first: Any, second: Any) -> Any:
    if hasattr(first, "tocsr"):
        return vstack([first, second]).tocsr()
    return np.vstack([first, second])
