"""How long to train: decided once, before the first step, from a short measurement, and written down."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import msgspec

from homegrown.core.ids import canonical_json
from homegrown.inference.encoder_choice import has_bf16
from homegrown.store.files import write_atomic
from homegrown.train.finetune_fit import FinetuneOptions

if TYPE_CHECKING:
    from pathlib import Path

    from homegrown.train.finetune_fit import Fitter

SAFETY = 0.8


def decide(options: FinetuneOptions, fitter: Fitter, path: Path) -> tuple[FinetuneOptions, list[str]]:
    """Complete *options*: every choice that was left open is made, within ``budget_s``.

    The choice is kept at *path*, so that a run that is gone on with keeps it although the clock says otherwise.
    """
    if path.is_file():
        kept = msgspec.json.decode(path.read_bytes())
        return msgspec.convert(kept["plan"], FinetuneOptions), kept["decisions"]
    few = fitter.parts.few
    plan = replace(
        options,
        epochs=options.epochs or (4 if few else 3),
        rate=options.rate or (2e-4 if few else 1e-4),
        batch=options.batch or (16 if few else 32),
        # Not measured: two runs on one machine shall choose alike.
        precision=options.precision or ("bf16" if has_bf16() else "fp32"),
        rounds=options.rounds if options.rounds is not None else (1 if few and fitter.n_unlabelled else 0),
    )
    decisions = [f"{'few' if few else 'many'} labels per class, {fitter.n_unlabelled:,} unlabelled rows"]
    if options.budget_s is not None:
        plan, note = _within(plan, options.budget_s, fitter)
        decisions.append(note)
    decisions.append(
        f"{plan.epochs} epochs at {plan.rate:g}, batches of {plan.batch}, {plan.n_fixed} layers fixed, "
        f"{plan.precision}, {plan.rounds} student rounds, {'fitted again on all rows' if plan.refit else 'fitted once'}"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, canonical_json({"plan": asdict(plan), "decisions": decisions}))
    return plan, decisions


def _within(plan: FinetuneOptions, budget_s: float, fitter: Fitter) -> tuple[FinetuneOptions, str]:
    per_row = fitter.seconds_per_row(plan)
    smaller, seconds = plan, 0.0
    for smaller in _smaller(plan):
        seconds = per_row * fitter.n_visits(smaller)
        if seconds <= SAFETY * budget_s:
            break
    return smaller, f"{1 / per_row:,.0f} rows/s measured: {seconds:.0f} s expected of {budget_s:.0f} s"


def _smaller(plan: FinetuneOptions) -> list[FinetuneOptions]:
    """*plan* and what is cheaper, in the order in which quality is given up."""
    shorter = [replace(plan, epochs=e) for e in range(plan.epochs or 1, 1, -1)]
    once = [replace(p, refit=False) for p in shorter]
    return [*shorter, *once, replace(plan, epochs=1, rounds=0, refit=False)]
