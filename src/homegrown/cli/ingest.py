"""``homegrown ingest``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from homegrown.cli.common import TerminalProgress, emit, json_option, workspace_option
from homegrown.core.records import ReadOptions
from homegrown.workspace import connect

if TYPE_CHECKING:
    from pathlib import Path

    from homegrown.core.records import Quarantined, SourceVersion

SHOWN = 10


@click.command("ingest")
@click.argument("path")
@click.option("--text", help="Column that holds the text; guessed when not named.")
@click.option("--label", help="Column that holds the answer.")
@click.option("--id", "id_", help="Column that names the rows: a changed row stays the same record.")
@click.option("--name", help="Name of the source; default: the file name.")
@click.option("--format", "kind", help="Read files as this (csv, jsonl, …), whatever their names say.")
@click.option("--delimiter", help="Between cells, e.g. ';' or tab; default: found out.")
@click.option("--encoding", help="Of text files, e.g. cp1252; default: found out.")
@click.option("--quote", default='"', show_default=True, help="Character around cells that hold a delimiter.")
@click.option("--no-header", is_flag=True, help="The first row is data; columns become column_1, column_2, …")
@click.option("--sheet", help="Sheet of an Excel file; '*' for all.")
@click.option("--sections", is_flag=True, help="One record per section or page of a document, not one per file.")
@workspace_option
@json_option
def command(
    path: str,
    text: str | None,
    label: str | None,
    id_: str | None,
    name: str | None,
    kind: str | None,
    workspace: Path,
    as_json: bool,
    no_header: bool,
    **options: object,
) -> None:
    """Read PATH into records: a file, a folder, a 'pattern*', an archive, or - for standard input."""
    read = ReadOptions(header=not no_header, **options)  # type: ignore[arg-type]
    with connect(workspace) as ws:
        ws.progress = TerminalProgress()
        done = ws.ingest(path, text=text, label=label, id=id_, name=name, kind=kind, options=read)
        aside = ws.store.sources.quarantined(done.source_id) if done.n_quarantined else []
    document = asdict(done) | {"quarantined": [asdict(q) for q in aside]}
    emit(document, lambda: _lines(done, aside), as_json=as_json)


def _lines(done: SourceVersion, aside: list[Quarantined]) -> str:
    if done.unchanged:
        head = f"{done.name}: nothing new; its {done.n_records:,} records were imported before."
    else:
        facts = [f"{done.n_records:,} records", f"{done.n_added:,} new"]
        facts += [f"{done.n_changed:,} changed"] if done.n_changed else []
        facts += [f"{done.n_retired:,} gone"] if done.n_retired else []
        head = f"{done.name}: {', '.join(facts)}."
    lines = [head, *(f"Note: {warning}" for warning in done.warnings)]
    for group in done.merge_offers[:SHOWN]:
        lines.append(f"Note: the labels {', '.join(map(repr, group))} differ only by case or spaces; merge them?")
    if done.n_quarantined:
        lines.append(f"{done.n_quarantined:,} set aside:")
        lines += [f"  {q.file}{'' if q.line is None else f', line {q.line}'}: {q.reason}" for q in aside[:SHOWN]]
        if done.n_quarantined > SHOWN:
            lines.append(f"  and {done.n_quarantined - SHOWN:,} more; all of them: --json")
    return "\n".join(lines)
