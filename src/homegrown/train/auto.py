"""The ladder: lexical, static, linear, views, finetune; climbed while a step is worth it and there is time.

Each rung is judged on the same validation rows by a model that did not see them, so that two rungs are compared row by
row. A larger model has to be better by what a person would notice, and not by chance alone.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from homegrown import plugins
from homegrown.core.models import Fitted
from homegrown.errors import InputError
from homegrown.train.finetune import fit_finetune
from homegrown.train.finetune_fit import FinetuneOptions
from homegrown.train.judge import SURE, right, worth_it
from homegrown.train.lexical import LexicalOptions, fit_lexical
from homegrown.train.linear import LinearOptions, fit_linear
from homegrown.train.options import parse_options
from homegrown.train.rung import finish, take_over
from homegrown.train.static import StaticOptions, fit_static
from homegrown.train.views import ViewsOptions, fit_views
from homegrown.train.weak import ready_parts

if TYPE_CHECKING:
    from pathlib import Path

    from homegrown.core.models import TrainingData
    from homegrown.core.protocols import Encoder, Progress
    from homegrown.train.parts import Parts
    from homegrown.train.rung import Rung

RUNGS = ("lexical", "static", "linear", "views", "finetune")
#: cross-fitted: they know how often they name each class where nobody voted
CROSSED = ("lexical", "linear", "views")
#: share of the budget that has to be left for a rung to be tried
LEAST_LEFT = {"static": 0.5, "views": 0.4, "finetune": 0.3}
SURE_WITH_FEW, SURE_WITH_WEAK = 0.5, 0.95
GOOD_ENOUGH = 0.995


@dataclass(frozen=True, slots=True)
class AutoOptions:
    """Options of ``auto``.

    Attributes:
        budget_s: seconds for the whole ladder, on the machine at hand.
        rungs: which to try, from ``lexical, static, linear, views, finetune``; always tried from the smallest up.
        least_gain: share of validation rows that a larger model must win to be taken.
    """

    budget_s: float = 300.0
    rungs: tuple[str, ...] = RUNGS
    least_gain: float = 0.003


class AutoTrainer:
    """Trainer ``auto``; of answers that are objects it climbs for each field (``train.fields``)."""

    takes_objects = None

    def fit(
        self,
        data: TrainingData,
        options: dict[str, Any],
        *,
        seed: int,
        folder: Path,
        encoder: Encoder,
        progress: Progress,
    ) -> Fitted:
        """Climb; see ``core.protocols.Trainer``. The recipe that comes back is the chosen rung's own."""
        chosen = parse_options(AutoOptions, "auto", options)
        unknown = sorted(set(chosen.rungs) - set(RUNGS))
        if unknown or not chosen.rungs:
            raise InputError(f"The recipe auto knows no rung {unknown}; its rungs: {', '.join(RUNGS)}.")
        if data.fields:
            climbing = {"choices": "auto", "spans": "auto"}
            climbing |= {"budget_s": chosen.budget_s, "least_gain": chosen.least_gain}
            fields = plugins.load("homegrown.trainers", "fields")()
            return fields.fit(data, climbing, seed=seed, folder=folder, encoder=encoder, progress=progress)
        return _Climb(ready_parts(data, encoder, seed, progress), chosen, seed, folder, encoder, progress).run()


class _Climb:
    def __init__(
        self, parts: Parts, options: AutoOptions, seed: int, folder: Path, encoder: Encoder, progress: Progress
    ) -> None:
        self._parts, self._options, self._seed = parts, options, seed
        self._folder, self._encoder, self._progress = folder, encoder, progress
        self._started = time.monotonic()
        self._best: Rung | None = None
        self._chosen: Fitted | None = None
        self._ladder: list[dict[str, Any]] = []

    def run(self) -> Fitted:
        """Try each rung, keep the best that is worth its size."""
        for name in (r for r in RUNGS if r in self._options.rungs):
            reason = self._reason_to_stop(name)
            if reason is not None:
                self._ladder.append({"recipe": name, "state": "skipped", "note": reason})
                continue
            rung = self._fit(name)
            scratch = self._folder / f"rung-{name}"
            fitted = finish(rung, scratch, self._parts.judge.texts)
            taken, verdict = self._compare(rung)
            self._ladder.append({**fitted.ladder[0], "note": verdict})
            self._tell(name, fitted.ladder[0])
            if taken:
                self._best, self._chosen = rung, fitted
        assert self._chosen is not None
        return self._settle(self._chosen)

    def _tell(self, name: str, row: dict[str, Any]) -> None:
        """Say what a rung reached as soon as it is known, so that who watches sees the ladder fill."""
        facts = {k: row[k] for k in ("accuracy", "accuracy_ci95", "ms_per_text", "size_bytes") if k in row}
        self._progress.start(f"train {name}", 1, "measured")
        self._progress.advance(1, n_valid=row["n"], **facts)
        self._progress.finish()

    def _settle(self, chosen: Fitted) -> Fitted:
        bundle = self._folder / "bundle"
        take_over(chosen.folder, bundle)
        for name in RUNGS:
            shutil.rmtree(self._folder / f"rung-{name}", ignore_errors=True)
        shutil.rmtree(self._folder / "finetune", ignore_errors=True)
        for row in self._ladder:
            row["chosen"] = row["recipe"] == chosen.recipe.trainer
        return Fitted(bundle, chosen.recipe, chosen.report, tuple(self._ladder))

    def _left(self) -> float:
        return self._options.budget_s - (time.monotonic() - self._started)

    def _reason_to_stop(self, name: str) -> str | None:
        if self._best is None or (self._folder / name / "plan.json").is_file():
            return None
        if self._parts.n_guessed and name not in CROSSED:
            return "labels are weak: its line between the classes cannot be drawn on the texts without a vote"
        if self._best.report["accuracy"] >= GOOD_ENOUGH:
            return f"{self._best.recipe.trainer} is right on {self._best.report['accuracy']:.1%} already"
        # One rung may not eat the time of the rungs above it, of which each is slower than the last.
        least = LEAST_LEFT.get(name, 0.0) * self._options.budget_s
        if self._left() <= least:
            return f"{max(0.0, self._left()):.0f} s are left of {self._options.budget_s:.0f} s"
        return None

    def _fit(self, name: str) -> Rung:
        parts, seed, encoder, progress = self._parts, self._seed, self._encoder, self._progress
        if name == "lexical":
            return fit_lexical(parts, LexicalOptions(), seed, progress)
        if name == "static":
            return fit_static(parts, StaticOptions(), seed, encoder, progress)
        if name == "linear":
            return fit_linear(parts, LinearOptions(), seed, encoder, progress)
        if name == "views":
            return fit_views(parts, ViewsOptions(), seed, encoder, progress)
        return fit_finetune(parts, FinetuneOptions(budget_s=self._left()), seed, self._folder, encoder, progress)

    def _compare(self, rung: Rung) -> tuple[bool, str]:
        if self._best is None:
            return True, "the first rung"
        multi, probs = self._parts.data.multi, self._parts.judge.probs
        before = right(self._best.judge_logits, probs, multi=multi)
        after = right(rung.judge_logits, probs, multi=multi)
        sure = SURE_WITH_FEW if self._parts.few else SURE_WITH_WEAK if self._parts.weak else SURE
        return worth_it(before, after, self._options.least_gain, sure=sure, other=self._best.recipe.trainer)
