"""``homegrown govern apply`` and ``declare``: the workspace as a file that git can keep, both ways."""

from __future__ import annotations

from pathlib import Path

import click

from homegrown.cli.common import TerminalProgress, emit, json_option, workspace_option
from homegrown.workspace import connect
from homegrown.workspace.declaration import FILE
from homegrown.workspace.declared import apply_declaration, declare_workspace


@click.command("apply")
@click.argument("file", type=click.Path(path_type=Path), default=Path(FILE))
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@workspace_option
@json_option
def apply(file: Path, dry_run: bool, workspace: Path, as_json: bool) -> None:
    """Make the workspace hold what FILE declares (default: homegrown.toml here); nothing is ever removed by it."""
    with connect(workspace) as ws:
        ws.progress = TerminalProgress()
        found = apply_declaration(ws, file, dry_run=dry_run)
    rows = [{"what": c.what, "change": c.says, "waits": c.do is None} for c in found]
    lines = [f"{r['what']}: {r['change']}" for r in rows]
    head = ["This would change:"] if dry_run and lines else []
    emit({"changes": rows, "dry_run": dry_run}, "\n".join([*head, *lines]) or "Nothing differs.", as_json=as_json)


@click.command("declare")
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
@click.option("--replace", is_flag=True, help="Write over a file that is there.")
@workspace_option
@json_option
def declare(folder: Path, replace: bool, workspace: Path, as_json: bool) -> None:
    """Write what the workspace holds as a homegrown.toml in FOLDER, guidelines beside it."""
    with connect(workspace) as ws:
        paths = [str(p) for p in declare_workspace(ws, folder, replace=replace)]
    emit({"paths": paths}, "\n".join(paths), as_json=as_json)
