"""``homegrown predict``."""

from __future__ import annotations

from pathlib import Path

import click

from homegrown.cli.common import emit, json_option, workspace_option
from homegrown.workspace import connect


@click.command("predict")
@click.argument("name")
@click.argument("texts", nargs=-1, required=True)
@workspace_option
@json_option
def command(name: str, texts: tuple[str, ...], workspace: Path, as_json: bool) -> None:
    """Answer TEXTS with the model NAME, offline."""
    with connect(workspace) as ws:
        answers = ws.predict(name, list(texts))
    lines = [f"{a['label'] or 'none of these'}  {a['prob']:.2f}  {t}" for a, t in zip(answers, texts, strict=True)]
    emit({"model": name, "answers": answers}, "\n".join(lines), as_json=as_json)
