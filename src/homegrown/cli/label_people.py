"""``homegrown label people``: who labels a task, and how far they agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from homegrown.cli.common import emit, json_option, workspace_option
from homegrown.workspace import connect


@click.command("people")
@click.argument("task")
@workspace_option
@json_option
def command(task: str, workspace: Path, as_json: bool) -> None:
    """Show who labels TASK: agreement over all, per class or field and per pair, and what each person confuses."""
    with connect(workspace) as ws:
        found = ws.team(task).document()
    emit(found, lambda: _text(task, found), as_json=as_json)


def _text(task: str, found: dict[str, Any]) -> str:
    if not found["people"]:
        return f"Nobody has labelled {task} yet. Invite somebody: homegrown label invite {task} NAME"
    lines = [f"{task}: agreement {_alpha(found['agreement'])}"]
    lines += [f"  {p['name'][:30]:30} {p['n_votes']:7,} votes  {_right(p)}" for p in found["people"]]
    for title, part in (("per pair", "pairs"), ("per class", "classes")):
        rows = [(f"{r['names'][0]} and {r['names'][1]}" if part == "pairs" else r["class"], r) for r in found[part]]
        lines += [f"{title}:", *(f"  {name[:50]:50} {_alpha(row)}" for name, row in rows[:30])] if rows else []
    if found["fields"]:
        lines.append("per field:")
        for row in found["fields"]:
            f1 = "" if row["f1"] is None else f"  F1 of two people {row['f1']:.2f}"
            lines.append(f"  {row['field'][:50]:50} {_alpha(row)}{f1}")
    lines.append(
        f"{found['n_conflicts']:,} conflicts wait for a reviewer, {found['n_questions']:,} questions for an answer."
    )
    return "\n".join(lines)


def _alpha(row: dict[str, Any]) -> str:
    if row["alpha"] is None:
        return "not known: no record was seen by two people, or one class is all that was said"
    low, high = row["ci95"]
    return f"{row['alpha']:.2f} ({low:.2f} to {high:.2f}, n = {row['n']:,})"


def _right(person: dict[str, Any]) -> str:
    if person["accuracy"] is None:
        return "right: not known"
    low, high = person["accuracy_ci95"]
    how = "measured" if person["is_measured"] else "estimated"
    wrong = "; ".join(f"{c['truth']} → {c['said']} {c['share']:.0%}" for c in person["confusions"])
    return f"right: {person['accuracy']:.0%} ({low:.0%} to {high:.0%}, {how})" + (f"  {wrong}" if wrong else "")
