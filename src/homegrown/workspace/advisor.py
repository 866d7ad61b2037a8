"""Suggestions for who labels: from the champion, else from the nearest labelled records; never waited for twice."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow as pa

from homegrown.core.background import Background
from homegrown.core.models import OUT_OF_SCOPE
from homegrown.label.suggest import Suggestion, from_neighbours, from_probs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from homegrown.core.models import ModelVersion
    from homegrown.core.protocols import Predictor
    from homegrown.core.tasks import Task
    from homegrown.store import Store
    from homegrown.store.vectors import VectorStore

KEPT = 20_000
N_NEAREST = 5
FEWEST_LABELLED = 5
MOST_LABELLED = 20_000
LOOK_EVERY_S = 5.0


@dataclass(frozen=True)
class Labelled:
    """Vectors float32 [n, dim] of records that people labelled, of length 1, and the classes that were named then."""

    vectors: np.ndarray
    class_ids: list[str]
    n_votes: int
    table: VectorStore


@dataclass
class _Known:
    """What is ready for one task."""

    model: tuple[ModelVersion, Predictor] | None = None
    labelled: Labelled | None = None
    looked_at: float = -1e9


class Advisor:
    """Loads models and vectors in the background; until they are there it has nothing to say.

    Args:
        store: the workspace.
        predictor: loads a model.
        vectors: the vectors of records; None where nothing is embedded.
    """

    def __init__(
        self,
        store: Store,
        predictor: Callable[[ModelVersion], Predictor],
        vectors: Callable[[], VectorStore | None],
    ) -> None:
        self._store, self._predictor, self._vectors = store, predictor, vectors
        self._tasks: dict[str, _Known] = {}
        self._said: OrderedDict[tuple[str, int, str], list[Suggestion]] = OrderedDict()
        self._background = Background("advisor")

    def advise(
        self, task: Task, texts: dict[str, tuple[str, str]], *, wait: bool = False
    ) -> dict[str, list[Suggestion]]:
        """Suggestions by record id.

        Args:
            task: the question.
            texts: record id → text and its hash.
            wait: until what suggests is loaded.
        """
        known = self._tasks.setdefault(task.task_id, _Known())
        self._look(task, known)
        if wait:
            self._background.wait(task.task_id)
        if known.model is not None:
            return self._by_model(task, *known.model, {i: text for i, (text, _) in texts.items()})
        if known.labelled is not None:
            return _by_neighbours(task, known.labelled, {i: hashed for i, (_, hashed) in texts.items()})
        return {}

    def _look(self, task: Task, known: _Known) -> None:
        if self._background.is_busy(task.task_id) or time.monotonic() - known.looked_at < LOOK_EVERY_S:
            return
        known.looked_at = time.monotonic()
        self._background.start(task.task_id, lambda: self._load(task, known))

    def _load(self, task: Task, known: _Known) -> None:
        """A damaged model suggests nothing; its own page says why."""
        version = self._store.models.champion(task.task_id)
        if version is None:
            known.model, known.labelled = None, _labelled(self._store, task, self._vectors, known.labelled)
        elif known.model is None or known.model[0].version_id != version.version_id:
            known.model = version, self._predictor(version)

    def _by_model(
        self, task: Task, version: ModelVersion, predictor: Predictor, texts: dict[str, str]
    ) -> dict[str, list[Suggestion]]:
        keys = {i: (version.version_id, task.version, i) for i in texts}
        missing = [i for i in texts if keys[i] not in self._said]
        if missing:
            name = f"{version.model_name}@{version.number}"
            told = predictor.predict([texts[i] for i in missing])
            probs = np.minimum(told.probs @ _meanings(task, version.class_ids), 1)
            for record_id, row, scope in zip(missing, probs.tolist(), told.in_scope.tolist(), strict=True):
                found = [s for s in from_probs(name, task.class_ids, row) if s.share]
                if scope < predictor.threshold:
                    found.insert(0, Suggestion(OUT_OF_SCOPE, 1 - scope, f"{name} takes it for none of them"))
                self._said[keys[record_id]] = found
            while len(self._said) > KEPT:
                self._said.popitem(last=False)
        return {i: self._said[key] for i, key in keys.items() if key in self._said}

    def close(self) -> None:
        """Wait for what is being loaded."""
        self._background.wait()


def _labelled(
    store: Store, task: Task, vectors: Callable[[], VectorStore | None], before: Labelled | None
) -> Labelled | None:
    """Vectors of what people labelled, where the records have any; what is there is kept while few votes came in."""
    n_votes = store.person_votes.n_given(task.task_id)
    is_fresh = before is not None and abs(n_votes - before.n_votes) <= max(FEWEST_LABELLED, before.n_votes // 20)
    table = None if n_votes < FEWEST_LABELLED or is_fresh else vectors()
    if table is None:
        return before
    said = store.person_votes.standing(task.task_id)
    if len(said) < FEWEST_LABELLED:
        return before
    classes = {i: voted for i, value in said[-MOST_LABELLED:] if (voted := _voted(value))}
    rows = store.records.rows(pa.array(list(classes), pa.string()), ["text_hash"])
    where, matrix = table.fetch(rows["text_hash"].to_pylist())
    ids = [classes[i] for i in rows["record_id"].to_pylist()]
    kept = np.flatnonzero(where >= 0)
    return Labelled(_unit(matrix[where[kept]]), [ids[k] for k in kept], n_votes, table) if len(kept) else None


def _voted(value: str) -> str | None:
    """The first class that a stored value names, by the id that it had then."""
    said = msgspec.json.decode(value)
    return next(iter(said.get("classes") or [said.get("class")]))


def _meanings(task: Task, class_ids: Sequence[str]) -> np.ndarray:
    """What a model's classes are in the task by now: float32 [len(class_ids), n_classes], a split one shared."""
    place = {class_id: number for number, class_id in enumerate(task.class_ids)}
    found = np.zeros((len(class_ids), len(place)), np.float32)
    for row, class_id in enumerate(class_ids):
        ids = [one for one in task.meaning(class_id) if one in place]
        found[row, [place[one] for one in ids]] = 1 / max(len(ids), 1)
    return found


def _by_neighbours(task: Task, labelled: Labelled, hashes: dict[str, str]) -> dict[str, list[Suggestion]]:
    where, matrix = labelled.table.fetch(list(hashes.values()))
    found, now = {}, task.meanings()
    near = _unit(matrix) @ labelled.vectors.T
    n = min(N_NEAREST, near.shape[1])
    for record_id, row in zip(hashes, where.tolist(), strict=True):
        if row >= 0:
            best = np.argsort(-near[row], kind="stable")[:n]
            meant = [now.get(labelled.class_ids[k], ()) for k in best]
            found[record_id] = from_neighbours([ids[0] for ids in meant if len(ids) == 1])
    return found


def _unit(matrix: np.ndarray) -> np.ndarray:
    return matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-12)
