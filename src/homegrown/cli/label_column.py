"""``homegrown label`` without a part: a column, or a file of votes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click
import numpy as np

from homegrown.cli.common import emit, json_option, workspace_option
from homegrown.errors import InputError
from homegrown.label.aggregate import CONFUSION, METHODS, Aggregated, aggregate
from homegrown.label.votes_file import VotesFile, read_votes
from homegrown.workspace import connect


@click.command("column")
@click.argument("task", required=False)
@click.argument("column", required=False)
@click.option("--separator", help="Parts a cell with several labels, e.g. ';'.")
@click.option("--out-of-scope", multiple=True, help="Label that means: belongs to none of the classes. Repeatable.")
@click.option("--votes", type=click.Path(path_type=Path), help="CSV with record,source,value; needs no workspace.")
@click.option("--gold", type=click.Path(path_type=Path), help="CSV with record,value: answers known to be true.")
@click.option("--method", type=click.Choice(METHODS), default=CONFUSION, show_default=True, help="For --votes.")
@workspace_option
@json_option
def command(
    task: str | None,
    column: str | None,
    separator: str | None,
    out_of_scope: tuple[str, ...],
    votes: Path | None,
    gold: Path | None,
    method: str,
    workspace: Path,
    as_json: bool,
) -> None:
    """Turn the values of COLUMN into the classes and the imported votes of TASK; or join a CSV of votes to labels."""
    if votes is not None:
        if task is not None:
            raise InputError("Give either TASK and COLUMN, or --votes: a file of votes needs no workspace.")
        _aggregate(votes, gold, method, as_json=as_json)
        return
    if gold is not None:
        raise InputError("--gold goes with --votes.")
    if task is None or column is None:
        raise InputError("Name a TASK and the COLUMN that holds its answers, or a file of votes with --votes.")
    with connect(workspace) as ws:
        done = ws.import_labels(task, column, out_of_scope=out_of_scope, separator=separator)
    lines = [f"{task}: {len(done.task.classes)} classes, {done.n_votes:,} votes from the column {column!r}."]
    emit(asdict(done), "\n".join([*lines, *(f"note: {w}" for w in done.warnings)]), as_json=as_json)


def _aggregate(votes: Path, gold: Path | None, method: str, *, as_json: bool) -> None:
    read = read_votes(votes, gold)
    done = aggregate(read.votes, gold=read.gold, method=method)
    for note in (*read.notes, *_notes(read, done)):
        click.echo(f"note: {note}", err=True)
    emit(_document(read, done) if as_json else None, lambda: _table(read, done), as_json=as_json)


def _notes(read: VotesFile, done: Aggregated) -> list[str]:
    notes = [
        f"{read.sources[a]} and {read.sources[b]} say the same beyond what the truth explains; they count as one."
        for a, b in list(zip(done.pairs.first.tolist(), done.pairs.second.tolist(), strict=True))[:5]
    ]
    if len(done.pairs.first) > 5:
        notes.append(f"{len(done.pairs.first) - 5:,} more pairs of sources are correlated.")
    silent = int((read.votes.votes_per_record == 0).sum())
    if silent:
        notes.append(f"{silent:,} records have only abstentions; their label is a guess from the others.")
    if done.method != "majority" and done.majority_is_enough:
        notes.append(f"Majority is as good here: {done.gain:.1%} of accuracy is expected from more than it.")
    return notes


def _document(read: VotesFile, done: Aggregated) -> dict[str, object]:
    prob = done.probs[np.arange(len(done.label)), done.label].tolist()
    labels = zip(read.records, done.label.tolist(), prob, strict=True)
    one = done.sources
    columns = (one.coverage.tolist(), one.accuracy.tolist(), one.low.tolist(), one.high.tolist())
    return {
        "method": done.method,
        "labels": [{"record": r, "label": read.classes[k], "prob": p} for r, k, p in labels],
        "sources": [
            {"source": s, "coverage": c, "accuracy": None if a != a else a, "accuracy_ci95": [low, high]}
            for s, c, a, low, high in zip(read.sources, *columns, strict=True)
        ],
    }


def _table(read: VotesFile, done: Aggregated) -> str:
    share = np.bincount(done.label, minlength=len(read.classes)) / len(done.label)
    sizes = f"{len(read.records):,} records, {len(read.sources):,} sources, {len(read.classes):,} classes"
    lines = [f"{sizes}: {done.method}"]
    lines += [f"  {name[:40]:40} {part:6.1%}" for name, part in zip(read.classes, share, strict=True)][:50]
    how = "estimated from the votes alone" if read.gold is None else "measured on gold"
    lines.append(f"sources, accuracy {how} (95% interval)")
    one = done.sources
    for number in np.argsort(-one.coverage, kind="stable")[:50].tolist():
        within = f"{one.accuracy[number]:6.1%} ({one.low[number]:.1%} to {one.high[number]:.1%})"
        lines.append(f"  {read.sources[number][:40]:40} {within}, votes on {one.coverage[number]:.1%}")
    return "\n".join(lines)
