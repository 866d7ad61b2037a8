"""Which records a person should look at to know where a model errs that labelled them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from homegrown.core.tasks import TaskKind
from homegrown.curate.labels import bulk_votes, counted_sources
from homegrown.curate.nearby import said_alone
from homegrown.errors import EmptyDataError, UnsuitableLabelsError
from homegrown.metrics.corrections import unconfirmed
from homegrown.metrics.representatives import representatives
from homegrown.store.meaning import places, read_meaning

if TYPE_CHECKING:
    from homegrown.core.tasks import Task
    from homegrown.curate.nearby import Near
    from homegrown.store import Store


def to_check(store: Store, task: Task, near: Near, n: int) -> list[str]:
    """Records that stand for many others to which a model gave the same label; first those that confirm a mistake.

    Asked again after some were looked at, it goes where mistakes were seen once, then where nobody looked yet.

    Raises:
        EmptyDataError: no model alone voted on any record.
        UnsuitableLabelsError: records have several classes.
    """
    if task.kind is TaskKind.CLASSES:
        raise UnsuitableLabelsError("Records with several classes each have no one label to check; label the queue.")
    ids = store.records.scan(["record_id"])["record_id"].combine_chunks()
    said = said_alone(store, task, ids, bulk_votes(store, task, counted_sources(store, task)))
    rows = np.flatnonzero(said >= 0)
    if not len(rows):
        raise EmptyDataError(
            f"No model has labelled records of {task.name!r} alone. Make a task of your calls (homegrown monitor "
            "accept) or ask a teacher (homegrown label teach)."
        )
    ids, said = ids.take(pa.array(rows)), said[rows]
    vectors, truth = near(ids), _told(store, task, ids)
    first = unconfirmed(vectors, said, truth)[:n]
    known = truth >= 0
    known[first] = True
    then = representatives(vectors, said, n - len(first), known=known) if n > len(first) else first[:0]
    return [ids[int(i)].as_py() for i in (*first, *then)]


def _told(store: Store, task: Task, ids: pa.Array) -> np.ndarray:
    """The class that people agree on, int [n]; -1 where nobody spoke or they differ."""
    people = store.person_votes.standing(task.task_id)
    found = np.full(len(ids), -1)
    if not people:
        return found
    named, values = (pa.chunked_array([column], pa.string()) for column in zip(*people, strict=True))
    row = places(named, ids)
    here = row >= 0
    said = read_meaning(task, values.filter(pa.array(here)), row[here])
    found[said.record] = said.column
    for record in np.unique(said.record[(found[said.record] != said.column) | (said.weight < 1)]):
        found[record] = -1
    return found
