"""Tasks, their versions, and who labels them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from homegrown.core import classes
from homegrown.core.field_names import owned, rename_field
from homegrown.core.ids import canonical_json, new_id, timestamp
from homegrown.core.schema import Field, check_fields
from homegrown.core.tasks import LabelSourceKind, Task, TaskClass, TaskKind
from homegrown.errors import ConflictError, NotFoundError
from homegrown.store import tables
from homegrown.store.events import DEFAULT_PROJECT, record_event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from homegrown.core.access import Actor
    from homegrown.store.database import Database

_VERSIONS = sa.select(
    tables.tasks.c.task_id, tables.tasks.c.name, tables.task_versions.c.version, tables.task_versions.c.kind,
    tables.task_versions.c.classes, tables.task_versions.c.guidelines, tables.task_versions.c.label_column,
    tables.task_versions.c.moved, tables.task_versions.c.fields,
).join_from(tables.tasks, tables.task_versions, tables.tasks.c.task_id == tables.task_versions.c.task_id)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TaskVersion:
    """One version of a task in its history.

    Attributes:
        task: as it was.
        at: when it came to be.
        actor: name of who made it.
        what: the action, ``label.merge_classes`` for instance.
        details: of the action.
    """

    task: Task
    at: str
    actor: str
    what: str
    details: dict[str, Any]


class TaskStore:
    """Tasks by name. A change of classes or guidelines is a new version; class ids never change."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def names(self) -> list[str]:
        """Names of all tasks, in order."""
        return [r["name"] for r in self._db.all(sa.select(tables.tasks.c.name).order_by(tables.tasks.c.name))]

    def all(self) -> list[Task]:
        """The newest version of every task, in order of name."""
        v = tables.task_versions.alias()
        newest = sa.select(sa.func.max(v.c.version)).where(v.c.task_id == tables.tasks.c.task_id).scalar_subquery()
        wanted = _VERSIONS.where(tables.task_versions.c.version == newest)
        return [_task(row) for row in self._db.all(wanted.order_by(tables.tasks.c.name))]

    def find(self, name: str) -> Task | None:
        """The newest version of the task *name*, or None."""
        return self._newest(tables.tasks.c.name == name)

    def get(self, task_id: str, version: int | None = None) -> Task:
        """A task by id, newest or in one version."""
        condition = tables.tasks.c.task_id == task_id
        if version is not None:
            condition = sa.and_(condition, tables.task_versions.c.version == version)
        task = self._newest(condition)
        if task is None:
            raise NotFoundError(f"There is no task {task_id!r} in this workspace.")
        return task

    def _newest(self, condition: sa.ColumnElement[bool], connection: sa.Connection | None = None) -> Task | None:
        statement = _VERSIONS.where(condition).order_by(tables.task_versions.c.version.desc()).limit(1)
        if connection is not None:
            row = connection.execute(statement).mappings().first()
            return None if row is None else _task(dict(row))
        found = self._db.one(statement)
        return None if found is None else _task(found)

    def define(
        self,
        actor: Actor,
        name: str,
        class_names: Sequence[str],
        *,
        kind: TaskKind = TaskKind.CLASS,
        column: str | None = None,
        guidelines: str = "",
        descriptions: Mapping[str, str] | None = None,
        merged: Mapping[str, str] | None = None,
        without: Iterable[str] = (),
    ) -> Task:
        """Create the task *name*, or see that it has these classes: a new version when something differs.

        Classes that are there stay, under whatever name they have by now: a notebook or an import that is run again
        takes nothing back. See ``core.classes.declare`` for *merged* and *without*.

        Raises:
            ConflictError: a task of that name is answered with fields.
            InputError: the name or the guidelines cannot be kept.
        """
        name = classes.clean_task_name(name)
        with self._db.write() as connection:
            old = self._newest(tables.tasks.c.name == name, connection)
            if old is not None and old.kind is TaskKind.OBJECT:
                raise ConflictError(f"The task {name!r} is answered with fields; classes need a task of their own.")
            task = old or Task(new_id("task"), name, 0, kind, ())
            found = classes.declare(task, class_names, merged=merged, without=without)
            texts = {found.named(n): text for n, text in (descriptions or {}).items() if found.named(n)}
            found = replace(
                found,
                kind=kind,
                column=column or task.column,
                guidelines=classes.clean_guidelines(guidelines) or task.guidelines,
                classes=tuple(replace(c, description=texts.get((c.class_id,), c.description)) for c in found.classes),
                version=task.version + 1,
            )
            if old is not None and replace(found, version=old.version) == old:
                return old
            if old is None:
                row = {"task_id": task.task_id, "project_id": DEFAULT_PROJECT, "name": name, "created_at": timestamp()}
                connection.execute(sa.insert(tables.tasks).values(**row))
            _put(connection, actor, found, "label.define_task")
        return found

    def define_object(self, actor: Actor, name: str, fields: Sequence[Field], *, guidelines: str = "") -> Task:
        """Create the task *name*, whose answer is an object, or see that it has these fields: a new version else.

        Fields and choices are known by their ids; a name that a field had before means the field: see
        ``core.field_names.owned``.

        Args:
            actor: who does it.
            name: of the task.
            fields: with ids made by ``core.schema.new_field_id`` for any task id: they are made anew for this task.
            guidelines: how to decide; those that are there stay when none are given.

        Raises:
            ConflictError: a task of that name is answered with classes.
            InputError: the name, the fields or the guidelines cannot be kept.
        """
        name = classes.clean_task_name(name)
        with self._db.write() as connection:
            old = self._newest(tables.tasks.c.name == name, connection)
            if old is not None and old.kind is not TaskKind.OBJECT:
                raise ConflictError(f"The task {name!r} is answered with classes; an object needs a task of its own.")
            task = old or Task(new_id("task"), name, 0, TaskKind.OBJECT, ())
            found = replace(
                task,
                fields=check_fields(owned(fields, task, self._earlier(connection, task))),
                guidelines=classes.clean_guidelines(guidelines) or task.guidelines,
                version=task.version + 1,
            )
            if old is not None and replace(found, version=old.version) == old:
                return old
            if old is None:
                row = {"task_id": task.task_id, "project_id": DEFAULT_PROJECT, "name": name, "created_at": timestamp()}
                connection.execute(sa.insert(tables.tasks).values(**row))
            _put(connection, actor, found, "label.define_task")
        return found

    def _earlier(self, connection: sa.Connection, task: Task) -> list[Field]:
        """The fields of all versions, the newest first."""
        wanted = _VERSIONS.where(tables.tasks.c.task_id == task.task_id)
        rows = connection.execute(wanted.order_by(tables.task_versions.c.version.desc())).mappings()
        return [one for row in rows for one in _task(dict(row)).fields]

    def add_class(
        self, actor: Actor, task_id: str, name: str, description: str = "", examples: Sequence[str] = ()
    ) -> Task:
        """A class more; see ``core.classes`` for this and the next ones. Each is a new version, and an event."""
        change = _change(classes.add_class, name, description, examples)
        return self.change(actor, task_id, change, "label.add_class")

    def rename_class(self, actor: Actor, task_id: str, which: str, name: str) -> Task:
        """Another name; votes stay."""
        return self.change(actor, task_id, _change(classes.rename_class, which, name), "label.rename_class")

    def rename_field(self, actor: Actor, task_id: str, which: str, name: str, *, if_version: int | None = None) -> Task:
        """Another name for a field; votes stay. See ``core.field_names``."""
        return self.change(
            actor, task_id, _change(rename_field, which, name), "label.rename_field", if_version=if_version
        )

    def merge_classes(self, actor: Actor, task_id: str, which: Iterable[str], into: str) -> Task:
        """Several become one; all their votes count for it."""
        return self.change(actor, task_id, _change(classes.merge_classes, list(which), into), "label.merge_classes")

    def split_class(self, actor: Actor, task_id: str, which: str, parts: Iterable[str]) -> Task:
        """One becomes several, which share its votes until somebody says which."""
        return self.change(actor, task_id, _change(classes.split_class, which, list(parts)), "label.split_class")

    def describe_class(
        self,
        actor: Actor,
        task_id: str,
        which: str,
        description: str | None = None,
        examples: Sequence[str] | None = None,
    ) -> Task:
        """Another description or other examples."""
        change = _change(classes.describe_class, which, description, examples)
        return self.change(actor, task_id, change, "label.describe_class")

    def remove_class(self, actor: Actor, task_id: str, which: str) -> Task:
        """A class less; its votes stay and count for nothing."""
        return self.change(actor, task_id, _change(classes.remove_class, which), "label.remove_class")

    def set_guidelines(self, actor: Actor, task_id: str, text: str, *, if_version: int | None = None) -> Task:
        """Other guidelines, in Markdown; the earlier ones stay in the history."""
        clean = classes.clean_guidelines(text)

        def change(task: Task) -> Task:
            return task if task.guidelines == clean else replace(task, guidelines=clean, version=task.version + 1)

        return self.change(actor, task_id, change, "label.set_guidelines", if_version=if_version)

    def restore(self, actor: Actor, task_id: str, version: int, *, if_version: int | None = None) -> Task:
        """What an earlier version said, as a new one: undo, and redo."""
        old = self.get(task_id, version)

        def change(task: Task) -> Task:
            return classes.restore(task, old)

        return self.change(actor, task_id, change, "label.restore_task", if_version=if_version, restored=version)

    def change(
        self,
        actor: Actor,
        task_id: str,
        change: Callable[[Task], Task],
        action: str,
        *,
        if_version: int | None = None,
        **details: Any,
    ) -> Task:
        """Put the next version in place, in one transaction with its event; nothing when *change* changes nothing.

        Args:
            actor: who does it.
            task_id: of the task.
            change: from the newest version to the next.
            action: of the event.
            if_version: refuse when another version is the newest by now.
            **details: of the event.

        Raises:
            ConflictError: the task was changed since *if_version*.
        """
        with self._db.write() as connection:
            task = self._newest(tables.tasks.c.task_id == task_id, connection)
            if task is None:
                raise NotFoundError(f"There is no task {task_id!r} in this workspace.")
            if if_version is not None and task.version != if_version:
                raise ConflictError(
                    "The task was changed meanwhile, by you elsewhere or by somebody. Look again first."
                )
            found = change(task)
            if found is not task:
                _put(connection, actor, found, action, **details)
        return found

    def history(self, task_id: str) -> list[TaskVersion]:
        """Every version of a task with who made it, the newest first."""
        e, a = tables.events, tables.actors
        rows = self._db.all(
            sa.select(e.c.action, e.c.details, a.c.name)
            .outerjoin_from(e, a, a.c.actor_id == e.c.actor_id)
            .where(e.c.resource == f"task:{task_id}")
        )
        made: dict[int, tuple[str, str, dict[str, Any]]] = {}
        for row in rows:
            details = msgspec.json.decode(row["details"])
            if "version" in details:
                made[details["version"]] = (row["name"] or "", row["action"], details)
        versions = self._db.all(
            _VERSIONS.add_columns(tables.task_versions.c.created_at)
            .where(tables.tasks.c.task_id == task_id)
            .order_by(tables.task_versions.c.version.desc())
        )
        unknown: tuple[str, str, dict[str, Any]] = ("", "label.define_task", {})
        return [TaskVersion(_task(row), row["created_at"], *made.get(row["version"], unknown)) for row in versions]

    def label_source(
        self,
        actor: Actor,
        task: Task,
        kind: LabelSourceKind,
        name: str,
        config: dict[str, Any] | None = None,
        *,
        action: str = "label.add_source",
    ) -> str:
        """The id of a label source, created at its first use; a changed *config* is a new version, told as *action*."""
        s = tables.label_sources
        newest = (
            sa.select(s.c.label_source_id, s.c.version, s.c.config)
            .where(s.c.task_id == task.task_id, s.c.kind == kind.value, s.c.name == name)
            .order_by(s.c.version.desc())
            .limit(1)
        )
        wanted = canonical_json(config or {}).decode()
        known = self._db.one(newest)
        if known is not None and known["config"] == wanted:
            return str(known["label_source_id"])
        label_source_id = new_id("lsrc")
        with self._db.write() as connection:
            hold_task(connection, task.task_id)
            row = connection.execute(newest).mappings().first()
            if row is not None and row["config"] == wanted:  # somebody made it a moment ago
                return str(row["label_source_id"])
            connection.execute(
                sa.insert(s).values(
                    label_source_id=label_source_id,
                    project_id=DEFAULT_PROJECT,
                    task_id=task.task_id,
                    kind=kind.value,
                    name=name,
                    version=row["version"] + 1 if row else 1,
                    config=wanted,
                    created_at=timestamp(),
                )
            )
            record_event(connection, actor, action, f"label_source:{label_source_id}", kind=kind.value, name=name)
        return label_source_id

    def source_ids(self, task_id: str, kind: LabelSourceKind, name: str) -> list[str]:
        """Ids of every version of a label source."""
        s = tables.label_sources
        wanted = sa.select(s.c.label_source_id).where(s.c.task_id == task_id, s.c.kind == kind.value, s.c.name == name)
        return [row["label_source_id"] for row in self._db.all(wanted)]

    def label_sources(self, task_id: str) -> list[dict[str, Any]]:
        """Who labels a task: the newest version of each label source, ``config`` parsed.

        Votes of an older version, and of a source whose newest version says ``removed``, stay for lineage and no
        longer count.
        """
        s = tables.label_sources
        rows = self._db.all(sa.select(*s.c).where(s.c.task_id == task_id).order_by(s.c.version))
        newest = {(row["kind"], row["name"]): row for row in rows}
        told = [{**row, "config": msgspec.json.decode(row["config"])} for row in newest.values()]
        return [row for row in told if "removed" not in row["config"]]


