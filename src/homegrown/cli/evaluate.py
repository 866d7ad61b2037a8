"""``homegrown evaluate``."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np

from homegrown.cli.common import TerminalProgress, emit, json_option, workspace_option
from homegrown.errors import InputError
from homegrown.evaluate import Answers, give_verdict, lines, show
from homegrown.evaluate.object_document import SCHEMA as OBJECTS
from homegrown.evaluate.object_terminal import object_lines
from homegrown.evaluate.verdict import MARGIN
from homegrown.ingest import columns_of_file
from homegrown.workspace import connect


@click.command("evaluate")
@click.argument("model")
@click.option("--split", default="test", show_default=True, help="test, valid or train.")
@click.option("--compare", metavar="OTHER", help="Another model or version, compared on the same texts.")
@click.option("--slice", "slice_by", metavar="FIELD", help="Slice by this field only.")
@click.option(
    "--html", type=click.Path(path_type=Path), help="Write the report there; default: reports/ of the workspace."
)
@click.option("--verdict", "wants_verdict", is_flag=True, help="SWITCH, KEEP or NEED n MORE: may it take over?")
@click.option("--student", metavar="COL", help="With --verdict FILE: the answers of the model that may take over.")
@click.option("--incumbent", metavar="COL", help="With --verdict FILE: the answers of the one that answers now.")
@click.option("--gold", metavar="COL", help="With --verdict FILE: what is right, where somebody said so.")
@click.option("--weight", metavar="COL", help="With --verdict FILE: 1 / (chance of being drawn for gold), else 0.")
@click.option("--margin", type=float, help=f"With --verdict: the loss that is borne; {MARGIN:g} bears two points.")
@click.option(
    "--gold-sample", "n_gold", type=int, metavar="N", help="Draw calls of MODEL's shadow for people: N more texts."
)
@workspace_option
@json_option
def command(
    model: str,
    split: str,
    compare: str | None,
    slice_by: str | None,
    html: Path | None,
    wants_verdict: bool,
    student: str | None,
    incumbent: str | None,
    gold: str | None,
    weight: str | None,
    margin: float | None,
    n_gold: int | None,
    workspace: Path,
    as_json: bool,
) -> None:
    """Measure MODEL (a name, name@2, or a version id) on texts that it never saw.

    With --verdict: whether MODEL, which answered live traffic silently, may take the incumbent's place; or, of a FILE
    with the answers of both, whether the student may. With --gold-sample: which of those calls people should look at.
    """
    if n_gold is not None:
        with connect(workspace) as ws:
            drawn = ws.draw_gold(model, n_gold)
            task = ws.store.tasks.get(drawn.task_id).name
        where = f"homegrown label queue {shlex.quote(task)} --selection {drawn.selection}"
        emit(asdict(drawn), f"{drawn.sentence}\nIn the studio: the station of {task}. Here: {where}", as_json=as_json)
        return
    columns = {"student": student, "incumbent": incumbent, "gold": gold, "weight": weight}
    if wants_verdict:
        loss = MARGIN if margin is None else margin
        if any(columns.values()):
            found = _verdict_of_file(Path(model), columns, slice_by, loss)
        else:
            with connect(workspace) as ws:
                found = ws.verdict(model, margin=loss, slice_by=() if slice_by is None else (slice_by,))
        emit(found, lambda: "\n".join(lines(found)), as_json=as_json)
        return
    if margin is not None or any(columns.values()):
        raise InputError("--student, --incumbent, --gold, --weight and --margin belong to --verdict.")
    with connect(workspace) as ws:
        ws.progress = TerminalProgress()
        document = ws.evaluate(model, split=split, slice_by=slice_by, compare=compare)
        path = ws.write_report(document, html)
        is_object = document["schema"] == OBJECTS
        errors = ws.errors_shown(document) if is_object and not as_json else []
        texts = {} if as_json or is_object else ws.quoted(document)
    document["report_path"] = str(path)
    if as_json:
        emit(document, "", as_json=True)
        return
    if is_object:
        click.echo("\n".join(object_lines(document, errors)))
    else:
        show(document, texts)
    click.echo(f"\nReport: {path}")


def _verdict_of_file(path: Path, columns: dict[str, str | None], slice_by: str | None, margin: float) -> dict[str, Any]:
    student, incumbent = columns["student"], columns["incumbent"]
    if student is None or incumbent is None:
        raise InputError("Name both columns: --student COL --incumbent COL.")
    if columns["weight"] is not None and columns["gold"] is None:
        raise InputError("Weights say how gold was drawn; name its column too: --gold COL.")
    names = [student, incumbent, *(n for n in (columns["gold"], columns["weight"], slice_by) if n is not None)]
    cells = columns_of_file(path, list(dict.fromkeys(names)))
    weight = None if columns["weight"] is None else _numbers(cells[columns["weight"]], columns["weight"])
    gold = None if columns["gold"] is None else cells[columns["gold"]]
    fields = {} if slice_by is None else {slice_by: cells[slice_by]}
    return give_verdict(Answers(cells[student], cells[incumbent], gold, weight, fields), margin=margin)


def _numbers(cells: list[str | None], name: str) -> np.ndarray:
    found = np.zeros(len(cells))
    for i, cell in enumerate(cells):
        try:
            found[i] = float(cell or 0)
        except ValueError as error:
            raise InputError(f"Row {i + 1} of the column {name!r} is {cell!r}, which is no number.") from error
    return found
