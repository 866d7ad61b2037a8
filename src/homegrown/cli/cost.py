"""``homegrown cost``: charges, prices, and when owning beats renting."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from homegrown.cli.common import emit, json_option, workspace_option
from homegrown.cli.cost_plan import plan
from homegrown.cli.cost_prices import prices
from homegrown.cost.scenario import BOUNDS
from homegrown.cost.sentences import usd
from homegrown.cost.usage import GROUPS
from homegrown.errors import InputError
from homegrown.workspace import connect

if TYPE_CHECKING:
    from collections.abc import Callable

    from homegrown.cost import Charge, Comparison, ModelCost

_SHOWN_BARS = 8


def _numbers(command: Callable[..., Any]) -> Callable[..., Any]:
    """One option for each number of a comparison; numbers are read by us, so that a bad one gets our sentence."""
    for name, (_, _, what) in reversed(BOUNDS.items()):
        option = click.option(f"--{name.replace('_', '-')}", name, metavar="NUMBER", help=f"{what}.")
        command = option(command)
    return command


@click.group("cost", invoke_without_command=True)
@click.option("--upstream", help="The model API that answers now, by the name of its price.")
@click.option("--hardware", help="The machine to buy, by the name of its price.")
@click.option("--rental", help="The machine to rent, by the name of its price.")
@click.option("--shared", is_flag=True, help="Other models use what is left of the machines, and pay for it.")
@_numbers
@workspace_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    upstream: str | None,
    hardware: str | None,
    rental: str | None,
    shared: bool,
    workspace: Path,
    as_json: bool,
    **numbers: str | None,
) -> None:
    """When owning beats renting, month by month, from the calls that were captured or those that you say."""
    said = {name: value for name, value in numbers.items() if value is not None}
    if ctx.invoked_subcommand is not None:
        if any(ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in ctx.params):
            raise InputError(f"Options of a comparison stand alone; those of {ctx.invoked_subcommand} come after it.")
        return
    with connect(workspace) as ws:
        done = ws.compare_costs(upstream=upstream, hardware=hardware, rental=rental, is_shared=shared, **said)
    emit(asdict(done), lambda: _comparison(done), as_json=as_json)


@command.command("charges")
@click.option("--by", type=click.Choice(GROUPS), default="day", show_default=True, help="Add up by this.")
@click.option("--since", help="From this time on, e.g. 2026-11-01.")
@click.option("--until", help="Before this time.")
@workspace_option
@json_option
def charges(by: str, since: str | None, until: str | None, workspace: Path, as_json: bool) -> None:
    """What captured calls cost."""
    with connect(workspace) as ws:
        found = ws.charges(by, since=since, until=until)
    document = {"by": by, "charges": [asdict(c) for c in found], "cost_usd": round(sum(c.cost_usd for c in found), 9)}
    emit(document, lambda: "\n".join(map(_charge, found)) or "No calls have been captured yet.", as_json=as_json)


@command.command("models")
@workspace_option
@json_option
def models(workspace: Path, as_json: bool) -> None:
    """What each measured model of ours costs and draws."""
    with connect(workspace) as ws:
        found = ws.model_costs()
    lines = [_model(m) for m in found]
    text = "\n".join(lines) or "No model was measured yet; see homegrown evaluate."
    emit({"models": [asdict(m) for m in found]}, text, as_json=as_json)


command.add_command(plan)
command.add_command(prices)


def _comparison(c: Comparison) -> str:
    lines = [c.sentence, *c.notes, ""]
    width = max(len(o.title) for o in c.options)
    shown = sorted({0, 1, 6, 12, 24, c.horizon_months} & set(range(c.horizon_months + 1)))
    lines.append(f"{'paid by month':<{width}}" + "".join(f"{m:>12}" for m in shown) + f"{'per 1,000':>14}")
    for o in c.options:
        paid = "".join(f"{o.cumulative_usd[m]:>12,.0f}" for m in shown)
        lines.append(f"{o.title:<{width}}{paid}{o.usd_per_1000_calls:>14,.4f}")
    lines += ["", f"What it depends on ({c.home} against {c.away}, saved over {c.horizon_months} months):"]
    for bar in c.tornado[:_SHOWN_BARS]:
        ends = f"{bar.low:,.6g} → {bar.high:,.6g}"
        saved = f"{usd(bar.saving_low_usd)} → {usd(bar.saving_high_usd)}"
        lines.append(f"  {bar.title:<26}{ends:<24}{saved:<36}{_month(bar.month_low)} → {_month(bar.month_high)}")
    if c.simulated:
        lines += ["", f"Simulated or guessed: {'; '.join(c.simulated)}. Say yours: homegrown cost prices set."]
    return "\n".join(lines)


def _month(month: int | None) -> str:
    return "never" if month is None else f"month {month}"


def _charge(c: Charge) -> str:
    unknown = f", {c.n_unpriced:,} without a price" if c.n_unpriced else ""
    home = f", {c.n_at_home:,} at home" if c.n_at_home else ""
    return (
        f"{c.name}  {usd(c.cost_usd)}  {c.n_calls:,} calls{home}{unknown}  "
        f"{c.n_tokens_in:,} tokens sent, {c.n_tokens_out:,} answered"
    )


def _model(m: ModelCost) -> str:
    return (
        f"{m.model}@{m.number}  {m.p50_ms:.2f} ms (n = {m.n:,})  {usd(m.usd_per_1000)} per 1,000 calls "
        f"({usd(m.usd_per_1000_low)} to {usd(m.usd_per_1000_high)})  {m.joules:.2g} J an answer "
        f"({m.joules_low:.2g} to {m.joules_high:.2g}), guessed from {m.n_cores} cores"
    )
