"""``homegrown label bulk``: everything under a filter at once, after a sample of it was looked at."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from homegrown.cli.common import TerminalProgress, emit, json_option, workspace_option
from homegrown.core.plain import one_line
from homegrown.errors import InputError
from homegrown.label.person import vote_value
from homegrown.workspace import connect
from homegrown.workspace.bulk import SAMPLE, Checked, Filter

if TYPE_CHECKING:
    from homegrown.workspace import Workspace
    from homegrown.workspace.bulk import BulkSample


@click.command("bulk")
@click.argument("task")
@click.argument("classes", nargs=-1, metavar="[CLASS]...")
@click.option("--where", default="", metavar="SQL", help="A condition over records: \"fields->>'channel' = 'app'\".")
@click.option("--words", default="", help="Records that hold all of these words.")
@click.option("--selection", default="", help="Records of this Selection.")
@click.option("--none", "is_none", is_flag=True, help="They are none of the classes.")
@click.option("--dry-run", is_flag=True, help="Change nothing: print how many there are, and the sample to look at.")
@click.option("--looked", metavar="CODE", help="The sample that --dry-run printed was looked at; it printed the code.")
@click.option(
    "--wrong", multiple=True, metavar="ID", help="With --looked: a record of it that is not CLASS. Repeatable."
)
@click.option("--undo", "undone", metavar="ID", help="Take a bulk label of TASK back as a whole.")
@workspace_option
@json_option
def command(
    task: str,
    classes: tuple[str, ...],
    where: str,
    words: str,
    selection: str,
    is_none: bool,
    dry_run: bool,
    looked: str | None,
    wrong: tuple[str, ...],
    undone: str | None,
    workspace: Path,
    as_json: bool,
) -> None:
    """Say of everything under a filter that it is CLASS of TASK, after a look at twenty records of it."""
    with connect(workspace) as ws:
        if undone is not None:
            ws.undo_bulk(task, undone)
            emit({"undone": undone}, "Taken back. What you had looked at stays as you said.", as_json=as_json)
            return
        if bool(classes) == is_none:
            raise InputError("Name the class that they are, or --none.")
        found = ws.store.tasks.find(task)
        if found is not None:
            vote_value(found, classes)  # an unknown class is told before anybody looks at a sample
        wanted = Filter(selection, words, where)
        sample = ws.bulk_sample(task, wanted, n=SAMPLE)
        called = ", ".join(classes) or "none of these"
        if dry_run:
            texts = [{"record_id": r.record_id, "text": r.text} for r in sample.records]
            emit({"n": sample.n, "sample": texts, "looked": sample.code}, _sample(sample, called), as_json=as_json)
            return
        checked = _checked(sample, called, looked, wrong)
        if not as_json:
            ws.progress = TerminalProgress()
        _label(ws, task, classes, wanted, checked, as_json=as_json)


def _label(
    ws: Workspace, task: str, classes: tuple[str, ...], wanted: Filter, checked: Checked, *, as_json: bool
) -> None:
    source_id = ws.bulk_label(task, classes[0] if len(classes) == 1 else classes, wanted, checked)
    n = next(s["config"]["n"] for s in ws.bulk_labels(task) if s["label_source_id"] == source_id)
    low, high = checked.ci95
    n_right, n_looked = len(checked.right), len(checked.right) + len(checked.wrong)
    document = {"label_source_id": source_id, "n": n, "n_looked": n_looked, "n_right": n_right}
    emit(
        document | {"share": checked.share, "share_ci95": [low, high]},
        f"{n:,} records are labelled; {n_right} of {n_looked} looked at were right (95% interval of the share: "
        f"{low:.0%} to {high:.0%}).\nTo take it back: homegrown label bulk {task} --undo {source_id}",
        as_json=as_json,
    )


def _checked(sample: BulkSample, called: str, looked: str | None, wrong: tuple[str, ...]) -> Checked:
    """What somebody found in the sample: by the options, or asked for at the terminal."""
    ids = [r.record_id for r in sample.records]
    if looked is None:
        if not sys.stdin.isatty():
            raise InputError("Look at a sample first: --dry-run prints it, with the code for --looked.")
        click.echo(_numbered(sample, called))
        told = click.prompt(f"Numbers of those that are not {called} (Enter: all are)", default="", show_default=False)
        wrong = tuple(ids[n - 1] for n in _numbers(told, len(ids)))
    elif looked != sample.code:
        raise InputError("The sample is another by now: records or votes came. Look again: --dry-run prints it.")
    strange = next((i for i in wrong if i not in ids), None)
    if strange is not None:
        raise InputError(f"{strange} is not in the sample. Name records that --dry-run printed.")
    return Checked(tuple(i for i in ids if i not in wrong), tuple(dict.fromkeys(wrong)))


def _numbers(told: str, most: int) -> list[int]:
    pieces = told.replace(",", " ").split()
    if any(not p.isdecimal() or not 1 <= int(p) <= most for p in pieces):
        raise InputError(f"Write numbers between 1 and {most}, such as: 3 7")
    return [int(p) for p in pieces]


def _numbered(sample: BulkSample, called: str) -> str:
    lines = [f"{n:3}  {one_line(r.text)}" for n, r in enumerate(sample.records, 1)]
    return "\n".join([f"{len(lines)} of {sample.n:,} records. Are these {called}?", *lines])


def _sample(sample: BulkSample, called: str) -> str:
    lines = [f"{r.record_id}  {one_line(r.text)}" for r in sample.records]
    asked = f"{len(lines)} of {sample.n:,} records, drawn at random. Are these {called}?"
    then = f"Nothing was changed. Then: the same with --looked {sample.code}, and --wrong ID for each that is not."
    return "\n".join([asked, *lines, then])
