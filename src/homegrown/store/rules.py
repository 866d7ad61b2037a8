"""Rules as label sources: each change is a new version, a removed rule is a version without votes.

What a rule has seen of the records is state, not configuration: it stands in ``settings`` by label source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from homegrown.core.ids import canonical_json
from homegrown.core.tasks import LabelSourceKind, Task
from homegrown.errors import NotFoundError
from homegrown.store import tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.core.access import Actor
    from homegrown.store.database import Database
    from homegrown.store.tasks import TaskStore
    from homegrown.store.votes import VoteStore

Seen = dict[str, int]
"""Newest version of each source, by source id, whose records a rule has been asked of."""


class RuleStore:
    """The rules of tasks."""

    def __init__(self, database: Database, tasks: TaskStore, votes: VoteStore) -> None:
        self._db, self._tasks, self._votes = database, tasks, votes

    def list(self, task_id: str, names: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Rules that count, or those *names* of them: ``label_source_id, name, version, config, created_at``.

        They come in order of their names.

        Raises:
            NotFoundError: one of *names* is none of them.
        """
        rules = [s for s in self._tasks.label_sources(task_id) if s["kind"] == LabelSourceKind.RULE.value]
        found = {s["name"]: s for s in rules if _can_run(s["config"])}
        for name in names or ():
            if name not in found:
                raise NotFoundError(f"There is no rule {name!r}. Rules here: {', '.join(sorted(found)) or 'none yet'}.")
        return [found[name] for name in sorted(found if names is None else set(names))]

    def put(self, actor: Actor, task: Task, name: str, config: dict[str, Any]) -> str:
        """The label source of a rule: a new version where *config* differs from the newest one's."""
        return self._tasks.label_source(actor, task, LabelSourceKind.RULE, name, config, action="label.add_rule")

    def remove(self, actor: Actor, task: Task, name: str) -> str:
        """Take a rule's votes out of the count; they stay for lineage. Returns the id of the version that stood."""
        standing = str(self.list(task.task_id, [name])[0]["label_source_id"])
        gone = {"removed": standing}
        self._tasks.label_source(actor, task, LabelSourceKind.RULE, name, gone, action="label.remove_rule")
        return standing

    def restore(self, actor: Actor, task: Task, label_source_id: str) -> str:
        """Let a version of a rule count again, with the votes that it had; returns the id of the new version.

        Raises:
            NotFoundError: the task has no such version of a rule.
        """
        s = tables.label_sources
        row = self._db.one(sa.select(*s.c).where(s.c.label_source_id == label_source_id, s.c.task_id == task.task_id))
        config = {} if row is None else msgspec.json.decode(row["config"])
        if row is None or row["kind"] != LabelSourceKind.RULE.value or not _can_run(config):
            raise NotFoundError("There is no such version of a rule.")
        kind = LabelSourceKind.RULE
        new = self._tasks.label_source(actor, task, kind, row["name"], config, action="label.restore_rule")
        if new != label_source_id:
            self._votes.copy(label_source_id, new)
            self.set_seen({new: self.seen([label_source_id])[label_source_id]})
        return new

    def seen(self, label_source_ids: list[str]) -> dict[str, Seen]:
        """What each rule has been asked of; empty where it never ran."""
        names = {_setting(i): i for i in label_source_ids}
        rows = self._db.all(sa.select(*tables.settings.c).where(tables.settings.c.name.in_(list(names))))
        found = {names[r["name"]]: msgspec.json.decode(r["value"], type=dict[str, int]) for r in rows}
        return {i: found.get(i, {}) for i in label_source_ids}

    def set_seen(self, seen: dict[str, Seen]) -> None:
        """Remember what rules have been asked of, once their votes are kept."""
        settings = tables.settings
        with self._db.write() as connection:
            for label_source_id, versions in seen.items():
                connection.execute(sa.delete(settings).where(settings.c.name == _setting(label_source_id)))
                value = canonical_json(versions).decode()
                connection.execute(sa.insert(settings).values(name=_setting(label_source_id), value=value))


def _can_run(config: dict[str, Any]) -> bool:
    """A removed rule is none, and no more is a group of like records, which votes as a rule."""
    return bool(config.keys() & {"rule", "code"})


def _setting(label_source_id: str) -> str:
    return f"rules.seen.{label_source_id}"
