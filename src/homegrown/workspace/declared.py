"""From a ``homegrown.toml`` to the workspace, and back. What is there and not declared stays."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homegrown.core import classes
from homegrown.core.models import Recipe
from homegrown.core.records import ReadOptions
from homegrown.core.tasks import Task, TaskKind
from homegrown.errors import InputError, NotFoundError
from homegrown.ingest.importer import IngestRequest
from homegrown.ingest.seen import Seen
from homegrown.jobs import Schedules
from homegrown.store.files import write_atomic
from homegrown.workspace.declaration import (
    FILE,
    FORMAT,
    Declaration,
    TaskEntry,
    every_seconds,
    every_text,
    read_declaration,
)
from homegrown.workspace.retrain import MARGIN, schedule_arguments

if TYPE_CHECKING:
    from homegrown.jobs import Schedule
    from homegrown.workspace.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that the file wants otherwise: what, in a sentence, and how; ``do`` is None where it has to wait."""

    what: str
    says: str
    do: Callable[[], object] | None


def apply_declaration(ws: Workspace, path: str | Path, *, dry_run: bool = False) -> list[Change]:
    """Make the workspace hold what *path* declares; a second time changes nothing.

    Sources are imported, tasks defined and changed, endpoints deployed, policies put on their schedule, in this order.
    Nothing is removed: what the file does not name stays.

    Args:
        ws: the workspace.
        path: of the file.
        dry_run: look only.

    Returns:
        What differed, in that order. A later change may rest on an earlier one, so a dry run may see less of it.

    Raises:
        InputError: with everything that is wrong with the file; nothing was done then.

    Example:
        >>> [c.says for c in apply_declaration(ws, "homegrown.toml", dry_run=True)]  # doctest: +SKIP
    """
    wanted = read_declaration(path)
    _refuse_other_kinds(ws, wanted)
    done: list[Change] = []
    for part in (_offline, _sources, _tasks, _endpoints, _policies):
        found = part(ws, wanted)
        for change in found if not dry_run else ():
            if change.do is not None:
                change.do()
        done += found
    return done


def _refuse_other_kinds(ws: Workspace, wanted: Declaration) -> None:
    here = {name: task for name in wanted.tasks if (task := ws.store.tasks.find(name))}
    other = [n for n, task in here.items() if (task.kind is TaskKind.CLASSES) != wanted.tasks[n].many]
    if other:
        raise InputError(
            f"{', '.join(map(repr, other))}: whether a record may have several classes (many) is settled when a "
            "task is first asked. Nothing was done; ask a new task under another name."
        )


def _offline(ws: Workspace, wanted: Declaration) -> list[Change]:
    if wanted.offline is None:
        return []
    closed, says = wanted.offline, "every way out is closed" if wanted.offline else "ways out are open"
    return [] if ws.is_offline == closed else [Change("offline", says, lambda: ws.set_offline(closed))]


def _sources(ws: Workspace, wanted: Declaration) -> list[Change]:
    known = {s.name: s for s in ws.store.sources.list()}
    found = []
    for name, one in wanted.sources.items():
        request = IngestRequest(wanted.files[name], one.text, one.label, one.id, name, None, ReadOptions())
        seen = Seen.of(request)
        if seen and name in known and known[name].options.get("file_digest") == seen.digest:
            continue
        says = f"the file {one.path} is read anew" if name in known else f"the file {one.path} is imported"
        found.append(Change(f"source {name}", says, _ingest(ws, request)))
    return found


def _ingest(ws: Workspace, r: IngestRequest) -> Callable[[], object]:
    return lambda: ws.ingest(r.path, text=r.text, label=r.label, id=r.id, name=r.name)


def _tasks(ws: Workspace, wanted: Declaration) -> list[Change]:
    found: list[Change] = []
    for name, one in wanted.tasks.items():
        old = ws.store.tasks.find(name)
        kind = TaskKind.CLASSES if one.many else TaskKind.CLASS
        if one.column is not None and (old is None or old.column != one.column):
            says = f"the values of the column {one.column!r} become classes and votes"
            found.append(Change(f"task {name}", says, _column(ws, name, one.column)))
        found += _classes(ws, name, one, wanted.guidelines.get(name), old or Task("", name, 0, kind, ()))
    return found


def _column(ws: Workspace, name: str, column: str) -> Callable[[], object]:
    return lambda: ws.import_labels(name, column)


