"""``homegrown label import``: what other labelling software exported."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from homegrown.cli.common import emit, json_option, workspace_option
from homegrown.label.formats import FORMATS
from homegrown.label.span_files import FORMATS as SPAN_FORMATS
from homegrown.label.span_files import Unit
from homegrown.workspace import connect
from homegrown.workspace.span_exchange import UNITS

SHOWN = 20


@click.command("import")
@click.argument("task")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--format",
    type=click.Choice(list(dict.fromkeys((*FORMATS, *SPAN_FORMATS)))),
    help="Guessed from the content when not given.",
)
@click.option("--name", help="Name of the source; default: the file name.")
@click.option("--new-classes", is_flag=True, help="Add labels that TASK does not have, instead of setting them aside.")
@click.option(
    "--unit", type=click.Choice(list(UNITS)), help="What offsets of spans count; told by the file when not given."
)
@click.option("--spaces", type=click.Choice(["single", "written"]), help="How tokens of CoNLL are joined.")
@click.option("--documents", is_flag=True, help="Of CoNLL: texts end at -DOCSTART-, not at empty lines.")
@workspace_option
@json_option
def command(
    task: str,
    file: Path,
    format: str | None,
    name: str | None,
    new_classes: bool,
    unit: str | None,
    spaces: str | None,
    documents: bool,
    workspace: Path,
    as_json: bool,
) -> None:
    """Read FILE of Label Studio, Argilla, Prodigy, doccano, OpenAI; of spans CoNLL and brat too: votes for TASK."""
    said = {"unit": unit, "spaces": spaces, "documents": documents}
    reading = {name: value for name, value in said.items() if value}
    with connect(workspace) as ws:
        done = ws.import_votes(task, file, format=format, name=name, new_classes=new_classes, **reading)
    lines = [
        f"{task}: {done.n_votes:,} votes from {done.format}, {done.n_added:,} new records.",
        *(f"  {source}: {n:,}" for source, n in done.sources.items()),
    ]
    if set(done.units) - {Unit.CODE_POINTS}:
        lines += [f"Offsets count {u} in {n:,} texts." for u, n in done.units.items()]
    if done.n_unsure:
        lines.append(f"In {done.n_unsure:,} texts offsets could count something else as well; --unit settles it.")
    if done.n_aside:
        lines.append(f"{done.n_aside:,} set aside:")
        lines += [f"  {file.name}:{a.line}: {a.reason}" for a in done.aside[:SHOWN]]
        lines += [f"  and {done.n_aside - SHOWN:,} more (--json lists them)"] if done.n_aside > SHOWN else []
    emit(asdict(done) | {"aside": [a._asdict() for a in done.aside]}, "\n".join(lines), as_json=as_json)
