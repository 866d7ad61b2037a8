"""``homegrown label``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from homegrown.cli.common import emit, json_option, workspace_option
from homegrown.workspace import connect


@click.command("label")
@click.argument("task")
@click.argument("column")
@click.option("--separator", help="Parts a cell with several labels, e.g. ';'.")
@click.option("--out-of-scope", multiple=True, help="Label that means: belongs to none of the classes. Repeatable.")
@workspace_option
@json_option
def command(
    task: str, column: str, separator: str | None, out_of_scope: tuple[str, ...], workspace: Path, as_json: bool
) -> None:
    """Turn the values of COLUMN into the classes and the imported votes of TASK."""
    with connect(workspace) as ws:
        done = ws.import_labels(task, column, out_of_scope=out_of_scope, separator=separator)
    lines = [f"{task}: {len(done.task.classes)} classes, {done.n_votes:,} votes from the column {column!r}."]
    emit(asdict(done), "\n".join([*lines, *(f"note: {w}" for w in done.warnings)]), as_json=as_json)
