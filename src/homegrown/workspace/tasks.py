"""The verbs that change a task: its classes, its guidelines, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homegrown.core.tasks import TaskKind
from homegrown.errors import InputError, UnsuitableLabelsError
from homegrown.workspace import handles

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from homegrown.core.tasks import Task
    from homegrown.store import Store
    from homegrown.store.tasks import TaskVersion
    from homegrown.workspace.kept import Kept
    from homegrown.workspace.task_counts import TaskCounts

    AnyTask = Task | handles.Task | str


class Tasks:
    """Mixed into ``Workspace``. A class is named by its id or its name; a task by its name or itself.

    Each change is a new version of the task. Votes are never rewritten: see ``homegrown.core.classes``.
    """

    store: Store
    _task_counts: Kept[TaskCounts]

    def _task(self, task: AnyTask) -> Task:
        """The task itself, whose answers are classes.

        Raises:
            InputError: there is none of that name.
            UnsuitableLabelsError: its answer is an object; see ``_any_task``.
        """
        found = self._any_task(task)
        if found.kind is TaskKind.OBJECT:
            raise UnsuitableLabelsError(
                f"The answer of {found.name!r} is an object with fields; this works for tasks that are answered with "
                "classes."
            )
        return found

    def _any_task(self, task: AnyTask) -> Task:
        """The task itself, also one whose answer is an object."""
        if not isinstance(task, str):
            return task.noun if isinstance(task, handles.Task) else task
        found = self.store.tasks.find(task)
        if found is None:
            known = ", ".join(self.store.tasks.names()) or "none yet"
            raise InputError(f"There is no task {task!r}. Tasks here: {known}.")
        return found

    def add_class(self, task: AnyTask, name: str, description: str = "", examples: Sequence[str] = ()) -> Task:
        """One class more.

        Example:
            >>> ws.add_class("intent", "refund", "wants money back").class_names  # doctest: +SKIP
        """
        return self.store.tasks.add_class(self.store.actor, self._task(task).task_id, name, description, examples)

    def rename_class(self, task: AnyTask, which: str, name: str) -> Task:
        """Another name for a class; votes stay, and a column that says the old name still means it."""
        return self.store.tasks.rename_class(self.store.actor, self._task(task).task_id, which, name)

    def describe_class(
        self, task: AnyTask, which: str, description: str | None = None, examples: Sequence[str] | None = None
    ) -> Task:
        """Another description or other examples of a class; what is None stays."""
        return self.store.tasks.describe_class(self.store.actor, self._task(task).task_id, which, description, examples)

    def merge_classes(self, task: AnyTask, which: Iterable[str], into: str) -> Task:
        """Make several classes one, *into* a present class or a new name; all their votes count for it.

        Example:
            >>> ws.merge_classes("intent", ["card lost", "card stolen"], "card gone")  # doctest: +SKIP
        """
        return self.store.tasks.merge_classes(self.store.actor, self._task(task).task_id, which, into)

    def split_class(self, task: AnyTask, which: str, parts: Iterable[str]) -> Task:
        """Several new classes in place of one; its votes are shared between them until somebody says which."""
        return self.store.tasks.split_class(self.store.actor, self._task(task).task_id, which, parts)

    def remove_class(self, task: AnyTask, which: str) -> Task:
        """A class less; its votes stay in the store, count for nothing, and count again after ``restore_task``."""
        return self.store.tasks.remove_class(self.store.actor, self._task(task).task_id, which)

    def set_guidelines(self, task: AnyTask, text: str, *, if_version: int | None = None) -> Task:
        """How to decide, in Markdown.

        Args:
            task: the task.
            text: all of it.
            if_version: refuse when the task has another version by now, so that nobody's words are overwritten unseen.
        """
        return self.store.tasks.set_guidelines(
            self.store.actor, self._any_task(task).task_id, text, if_version=if_version
        )

    def restore_task(self, task: AnyTask, version: int | None = None) -> Task:
        """Put an earlier version in place again, as a new one; by default the one before: undo, and again redo."""
        found = self._any_task(task)
        newest = self.store.tasks.get(found.task_id)
        wanted = newest.version - 1 if version is None else version
        if not 1 <= wanted <= newest.version:
            raise InputError(f"The task {newest.name!r} has the versions 1 to {newest.version}; there is no {wanted}.")
        return self.store.tasks.restore(self.store.actor, found.task_id, wanted)

    def task_history(self, task: AnyTask) -> list[TaskVersion]:
        """Every version with who made it, the newest first."""
        return self.store.tasks.history(self._any_task(task).task_id)

    def task_counts(self, task: AnyTask) -> TaskCounts:
        """Votes per class, and what waits for somebody."""
        return self._task_counts.of(self.store, self.store.tasks.get(self._any_task(task).task_id))

    def n_to_label(self) -> int:
        """Records that wait for somebody, over all tasks, as far as that is known without making anybody wait.

        Example:
            >>> ws.n_to_label()  # doctest: +SKIP
            7904
        """
        known = (self._task_counts.soon(self.store, task) for task in self.store.tasks.all())
        return sum(counts.n_waiting for counts in known if counts is not None)
