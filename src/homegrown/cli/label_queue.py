"""``homegrown label queue``: what waits to be labelled."""

from __future__ import annotations

from pathlib import Path

import click

from homegrown.cli.common import emit, json_option, workspace_option
from homegrown.core.plain import one_line
from homegrown.workspace import connect


@click.command("queue")
@click.argument("task")
@click.option("-n", "n", type=click.IntRange(1, 200), default=10, show_default=True, help="How many records.")
@click.option("--selection", help="Only records of this Selection.")
@click.option("--conflicts", is_flag=True, help="Those on which people disagree instead; holds none of them.")
@workspace_option
@json_option
def command(task: str, n: int, selection: str | None, conflicts: bool, workspace: Path, as_json: bool) -> None:
    """Show the next records of TASK, with what they may be and why; they are held for you for ten minutes."""
    with connect(workspace) as ws:
        page = ws.conflicts(task, n) if conflicts else ws.next_records(task, n, selection=selection)
        asked = ws.task(task).noun
        names = {c.class_id: c.name for c in asked.classes} | {f.field_id: f.name for f in asked.fields}
    records = [
        {
            "record_id": w.record.record_id,
            "text": w.record.text,
            "reason": w.assignment.reason,
            "suggestions": [{"class": names.get(s.class_id), "share": s.share, "why": s.why} for s in w.suggestions],
            "answers": {names[a.field_id]: {"answer": a.answer, "share": a.share, "why": a.why} for a in w.answers},
            "votes": [{"who": v.who, "classes": [names.get(c) for c in v.class_ids]} for v in w.votes],
        }
        for w in page.records
    ]
    lines = [f"{r['record_id']}  {one_line(r['text'])}" for r in records]
    found = {"records": records, "n_waiting": page.n_waiting, "n_mine": page.n_mine}
    emit(found, "\n".join([*lines, f"{page.n_waiting:,} wait, {page.n_mine:,} by you."]), as_json=as_json)
