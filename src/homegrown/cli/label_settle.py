"""``homegrown label settle``: a reviewer's word on fields of a record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from homegrown.cli.common import emit, json_option, workspace_option
from homegrown.errors import ConflictError, InputError
from homegrown.workspace import connect


@click.command("settle")
@click.argument("task")
@click.argument("record_id")
@click.argument("said", nargs=-1, required=True, metavar="FIELD=VALUE…")
@click.option("--base", help="The reviewer's vote that you have seen, where one settled the same field otherwise.")
@workspace_option
@json_option
def command(task: str, record_id: str, said: tuple[str, ...], base: str | None, workspace: Path, as_json: bool) -> None:
    """Settle fields of a record of TASK, whatever others say: total="12.50 EUR".

    FIELD= without a value: it is not in the text. A field that is named twice holds both.
    """
    with connect(workspace) as ws:
        done = ws.settle(task, record_id, _document(said), base=base)
    if done.outcome == "stale":
        raise ConflictError(
            "Another reviewer settled this otherwise. To replace what they said: "
            f"--base {done.stands['vote_id'] if done.stands else ''}"
        )
    emit({"vote_id": done.vote_id}, f"Settled as {done.vote_id}.", as_json=as_json)


def _document(said: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, list[str]] = {}
    for part in said:
        name, is_value, value = part.partition("=")
        if not is_value:
            raise InputError(f"Say FIELD=VALUE, not {part[:80]!r}.")
        found.setdefault(name.strip(), []).append(value)
    return {name: values if len(values) > 1 else values[0] or None for name, values in found.items()}
