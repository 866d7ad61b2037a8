"""``homegrown label next``: the records most worth labelling, and what more labels would bring."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from homegrown.cli.common import emit, json_option, workspace_option
from homegrown.core.plain import one_line
from homegrown.workspace import connect


@click.command("next")
@click.argument("task")
@click.option("-n", "n", default=10, show_default=True, type=click.IntRange(1, 100), help="How many records.")
@workspace_option
@json_option
def command(task: str, n: int, workspace: Path, as_json: bool) -> None:
    """Name the records of TASK that are most worth labelling next, each with its reason; forecast what labels bring."""
    with connect(workspace) as ws:
        chosen = ws.suggest(task, n)
        ahead = ws.forecast(task)
        texts = ws.store.records.texts([c.record_id for c in chosen])
    lines = [said for said in dict.fromkeys((ahead.sentence, ahead.why, ahead.caution)) if said]
    for choice in chosen:
        guess = f"  → {choice.suggestion} ({choice.prob:.0%})" if choice.suggestion else ""
        lines += [f"{choice.record_id}  {one_line(texts.get(choice.record_id, ''))}{guess}", f"    {choice.reason}"]
    document = {"forecast": msgspec.to_builtins(ahead), "records": [c._asdict() for c in chosen]}
    emit(document, "\n".join(lines), as_json=as_json)
