"""Tasks, their versions, and who labels them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from homegrown.core.ids import canonical_json, new_id, timestamp
from homegrown.core.tasks import LabelSourceKind, Task, TaskClass, TaskKind, new_class_id
from homegrown.errors import NotFoundError
from homegrown.store import tables
from homegrown.store.events import DEFAULT_PROJECT, record_event

if TYPE_CHECKING:
    from homegrown.core.access import Actor
    from homegrown.store.database import Database


class TaskStore:
    """Tasks by name. A change of classes or guidelines is a new version; class ids never change."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def names(self) -> list[str]:
        """Names of all tasks, in order."""
        return [r["name"] for r in self._db.all(sa.select(tables.tasks.c.name).order_by(tables.tasks.c.name))]

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

    def _newest(self, condition: sa.ColumnElement[bool]) -> Task | None:
        t, v = tables.tasks, tables.task_versions
        row = self._db.one(
            sa.select(
                t.c.task_id, t.c.name, v.c.version, v.c.kind, v.c.classes, v.c.guidelines, v.c.label_column, v.c.moved
            )
            .join_from(t, v, t.c.task_id == v.c.task_id)
            .where(condition)
            .order_by(v.c.version.desc())
            .limit(1)
        )
        return None if row is None else _task(row)

    def define(
        self,
        actor: Actor,
        name: str,
        class_names: list[str],
        *,
        kind: TaskKind = TaskKind.CLASS,
        column: str | None = None,
        guidelines: str = "",
        descriptions: dict[str, str] | None = None,
    ) -> Task:
        """Create the task *name*, or a new version of it when something differs; else return what is there."""
        old = self.find(name)
        task_id = old.task_id if old else new_id("task")
        ids = {c.name: c.class_id for c in old.classes} if old else {}
        texts = {c.name: c.description for c in old.classes} if old else {}
        texts |= descriptions or {}
        shown = {c.name: c.examples for c in old.classes} if old else {}
        classes = tuple(
            TaskClass(ids.get(n) or new_class_id(task_id, n), n, texts.get(n, ""), shown.get(n, ()))
            for n in class_names
        )
        version = old.version + 1 if old else 1
        moved = old.moved if old else {}
        task = Task(task_id, name, version, kind, classes, guidelines or (old.guidelines if old else ""), column, moved)
        if old and (old.classes, old.kind, old.column, old.guidelines) == (classes, kind, column, task.guidelines):
            return old
        self._write(actor, task, is_new=old is None)
        return task

    def _write(self, actor: Actor, task: Task, *, is_new: bool) -> None:
        at = timestamp()
        with self._db.write() as connection:
            if is_new:
                connection.execute(
                    sa.insert(tables.tasks).values(
                        task_id=task.task_id, project_id=DEFAULT_PROJECT, name=task.name, created_at=at
                    )
                )
            connection.execute(
                sa.insert(tables.task_versions).values(
                    task_id=task.task_id,
                    version=task.version,
                    kind=task.kind.value,
                    classes=canonical_json([msgspec.to_builtins(c) for c in task.classes]).decode(),
                    guidelines=task.guidelines,
                    label_column=task.column,
                    moved=canonical_json({k: list(v) for k, v in task.moved.items()}).decode(),
                    created_at=at,
                )
            )
            record_event(
                connection, actor, "label.define_task", f"task:{task.task_id}",
                name=task.name, version=task.version, n_classes=len(task.classes),
            )  # fmt: skip

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
        row = self._db.one(
            sa.select(*s.c)
            .where(s.c.task_id == task.task_id, s.c.kind == kind.value, s.c.name == name)
            .order_by(s.c.version.desc())
            .limit(1)
        )
        wanted = canonical_json(config or {}).decode()
        if row is not None and row["config"] == wanted:
            return str(row["label_source_id"])
        label_source_id = new_id("lsrc")
        with self._db.write() as connection:
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


def _task(row: dict[str, Any]) -> Task:
    classes = tuple(msgspec.json.decode(row["classes"], type=list[TaskClass]))
    return Task(
        row["task_id"],
        row["name"],
        row["version"],
        TaskKind(row["kind"]),
        classes,
        row["guidelines"],
        row["label_column"],
        msgspec.json.decode(row["moved"], type=dict[str, tuple[str, ...]]),
    )
