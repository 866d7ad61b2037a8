"""``homegrown curate datasheet``: what is known of a snapshot, as Markdown or JSON."""

from __future__ import annotations

from pathlib import Path

import click

from homegrown.cli.common import emit, json_option, workspace_option
from homegrown.workspace import connect


@click.command("datasheet")
@click.argument("snapshot")
@workspace_option
@json_option
def command(snapshot: str, workspace: Path, as_json: bool) -> None:
    """Say of SNAPSHOT where it comes from, what is in it, who labelled it, and what is doubtful."""
    with connect(workspace) as ws:
        sheet = ws.datasheet(snapshot, markdown=not as_json)
    emit(sheet, lambda: str(sheet), as_json=as_json)
