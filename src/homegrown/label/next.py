"""The next records to label: asked for at any moment, worked out anew in the background as labels come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from homegrown.core.assignments import Choice as Handed
from homegrown.core.background import Background
from homegrown.core.tasks import TaskKind
from homegrown.errors import EmptyDataError
from homegrown.label.choose import AT_RANDOM, SUSPECTED, Board, Choice, choose
from homegrown.label.evidence import Evidence, Pool, ReadLabels, read_evidence, read_pool
from homegrown.label.outlook import Forecast, forecast
from homegrown.label.pool_fit import Fit, PoolFit, fit_pool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from homegrown.core.tasks import Task
    from homegrown.store import Store
    from homegrown.store.vectors import VectorStore

PLANNED = 100
STALE_LABELS, STALE_SHARE = 10, 0.05
MEASURE = 0.1  # of a batch is drawn at random, so that the forecast can be measured on records nobody chose
LEAST_TO_FIT = 2


class State(NamedTuple):
    """What a plan depends on; another one asks for another plan.

    Attributes:
        n_said: votes of people, also those that were changed since.
        bulk: version of the other sources' votes.
        records: versions of the records and of their vectors.
    """

    n_said: int
    bulk: int
    records: tuple[int, ...]


@dataclass(frozen=True)
class Plan:
    """A batch, and what it was worked out from.

    Attributes:
        choices: rows of ``pool``, the most useful first.
        evidence: labels and votes of the pool.
        state: of records and labels, as it was.
        said: people's votes that stood then.
    """

    task_version: int
    choices: tuple[Choice, ...]
    pool: Pool
    evidence: Evidence
    found: PoolFit | None
    state: State
    said: frozenset[tuple[str, str]]

    @property
    def record_ids(self) -> list[str]:
        """Of the choices, in their order."""
        return [self.pool.record_ids[c.row].as_py() for c in self.choices]

    @property
    def n_labelled(self) -> int:
        """Records with a label that somebody stands for."""
        return int(self.evidence.labelled.sum())

    def knows(self, task: Task, state: State) -> bool:
        """Whether nothing has changed since."""
        return self.task_version == task.version and self.state == state

    def is_stale(self, state: State) -> bool:
        """Whether so much has changed since that it should be made anew."""
        many = max(STALE_LABELS, STALE_SHARE * self.n_labelled)
        return abs(state.n_said - self.state.n_said) >= many or state[1:] != self.state[1:]


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
        self._pools: dict[str, tuple[tuple[int, ...], Pool]] = {}
        self._forecasts: dict[str, Forecast] = {}
        self._background = Background("next")

    def __call__(self, store: Store, task: Task, n: int) -> list[tuple[str, str, str | None, float]]:
        """At most *n* records with the reason, the suggested class's name (None: not known) and its probability.

        Answers at once from the plan at hand, which is made anew in the background when labels came; only the first
        call waits for one. Records that were labelled or given to somebody since are left out.
        """
        plan = self.plan(store, task, wait=False)
        busy = {record_id for record_id, _ in set(store.person_votes.standing(task.task_id)) - plan.said}
        busy |= store.assignments.given(task.task_id)
        found = []
        for choice, record_id in zip(plan.choices, plan.record_ids, strict=True):
            if record_id not in busy and len(found) < n:
                name = task.class_names[choice.suggestion] if 0 <= choice.suggestion < len(task.classes) else None
                found.append((record_id, choice.reason, name, choice.prob))
        return found

    def plan(self, store: Store, task: Task, *, wait: bool = True) -> Plan:
        """The newest plan; with *wait* one that knows all records and labels there are."""
        plan, state = self._plans.get(task.task_id), self._state(store, task)
        if plan is None or plan.task_version != task.version or (wait and plan.state != state):
            return self._make(store, task)
        if plan.is_stale(state):
            self._in_background(store, task)
        return plan

    def ready(self, store: Store, task: Task) -> tuple[Plan, Forecast] | None:
        """Plan and forecast of labels as they lately stood; None while they are being made, which this begins."""
        plan, ahead = self._plans.get(task.task_id), self._forecasts.get(task.task_id)
        if plan is None or ahead is None or plan.task_version != task.version:
            self._in_background(store, task)
            return None
        return self.plan(store, task, wait=False), ahead

    def forecast(self, store: Store, task: Task) -> Forecast:
        """What the labels there are promise; see ``outlook.forecast``."""
        pool, evidence = self.evidence(store, task)
        rows = np.flatnonzero(evidence.labelled)
        fair = _among(pool, store.assignments.because(task.task_id, AT_RANDOM))
        found = forecast(pool.vectors[rows], evidence.counts[rows] > 0, fair[rows], multi=task.kind is TaskKind.CLASSES)
        self._forecasts[task.task_id] = found
        return found

    def evidence(self, store: Store, task: Task) -> tuple[Pool, Evidence]:
        """The pool and its labels as they stand; those of the plan at hand where it knows all of them."""
        plan, state = self._plans.get(task.task_id), self._state(store, task)
        if plan is not None and plan.knows(task, state):
            return plan.pool, plan.evidence
        pool = self._pool(store, task, state)
        found = read_evidence(store, task, pool, self._read_labels)
        many = max(STALE_LABELS, STALE_SHARE * int(found.labelled.sum()))
        if found.n_outside - pool.n_outside >= many:  # labels came on records that were not drawn, as by an import
            self._pools.pop(task.task_id, None)
            pool = self._pool(store, task, state)
            found = read_evidence(store, task, pool, self._read_labels)
        return pool, found

    def _in_background(self, store: Store, task: Task) -> None:
        def work() -> None:
            self._make(store, task)
            self.forecast(store, task)

        self._background.start(task.task_id, work)  # until then the plan at hand stays

    def wait(self) -> None:
        """Until no plan is being made in the background."""
        self._background.wait()

    def _make(self, store: Store, task: Task) -> Plan:
        state, said = self._state(store, task), frozenset(store.person_votes.standing(task.task_id))
        pool, evidence = self.evidence(store, task)
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
        confirmed = _among(pool, store.assignments.because(task.task_id, SUSPECTED, answered=True))
        board = Board(
            pool.vectors, pool.near, ~evidence.labelled, evidence.labelled, np.maximum(evidence.counts, 0),
            task.class_names, found, evidence.votes, confirmed, multi,
        )  # fmt: skip
        choices = choose(board, PLANNED, seed=state.n_said, measure=MEASURE)
        plan = Plan(task.version, tuple(choices), pool, evidence, found, state, said)
        self._plans[task.task_id] = plan
        return plan

    def _pool(self, store: Store, task: Task, state: State) -> Pool:
        stored = self._vectors()
        if stored is None:
            raise EmptyDataError("No record has a vector yet, by which the next ones are chosen. Run: homegrown embed")
        kept = self._pools.get(task.task_id)
        if kept is None or kept[0] != state.records:
            kept = state.records, read_pool(store, stored, task)
            self._pools[task.task_id] = kept
        return kept[1]

    def _state(self, store: Store, task: Task) -> State:
        stored = self._vectors()
        bulk = store.votes.table.version() if store.votes.table.exists else 0
        vectors = 0 if stored is None else stored.table.version()
        return State(store.person_votes.n_given(task.task_id), bulk, (*store.records.version(), vectors))


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


def _among(pool: Pool, record_ids: list[str]) -> np.ndarray:
    """Which of the pool's records are among *record_ids*; bool [n]."""
    return pc.is_in(pool.record_ids, value_set=pa.array(record_ids, pa.string())).to_numpy(zero_copy_only=False)
