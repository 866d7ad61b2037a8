"""``homegrown train``."""

from __future__ import annotations

from pathlib import Path

import click

from homegrown.cli.common import TerminalProgress, emit, json_option, seconds, workspace_option
from homegrown.core.models import Recipe
from homegrown.workspace import connect


@click.command("train")
@click.argument("snapshot_id")
@click.option("--name", required=True, help="Name of the model; a name that is there gets a new version.")
@click.option(
    "--recipe",
    default="auto",
    show_default=True,
    help="How to train: lexical, static, linear, views, finetune, auto; fields for objects.",
)
@click.option("--budget", help="Time for the recipe auto: 90s, 5m, 1h.")
@click.option("--seed", default=0, show_default=True, help="The only source of chance.")
@workspace_option
@json_option
def command(
    snapshot_id: str, name: str, recipe: str, budget: str | None, seed: int, workspace: Path, as_json: bool
) -> None:
    """Fit a model on the Snapshot SNAPSHOT_ID (see: homegrown curate). Interrupted, it goes on where it stopped."""
    options = {"budget_s": seconds(budget)} if budget else {}
    with connect(workspace) as ws:
        ws.progress = TerminalProgress()
        version = ws.train(ws.store.models.snapshot(snapshot_id), Recipe(recipe, options, seed), name)
    document = {"model_id": version.version_id, "model": name, "number": version.number, "recipe": version.recipe}
    text = f"{name}@{version.number}: {version.recipe}. Judge it: homegrown evaluate {name}@{version.number}"
    emit({**document, "details": version.details}, text, as_json=as_json)
