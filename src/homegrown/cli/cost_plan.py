"""``homegrown cost plan``: can a model of N parameters be served or tuned on this hardware, at what price."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from homegrown.cli.common import emit, json_option, workspace_option
from homegrown.cost.sentences import usd
from homegrown.workspace import connect

if TYPE_CHECKING:
    from homegrown.cost import ModelPlan
    from homegrown.cost.planning import Fit, Range


@click.command("plan")
@click.option("--params", "n_params", type=float, required=True, help="Parameters of the model: 7e9.")
@click.option("--active-params", "n_active", type=float, help="Of them, those that one token passes through.")
@click.option("--hardware", default="card-24gb", show_default=True, help="By the name of its price.")
@click.option("--weight-bits", type=float, default=16.0, show_default=True, help="Of a served weight: 16, 8, 4.5.")
@click.option("--context", type=int, default=2048, show_default=True, help="Tokens of a request with its answer.")
@click.option("--at-once", "n_at_once", type=int, default=8, show_default=True, help="Requests answered together.")
@click.option("--train-context", type=int, default=1024, show_default=True, help="Tokens of a text learnt from.")
@click.option("--train-at-once", type=int, default=1, show_default=True, help="Texts in a training step.")
@click.option("--train-tokens", type=float, default=1e7, show_default=True, help="Learnt from, all epochs together.")
@click.option("--rank", type=int, default=16, show_default=True, help="Of LoRA's adapters.")
@click.option("--layers", "n_layers", type=int, help="Of the model, where known.")
@click.option("--hidden", type=int, help="Width of the model, where known.")
@click.option("--kv-share", type=float, default=0.25, show_default=True, help="Key and value heads by query heads.")
@workspace_option
@json_option
def plan(workspace: Path, as_json: bool, **asked: Any) -> None:
    """Memory line by line, tokens a second, and the price: before anything is bought or run."""
    with connect(workspace) as ws:
        done = ws.plan_model(**asked)
    emit(asdict(done), lambda: _text(done), as_json=as_json)


def _text(p: ModelPlan) -> str:
    lines = [p.sentence, *p.notes]
    for fit in p.fits:
        verdict = "fits" if fit.fits else "does not fit"
        lines += ["", f"{fit.name}: {fit.gb_per_device:,.1f} of {p.memory_gb:g} GB a device, {verdict}"]
        lines += [f"  {line.name:<12}{line.gb:>10,.2f} GB  {line.arithmetic}" for line in fit.lines]
        lines += [f"  {said}" for said in _rates(fit)]
    if p.simulated:
        lines += ["", f"Simulated or guessed: {', '.join(p.simulated)}."]
    return "\n".join(lines)


def _rates(fit: Fit) -> list[str]:
    said = []
    if fit.tokens_per_s:
        said.append(f"about {_span(fit.tokens_per_s, '{:,.0f}')} tokens a second")
    for who, price in (("owned", fit.usd_per_million), ("rented", fit.rented_usd_per_million)):
        if price:
            said.append(f"{who}: {_span(price, '{:,.3g}')} USD per million tokens")
    if fit.hours and fit.usd:
        said.append(f"the whole training: {_span(fit.hours, '{:,.3g}')} hours, owned about {usd(fit.usd.value)}")
    return said


def _span(r: Range, shape: str) -> str:
    return f"{shape.format(r.value)} ({shape.format(r.low)} to {shape.format(r.high)})"
