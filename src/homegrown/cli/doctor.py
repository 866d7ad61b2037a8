"""``homegrown doctor``."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from homegrown.cli.common import emit, json_option, workspace_option
from homegrown.errors import HomegrownError
from homegrown.workspace import connect
from homegrown.workspace.doctor import Finding, doctor


@click.command("doctor")
@workspace_option
@json_option
def command(workspace: Path, as_json: bool) -> None:
    """Check the machine and the workspace; say what is wrong and what to do."""
    try:
        if (workspace / "workspace.json").exists():
            with connect(workspace) as ws:
                findings = doctor(ws)
        else:
            findings = [*doctor(None), Finding("workspace", "note", f"there is none in {workspace} yet")]
    except HomegrownError as error:
        findings = [*doctor(None), Finding("workspace", "wrong", error.message)]
    sign = {"ok": "ok   ", "note": "note ", "wrong": "WRONG"}
    lines = [f"{sign[f.state]}  {f.check}: {f.text}" for f in findings]
    emit([asdict(f) for f in findings], "\n".join(lines), as_json=as_json)
    if any(f.state == "wrong" for f in findings):
        sys.exit(1)
