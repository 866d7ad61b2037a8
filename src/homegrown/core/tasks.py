"""Tasks, classes, votes and labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from homegrown.core.choices import TaskClass, new_class_id
from homegrown.core.models import OUT_OF_SCOPE
from homegrown.core.schema import Field

__all__ = ["LabelSourceKind", "Task", "TaskClass", "TaskKind", "Vote", "new_class_id"]


class TaskKind(StrEnum):
    """The shape of the answer: one class, several, or an object of fields. Text and ranking join later."""

    CLASS = "class"
    CLASSES = "classes"
    OBJECT = "object"


class LabelSourceKind(StrEnum):
    """Who votes."""

    PERSON = "person"
    RULE = "rule"
    MODEL = "model"
    IMPORTED = "imported"


@dataclass(frozen=True, slots=True)
class Task:
    """The question asked of records, in one version.

    Attributes:
        classes: in the order that probabilities follow.
        column: the field whose values became imported votes, if any.
        moved: what a vote for a class that is no more means now: id → ids. One after a merge; after a split several,
            which share the vote until somebody says which; none after a removal.
        fields: of an object; such a task has no classes of its own.
    """

    task_id: str
    name: str
    version: int
    kind: TaskKind
    classes: tuple[TaskClass, ...]
    guidelines: str = ""
    column: str | None = None
    moved: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fields: tuple[Field, ...] = ()

    @property
    def class_ids(self) -> tuple[str, ...]:
        """Ids in probability order."""
        return tuple(c.class_id for c in self.classes)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names in probability order."""
        return tuple(c.name for c in self.classes)

    def one(self, class_id: str) -> TaskClass | None:
        """The present class with this id, or None."""
        return next((c for c in self.classes if c.class_id == class_id), None)

    def meaning(self, class_id: str) -> tuple[str, ...]:
        """Ids of the present classes that a vote for *class_id* means now, in probability order.

        One for a class that is there or was merged, several where a split left open which, none for one that is gone.
        Out of scope means itself. Every reader of votes goes through here or through ``meanings``.

        Example:
            >>> task = Task("t", "t", 2, TaskKind.CLASS, (TaskClass("c_b", "b"),), moved={"c_a": ("c_b",)})
            >>> task.meaning("c_a"), task.meaning("c_b"), task.meaning("c_gone")
            (('c_b',), ('c_b',), ())
        """
        if class_id == OUT_OF_SCOPE:
            return (OUT_OF_SCOPE,)
        present, found, seen, waiting = set(self.class_ids), set(), set(), [class_id]
        while waiting:
            one = waiting.pop()
            if one in present:
                found.add(one)
            elif one not in seen:
                seen.add(one)
                waiting.extend(self.moved.get(one, ()))
        return tuple(c for c in self.class_ids if c in found) if len(found) > 1 else tuple(found)

    def meanings(self) -> dict[str, tuple[str, ...]]:
        """``meaning`` of every id that a vote can hold: present classes, those that moved, out of scope."""
        moved = {class_id: self.meaning(class_id) for class_id in self.moved}
        return moved | {class_id: (class_id,) for class_id in (*self.class_ids, OUT_OF_SCOPE)}

    def named(self, name: str) -> tuple[str, ...]:
        """Ids of the present classes that *name* means: the one called so, else those that once were.

        Those are several after a split.

        Example:
            >>> Task("t", "t", 2, TaskKind.CLASS, (TaskClass("c_a", "new", former=("old",)),)).named("old")
            ('c_a',)
        """
        present = tuple(c.class_id for c in self.classes if c.name == name)
        return present or tuple(c.class_id for c in self.classes if name in c.former)

    def voted_id(self, name: str) -> str | None:
        """The id that a vote for the class called *name*, now or formerly, is kept under; None for an unknown name.

        The name of a class that was split gives its old id, so that the vote is shared as the earlier ones are.
        """
        found = self.named(name)
        if len(found) < 2:
            return found[0] if found else None
        return next((old for old in self.moved if set(self.meaning(old)) == set(found)), None)

    def said(
        self, value: Mapping[str, Any], meanings: Mapping[str, tuple[str, ...]] | None = None
    ) -> list[tuple[str, ...]]:
        """What a vote's value means now: one tuple per class that it names, classes that are gone left out.

        Args:
            value: of the vote.
            meanings: of this task, from who reads many values.

        Example:
            >>> Task("t", "t", 1, TaskKind.CLASSES, (TaskClass("c_a", "a"),)).said({"classes": ["c_a", "c_gone"]})
            [('c_a',)]
        """
        named = value["classes"] if "classes" in value else [value.get("class")]
        if meanings is None:
            return [ids for class_id in named if (ids := self.meaning(str(class_id)))]
        return [ids for class_id in named if (ids := meanings.get(str(class_id)))]

    def value_now(
        self, value: Mapping[str, Any], meanings: Mapping[str, tuple[str, ...]] | None = None
    ) -> dict[str, Any] | None:
        """A vote's value as it would be said now; None where its class is gone, or a split left open which it is.

        Example:
            >>> task = Task("t", "t", 2, TaskKind.CLASS, (TaskClass("c_b", "b"),), moved={"c_a": ("c_b",)})
            >>> task.value_now({"class": "c_a"}), task.value_now({"class": "c_gone"})
            ({'class': 'c_b'}, None)
        """
        sure = {ids[0] for ids in self.said(value, meanings) if len(ids) == 1}
        if "classes" in value:
            return {"classes": [c for c in self.class_ids if c in sure]} if sure or not value["classes"] else None
        return {"class": sure.pop()} if sure else None

    def split_in(self, value: Mapping[str, Any], meanings: Mapping[str, tuple[str, ...]]) -> str | None:
        """The id that a vote's *value* names of a class that was split since, where it leaves open which part; or None.

        Example:
            >>> parts = (TaskClass("c_b", "b"), TaskClass("c_c", "c"))
            >>> task = Task("t", "t", 2, TaskKind.CLASSES, parts, moved={"c_a": ("c_b", "c_c")})
            >>> [task.split_in({"classes": ids}, task.meanings()) for ids in (["c_a"], ["c_a", "c_b"], ["c_b"])]
            ['c_a', None, None]
        """
        named = value["classes"] if "classes" in value else [value.get("class")]
        meant = {str(class_id): meanings.get(str(class_id), ()) for class_id in named}
        sure = {ids[0] for ids in meant.values() if len(ids) == 1}
        return next((c for c, ids in meant.items() if len(ids) > 1 and not sure.intersection(ids)), None)


@dataclass(frozen=True, slots=True)
class Vote:
    """One source's opinion on one record, or None, an abstention.

    Attributes:
        value: ``{"class": id}``, ``{"classes": [id, …]}``, or ``{"fields": {id: answer}}`` as ``core.schema`` has it.
    """

    task_id: str
    record_id: str
    label_source_id: str
    value: dict[str, Any] | None
    confidence: float | None = None
