"""Tasks, classes, votes and labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from homegrown.core.ids import digest


class TaskKind(StrEnum):
    """The shape of the answer. Spans, fields, text and ranking join later; nothing else may assume classes."""

    CLASS = "class"
    CLASSES = "classes"


class LabelSourceKind(StrEnum):
    """Who votes."""

    PERSON = "person"
    RULE = "rule"
    MODEL = "model"
    IMPORTED = "imported"


@dataclass(frozen=True, slots=True)
class TaskClass:
    """One possible answer. Votes, labels and snapshots store the opaque id; the name may change.

    Attributes:
        examples: texts that are of this class, for people and for teachers.
    """

    class_id: str
    name: str
    description: str = ""
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """The question asked of records, in one version.

    Attributes:
        classes: in the order that probabilities follow.
        column: the field whose values became imported votes, if any.
        moved: what a vote for a class that is no more means now: id → ids. One after a merge; after a split several,
            which share the vote until somebody says which.
    """

    task_id: str
    name: str
    version: int
    kind: TaskKind
    classes: tuple[TaskClass, ...]
    guidelines: str = ""
    column: str | None = None
    moved: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def class_ids(self) -> tuple[str, ...]:
        """Ids in probability order."""
        return tuple(c.class_id for c in self.classes)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names in probability order."""
        return tuple(c.name for c in self.classes)


@dataclass(frozen=True, slots=True)
class Vote:
    """One source's opinion on one record: ``{"class": id}``, ``{"classes": [id, …]}``, or None, an abstention."""

    task_id: str
    record_id: str
    label_source_id: str
    value: dict[str, Any] | None
    confidence: float | None = None


def new_class_id(task_id: str, name: str) -> str:
    """The id of a class created under *name*: opaque, and the same when the same import is repeated."""
    return "c_" + digest(task_id.encode(), name.encode("utf-8", "surrogatepass"))[:12]
