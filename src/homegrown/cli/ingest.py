"""``homegrown ingest``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from homegrown.cli.common import TerminalProgress, emit, json_option, workspace_option
from homegrown.workspace import connect


@click.command("ingest")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--text", required=True, help="Column that holds the text.")
@click.option("--name", help="Name of the source; default: the file name.")
@workspace_option
@json_option
def command(file: Path, text: str, name: str | None, workspace: Path, as_json: bool) -> None:
    """Read FILE into records."""
    with connect(workspace) as ws:
        ws.progress = TerminalProgress()
        done = ws.ingest(file, text=text, name=name)
    aside = f", {done.n_quarantined:,} set aside" if done.n_quarantined else ""
    emit(asdict(done), f"{done.name}: {done.n_records:,} records, {done.n_added:,} new{aside}.", as_json=as_json)
