"""One fitted candidate, whatever its kind: what ``auto`` compares and what a Trainer writes down."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from homegrown.core.models import Fitted, Recipe
from homegrown.inference.predictor import load_predictor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from homegrown.core.models import Predictions
    from homegrown.inference.readout import Readout

N_TIMED = 32
FEWEST_JUDGED = 50


class Bundled(Protocol):
    """A model that answers and can be written down."""

    readout: Readout

    def predict(self, texts: list[str]) -> Predictions:
        """Answers for *texts*."""
        ...

    def save(self, folder: Path) -> None:
        """Write the bundle's files."""
        ...


@dataclass(frozen=True, slots=True)
class Rung:
    """A fitted model of one kind.

    Attributes:
        recipe: that would fit it again: every choice that was made stands in its options.
        model: fitted on all labelled rows.
        judge_logits: float32 [n_judge, n_outputs] of a model that saw the ``fit`` rows alone.
        report: see ``judge``, with ``seconds``.
        decisions: sentences, in the order in which they were made.
    """

    recipe: Recipe
    model: Bundled
    judge_logits: np.ndarray
    report: dict[str, Any]
    decisions: list[str] = field(default_factory=list)


def finish(rung: Rung, folder: Path, texts: list[str], ladder: tuple[dict[str, Any], ...] = ()) -> Fitted:
    """Write the bundle, measure its size and its latency, and hand it back.

    Args:
        rung: what to write.
        folder: the run's folder; the bundle goes to ``folder / "bundle"``.
        texts: validation texts, timed one by one.
        ladder: rows of other rungs, this one among them; by default this one alone.
    """
    bundle = folder / "bundle"
    rung.model.save(bundle)
    rung.report["sureness"] = sureness(rung)
    row = ladder_row(rung, bundle, texts)
    rows = tuple({**r, **row} if r["recipe"] == rung.recipe.trainer else r for r in ladder) or (row,)
    return Fitted(bundle, rung.recipe, {**rung.report, **row, "options": rung.recipe.options}, rows)


def take_over(bundle: Path, target: Path) -> None:
    """Move *bundle* to *target*, in place of what an earlier run that was stopped left there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(target, ignore_errors=True)
    bundle.rename(target)


def sureness(rung: Rung) -> list[float]:
    """How sure the judged model was of validation rows: quantiles of its confidence in steps of 2%, the surest first.

    Thresholds of confidence can be set by it before a call is looked at (``metrics.risk_bound.planned``). Empty where
    classes do not exclude one another, and of fewer than ``FEWEST_JUDGED`` rows.
    """
    readout = rung.model.readout
    if readout.multi or len(rung.judge_logits) < FEWEST_JUDGED:
        return []
    sure = readout.read(rung.judge_logits).probs.max(1).astype(float)
    return [float(f"{q:.9g}") for q in np.quantile(sure, np.linspace(1, 0, 51)).tolist()]


def ladder_row(rung: Rung, bundle: Path, texts: list[str]) -> dict[str, Any]:
    """One line of the ladder: accuracy on validation rows, ms per text, bytes, seconds, decisions."""
    report = rung.report
    return {
        "recipe": rung.recipe.trainer,
        "accuracy": report["accuracy"],
        "accuracy_ci95": report["accuracy_ci95"],
        "n": report["n"],
        "ms_per_text": milliseconds(load_predictor(bundle).predict, texts),
        "size_bytes": sum(p.stat().st_size for p in bundle.rglob("*") if p.is_file()),
        "seconds": report["seconds"],
        "decisions": rung.decisions,
        "cpu_count": os.cpu_count(),
    }


def milliseconds(ask: Callable[[list[str]], object], texts: list[str]) -> float:
    """Median time of one text asked for alone, in ms; 0 without texts."""
    times = []
    for text in texts[:N_TIMED]:
        started = time.perf_counter()
        ask([text])
        times.append(time.perf_counter() - started)
    return 1000 * sorted(times)[len(times) // 2] if times else 0.0
