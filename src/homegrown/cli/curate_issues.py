"""``homegrown curate issues``: find what is doubtful, list it, decide it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from homegrown.cli.common import TerminalProgress, emit, json_option, workspace_option
from homegrown.core.issues import KINDS, OPEN, Decision, kind_of
from homegrown.workspace import connect

if TYPE_CHECKING:
    from homegrown.core.issues import Issue
    from homegrown.workspace import Workspace


@click.command("issues")
@click.argument("task", required=False)
@click.option("--source", help="Only records of this source.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(list(KINDS)), help="Only this kind. Repeatable.")
@click.option("--list", "only_list", is_flag=True, help="Show what was found before; look for nothing.")
@click.option("--all", "decided", is_flag=True, help="Show decided ones too.")
@click.option("--limit", default=20, show_default=True, help="How many are listed.")
@click.option("--decide", nargs=2, metavar="ISSUE DECISION", help=f"Decide one: {', '.join(Decision)}.")
@click.option("--undo", metavar="ISSUE", help="Take a decision back.")
@workspace_option
@json_option
def command(
    task: str | None,
    source: str | None,
    kinds: tuple[str, ...],
    only_list: bool,
    decided: bool,
    limit: int,
    decide: tuple[str, str] | None,
    undo: str | None,
    workspace: Path,
    as_json: bool,
) -> None:
    """Look for doubtful records, and for doubtful labels of TASK, and list the most harmful first."""
    with connect(workspace) as ws:
        if decide or undo:
            issue = ws.decide(*decide) if decide else ws.undo_decision(str(undo))
            emit(_document(issue), f"{issue.issue_id}: {issue.state}.", as_json=as_json)
            return
        ws.progress = TerminalProgress()
        report = None if only_list else ws.find_issues(task, kinds=kinds or None, source=source)
        found = _listed(ws, task, kinds, decided=decided, limit=limit)
        counts, notes = ws.store.issues.counts(), list(report.notes) if report else []
    document = {"task": task, "counts": counts, "notes": notes, "issues": [_document(issue) for issue in found]}
    emit(document, lambda: _text(found, counts, notes), as_json=as_json)


def _listed(ws: Workspace, task: str | None, kinds: tuple[str, ...], *, decided: bool, limit: int) -> list[Issue]:
    state = None if decided else OPEN
    if not kinds:
        return ws.issues(task, state=state, limit=limit)
    found = [issue for kind in kinds for issue in ws.issues(task, kind=kind, state=state, limit=limit)]
    return sorted(found, key=lambda issue: -issue.harm)[:limit]


def _document(issue: Issue) -> dict[str, object]:
    return {**asdict(issue), "harm": round(issue.harm, 4)}


def _text(found: list[Issue], counts: dict[str, dict[str, int]], notes: list[str]) -> str:
    waiting = {kind: states[OPEN] for kind, states in counts.items() if states.get(OPEN)}
    if not waiting:
        return "\n".join(["Nothing doubtful waits.", *(f"note: {n}" for n in notes)])
    lines = [
        f"{sum(waiting.values()):,} issues wait: " + ", ".join(f"{n:,} {kind_of(k).title}" for k, n in waiting.items())
    ]
    lines += [f"{i.harm:4.2f}  {i.issue_id}  {i.state:10}  {i.title}: {i.reason}" for i in found]
    return "\n".join(
        [*lines, *(f"note: {n}" for n in notes), "Decide: homegrown curate issues --decide ISSUE DECISION"]
    )
