"""``homegrown forget``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from homegrown.cli.common import TerminalProgress, emit, json_option, workspace_option
from homegrown.workspace import connect

if TYPE_CHECKING:
    from homegrown.govern.forget import Forgotten


@click.command("forget")
@click.option("--record", help="Forget one record by its id.")
@click.option("--source", help="Forget all records that came from this source alone.")
@click.option("--where", metavar="FIELD=VALUE", help="Forget all records with this value in this field.")
@click.option("--resume", is_flag=True, help="Finish a forgetting that was interrupted.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@workspace_option
@json_option
def command(
    record: str | None,
    source: str | None,
    where: str | None,
    resume: bool,
    yes: bool,
    workspace: Path,
    as_json: bool,
) -> None:
    """Remove records for good: tables, old versions, indexes, caches, traces, reports, exports, backups.

    Leaves a tombstone without content, and names the votes, snapshots and models that the records touched.
    """
    field, separator, value = (where or "").partition("=")
    if not resume and (sum(bool(x) for x in (record, source, where)) != 1 or (where and not (field and separator))):
        raise click.UsageError("Name one of --record ID, --source NAME, --where FIELD=VALUE.")
    with connect(workspace) as ws:
        ws.progress = TerminalProgress()
        if resume:
            done = ws.finish_forgetting()
        else:
            if not yes:
                click.confirm(
                    "This cannot be undone; reports, exports and backups go too. Go on?", abort=True, err=True
                )
            done = ws.forget(record=record, source=source, field=field or None, value=value or None)
    if done is None:
        emit({"done": False}, "There is nothing to finish.", as_json=as_json)
    else:
        emit(asdict(done), lambda: _told(done), as_json=as_json)


def _told(done: Forgotten) -> str:
    lines = [
        f"Forgot {done.subject}: {done.n_records:,} records, {done.n_votes:,} votes, {done.n_traces:,} traces.",
        f"Tombstone {done.tombstone_id}.",
    ]
    for what, names in (
        ("Snapshots that held them", done.snapshots),
        ("Models trained from those (train them anew to be rid of their influence)", done.models),
        ("Models removed because their files held a text", done.removed_models),
        ("Files removed", done.removed_files),
    ):
        if names:
            lines.append(f"{what}: {', '.join(names)}")
    lines.append("Copies outside the workspace are yours to remove: the files that were imported, backups elsewhere.")
    return "\n".join(lines)
