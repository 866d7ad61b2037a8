"""``homegrown retrain``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from homegrown.cli.common import TerminalProgress, emit, json_option, seconds, workspace_option
from homegrown.core.models import Recipe
from homegrown.errors import InputError
from homegrown.workspace import connect
from homegrown.workspace.retrain import MARGIN

if TYPE_CHECKING:
    from homegrown.workspace import Workspace


@click.command("retrain")
@click.argument("name")
@click.option("--base", help="A newer base model: a folder, or a hub id.")
@click.option("--margin", default=MARGIN, show_default=True, help="Loss of accuracy that is borne, as a share.")
@click.option(
    "--slice", "slices", multiple=True, help="A field on each of whose values nothing may be lost. Repeatable."
)
@click.option("--gold", help="Snapshot whose test texts judge; default: the champion's own.")
@click.option("--recipe", help="How to train; default: as the champion was.")
@click.option("--seed", default=0, show_default=True, help="With --recipe.")
@click.option("--every", help="Do it again and again while the server runs: 12h, 7d.")
@click.option("--never", is_flag=True, help="Repeat it no more.")
@click.option("--rollback", is_flag=True, help="Take the last promotion back, at once.")
@workspace_option
@json_option
def command(
    name: str, workspace: Path, every: str | None, never: bool, rollback: bool, as_json: bool, **options: Any
) -> None:
    """Build a challenger to the model NAME from the newest votes, and let it answer only if it loses nothing."""
    if sum([every is not None, never, rollback]) > 1:
        raise InputError("Choose one of --every, --never and --rollback.")
    with connect(workspace) as ws:
        if rollback:
            back = ws.roll_back(name)
            title = f"{back.model_name}@{back.number}"
            emit({"model": title, "version_id": back.version_id}, f"{title} answers again.", as_json=as_json)
        elif never:
            was = ws.retrain_schedule(name) is not None
            ws.retrain_every(name, None)
            text = f"{name} is not retrained by itself any more." if was else f"{name} was not on a schedule."
            emit({"removed": was}, text, as_json=as_json)
        elif every is not None:
            _repeat(ws, name, seconds(every), options, as_json=as_json)
        else:
            _now(ws, name, options, as_json=as_json)


def _repeat(ws: Workspace, name: str, every_s: float, options: dict[str, Any], *, as_json: bool) -> None:
    unfit = [o for o in ("base", "gold", "recipe") if options[o] is not None]
    if unfit:
        raise InputError(f"--{unfit[0]} does not go with --every: what repeats learns as the champion did.")
    found = ws.retrain_every(name, every_s, margin=options["margin"], slices=options["slices"])
    at = found.next_at if found else ""
    text = f"{name} is retrained next at {at[:16]} (UTC), while the server runs."
    emit({"next_at": at, "every_s": every_s}, text, as_json=as_json)


def _now(ws: Workspace, name: str, options: dict[str, Any], *, as_json: bool) -> None:
    ws.progress = TerminalProgress()
    recipe = Recipe(options["recipe"], {}, options["seed"]) if options["recipe"] else None
    kept = {o: options[o] for o in ("base", "margin", "slices", "gold")}
    done = ws.retrain(name, recipe=recipe, **kept)
    lines = [done["sentence"], f"{done['n_new']:,} labels are new to {done['champion']}."]
    lines += [_slice(p) for p in done.get("slices", ())]
    lines += [f"note: {text}" for text in done.get("not_told", ())]
    if done["promoted"]:
        lines.append(f"To take it back: homegrown retrain {name} --rollback")
    emit(done, "\n".join(lines), as_json=as_json)


def _slice(p: dict[str, Any]) -> str:
    low, high = (100 * x for x in p["difference_ci95"])
    figures = f"{100 * p['difference']:+.1f} points ({low:+.1f} to {high:+.1f}), n = {p['n']:,}"
    return f"  {p['field']} = {p['value']}: {p['verdict']}, {figures}"
