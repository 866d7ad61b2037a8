"""What is worked out of a task's votes, kept while nothing changed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, TypeVar

import sqlalchemy as sa

from homegrown.errors import HomegrownError
from homegrown.store import tables

if TYPE_CHECKING:
    from homegrown.core.tasks import Task
    from homegrown.store import Store

T = TypeVar("T")


class Kept(Generic[T]):
    """The last result for each task, for one workspace and all who act on it.

    Args:
        work_out: of a task's votes; its result must depend on nothing but votes, their sources, records and the task.
    """

    def __init__(self, work_out: Callable[[Store, Task], T]) -> None:
        self._work_out = work_out
        self._lock = threading.Lock()
        self._held: dict[str, tuple[tuple[object, ...], T]] = {}
        self._asked: set[str] = set()

    def of(self, store: Store, task: Task) -> T:
        """The result as things stand now."""
        with self._lock:
            key = _state(store, task)
            if task.task_id not in self._held or self._held[task.task_id][0] != key:
                self._held[task.task_id] = key, self._work_out(store, task)
            return self._held[task.task_id][1]

    def soon(self, store: Store, task: Task, wait_s: float = 0.03) -> T | None:
        """The result as it stands or stood last, waiting no longer than *wait_s*; None where nothing is known yet.

        What is out of date is worked out meanwhile, so that whoever asks next finds it.
        """
        held = self._held.get(task.task_id)
        if held is not None and held[0] == _state(store, task):
            return held[1]
        if task.task_id not in self._asked:
            self._asked.add(task.task_id)
            thread = threading.Thread(target=self._work, args=(store, task), name="counts", daemon=True)
            thread.start()
            thread.join(wait_s)
        held = self._held.get(task.task_id)
        return held[1] if held else None

    def _work(self, store: Store, task: Task) -> None:
        try:
            # The workspace may be closed meanwhile, and nobody waits for this any more.
            with suppress(HomegrownError, sa.exc.SQLAlchemyError, OSError):
                self.of(store, task)
        finally:
            self._asked.discard(task.task_id)


def _state(store: Store, task: Task) -> tuple[object, ...]:
    """Changes when a vote, a record, a source or the task does."""
    v = tables.votes
    said = store.db.one(sa.select(sa.func.count(), sa.func.max(v.c.created_at)).where(v.c.task_id == task.task_id))
    lance = [t.version() if t.exists else 0 for t in (store.votes.table, store.records.table, store.records.retired)]
    sources = [s["label_source_id"] for s in store.tasks.label_sources(task.task_id)]
    return (task.version, *lance, *sources, *(said or {}).values())
