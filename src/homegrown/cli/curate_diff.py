"""``homegrown curate diff``: what changed between two snapshots."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from homegrown.cli.common import emit, json_option, workspace_option
from homegrown.workspace import connect

if TYPE_CHECKING:
    from homegrown.curate.diff import Change, SnapshotDiff

_SHOWN = 10


@click.command("diff")
@click.argument("before")
@click.argument("after")
@workspace_option
@json_option
def command(before: str, after: str, workspace: Path, as_json: bool) -> None:
    """Compare the snapshots BEFORE and AFTER: records added, removed, moved to another split, relabelled."""
    with connect(workspace) as ws:
        found = ws.diff(before, after)
    emit(asdict(found) if as_json else None, lambda: _text(found), as_json=as_json)


def _text(found: SnapshotDiff) -> str:
    same = "the same" if found.same_test else "other"
    lines = [f"{found.before} → {found.after}: {found.n_same:,} records as before, tested on {same} texts."]
    lines += [f"  {split:11} {a:,} → {b:,}" for split, (a, b) in found.n_by_split.items()]
    for name in ("added", "removed", "moved", "relabelled"):
        changes: tuple[Change, ...] = getattr(found, name)
        lines.append(f"{name}: {len(changes):,}")
        lines += [f"  {c.record_id}  {_arrow(c.splits)}  {_arrow(c.labels)}" for c in changes[:_SHOWN]]
        if len(changes) > _SHOWN:
            lines.append(f"  and {len(changes) - _SHOWN:,} more (--json lists all)")
    return "\n".join(lines)


def _arrow(pair: tuple[str | None, str | None]) -> str:
    before, after = ("–" if x is None else x[:40] for x in pair)
    return before if before == after else f"{before} → {after}"
