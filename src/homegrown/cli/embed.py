"""``homegrown embed``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from homegrown.cli.common import TerminalProgress, emit, json_option, workspace_option
from homegrown.workspace import connect


@click.command("embed")
@workspace_option
@json_option
def command(workspace: Path, as_json: bool) -> None:
    """Give every record its vector; run again, it does only what is missing."""
    with connect(workspace) as ws:
        ws.progress = TerminalProgress()
        done = ws.embed()
    for warning in done.warnings:
        click.echo(f"Note: {warning}", err=True)
    text = (
        f"{done.n_embedded:,} of {done.n_texts:,} distinct texts embedded in {done.seconds:.1f} s "
        f"({done.texts_per_s:,.0f} texts/s, {done.share_read:.0%} of their tokens read) with {done.embedder}."
    )
    emit(asdict(done), text if done.n_embedded else f"All {done.n_texts:,} texts have a vector.", as_json=as_json)
