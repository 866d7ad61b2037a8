"""``homegrown label queue``: what waits to be labelled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from homegrown.cli.common import emit, json_option, workspace_option
from homegrown.core.documents import document_of
from homegrown.core.plain import one_line
from homegrown.workspace import connect

if TYPE_CHECKING:
    from homegrown.core.schema import Field
    from homegrown.label.disputes import Dispute


@click.command("queue")
@click.argument("task")
@click.option("-n", "n", type=click.IntRange(1, 200), default=10, show_default=True, help="How many records.")
@click.option("--selection", help="Only records of this Selection.")
@click.option("--conflicts", is_flag=True, help="Those on which people disagree instead; holds none of them.")
@click.option(
    "--sources", is_flag=True, help="With --conflicts, of fields: also where other sources contradict people."
)
@workspace_option
@json_option
def command(
    task: str, n: int, selection: str | None, conflicts: bool, sources: bool, workspace: Path, as_json: bool
) -> None:
    """Show the next records of TASK, with what they may be and why; they are held for you for ten minutes."""
    if sources and not conflicts:
        raise click.UsageError("--sources goes with --conflicts.")
    with connect(workspace) as ws:
        page = ws.conflicts(task, n, sources=sources) if conflicts else ws.next_records(task, n, selection=selection)
        asked = ws.task(task).noun
        names = {c.class_id: c.name for c in asked.classes} | {f.field_id: f.name for f in asked.fields}
    records = [
        {
            "record_id": w.record.record_id,
            "text": w.record.text,
            "reason": w.assignment.reason,
            "suggestions": [{"class": names.get(s.class_id), "share": s.share, "why": s.why} for s in w.suggestions],
            "answers": {names[a.field_id]: {"answer": a.answer, "share": a.share, "why": a.why} for a in w.answers},
            "disputes": [_dispute(asked.fields, d, w.record.text) for d in w.disputes],
            "votes": [{"who": v.who, "classes": [names.get(c) for c in v.class_ids]} for v in w.votes],
        }
        for w in page.records
    ]
    lines = [line for r in records for line in (f"{r['record_id']}  {one_line(r['text'])}", *map(_told, r["disputes"]))]
    found = {"records": records, "n_waiting": page.n_waiting, "n_mine": page.n_mine}
    emit(found, "\n".join([*lines, f"{page.n_waiting:,} wait, {page.n_mine:,} by you."]), as_json=as_json)


def _dispute(fields: tuple[Field, ...], dispute: Dispute, text: str) -> dict[str, Any]:
    """What each side says, as a document has it."""
    one = next(f for f in fields if f.field_id == dispute.field_id)
    sides = [
        {"value": document_of((one,), {"fields": {one.field_id: s.answer}}, text)[one.name], "who": list(s.who)}
        for s in dispute.sides
    ]
    return {"field": one.name, "sides": sides}


def _told(dispute: dict[str, Any]) -> str:
    sides = [f"{_word(s['value'])} ({', '.join(map(one_line, s['who']))})" for s in dispute["sides"]]
    return f"    {dispute['field']}: {' | '.join(sides)}"


def _word(value: Any) -> str:
    if value is None or value == []:
        return "not there"
    return one_line(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
