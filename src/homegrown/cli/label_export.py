"""``homegrown label export``: to other labelling software."""

from __future__ import annotations

from pathlib import Path

import click

from homegrown.cli.common import emit, json_option, workspace_option
from homegrown.label.formats import FORMATS
from homegrown.label.span_files import FORMATS as SPAN_FORMATS
from homegrown.workspace import connect


@click.command("export")
@click.argument("task")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--format", type=click.Choice(list(dict.fromkeys((*FORMATS, *SPAN_FORMATS)))), required=True)
@workspace_option
@json_option
def command(task: str, file: Path, format: str, workspace: Path, as_json: bool) -> None:
    """Write all records with the labels of TASK to FILE, and their votes where the format has a place for them."""
    with connect(workspace) as ws:
        done = ws.export_labels(task, file, format=format)
    text = f"{done.path}: {done.n_items:,} items for {done.format}, {done.n_labelled:,} records have a label."
    if done.n_aside:
        text += f"\n{done.n_aside:,} had no place in the format, the first: {done.aside[0]}."
    emit(done._asdict(), text, as_json=as_json)
