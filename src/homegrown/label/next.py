"""The next records to label: asked for at any moment, worked out anew in the background as labels come."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from homegrown.core.assignments import Choice as Handed
from homegrown.core.ids import timestamp
from homegrown.core.tasks import TaskKind
from homegrown.errors import EmptyDataError, HomegrownError
from homegrown.label.choose import AT_RANDOM, SUSPECTED, Board, Choice, choose
from homegrown.label.evidence import Evidence, Pool, ReadLabels, read_evidence, read_pool
from homegrown.label.outlook import Forecast, forecast
from homegrown.label.pool_fit import Fit, PoolFit, fit_pool
from homegrown.store import tables

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from homegrown.core.tasks import Task
    from homegrown.store import Store
    from homegrown.store.vectors import VectorStore

PLANNED = 100
STALE_LABELS, STALE_SHARE = 10, 0.05
MEASURE = 0.1  # of a batch is drawn at random, so that the forecast can be measured on records nobody chose
LEAST_TO_FIT = 2


@dataclass(frozen=True)
class Plan:
    """A batch, and what it was worked out from.

    Attributes:
        choices: rows of ``pool``, the most useful first.
        state: of the labels that were known.
        n_labelled: records with a label that somebody stands for.
        said: people's votes that stood then.
    """

    task_version: int
    choices: tuple[Choice, ...]
    pool: Pool
    found: PoolFit | None
    state: tuple[int, int]
    n_labelled: int
    said: frozenset[tuple[str, str]]

    @property
    def record_ids(self) -> list[str]:
        """Of the choices, in their order."""
        return [self.pool.record_ids[c.row].as_py() for c in self.choices]


class NextRecords:
    """Chooses for any task of one workspace; keeps neighbours and heads in memory, and nothing on the disk.

    Args:
        vectors: gives the table of vectors to choose by; None where nothing is embedded.
        fit: fits a head.
        read_labels: reads labels.

    Example:
        >>> NextRecords(vectors, fit_head, read_labels)(store, task, 10)[0]  # doctest: +SKIP
        ('rec_5f…', 'The model wavers between “refund” (48%) and “login” (41%).', 'refund', 0.48)
    """

    def __init__(self, vectors: Callable[[], VectorStore | None], fit: Fit, read_labels: ReadLabels) -> None:
        self._vectors, self._fit, self._read_labels = vectors, fit, read_labels
        self._plans: dict[str, Plan] = {}
        self._pools: dict[str, tuple[tuple[int, int], Pool]] = {}
        self._forecasts: dict[str, tuple[tuple[int, int], Forecast]] = {}
        self._lock, self._busy = threading.Lock(), set[str]()
        self._thread: threading.Thread | None = None

    def __call__(self, store: Store, task: Task, n: int) -> list[tuple[str, str, str | None, float]]:
        """At most *n* records with the reason, the suggested class's name (None: not known) and its probability.

        Answers at once from the plan at hand, which is made anew in the background when labels came; only the first
        call waits for one. Records that were labelled or given to somebody since are left out.
        """
        plan = self.plan(store, task, wait=False)
        busy = {record_id for record_id, _ in set(store.person_votes.standing(task.task_id)) - plan.said}
        busy |= _given(store, task)
        found = []
        for choice, record_id in zip(plan.choices, plan.record_ids, strict=True):
            if record_id not in busy and len(found) < n:
                name = task.class_names[choice.suggestion] if 0 <= choice.suggestion < len(task.classes) else None
                found.append((record_id, choice.reason, name, choice.prob))
        return found

    def plan(self, store: Store, task: Task, *, wait: bool = True) -> Plan:
        """The newest plan; with *wait* one that knows all labels there are."""
        state = _state(store, task)
        plan = self._plans.get(task.task_id)
        if plan is not None and plan.task_version == task.version and plan.state == state:
            return plan
        if plan is None or plan.task_version != task.version or wait:
            return self._make(store, task)
        if (
            abs(state[0] - plan.state[0]) >= max(STALE_LABELS, STALE_SHARE * plan.n_labelled)
            or state[1] != plan.state[1]
        ):
            self._in_background(store, task)
        return plan

    def ready(self, store: Store, task: Task) -> tuple[Plan, Forecast] | None:
        """Plan and forecast of labels as they lately stood; None while they are being made, which this begins."""
        plan, ahead = self._plans.get(task.task_id), self._forecasts.get(task.task_id)
        if plan is None or ahead is None or plan.task_version != task.version:
            self._in_background(store, task)
            return None
        return self.plan(store, task, wait=False), ahead[1]

    def forecast(self, store: Store, task: Task) -> Forecast:
        """What the labels there are promise; see ``outlook.forecast``."""
        state = _state(store, task)
        pool, evidence = self.evidence(store, task)
        rows = np.flatnonzero(evidence.labelled)
        fair = pc.is_in(pool.record_ids, value_set=pa.array(sorted(_drawn_at_random(store, task)), pa.string()))
        found = forecast(
            pool.vectors[rows],
            evidence.counts[rows] > 0,
            fair.to_numpy(zero_copy_only=False)[rows],
            multi=task.kind is TaskKind.CLASSES,
        )
        self._forecasts[task.task_id] = state, found
        return found

    def evidence(self, store: Store, task: Task) -> tuple[Pool, Evidence]:
        """The pool and its labels as they stand."""
        pool = self._pool(store, task)
        return pool, read_evidence(store, task, pool, self._read_labels)

    def _in_background(self, store: Store, task: Task) -> None:
        with self._lock:
            if task.task_id in self._busy:
                return
            self._busy.add(task.task_id)

        def work() -> None:
            try:
                with contextlib.suppress(HomegrownError):  # the plan at hand stays; the next call tries again
                    self._make(store, task)
                    self.forecast(store, task)
            finally:
                self._busy.discard(task.task_id)

        self._thread = threading.Thread(target=work, name=f"next-{task.task_id}", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Until no plan is being made in the background."""
        if self._thread is not None:
            self._thread.join()

    def _make(self, store: Store, task: Task) -> Plan:
        pool = self._pool(store, task)  # first: says at once where nothing is embedded
        state, said = _state(store, task), frozenset(store.person_votes.standing(task.task_id))
        evidence = read_evidence(store, task, pool, self._read_labels)
        before = self._plans.get(task.task_id)
        multi = task.kind is TaskKind.CLASSES
        rows = np.flatnonzero(evidence.known)
        seen = (evidence.counts[rows] > 0).any(0).sum() if len(rows) else 0
        found = None
        if seen >= LEAST_TO_FIT:
            start = None
            if before is not None and before.found is not None and before.task_version == task.version:
                start = before.found.head
            found = fit_pool(self._fit, pool.vectors, pool.near, evidence.counts, multi=multi, start=start)
        board = Board(
            pool.vectors, pool.near, ~evidence.labelled, evidence.labelled, np.maximum(evidence.counts, 0),
            task.class_names, found, evidence.votes, _confirmed(store, task, pool), multi,
        )  # fmt: skip
        choices = choose(board, PLANNED, seed=state[0], measure=MEASURE)
        plan = Plan(task.version, tuple(choices), pool, found, state, board.n_labelled, said)
        self._plans[task.task_id] = plan
        return plan

    def _pool(self, store: Store, task: Task) -> Pool:
        stored = self._vectors()
        if stored is None:
            raise EmptyDataError("No record has a vector yet, by which the next ones are chosen. Run: homegrown embed")
        state = (store.records.count(), store.records.table.version() if store.records.table.exists else 0)
        kept = self._pools.get(task.task_id)
        if kept is None or kept[0] != state:
            kept = state, read_pool(store, stored, task)
            self._pools[task.task_id] = kept
        return kept[1]


