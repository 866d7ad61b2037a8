"""A person's vote: what somebody who knows the case says that it is."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from homegrown.core.models import OUT_OF_SCOPE
from homegrown.core.tasks import LabelSourceKind, Task, TaskKind
from homegrown.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.core.models import ModelVersion
    from homegrown.store import Store


def cast_vote(store: Store, task: Task, record_id: str, said: str | Sequence[str] | None) -> str:
    """Keep what the store's actor says of one record; outweighs every imported vote on it.

    Args:
        store: the workspace.
        task: the question.
        record_id: a record that is here.
        said: the name of a class, several for a task of many classes, or None for "none of these".

    Returns:
        The vote's id, which ``store.person_votes.undo`` takes back.

    Raises:
        InputError: the task has no such class.
        NotFoundError: there is no such record.
    """
    return keep_vote(store, task, record_id, vote_value(task, said))


def keep_vote(store: Store, task: Task, record_id: str, value: dict[str, Any]) -> str:
    """``cast_vote`` for a value that is at hand: ``{"class": id}`` or ``{"classes": [id, …]}``."""
    if not store.records.texts([record_id]):
        raise NotFoundError("There is no such record here. It may have been forgotten.")
    source = store.tasks.label_source(store.actor, task, LabelSourceKind.PERSON, store.actor.name)
    return store.person_votes.add(store.actor, task.task_id, record_id, source, value)


def vote_value(task: Task, said: str | Sequence[str] | None) -> dict[str, Any]:
    """Names of classes as the value of a vote; a former name of a class means it.

    Raises:
        InputError: the task has no such class, or it was split into several.
    """
    names = [said] if isinstance(said, str) else list(said or ())
    ids = list(dict.fromkeys(_named(task, name) for name in names))
    if task.kind is TaskKind.CLASSES:
        return {"classes": ids}
    if len(ids) > 1:
        raise InputError(f"In the task {task.name!r} a record is of one class; {len(names)} were named.")
    return {"class": ids[0] if ids else OUT_OF_SCOPE}


def answer_value(task: Task, version: ModelVersion, label: str | None) -> dict[str, Any] | None:
    """What somebody says that an answer of *version* should have been, as the value of a vote.

    A model answers the names that were frozen with it; *label* is one of those, a name that a class has or had in the
    task, or None for "none of these". Of a class that was split since, the vote is shared like the earlier ones.

    Returns:
        None when no class is or was called so.
    """
    frozen = dict(zip(version.class_names, version.class_ids, strict=True))
    class_id = OUT_OF_SCOPE if label is None else frozen.get(label) or task.voted_id(label)
    if class_id is None or not task.meaning(class_id):
        return None
    if task.kind is TaskKind.CLASSES:
        return {"classes": [] if label is None else [class_id]}
    return {"class": class_id}


def _named(task: Task, name: str) -> str:
    found = task.named(name)
    if len(found) == 1:
        return found[0]
    if found:
        parts = ", ".join(c.name for c in task.classes if c.class_id in found)
        raise InputError(f"The class {name!r} of {task.name!r} was split. Say which of its parts: {parts}.")
    near = get_close_matches(name, task.class_names, 1)
    meant = f" Did you mean {near[0]!r}?" if near else f" Classes: {', '.join(task.class_names[:10])}."
    raise InputError(f"The task {task.name!r} has no class {name!r}.{meant}")


def value_of_ids(task: Task, class_ids: Sequence[str]) -> dict[str, Any]:
    """Ids of classes as the value of a vote, in the task's order; none of them means "none of these".

    A class that was merged into another counts as that one.

    Raises:
        InputError: the task has no such class (any more), or takes one and several were named.
    """
    known = dict.fromkeys(task.class_ids)
    meant: set[str] = set()
    for class_id in class_ids:
        now = task.meaning(class_id)
        if len(now) != 1 or now[0] not in known:
            gone = "was split since" if len(now) > 1 else "is not there (any more)"
            raise InputError(f"A class that was voted for {gone}; the record has to be looked at again.")
        meant.add(now[0])
    if task.kind is TaskKind.CLASSES:
        return {"classes": [c for c in known if c in meant]}
    if len(meant) > 1:
        raise InputError(f"In the task {task.name!r} a record is of one class; {len(meant)} were named.")
    return {"class": meant.pop() if meant else OUT_OF_SCOPE}
