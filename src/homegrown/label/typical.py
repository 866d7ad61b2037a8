"""The first records of a task whose answer is no class: such as stand for many that nobody has spoken of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from homegrown.core.assignments import Choice
from homegrown.label.choose import Board, choose
from homegrown.label.evidence import read_pool

if TYPE_CHECKING:
    from collections.abc import Collection

    from homegrown.core.tasks import Task
    from homegrown.store import Store
    from homegrown.store.vectors import VectorStore


def typical_records(
    store: Store, stored: VectorStore, task: Task, spoken: Collection[str], n: int = 100
) -> list[Choice]:
    """The most typical record of each of the largest groups in which nobody has spoken; see ``label.choose``.

    Args:
        store: the workspace.
        stored: vectors of its records.
        task: the question.
        spoken: ids of records of which somebody has.
        n: how many.

    Example:
        >>> typical_records(store, vectors, task, ())[0].reason  # doctest: +SKIP
        'Typical of 31 records that are alike; none of them is labelled.'
    """
    pool = read_pool(store, stored, task)
    ids = pool.record_ids.to_pylist()
    done = np.array([i in spoken for i in ids], bool)
    board = Board(pool.vectors, pool.near, ~done, done, np.zeros((len(ids), 0), np.float32), ())
    return [Choice(ids[one.row], one.reason) for one in choose(board, n)]
