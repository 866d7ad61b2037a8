"""``homegrown evaluate``."""

from __future__ import annotations

from pathlib import Path

import click

from homegrown.cli.common import TerminalProgress, emit, json_option, workspace_option
from homegrown.evaluate import show
from homegrown.workspace import connect


@click.command("evaluate")
@click.argument("model")
@click.option("--split", default="test", show_default=True, help="test, valid or train.")
@click.option("--compare", metavar="OTHER", help="Another model or version, compared on the same texts.")
@click.option("--slice", "slice_by", metavar="FIELD", help="Slice by this field only.")
@click.option(
    "--html", type=click.Path(path_type=Path), help="Write the report there; default: reports/ of the workspace."
)
@workspace_option
@json_option
def command(
    model: str, split: str, compare: str | None, slice_by: str | None, html: Path | None, workspace: Path, as_json: bool
) -> None:
    """Measure MODEL (a name, name@2, or a version id) on texts that it never saw."""
    with connect(workspace) as ws:
        ws.progress = TerminalProgress()
        document = ws.evaluate(model, split=split, slice_by=slice_by, compare=compare)
        path = ws.write_report(document, html)
        texts = {} if as_json else ws.quoted(document)
    document["report_path"] = str(path)
    if as_json:
        emit(document, "", as_json=True)
        return
    show(document, texts)
    click.echo(f"\nReport: {path}")
