"""``homegrown export``."""

from __future__ import annotations

from pathlib import Path

import click

from homegrown.cli.common import emit, json_option, workspace_option
from homegrown.workspace import connect


@click.command("export")
@click.argument("name")
@click.argument("folder", type=click.Path(path_type=Path))
@workspace_option
@json_option
def command(name: str, folder: Path, workspace: Path, as_json: bool) -> None:
    """Write the model NAME to the new FOLDER, for sentence-transformers, transformers and ONNX Runtime."""
    with connect(workspace) as ws:
        done = ws.export(name, folder)
    document = {
        "folder": str(done.folder),
        "files": done.files,
        "n_checked": done.n_checked,
        "least_cosine": done.least_cosine,
        "same_answers": done.same_answers,
    }
    checked = f"on {done.n_checked} texts its answers equal ours (least cosine {done.least_cosine:.5f})"
    emit(document, f"{done.folder}: {len(done.files)} files; {checked}.", as_json=as_json)
