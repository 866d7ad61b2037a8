"""``homegrown label model``: a model of ours votes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from homegrown.cli.common import TerminalProgress, emit, json_option, workspace_option
from homegrown.workspace import connect


@click.command("model")
@click.argument("task")
@click.option("--model", help="Name, NAME@2 or version id; default: the newest champion of TASK.")
@workspace_option
@json_option
def command(task: str, model: str | None, workspace: Path, as_json: bool) -> None:
    """Let a model of ours vote on the records of TASK that it has not learnt from."""
    with connect(workspace) as ws:
        ws.progress = TerminalProgress()
        done = ws.model_votes(task, model)
    text = (
        f"{done.model}: {done.n_votes:,} votes, {done.n_abstained:,} records below its threshold, "
        f"{done.n_learnt:,} left out because it learnt from them."
    )
    emit(asdict(done), text, as_json=as_json)
