"""``homegrown label import``: what other labelling software exported."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from homegrown.cli.common import emit, json_option, workspace_option
from homegrown.label.formats import FORMATS
from homegrown.workspace import connect

SHOWN = 20


@click.command("import")
@click.argument("task")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--format", type=click.Choice(list(FORMATS)), help="Guessed from the content when not given.")
@click.option("--name", help="Name of the source; default: the file name.")
@click.option("--new-classes", is_flag=True, help="Add labels that TASK does not have, instead of setting them aside.")
@workspace_option
@json_option
def command(
    task: str,
    file: Path,
    format: str | None,
    name: str | None,
    new_classes: bool,
    workspace: Path,
    as_json: bool,
) -> None:
    """Read FILE of Label Studio, Argilla, Prodigy, doccano or OpenAI: texts become records, opinions votes for TASK."""
    with connect(workspace) as ws:
        done = ws.import_votes(task, file, format=format, name=name, new_classes=new_classes)
    lines = [
        f"{task}: {done.n_votes:,} votes from {done.format}, {done.n_added:,} new records.",
        *(f"  {source}: {n:,}" for source, n in done.sources.items()),
    ]
    if done.n_aside:
        lines.append(f"{done.n_aside:,} set aside:")
        lines += [f"  {file.name}:{a.line}: {a.reason}" for a in done.aside[:SHOWN]]
        lines += [f"  and {done.n_aside - SHOWN:,} more (--json lists them)"] if done.n_aside > SHOWN else []
    emit(asdict(done) | {"aside": [a._asdict() for a in done.aside]}, "\n".join(lines), as_json=as_json)
