"""``homegrown predict``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from homegrown.cli.common import emit, json_option, workspace_option
from homegrown.errors import InputError
from homegrown.workspace import Workspace, connect

BATCH = 4096


@click.command("predict")
@click.argument("name")
@click.argument("texts", nargs=-1)
@click.option(
    "--file", type=click.Path(path_type=Path), help="Answer every row of this file; “-” reads lines from stdin."
)
@click.option("--text", "column", help="Column of the file that holds the text.")
@click.option("--out", type=click.Path(path_type=Path), help="Write one JSON object per row to this file.")
@workspace_option
@json_option
def command(
    name: str,
    texts: tuple[str, ...],
    file: Path | None,
    column: str | None,
    out: Path | None,
    workspace: Path,
    as_json: bool,
) -> None:
    """Answer TEXTS, or every row of a file, with the model NAME, offline."""
    if bool(texts) == bool(file):
        raise InputError("Give either texts or --file, e.g.: homegrown predict intent “where is my card?”")
    with connect(workspace) as ws:
        if file is None:
            answers = ws.predict(name, list(texts))
            rows = [{"text": t, **a} for t, a in zip(texts, answers, strict=True)]
            emit({"model": name, "answers": rows}, "\n".join(map(_line, rows)), as_json=as_json)
            return
        target = out.open("w", encoding="utf-8") if out else sys.stdout
        n = 0
        for row in _bulk(ws, name, file, column):
            target.write(json.dumps(row, ensure_ascii=False) + "\n" if as_json or out else _line(row) + "\n")
            n += 1
        if out:
            target.close()
            click.echo(f"{n:,} answers in {out}.", err=True)


def _bulk(ws: Workspace, name: str, file: Path, column: str | None) -> Iterator[dict[str, Any]]:
    batch: list[str] = []
    for text in _texts(ws, file, column):
        batch.append(text)
        if len(batch) == BATCH:
            yield from _answer(ws, name, batch)
            batch = []
    yield from _answer(ws, name, batch)


def _answer(ws: Workspace, name: str, batch: list[str]) -> list[dict[str, Any]]:
    return [{"text": t, **a} for t, a in zip(batch, ws.predict(name, batch), strict=True)] if batch else []


def _texts(ws: Workspace, file: Path, column: str | None) -> Iterator[str]:
    if str(file) == "-":
        yield from (line.rstrip("\n") for line in sys.stdin)
        return
    yield from ws.texts_of_file(file, column)


def _line(row: dict[str, Any]) -> str:
    text = " ".join(row["text"].split())
    if "document" in row:
        return f"{json.dumps(row['document'], ensure_ascii=False)}\t{text}"
    said = ", ".join(row["labels"]) if row.get("labels") else row["label"] or "none of these"
    return f"{said}\t{row['prob']:.3f}\t{text}"
