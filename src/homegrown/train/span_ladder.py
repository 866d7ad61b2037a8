"""The ladder of models that find spans: patterns, a CRF, heads on the frozen encoder, the encoder trained too.

As ``train.auto`` climbs for classes: every rung answers the same validation texts before it learns from them, and a
larger one is taken where it is worth it, while there is time. What is compared are the spans of one type in one text:
right where all of them were found and nothing else.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from homegrown.metrics.intervals import wilson
from homegrown.train.auto import GOOD_ENOUGH, SURE_WITH_FEW
from homegrown.train.judge import SURE, worth_it
from homegrown.train.rung import FEWEST_JUDGED, take_over
from homegrown.train.spans import fit_spans

if TYPE_CHECKING:
    from pathlib import Path

    from homegrown.core.models import Fitted
    from homegrown.core.protocols import Progress
    from homegrown.inference.encoder import Encoder
    from homegrown.train.span_data import SpanExamples

RUNGS = ("patterns", "crf", "linear", "finetune")
#: how many times as long as the rung below a rung may take: it is tried where so much time is left
TIMES = {"crf": 1.0, "linear": 3.0, "finetune": 12.0}


@dataclass(frozen=True, slots=True)
class SpanClimb:
    """Where the climb ended.

    Attributes:
        rung: that was taken; its bundle lies in ``bundle`` of the climb's folder.
        ladder: a row for each rung, as ``Fitted`` holds them.
    """

    rung: str
    ladder: tuple[dict[str, Any], ...]


def climb_spans(
    train: SpanExamples,
    valid: SpanExamples,
    *,
    budget_s: float,
    least_gain: float,
    seed: int,
    folder: Path,
    encoder: Encoder,
    progress: Progress,
) -> SpanClimb:
    """Try each rung, keep the best that is worth it.

    Without spans in validation texts nothing can be compared, and ``linear``, the usual case, is taken.

    Args:
        train: texts to learn from, with all their spans.
        valid: texts that judge.
        budget_s: seconds for all rungs; what a rung takes is guessed from the one below.
        least_gain: share of validation rows that a larger rung must win to be taken.
        seed: the only source of chance.
        folder: of the climb.
        encoder: that reads texts, frozen.
        progress: told at each step.

    Raises:
        UnsuitableLabelsError: no text has a span.
    """
    started = time.monotonic()
    ladder: list[dict[str, Any]] = []
    best: tuple[str, Fitted, np.ndarray] | None = None
    last_s = 0.0
    for rung in RUNGS if valid.n_spans else ("linear",):
        left = budget_s - (time.monotonic() - started)
        reason = None if best is None else _reason_to_stop(rung, best, last_s, left, budget_s)
        if reason is not None:
            ladder.append({"recipe": rung, "state": "skipped", "note": reason})
            continue
        begun = time.monotonic()
        fitted = fit_spans(
            train, valid, {"rung": rung}, seed=seed, folder=folder / f"rung-{rung}", encoder=encoder, progress=progress
        )
        last_s = time.monotonic() - begun
        right = np.array(fitted.report.get("right", ()), bool)
        taken, note = True, "the first rung"
        if best is not None:
            sure = SURE_WITH_FEW if len(valid) < FEWEST_JUDGED else SURE
            taken, note = worth_it(best[2], right, least_gain, sure=sure, other=best[0])
        ladder.append(_row(rung, fitted, right, note, last_s))
        if taken:
            best = rung, fitted, right
    assert best is not None
    for row in ladder:
        row["chosen"] = row["recipe"] == best[0]
    take_over(best[1].folder, folder / "bundle")
    for rung in RUNGS:
        shutil.rmtree(folder / f"rung-{rung}", ignore_errors=True)
    return SpanClimb(best[0], tuple(ladder))


def _reason_to_stop(
    rung: str, best: tuple[str, Fitted, np.ndarray], last_s: float, left: float, budget_s: float
) -> str | None:
    if best[2].mean() >= GOOD_ENOUGH:
        return f"{best[0]} is right on {best[2].mean():.1%} already"
    if left <= TIMES[rung] * last_s:
        return f"{max(0.0, left):.0f} s are left of {budget_s:.0f} s"
    return None


def _row(rung: str, fitted: Fitted, right: np.ndarray, note: str, seconds: float) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "recipe": rung,
        "note": note,
        "seconds": seconds,
        "size_bytes": fitted.report["size_bytes"],
    }
    if not len(right):
        return facts
    judged = {"accuracy": float(right.mean()), "accuracy_ci95": wilson(int(right.sum()), len(right))}
    return facts | judged | {"n": len(right), "f1": fitted.report["f1"]}