def hold_task(connection: sa.Connection, task_id: str) -> None:
    """One writer at a time per task, also on PostgreSQL; SQLite has one for all."""
    connection.execute(sa.select(tables.tasks.c.task_id).where(tables.tasks.c.task_id == task_id).with_for_update())


def _put(connection: sa.Connection, actor: Actor, task: Task, action: str, **details: Any) -> None:
    """One version and its event."""
    connection.execute(
        sa.insert(tables.task_versions).values(
            task_id=task.task_id,
            version=task.version,
            kind=task.kind.value,
            classes=canonical_json([msgspec.to_builtins(c) for c in task.classes]).decode(),
            guidelines=task.guidelines,
            label_column=task.column,
            moved=canonical_json({k: list(v) for k, v in task.moved.items()}).decode(),
            fields=canonical_json([msgspec.to_builtins(f) for f in task.fields]).decode(),
            created_at=timestamp(),
        )
    )
    record_event(
        connection, actor, action, f"task:{task.task_id}",
        name=task.name, version=task.version, n_classes=len(task.classes),
        **({"n_fields": len(task.fields)} if task.fields else {}), **details,
    )  # fmt: skip


def _change(function: Callable[..., Task], *arguments: Any) -> Callable[[Task], Task]:
    return lambda task: function(task, *arguments)


def _task(row: dict[str, Any]) -> Task:
    found = tuple(msgspec.json.decode(row["classes"], type=list[TaskClass]))
    return Task(
        row["task_id"],
        row["name"],
        row["version"],
        TaskKind(row["kind"]),
        found,
        row["guidelines"],
        row["label_column"],
        msgspec.json.decode(row["moved"], type=dict[str, tuple[str, ...]]),
        tuple(msgspec.json.decode(row["fields"], type=list[Field])),
    )