def _classes(ws: Workspace, name: str, one: TaskEntry, guidelines: str | None, old: Task) -> list[Change]:
    new, tasks = declared_task(old, one, guidelines), ws.store.tasks
    if new is old and (old.version or one.column is not None):
        return []

    def change() -> None:
        found = tasks.find(name) or tasks.define(ws.store.actor, name, [], kind=old.kind)
        tasks.change(
            ws.store.actor, found.task_id, lambda t: declared_task(t, one, guidelines), "label.apply_declaration"
        )

    says = "it is asked, without classes yet" if new is old else _difference(old, new)
    return [Change(f"task {name}", says, change)]


def declared_task(task: Task, one: TaskEntry, guidelines: str | None) -> Task:
    """*task* as *one* declares it, one version on; itself when it is so already."""
    found = task
    names = {classes.clean_name(c.name) for c in one.classes}
    for wanted in one.classes:
        name = classes.clean_name(wanted.name)
        found = _under_its_name(found, name, wanted.was, names)
        found = classes.describe_class(found, name, wanted.description, wanted.examples)
    text = task.guidelines if guidelines is None else classes.clean_guidelines(guidelines)
    if text != found.guidelines:
        found = replace(found, guidelines=text)
    return task if replace(found, version=task.version) == task else replace(found, version=task.version + 1)


def _under_its_name(task: Task, name: str, was: list[str], names: set[str]) -> Task:
    """The class *name*, renamed or merged from what it was, or added."""
    present = {c.name: c.class_id for c in task.classes}
    old = [present[w] for w in was if w in present and w not in names]
    here = [present[name]] if name in present else []
    # What the file calls so may go by another name here, given to it in the studio: the file's stands.
    here = here or [c for c in task.named(name) if (one := task.one(c)) and one.name not in names][:1]
    if not here and not old:
        return classes.add_class(task, name)
    into, *others = dict.fromkeys([*here, *old])
    found = classes.merge_classes(task, others, into) if others else task
    return classes.rename_class(found, into, name)


def _difference(old: Task, new: Task) -> str:
    before, after = {c.class_id: c for c in old.classes}, {c.class_id: c for c in new.classes}
    named = [
        ("new", [c.name for i, c in after.items() if i not in before]),
        (
            "renamed",
            [f"{before[i].name} to {c.name}" for i, c in after.items() if i in before and before[i].name != c.name],
        ),
        ("merged away", [c.name for i, c in before.items() if i not in after]),
        ("described", [c.name for i, c in after.items() if i in before and _words(c) != _words(before[i])]),
    ]
    said = [f"{what}: {', '.join(some[:8])}{' …' if len(some) > 8 else ''}" for what, some in named if some]
    if old.guidelines != new.guidelines:
        said.append("other guidelines")
    return "; ".join(said)


def _words(one: Any) -> tuple[str, tuple[str, ...]]:
    return one.description, one.examples


def _endpoints(ws: Workspace, wanted: Declaration) -> list[Change]:
    live = {e.name: e for e in ws.store.endpoints.list()}
    found = []
    for name, one in wanted.endpoints.items():
        try:
            version = ws.store.models.version(one.model)
        except NotFoundError:
            found.append(Change(f"endpoint {name}", f"it waits for the model {one.model}, which is not here yet", None))
            continue
        now = live.get(name)
        if now and now.version_id == version.version_id and one.keep_text in (None, now.keep_text):
            continue
        says = f"{version.model_name}@{version.number} answers" + (", texts are kept" if one.keep_text else "")
        found.append(Change(f"endpoint {name}", says, _deploy(ws, name, one.model, one.keep_text)))
    return found


def _deploy(ws: Workspace, name: str, model: str, keep_text: bool | None) -> Callable[[], object]:
    return lambda: ws.deploy(model, name, keep_text=keep_text)


def _policies(ws: Workspace, wanted: Declaration) -> list[Change]:
    found = []
    for name, one in wanted.policies.items():
        how: dict[str, Any] = {"margin": one.margin, "slices": one.slices}
        if one.recipe is not None:
            recipe = wanted.recipes[one.recipe]
            how["recipe"] = Recipe(recipe.trainer, recipe.options, recipe.seed)
        every_s, now = every_seconds(one.retrain_every) or 0.0, ws.retrain_schedule(name)
        if not ws.store.models.versions(name):
            found.append(Change(f"policy {name}", f"it waits for the model {name}, which is not here yet", None))
            continue
        if now is not None and (now.every_s, now.arguments) == (every_s, schedule_arguments(name, **how)):
            continue
        says = f"it is retrained every {one.retrain_every} from now on"
        found.append(Change(f"policy {name}", says, _schedule(ws, name, every_s, how)))
    return found


