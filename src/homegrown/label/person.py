"""A person's vote: what somebody who knows the case says that it is."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from homegrown.core.models import OUT_OF_SCOPE
from homegrown.core.tasks import LabelSourceKind, Task, TaskKind
from homegrown.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    value = vote_value(task, said)
    if not store.records.texts([record_id]):
        raise NotFoundError("There is no such record here. It may have been forgotten.")
    source = store.tasks.label_source(store.actor, task, LabelSourceKind.PERSON, store.actor.name)
    return store.person_votes.add(store.actor, task.task_id, record_id, source, value)


def vote_value(task: Task, said: str | Sequence[str] | None) -> dict[str, Any]:
    """Names of classes as the value of a vote.

    Raises:
        InputError: the task has no such class.
    """
    names = [said] if isinstance(said, str) else list(said or ())
    ids = {c.name: c.class_id for c in task.classes}
    for name in names:
        if name not in ids:
            near = get_close_matches(name, ids, 1)
            meant = f" Did you mean {near[0]!r}?" if near else f" Classes: {', '.join(list(ids)[:10])}."
            raise InputError(f"The task {task.name!r} has no class {name!r}.{meant}")
    if task.kind is TaskKind.CLASSES:
        return {"classes": [ids[name] for name in names]}
    if len(names) > 1:
        raise InputError(f"In the task {task.name!r} a record is of one class; {len(names)} were named.")
    return {"class": ids[names[0]] if names else OUT_OF_SCOPE}


def value_of_ids(task: Task, class_ids: Sequence[str]) -> dict[str, Any]:
    """Ids of classes as the value of a vote, in the task's order; none of them means "none of these".

    A class that was merged into another counts as that one.

    Raises:
        InputError: the task has no such class (any more), or takes one and several were named.
    """
    known = dict.fromkeys(task.class_ids)
    meant: set[str] = set()
    for class_id in class_ids:
        now = (class_id,) if class_id in known else task.moved.get(class_id, ())
        if len(now) != 1 or now[0] not in known:
            gone = "was split since" if len(now) > 1 else "is not there (any more)"
            raise InputError(f"A class that was voted for {gone}; the record has to be looked at again.")
        meant.add(now[0])
    if task.kind is TaskKind.CLASSES:
        return {"classes": [c for c in known if c in meant]}
    if len(meant) > 1:
        raise InputError(f"In the task {task.name!r} a record is of one class; {len(meant)} were named.")
    return {"class": meant.pop() if meant else OUT_OF_SCOPE}
