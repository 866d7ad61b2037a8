"""The encoder itself, trained from the linear head on; with few labels, on the unlabelled rows as well.

Many labels: start from the head that fits the frozen encoder, so that the first steps do not undo what pre-training
knows (Kumar et al. 2022, "Fine-Tuning can Distort Pretrained Features", section 3). Few labels: a teacher trained on
them labels the unlabelled texts softly, and a student learns from both (Xie et al. 2020, "Self-training with Noisy
Student", section 2). Everything is judged on rows that the judged model did not see; then it is fitted again on all.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from homegrown.core.models import Recipe
from homegrown.inference.finetuned import FinetunedModel
from homegrown.train.encoder_files import write_encoder
from homegrown.train.finetune_fit import FinetuneOptions, Fitter
from homegrown.train.finetune_plan import decide
from homegrown.train.heads import balance, best_of
from homegrown.train.judge import fit_readout, judge, transfer
from homegrown.train.options import parse_options
from homegrown.train.rung import Rung, finish
from homegrown.train.weak import ready_parts

LEAST_COMPARED = 30

if TYPE_CHECKING:
    from pathlib import Path

    from homegrown.core.models import Fitted, TrainingData
    from homegrown.core.protocols import Encoder, Progress
    from homegrown.train.parts import Parts


class FinetuneTrainer:
    """Trainer ``finetune``."""

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
        """Fit encoder and head; see ``core.protocols.Trainer``."""
        chosen = parse_options(FinetuneOptions, "finetune", options)
        parts = ready_parts(data, encoder, seed, progress)
        rung = fit_finetune(parts, chosen, seed, folder, encoder, progress)
        fitted = finish(rung, folder, parts.judge.texts)
        shutil.rmtree(folder / "finetune", ignore_errors=True)
        return fitted


def fit_finetune(
    parts: Parts, options: FinetuneOptions, seed: int, folder: Path, encoder: Encoder, progress: Progress
) -> Rung:
    """Judge the recipe on held-out rows, then fit it on every labelled row if the plan has time for it."""
    started = time.monotonic()
    scratch = folder / "finetune"
    fitter = Fitter(parts, seed, scratch, encoder, progress)
    plan, decisions = decide(options, fitter, scratch / "plan.json")
    # A student costs as much as all the rest. It is spared here: what is judged, and calibrated, is its teacher.
    teacher = replace(plan, rounds=0)
    judged = fitter.fit("judge", fitter.fit_rows, teacher)
    candidates = fitter.heads(judged, teacher)
    logits = [fitter.logits(head, fitter.judge_rows) for _, head in candidates]
    added = [balance(parts, z, parts.judge) for z in logits]
    logits = [z + a for z, a in zip(logits, added, strict=True)]
    best = best_of(logits, parts.judge, multi=parts.data.multi) if len(parts.judge) else 0
    readout = fit_readout(
        logits[best], parts.judge.probs, multi=parts.data.multi, none_column=parts.none_column, reject=options.reject
    )
    report = judge(readout, logits[best], parts.judge)
    head_kind, head = candidates[best]
    taught = fitter.logits(head, fitter.compared_rows) if plan.rounds else None
    decisions.append(f"head {head_kind!r} of {[name for name, _ in candidates]}, by {len(parts.judge)} validation rows")
    if plan.refit:
        final = fitter.fit("final", fitter.both_rows, plan)
        head = final if plan.rounds else dict(fitter.heads(final, plan))[head_kind]
        decisions.append(f"fitted again on all {len(parts.both)} labelled rows")
    if plan.rounds:
        decisions.append(f"{plan.rounds} students after that; the accuracy shown is their first teacher's")
    if taught is not None and len(taught) >= LEAST_COMPARED:
        readout = transfer(readout, taught, fitter.logits(head, fitter.compared_rows))
        decisions.append(f"the student is as sure as its calibrated teacher on {len(taught)} texts that neither learnt")
    head = head.plus(added[best])
    path = write_encoder(fitter.net, fitter.folder, scratch / "encoder")
    model = FinetunedModel(path, parts.data.class_names, head.weight, head.bias, readout)
    report |= {"seconds": time.monotonic() - started, "warnings": [*parts.warnings, *fitter.warnings]}
    recipe = Recipe("finetune", {**asdict(plan), "budget_s": None}, seed)
    return Rung(recipe, model, logits[best], report, [*decisions, *report["warnings"]])