def _schedule(ws: Workspace, name: str, every_s: float, how: dict[str, Any]) -> Callable[[], object]:
    return lambda: ws.retrain_every(name, every_s, **how)


def declare_workspace(ws: Workspace, folder: str | Path, *, replace: bool = False) -> list[Path]:
    """Write what the workspace holds now as a ``homegrown.toml`` in *folder*, guidelines beside it.

    Applied to the same workspace it changes nothing. Where sources were read from is not kept, so a remark names them.

    Raises:
        InputError: there is one already, and it is not to be replaced.
    """
    folder = Path(folder)
    if (folder / FILE).exists() and not replace:
        raise InputError(f"{folder / FILE} is there already. Say --replace to write over it.")
    written: list[Path] = []
    lines = [f"homegrown = {FORMAT}", *(["offline = true"] if ws.is_offline else []), ""]
    names = ", ".join(json.dumps(s.name) for s in ws.store.sources.list())
    lines += [f"# Sources here: {_comment(names)}. Declare each as [sources.NAME] with its path.", ""] if names else []
    for number, task in enumerate(ws.store.tasks.all(), 1):
        place = f"guidelines/{number}-{re.sub(r'[^a-z0-9]+', '-', task.name.lower()).strip('-')[:40] or 'task'}.md"
        lines += _task_lines(task, place)
        if task.guidelines:
            (folder / "guidelines").mkdir(parents=True, exist_ok=True)
            write_atomic(folder / place, (task.guidelines + "\n").encode("utf-8", "replace"))
            written.append(folder / place)
    for endpoint in ws.store.endpoints.list():
        version = ws.store.models.version(endpoint.version_id)
        champion = ws.store.models.version(version.model_name).version_id == version.version_id
        model = version.model_name if champion else f"{version.model_name}@{version.number}"
        keep = str(endpoint.keep_text).lower()
        lines += [f"[endpoints.{_text(endpoint.name)}]", f"model = {_text(model)}", f"keep_text = {keep}", ""]
    for schedule in Schedules(ws.store.db).list():
        lines += _policy_lines(schedule) if schedule.verb == "retrain" else []
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / FILE, "\n".join(lines).encode("utf-8", "replace"))
    return [folder / FILE, *written]


def _task_lines(task: Task, place: str) -> list[str]:
    lines = [f"[tasks.{_text(task.name)}]"]
    lines += ["many = true"] if task.kind is TaskKind.CLASSES else []
    lines += [f"column = {_text(task.column)}"] if task.column else []
    lines += [f"guidelines = {_text(place)}"] if task.guidelines else []
    for one in task.classes:
        lines += ["", f"[[tasks.{_text(task.name)}.classes]]", f"name = {_text(one.name)}"]
        lines += [f"description = {_text(one.description)}"] if one.description else []
        lines += [f"examples = [{', '.join(_text(e) for e in one.examples)}]"] if one.examples else []
    return [*lines, ""]


def _policy_lines(schedule: Schedule) -> list[str]:
    given = schedule.arguments
    lines = [f"[policies.{_text(schedule.subject)}]", f"retrain_every = {_text(every_text(schedule.every_s))}"]
    lines += [f"margin = {given.get('margin', MARGIN)!r}"]
    lines += [f"slices = [{', '.join(_text(s) for s in given.get('slices', ()))}]"]
    if recipe := given.get("recipe"):
        lines += [f"recipe = {_text(schedule.subject)}", "", f"[recipes.{_text(schedule.subject)}]"]
        lines += [f"trainer = {_text(recipe['trainer'])}", f"seed = {recipe['seed']}"]
        lines += [f"options = {_inline(recipe['options'])}"]
    return [*lines, ""]


def _text(value: str) -> str:
    """A string as TOML writes it; JSON's escapes are TOML's, but for the delete character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_text(str(k))} = {_inline(v)}" for k, v in value.items() if v is not None) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_inline(v) for v in value) + "]"
    return _text(value) if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else repr(value)


def _comment(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f]", " ", text)
