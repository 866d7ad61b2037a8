"""One of the answers among which a task, or a field of one, chooses."""

from __future__ import annotations

from dataclasses import dataclass

from homegrown.core.ids import digest


@dataclass(frozen=True, slots=True)
class TaskClass:
    """One possible answer. Votes, labels and snapshots store the opaque id; the name may change.

    Attributes:
        examples: texts that are of this class, for people and for teachers.
        former: names by which it, or what was merged into it, was called before; an imported column may still use them.
    """

    class_id: str
    name: str
    description: str = ""
    examples: tuple[str, ...] = ()
    former: tuple[str, ...] = ()


def new_class_id(task_id: str, name: str) -> str:
    """The id of a class created under *name*: opaque, and the same when the same import is repeated."""
    return "c_" + digest(task_id.encode(), name.encode("utf-8", "surrogatepass"))[:12]
