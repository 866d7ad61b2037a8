"""``homegrown curate`` without a part: freeze a snapshot."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from homegrown.cli.common import emit, json_option, workspace_option
from homegrown.errors import NotFoundError
from homegrown.workspace import connect


@click.command("freeze")
@click.argument("task")
@click.option("--test-source", help="Source that is the test split, whole; default: a fifth is drawn.")
@click.option("--unlabelled", multiple=True, help="Source of further texts without labels. Repeatable.")
@click.option("--group-by", help="Column whose equal values stay on one side of the split.")
@click.option("--time-by", help="Column with a date: the newest fifth becomes the test.")
@click.option("--seed", default=0, show_default=True)
@workspace_option
@json_option
def command(
    task: str,
    test_source: str | None,
    unlabelled: tuple[str, ...],
    group_by: str | None,
    time_by: str | None,
    seed: int,
    workspace: Path,
    as_json: bool,
) -> None:
    """Freeze what TASK is labelled with now into a Snapshot with its splits."""
    with connect(workspace) as ws:
        found = ws.store.tasks.find(task)
        if found is None:
            raise NotFoundError(f"There is no task {task!r}. Tasks: {', '.join(ws.store.tasks.names()) or 'none yet'}.")
        snapshot = ws.snapshot(
            found, seed=seed, test_source=test_source, unlabelled=unlabelled, group_by=group_by, time_by=time_by
        )
    counts = ", ".join(f"{n:,} {split}" for split, n in snapshot.n_by_split.items())
    notes = [f"note: {w}" for w in snapshot.details.get("warnings", ())]
    emit(asdict(snapshot), "\n".join([f"{snapshot.snapshot_id}: {counts}.", *notes]), as_json=as_json)
