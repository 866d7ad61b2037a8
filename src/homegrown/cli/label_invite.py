"""``homegrown label invite``: let somebody in to label."""

from __future__ import annotations

from pathlib import Path

import click

from homegrown.cli.common import emit, json_option, workspace_option
from homegrown.workspace import connect


@click.command("invite")
@click.argument("task")
@click.argument("name")
@click.option("--role", type=click.Choice(["annotator", "reviewer"]), default="annotator", show_default=True)
@click.option("--url", default="http://127.0.0.1:8700", show_default=True, help="Address of the running server.")
@workspace_option
@json_option
def command(task: str, name: str, role: str, url: str, workspace: Path, as_json: bool) -> None:
    """Invite NAME to label TASK; prints a link that works once within a week, and a key for their programs."""
    with connect(workspace) as ws:
        made = ws.invite(task, name, role)
    link = f"{url.rstrip('/')}/signin?link={made.link}"
    document = {"actor_id": made.actor_id, "name": made.name, "role": made.role.value, "url": link, "key": made.key}
    text = f"{link}\nHand this to {made.name}: it works once, within a week.\nA key for their programs: {made.key}"
    emit(document, f"{text}\nNeither is shown again.", as_json=as_json)
