"""What people say of records on which an upstream voted: their word is gold, the upstream's is not."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from homegrown.core.models import OUT_OF_SCOPE
from homegrown.store.vouched import vouched

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.core.tasks import Task
    from homegrown.store import Store


def settled(store: Store, task: Task, record_ids: Sequence[str]) -> dict[str, frozenset[str]]:
    """The classes, as they are now, of the records that people settled; empty for none of the classes.

    A reviewer's word, else that of most people; a draw, and a class that was split since, leave a record open.
    """
    wanted, meant = set(record_ids), task.meanings()
    votes: dict[str, list[frozenset[str] | None]] = defaultdict(list)
    for record_id, value in store.person_votes.standing(task.task_id):
        if record_id in wanted:
            votes[record_id].append(_classes(task, msgspec.json.decode(value), meant))
    found = {}
    for record_id, some in votes.items():
        (best, n), *others = Counter(some).most_common(2)
        if best is not None and (not others or n > others[0][1]):
            found[record_id] = best
    return found


def _classes(task: Task, value: dict[str, object], meant: dict[str, tuple[str, ...]]) -> frozenset[str] | None:
    if "class" not in value and "classes" not in value:
        return None
    said = task.said(value, meant)
    if any(len(ids) != 1 for ids in said) or (not said and value.get("classes") != []):
        return None
    return frozenset(ids[0] for ids in said if ids[0] != OUT_OF_SCOPE)


def gold(store: Store, task: Task, record_ids: Sequence[str]) -> tuple[np.ndarray, dict[str, frozenset[str]]]:
    """Of which records the label is gold, bool [n], and what people say of those whose frozen label may be a model's.

    A label that a file gave is gold as it was frozen, and so is every label where no rule and no model votes.
    """
    given = vouched(store, task.task_id, record_ids)
    if given.all():
        return given, {}
    said = settled(store, task, record_ids)
    spoken = {record_id for record_id, _ in store.person_votes.standing(task.task_id)}
    is_open = np.array([r in spoken and r not in said for r in record_ids], bool)
    return given & ~is_open, said