class MostUseful:
    """The order of a task's queue by what is most worth labelling; as it stood while a new one is worked out.

    Keeps ``label.queue.Chooser``.

    Args:
        learner: loaded at the first use.
        store: the workspace.
    """

    def __init__(self, learner: Callable[[], NextRecords], store: Store) -> None:
        self._learner, self._store = learner, store

    def __call__(self, task: Task, waiting: Sequence[str]) -> list[Handed]:
        """The planned records, the most useful first; none until the first plan is made."""
        ready = self._learner().ready(self._store, task)
        if ready is None:
            return []
        plan = ready[0]
        return [Handed(i, c.reason) for i, c in zip(plan.record_ids, plan.choices, strict=True)]

    def stamp(self, task: Task) -> object:
        """Another value for another plan; looks whether labels came that want one."""
        ready = self._learner().ready(self._store, task)
        return ready and ready[0].state


def _state(store: Store, task: Task) -> tuple[int, int]:
    """Grows when a person or another source says something."""
    return store.person_votes.n_given(task.task_id), store.votes.table.version() if store.votes.table.exists else 0


def _given(store: Store, task: Task) -> set[str]:
    """Records that wait for somebody."""
    a = tables.assignments
    is_open = sa.and_(a.c.closed_at.is_(None), a.c.expires_at > timestamp())
    rows = store.db.all(sa.select(a.c.record_id).where(a.c.task_id == task.task_id, is_open))
    return {row["record_id"] for row in rows}


def _drawn_at_random(store: Store, task: Task) -> set[str]:
    """Records that were given to somebody because they were drawn at random."""
    a = tables.assignments
    rows = store.db.all(sa.select(a.c.record_id).where(a.c.task_id == task.task_id, a.c.reason.startswith(AT_RANDOM)))
    return {row["record_id"] for row in rows}


def _confirmed(store: Store, task: Task, pool: Pool) -> np.ndarray:
    """Records that somebody looked at again because their label was doubted; bool [n]."""
    a = tables.assignments
    doubted = sa.and_(a.c.closed_at.is_not(None), a.c.reason.startswith(SUSPECTED))
    rows = store.db.all(sa.select(a.c.record_id).where(a.c.task_id == task.task_id, doubted))
    ids = pa.array([row["record_id"] for row in rows], pa.string())
    return pc.is_in(pool.record_ids, value_set=ids).to_numpy(zero_copy_only=False)
