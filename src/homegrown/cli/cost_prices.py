"""``homegrown cost prices``: what things cost, from which day on, and who says so."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from homegrown.cli.common import emit, json_option, workspace_option
from homegrown.cost.price_list import PriceKind
from homegrown.errors import InputError
from homegrown.workspace import connect

if TYPE_CHECKING:
    from homegrown.cost import Price


@click.group("prices")
def prices() -> None:
    """Prices with their dates: those that come with homegrown are guesses; yours go before them."""


@prices.command("list")
@click.option("--kind", type=click.Choice([k.value for k in PriceKind]), help="Only these.")
@click.option("--all", "with_old", is_flag=True, help="Former and future ones too.")
@workspace_option
@json_option
def list_prices(kind: str | None, with_old: bool, workspace: Path, as_json: bool) -> None:
    """Show the prices in force today."""
    with connect(workspace) as ws:
        known = ws.prices()
    found = [p for p in (known.all() if with_old else known.in_force()) if kind is None or p.kind.value == kind]
    emit({"prices": [document(p) for p in found]}, "\n".join(map(_line, found)), as_json=as_json)


@prices.command("set")
@click.argument("kind", type=click.Choice([k.value for k in PriceKind]))
@click.argument("name")
@click.argument("numbers", nargs=-1, metavar="FIELD=NUMBER …", required=True)
@click.option("--from", "valid_from", metavar="DATE", help="The first day on which it holds.  [default: today]")
@click.option("--simulated", is_flag=True, help="It is a guess or made up: mark what it enters.")
@workspace_option
@json_option
def set_price(
    kind: str,
    name: str,
    numbers: tuple[str, ...],
    valid_from: str | None,
    simulated: bool,
    workspace: Path,
    as_json: bool,
) -> None:
    """Say what NAME costs: homegrown cost prices set upstream gpt price_in_usd=0.15 price_out_usd=0.60."""
    details = dict(_pair(n) for n in numbers)
    with connect(workspace) as ws:
        made = ws.set_price(kind, name, details, valid_from=valid_from, is_simulated=simulated)
    emit(document(made), _line(made), as_json=as_json)


@prices.command("remove")
@click.argument("price_id")
@workspace_option
@json_option
def remove(price_id: str, workspace: Path, as_json: bool) -> None:
    """Take one of your own prices out."""
    with connect(workspace) as ws:
        gone = ws.remove_price(price_id)
    emit(document(gone), f"{gone.kind.value} {gone.subject} of {gone.valid_from} is gone.", as_json=as_json)


def document(price: Price) -> dict[str, Any]:
    """A price as JSON."""
    return {
        **asdict(price),
        "kind": price.kind.value,
        "details": {n: getattr(price.details, n) for n in price.details.__struct_fields__},
    }


def _pair(text: str) -> tuple[str, Any]:
    name, is_there, value = text.partition("=")
    if not is_there:
        raise InputError(f"{text[:60]!r} is no FIELD=NUMBER, such as price_in_usd=0.15.")
    if name in ("hardware", "unit"):
        return name, value
    try:
        return name, int(value) if name == "n_devices" else float(value)
    except ValueError as error:
        raise InputError(f"{name[:60]} is a number, and {value[:40]!r} is none.") from error


def _line(p: Price) -> str:
    numbers = ", ".join(
        f"{n}={v}" for n in p.details.__struct_fields__ for v in [getattr(p.details, n)] if v not in (None, "")
    )
    marked = " (simulated)" if p.is_simulated else ""
    own = f"  {p.price_id}" if p.price_id else f"  {p.origin}"
    return f"{p.kind.value:<11}{p.subject:<28}{p.valid_from}{marked}  {numbers}{own}"
