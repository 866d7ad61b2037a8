"""``homegrown label fields``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from homegrown.cli.common import emit, json_option, workspace_option
from homegrown.errors import InputError, NotFoundError
from homegrown.label.imported_answers import ImportedAnswers
from homegrown.workspace import connect

SHOWN = 10


@click.command("fields")
@click.argument("task")
@click.option(
    "--field", "said", multiple=True, metavar="NAME=TYPE",
    help="span, number, date, money, boolean; span* for several, span! for one that must be there; a|b|c to choose.",
)  # fmt: skip
@click.option("--schema", type=click.Path(path_type=Path), help="A JSON Schema in place of --field.")
@click.option("--column", help="Column of the records that holds the whole answer as JSON.")
@click.option("--from", "columns", multiple=True, metavar="NAME=COLUMN", help="Where each field has its own column.")
@click.option("--day-first/--month-first", default=None, help="How 03/04/2026 is meant, where no date tells.")
@click.option("--currency", help="Of amounts that name none, e.g. EUR.")
@workspace_option
@json_option
def command(
    task: str,
    said: tuple[str, ...],
    schema: Path | None,
    column: str | None,
    columns: tuple[str, ...],
    day_first: bool | None,
    currency: str | None,
    workspace: Path,
    as_json: bool,
) -> None:
    """Ask for an object: define the fields of TASK, and take answers from columns; without options show its schema."""
    with connect(workspace) as ws:
        notes: tuple[str, ...] = ()
        if said or schema:
            notes = ws.task(task, fields=schema_said(said, schema)).notes
        elif ws.store.tasks.find(task) is None:
            raise NotFoundError(
                f"There is no task {task!r}; say its fields, e.g.: --field total=money --field day=date"
            )
        done = None
        if column or columns:
            where = _pairs(columns) or None
            done = ws.import_answers(task, column, columns=where, day_first=day_first, currency=currency)
        found = ws.json_schema(task)
    document: dict[str, Any] = {"task": task, "schema": found, "notes": list(notes)}
    if done is not None:
        document |= {"n_votes": done.n_votes, "n_by_field": dict(done.n_by_field), "n_missing": dict(done.n_missing)}
        document["n_problems"] = done.n_problems
        document["problems"] = [{"record_id": r, "problem": p} for r, p in done.problems]
    emit(document, lambda: _text(task, found, done, notes), as_json=as_json)


def schema_said(said: tuple[str, ...], schema: Path | None) -> dict[str, Any]:
    """What ``--field`` or ``--schema`` say, as ``Workspace.define_object`` takes it.

    Raises:
        InputError: both are given, or one cannot be understood.
    """
    if said and schema:
        raise InputError("Give either --field or --schema.")
    return _schema(schema) if schema else _pairs(said)


def _pairs(said: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in map(_pair, said):
        if name in found:
            raise InputError(f"{name!r} is said twice.")
        found[name] = value
    return found


def _pair(said: str) -> tuple[str, Any]:
    name, equals, value = said.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise InputError(f"{said[:80]!r} is not understood; write NAME=TYPE, e.g. total=money or kind=bill|offer.")
    choices = [c.strip() for c in value.split("|") if c.strip()]
    return name.strip(), choices if len(choices) > 1 else value.strip()


def _schema(path: Path) -> Any:
    try:
        found = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except msgspec.DecodeError as error:
        raise InputError(f"{path} is no JSON: {error}.") from error
    if not isinstance(found, dict) or "properties" not in found:
        raise InputError(f"{path} is no JSON Schema of an object: it needs properties.")
    return found


def _text(task: str, schema: dict[str, Any], done: ImportedAnswers | None, notes: tuple[str, ...]) -> str:
    lines = [f"{task}: {', '.join(schema['properties'])}.", *(f"note: {n}" for n in notes)]
    if done is None:
        return "\n".join([*lines, msgspec.json.format(msgspec.json.encode(schema)).decode()])
    lines.append(f"{done.n_votes:,} records have answers, {done.n_empty:,} have none.")
    for name in dict.fromkeys((*done.n_by_field, *done.n_missing)):
        n_missing = done.n_missing[name]
        missing = f", and {n_missing:,} not understood or not found in their text" if n_missing else ""
        lines.append(f"  {name}: {done.n_by_field[name]:,}{missing}")
    if done.n_problems:
        lines.append(f"{done.n_problems:,} values could not be understood; they are no votes:")
        lines += [f"  {record_id}  {problem}" for record_id, problem in done.problems[:SHOWN]]
        if done.n_problems > SHOWN:
            lines.append("  … all of them: --json")
    return "\n".join([*lines, f"Next: homegrown curate freeze {task}; homegrown train SNAPSHOT --name NAME"])
