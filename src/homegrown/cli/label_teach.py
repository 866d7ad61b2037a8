"""``homegrown label teach``: a model API outside votes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from homegrown.cli.common import TerminalProgress, emit, json_option, workspace_option
from homegrown.workspace import connect

SHOWN = 20

if TYPE_CHECKING:
    from homegrown.label.teacher import Asked
    from homegrown.label.teacher_work import DryRun


@click.command("teach")
@click.argument("task")
@click.option("--upstream", required=True, help="Name of a registered model API: homegrown govern upstream add")
@click.option("--budget", default=1.0, show_default=True, help="USD that its answers for TASK may cost in all.")
@click.option("--limit", type=click.IntRange(min=1), help="Ask about so many texts at most.")
@click.option("--per-call", type=click.IntRange(min=1), help="Records in one call; chosen when not given.")
@click.option("--at-once", type=click.IntRange(1, 64), default=8, show_default=True, help="Calls under way at a time.")
@click.option("--dry-run", is_flag=True, help="Send nothing: show the first prompts and the cost.")
@workspace_option
@json_option
def command(
    task: str,
    upstream: str,
    budget: float,
    limit: int | None,
    per_call: int | None,
    at_once: int,
    dry_run: bool,
    workspace: Path,
    as_json: bool,
) -> None:
    """Let a model API label the records of TASK. Personal data is masked; the budget is never passed."""
    with connect(workspace) as ws:
        if dry_run:
            plan = ws.ask(task, upstream, budget_usd=budget, limit=limit, per_call=per_call, dry_run=True)
            emit(asdict(plan), lambda: _plan(plan), as_json=as_json)
            return
        ws.progress = TerminalProgress()
        done = ws.ask(task, upstream, budget_usd=budget, limit=limit, per_call=per_call, n_at_once=at_once)
    emit(asdict(done), _done(done), as_json=as_json)


def _plan(plan: DryRun) -> str:
    lines = []
    for number, prompt in enumerate(plan.prompts, 1):
        lines += [f"--- call {number}, instructions", prompt["system"], f"--- call {number}, records", prompt["user"]]
    masked = ", ".join(f"{n:,} × {kind}" for kind, n in plan.n_masked.items()) or "nothing found"
    enough = "holds" if plan.is_enough else "may not hold: it would stop before it is passed"
    lines += [
        "---",
        f"{plan.n_asked:,} texts in {plan.n_calls:,} calls to {plan.upstream} ({plan.model}); "
        f"{plan.n_known:,} of {plan.n_records:,} records are answered already.",
        f"Cost: about {plan.cost_usd:.4f} USD ({plan.cost_usd_low:.4f} to {plan.cost_usd_high:.4f}); "
        f"spent so far: {plan.spent_usd:.4f}. The budget of {plan.budget_usd:.2f} USD {enough}.",
        f"Masked: {masked}. Nothing was sent.",
    ]
    return "\n".join(lines)


def _done(done: Asked) -> str:
    lines = [
        f"{done.upstream}: {done.n_votes:,} votes ({done.n_abstained:,} records it could not tell), "
        f"{done.n_answered:,} texts answered now in {done.n_calls:,} calls for {done.cost_usd:.4f} USD "
        f"({done.spent_usd:.4f} of {done.budget_usd:.2f} spent); {done.n_left:,} left."
    ]
    lines += [f"stopped: {done.stopped}"] if done.stopped else []
    lines += [f"note: {n:,} × {what}" for what, n in done.problems.items()]
    if done.n_unread:
        lines.append(f"{done.n_unread:,} values are no votes:")
        lines += [f"  {record_id}: {why}" for record_id, why in done.unread[:SHOWN]]
        lines += [f"  and {done.n_unread - SHOWN:,} more (--json lists them)"] if done.n_unread > SHOWN else []
    return "\n".join(lines)
