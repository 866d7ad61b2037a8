"""``homegrown label check``: a few records that show where a model errs."""

from __future__ import annotations

from pathlib import Path

import click

from homegrown.cli.common import emit, json_option, workspace_option
from homegrown.core.plain import one_line
from homegrown.workspace import connect


@click.command("check")
@click.argument("task")
@click.option("-n", "n", default=50, show_default=True, type=click.IntRange(1, 1000), help="How many records.")
@click.option("--selection", help="Keep them as a Selection of this name, to be labelled in the station.")
@workspace_option
@json_option
def command(task: str, n: int, selection: str | None, workspace: Path, as_json: bool) -> None:
    """Name records of TASK that stand for many others to which an upstream or a teacher gave the same label.

    Say of all of them what they are, then ask again: mistakes that are seen twice correct the labels around them.
    """
    with connect(workspace) as ws:
        found = ws.records_to_check(task, n)
        texts = ws.store.records.texts(found)
        if selection is not None and found:
            named = ", ".join(f"'{i}'" for i in found)  # ids are hex digits
            ws.save_selection(selection, f"SELECT record_id FROM records WHERE record_id IN ({named})")  # noqa: S608
    lines = [f"{record_id}  {one_line(texts.get(record_id, ''))}" for record_id in found]
    emit({"record_ids": found, "selection": selection}, "\n".join(lines), as_json=as_json)
