"""``homegrown label tasks``: what is asked of records, and how it changes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from homegrown.cli.common import emit, json_option, workspace_option
from homegrown.core.classes import changed_lines
from homegrown.errors import InputError, UnreadableFileError
from homegrown.workspace import connect

if TYPE_CHECKING:
    from homegrown.core.schema import Field
    from homegrown.core.tasks import Task
    from homegrown.workspace.task_counts import TaskCounts

MAX_FILE_BYTES = 1 << 20


@click.group("tasks")
def command() -> None:
    """Tasks: the question asked of records, its classes or fields, guidelines. Both are named by their name or id."""


@command.command("list")
@workspace_option
@json_option
def list_tasks(workspace: Path, as_json: bool) -> None:
    """Every task, with how far it is."""
    with connect(workspace) as ws:
        rows = [_counted(task, ws.task_counts(task)) for task in ws.store.tasks.all()]
    lines = [
        f"{r['name']}: {_n_asked(r)}, {r['n_voted']:,} of {r['n_records']:,} records have a vote"
        + (f", {r['n_undecided']:,} wait since a split" if r["n_undecided"] else "")
        for r in rows
    ]
    nothing = "No tasks yet. Begin with a column: homegrown label NAME COLUMN; or: homegrown label tasks new NAME …"
    emit({"tasks": rows}, "\n".join(lines) or nothing, as_json=as_json)


@command.command("show")
@click.argument("task")
@click.option("--versions", is_flag=True, help="What changed, version by version.")
@workspace_option
@json_option
def show(task: str, versions: bool, workspace: Path, as_json: bool) -> None:
    """A task: its classes with their votes, its guidelines; with --versions its history and the diff of each step."""
    with connect(workspace) as ws:
        if versions:
            history = ws.task_history(task)
            rows = [
                {"version": v.task.version, "at": v.at, "actor": v.actor, "what": v.what, "diff": _diff(v.task, before)}
                for v, before in zip(history, [*(h.task for h in history[1:]), None], strict=True)
            ]
            text = "\n".join(f"{r['version']}  {r['at'][:16]}  {r['actor']}  {r['what']}\n{r['diff']}" for r in rows)
            emit({"versions": rows}, text, as_json=as_json)
            return
        found = ws.task(task).noun
        counts = ws.task_counts(found)
    emit(_counted(found, counts), _page(found, counts), as_json=as_json)


@command.command("new")
@click.argument("name")
@click.argument("classes", nargs=-1)
@click.option("--many", is_flag=True, help="A record may have several of the classes.")
@click.option("--guidelines", type=click.Path(path_type=Path), help="Markdown file that says how to decide.")
@workspace_option
@json_option
def new(
    name: str, classes: tuple[str, ...], many: bool, guidelines: Path | None, workspace: Path, as_json: bool
) -> None:
    """Ask a new question NAME with its CLASSES: two or more, or none to begin with."""
    text = _read(guidelines) if guidelines else ""
    with connect(workspace) as ws:
        _told(ws.task(name, classes=classes, many=many, guidelines=text).noun, as_json=as_json)


@command.command("add-class")
@click.argument("task")
@click.argument("name")
@click.option("--description", default="", help="What belongs to it, in a sentence.")
@click.option("--example", multiple=True, help="A text of this class. Repeatable.")
@workspace_option
@json_option
def add_class(task: str, name: str, description: str, example: tuple[str, ...], workspace: Path, as_json: bool) -> None:
    """Add the class NAME to TASK."""
    with connect(workspace) as ws:
        _told(ws.add_class(task, name, description, example), as_json=as_json)


@command.command("describe")
@click.argument("task")
@click.argument("name")
@click.option("--description", help="What belongs to it, in a sentence.")
@click.option("--example", multiple=True, help="A text of this class, in place of the earlier ones. Repeatable.")
@workspace_option
@json_option
def describe(
    task: str, name: str, description: str | None, example: tuple[str, ...], workspace: Path, as_json: bool
) -> None:
    """Say what belongs to the class NAME."""
    with connect(workspace) as ws:
        _told(ws.describe_class(task, name, description, example or None), as_json=as_json)


@command.command("rename")
@click.argument("task")
@click.argument("old")
@click.argument("name")
@workspace_option
@json_option
def rename(task: str, old: str, name: str, workspace: Path, as_json: bool) -> None:
    """Call the class or field OLD by another NAME. Its votes stay; a column with the old name still means it.

    A field of a list's rows is lines.price. Models answer with the name of a field that they learnt, until they learn
    anew.
    """
    with connect(workspace) as ws:
        if ws.task(task).fields:
            found = ws.rename_field(task, old, name)
            _told(found, as_json=as_json, more="".join(f" {note}" for note in ws.names_learnt(found)))
        else:
            _told(ws.rename_class(task, old, name), as_json=as_json)


@command.command("merge")
@click.argument("task")
@click.argument("classes", nargs=-1, required=True)
@click.option("--into", required=True, help="The class that they become: one that is there, or a new name.")
@workspace_option
@json_option
def merge(task: str, classes: tuple[str, ...], into: str, workspace: Path, as_json: bool) -> None:
    """Make CLASSES one. All their votes count for it."""
    with connect(workspace) as ws:
        _told(ws.merge_classes(task, classes, into), as_json=as_json)


@command.command("split")
@click.argument("task")
@click.argument("name")
@click.argument("parts", nargs=-1, required=True)
@workspace_option
@json_option
def split(task: str, name: str, parts: tuple[str, ...], workspace: Path, as_json: bool) -> None:
    """Make the class NAME several PARTS. Its votes stay shared between them until somebody says which."""
    with connect(workspace) as ws:
        found = ws.split_class(task, name, parts)
        waiting = ws.task_counts(found).n_undecided
        _told(found, as_json=as_json, more=f" {waiting:,} records wait for somebody to say which." if waiting else "")


@command.command("remove")
@click.argument("task")
@click.argument("name")
@workspace_option
@json_option
def remove(task: str, name: str, workspace: Path, as_json: bool) -> None:
    """Take the class NAME away. Its votes are kept, and count again after: homegrown label tasks undo TASK."""
    with connect(workspace) as ws:
        _told(ws.remove_class(task, name), as_json=as_json)


@command.command("guidelines")
@click.argument("task")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@workspace_option
@json_option
def guidelines(task: str, file: Path | None, workspace: Path, as_json: bool) -> None:
    """Show how to decide in TASK; with FILE (Markdown), say it anew. Earlier words stay in the history."""
    with connect(workspace) as ws:
        if file is None:
            text = ws.task(task).noun.guidelines
            emit({"task": task, "guidelines": text}, text or "No guidelines yet.", as_json=as_json)
        else:
            _told(ws.set_guidelines(task, _read(file)), as_json=as_json)


@command.command("undo")
@click.argument("task")
@click.option("--version", type=int, help="The version to go back to; by default the one before the newest.")
@workspace_option
@json_option
def undo(task: str, version: int | None, workspace: Path, as_json: bool) -> None:
    """Put an earlier version of TASK in place again, as a new one. Once more undoes the undoing."""
    with connect(workspace) as ws:
        _told(ws.restore_task(task, version), as_json=as_json)


def _told(task: Task, *, as_json: bool, more: str = "") -> None:
    document = msgspec.to_builtins(task)
    names = ", ".join(f.name for f in task.fields) or ", ".join(task.class_names)
    emit(document, f"{task.name}, version {task.version}: {names}.{more}", as_json=as_json)


def _counted(task: Task, counts: TaskCounts) -> dict[str, Any]:
    found = msgspec.to_builtins(counts)
    rest = msgspec.to_builtins(task)
    votes = {c["class_id"]: c for c in found.pop("classes")}
    rest["classes"] = [{**c, "n_votes": votes[c["class_id"]]["n_votes"]} for c in rest["classes"]]
    return {**rest, **found}


def _n_asked(task: dict[str, Any]) -> str:
    return f"{len(task['fields'])} fields" if task["fields"] else f"{len(task['classes'])} classes"


def _page(task: Task, counts: TaskCounts) -> str:
    kind = "several classes per record" if task.kind == "classes" else "one class per record"
    kind = "an object with fields per record" if task.fields else kind
    lines = [f"{task.name}, version {task.version}, {kind}"]
    for one, n in zip(task.classes, counts.classes, strict=True):
        lines.append(f"  {n.n_votes:10,.6g}  {one.name}" + (f": {one.description}" if one.description else ""))
    lines += [f"  {name}" for one in task.fields for name in _fields(one)]
    if counts.n_undecided:
        lines.append(f"{counts.n_undecided:,} records wait for somebody to say which part of a split they are.")
    return "\n".join([*lines, *(["", task.guidelines] if task.guidelines else [])])


def _fields(one: Field, above: str = "") -> list[str]:
    """A field with the names that it had, those of its rows behind it."""
    had = f", formerly {', '.join(one.former)}" if one.former else ""
    what = f": {one.description}" if one.description else ""
    inner = [line for f in one.fields for line in _fields(f, f"{above}{one.name}.")]
    return [f"{above}{one.name} ({one.type.value}){had}{what}", *inner]


def _diff(task: Task, before: Task | None) -> str:
    return "\n".join(f"    {line}" for line in changed_lines(before, task))


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            found = file.read(MAX_FILE_BYTES + 1)
        if len(found) > MAX_FILE_BYTES:
            raise InputError(f"{path} is larger than the {MAX_FILE_BYTES:,} bytes that guidelines may have.")
        return found.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFileError(f"{path} cannot be read as text in UTF-8.") from error
