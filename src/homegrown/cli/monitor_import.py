"""``homegrown monitor import``: calls of a model API that happened before."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from homegrown.cli.common import TerminalProgress, emit, json_option, workspace_option
from homegrown.core.plain import one_line
from homegrown.monitor.imports.read import FORMATS
from homegrown.workspace import connect

SHOWN = 20


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--format", type=click.Choice(list(FORMATS)), help="Found by the content when not given.")
@click.option("--name", help="Under which the calls stand; default: the name of the first file.")
@workspace_option
@json_option
def command(files: tuple[Path, ...], format: str | None, name: str | None, workspace: Path, as_json: bool) -> None:
    """Bring in calls from FILES: JSON or JSON lines. A batch's input and output are named together.

    The same file again adds nothing; what cannot be used is listed with its line and the reason.
    """
    with connect(workspace) as ws:
        if not as_json:
            ws.progress = TerminalProgress()
        done = ws.import_calls(*files, format=format, name=name)
    lines = [
        f"{one_line(done.origin)}: {done.n_calls:,} calls ({', '.join(sorted(set(done.formats)))}), "
        f"{done.n_added:,} of them new."
    ]
    if done.n_aside:
        lines.append(f"{done.n_aside:,} set aside:")
        lines += [f"  {one_line(a.file)}:{a.line}: {a.reason}" for a in done.aside[:SHOWN]]
        lines += [f"  and {done.n_aside - SHOWN:,} more (--json lists them)"] if done.n_aside > SHOWN else []
    lines.append("Next: homegrown monitor tasks")
    emit(asdict(done) | {"aside": [a._asdict() for a in done.aside]}, "\n".join(lines), as_json=as_json)
