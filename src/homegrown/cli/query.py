"""``homegrown query``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from homegrown.cli.common import TerminalProgress, emit, json_option, workspace_option
from homegrown.query import VIEWS, Limits
from homegrown.workspace import connect

if TYPE_CHECKING:
    from homegrown.query import Result
    from homegrown.workspace import Workspace

SHOWN_ROWS = 50
SHOWN_WIDTH = 60


@click.command("query")
@click.argument("sql", required=False)
@click.option("--csv", type=click.Path(path_type=Path), help="Write the answer to this CSV file.")
@click.option("--parquet", type=click.Path(path_type=Path), help="Write the answer to this Parquet file.")
@click.option("--jsonl", type=click.Path(path_type=Path), help="Write the answer to this file of JSON lines.")
@click.option("--save", help="Save the query as a Selection of this name.")
@click.option("--timeout", default=60.0, show_default=True, help="Seconds after which the query is stopped.")
@click.option("--index", is_flag=True, help="Build the full-text and nearest-neighbour indexes.")
@click.option("--tables", is_flag=True, help="List the tables that a query may read.")
@workspace_option
@json_option
def command(
    sql: str | None,
    csv: Path | None,
    parquet: Path | None,
    jsonl: Path | None,
    save: str | None,
    timeout: float,
    index: bool,
    tables: bool,
    workspace: Path,
    as_json: bool,
) -> None:
    r"""Answer one SELECT over records, votes, labels, models, traces, events and all other nouns.

    \b
    homegrown query "select fields->>'channel', count(*) from records group by all"
    homegrown query "select text, score from search('money back', 20)"
    homegrown query "select text from records where predict('intent', text) = 'refund'"
    """
    if tables:
        about = {name: view.about for name, view in VIEWS.items()}
        emit(about, "\n".join(f"{name:16} {text}" for name, text in about.items()), as_json=as_json)
        return
    if sql is None and not index:
        raise click.UsageError('Say what to ask, e.g. homegrown query "select count(*) from records".')
    with connect(workspace) as ws:
        ws.progress = TerminalProgress()
        if index:
            report = ws.build_indexes()
            emit(
                {"n_records": report.n_records, "vector_tables": report.vector_tables, "seconds": report.seconds},
                f"Indexed the words of {report.n_records:,} records in {report.seconds:.1f} s.",
                as_json=as_json,
            )
        if sql is not None:
            limits = Limits(seconds=timeout)
            if save:
                ws.save_selection(save, sql)
                click.echo(f"Saved as the selection {save}.", err=True)
            targets = {k: p for k, p in (("csv", csv), ("parquet", parquet), ("jsonl", jsonl)) if p}
            if targets:
                _export(ws, sql, targets, limits, as_json=as_json)
            else:
                _show(ws.sql(sql, limits=limits, max_rows=None if as_json else SHOWN_ROWS), as_json=as_json)


def _export(ws: Workspace, sql: str, targets: dict[str, Path], limits: Limits, *, as_json: bool) -> None:
    for kind, path in targets.items():
        n = ws.export_sql(sql, path, kind, limits=limits)
        emit({"path": str(path), "n_rows": n}, f"{path}: {n:,} rows.", as_json=as_json)


def _show(result: Result, *, as_json: bool) -> None:
    for note in result.notes:
        click.echo(note, err=True)
    document = {"columns": result.columns, "rows": result.rows(), "seconds": result.seconds, "notes": result.notes}
    emit(document, lambda: _table(result), as_json=as_json)


def _table(result: Result) -> str:
    rows = [[_cell(v) for v in row.values()] for row in result.rows()]
    widths = [max(len(c), *(len(r[i]) for r in rows), 0) if rows else len(c) for i, c in enumerate(result.columns)]
    lines = ["  ".join(c.ljust(w) for c, w in zip(result.columns, widths, strict=True)).rstrip()]
    lines.append("  ".join("─" * w for w in widths))
    lines += ["  ".join(v.ljust(w) for v, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    more = f"first {len(rows):,} rows; --csv FILE writes all" if result.truncated else f"{len(rows):,} rows"
    return "\n".join([*lines, f"({more}, {result.seconds:.2f} s)"])


def _cell(value: object) -> str:
    text = "∅" if value is None else str(value)
    # Control characters of stored text would reach the terminal: show them as spaces.
    text = "".join(c if c.isprintable() else " " for c in text)
    return text if len(text) <= SHOWN_WIDTH else text[: SHOWN_WIDTH - 1] + "…"
