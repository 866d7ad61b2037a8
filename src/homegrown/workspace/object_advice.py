"""The champion of a task of objects: what it suggests to who labels, and which records it is least sure of."""

from __future__ import annotations

import contextlib
import math
from collections import OrderedDict
from typing import TYPE_CHECKING

from homegrown import label
from homegrown.core.assignments import Choice
from homegrown.core.background import Background
from homegrown.errors import HomegrownError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from homegrown.core.models import ModelVersion, ObjectAnswer
    from homegrown.core.protocols import ObjectPredictor
    from homegrown.core.tasks import Task
    from homegrown.store import Store
    from homegrown.store.vectors import VectorStore

KEPT = 5_000
AT_ONCE_CHARS = 200_000
LOOKED_AT = 1_000
AGAIN_AFTER = 200
"""So many votes later the order is worked out anew: the first of it are labelled by then."""
COLD_AGAIN_AFTER = 20
_BATCH = 50


class ObjectAdvisor:
    """Keeps what the champion of each task said of records; loads and asks it in the background where that may wait.

    It is a ``label.queue.Chooser``, too.

    Args:
        store: the workspace.
        predictor: loads a model.
        vectors: the vectors of records; None where nothing is embedded.
    """

    def __init__(
        self,
        store: Store,
        predictor: Callable[[ModelVersion], ObjectPredictor],
        vectors: Callable[[], VectorStore | None],
    ) -> None:
        self._store, self._predictor, self._vectors = store, predictor, vectors
        self._said: OrderedDict[tuple[str, str], ObjectAnswer] = OrderedDict()
        self._loaded: set[str] = set()
        self._orders: dict[str, tuple[object, list[Choice]]] = {}
        self._background = Background("object-advice")

    def advise(
        self, task: Task, texts: Mapping[str, str], *, wait: bool = False
    ) -> dict[str, tuple[str, ObjectAnswer]]:
        """By record id the champion's name and what it says; what would take long comes with a later call.

        Args:
            task: whose answer is an object.
            texts: by record id.
            wait: until all of it is known.
        """
        version = self._store.models.champion(task.task_id)
        if version is None:
            return {}
        missing = {i: text for i, text in texts.items() if (version.version_id, i) not in self._said}
        is_quick = version.version_id in self._loaded and sum(map(len, missing.values())) <= AT_ONCE_CHARS
        if wait or (missing and is_quick):
            with contextlib.suppress(HomegrownError):
                self._ask(version, missing)
        elif missing or version.version_id not in self._loaded:
            self._background.start(("advice", task.task_id), lambda: self._ask(version, missing))
        name = f"{version.model_name}@{version.number}"
        return {i: (name, said) for i in texts if (said := self._said.get((version.version_id, i))) is not None}

    def _ask(self, version: ModelVersion, texts: Mapping[str, str]) -> None:
        predictor, ids = self._predictor(version), list(texts)
        self._loaded.add(version.version_id)
        for first in range(0, len(ids), _BATCH):
            batch = ids[first : first + _BATCH]
            for record_id, said in zip(batch, predictor.predict_objects([texts[i] for i in batch]), strict=True):
                self._said[(version.version_id, record_id)] = said
        while len(self._said) > KEPT:
            self._said.popitem(last=False)

    def __call__(self, task: Task, waiting: Sequence[str]) -> list[Choice]:
        """The records of which the champion is least sure first; none until it has looked at them.

        Without a champion those that are typical of many, where records have vectors (see ``label.choose``).
        """
        wanted = self._wanted(task)
        held = self._orders.get(task.task_id)
        if wanted is not None and (held is None or held[0] != wanted):
            self._background.start(("order", task.task_id), lambda: self._put_in_order(task, wanted, list(waiting)))
        return held[1] if held and wanted is not None else []

    def stamp(self, task: Task) -> object:
        """Another value once another order is worked out."""
        held, wanted = self._orders.get(task.task_id), self._wanted(task)
        is_late = wanted is not None and (held is None or held[0] != wanted)
        return held and held[0], is_late and not self._background.is_busy(("order", task.task_id))

    def _wanted(self, task: Task) -> tuple[str, int] | None:
        version = self._store.models.champion(task.task_id)
        if version is None and not self._store.has_vectors:
            return None
        after = AGAIN_AFTER if version else COLD_AGAIN_AFTER
        return version.version_id if version else "", self._store.person_votes.n_given(task.task_id) // after

    def _put_in_order(self, task: Task, wanted: tuple[str, int], waiting: list[str]) -> None:
        self._orders[task.task_id] = wanted, []  # what a damaged model cannot rate stays as it is
        version = self._store.models.champion(task.task_id)
        spoken = {record_id for record_id, _ in self._store.person_votes.standing(task.task_id)}
        if version is None:
            stored = self._vectors()
            if stored is not None:
                self._orders[task.task_id] = wanted, label.typical_records(self._store, stored, task, spoken)
            return
        ids = [i for i in waiting if i not in spoken][:LOOKED_AT]
        self._ask(version, self._store.records.texts(ids))
        said = {i: found for i in ids if (found := self._said.get((version.version_id, i))) is not None}
        self._orders[task.task_id] = wanted, least_sure(task, said)

    def close(self) -> None:
        """Wait for what is being worked out."""
        self._background.wait()


def least_sure(task: Task, said: Mapping[str, ObjectAnswer]) -> list[Choice]:
    """Records in the order of how likely the whole answer is right, the least likely first, each with its reason.

    A whole answer is right when each field is, as if these were independent.

    Example:
        >>> least_sure(task, {"rec_a": certain, "rec_b": doubtful})[0].reason  # doctest: +SKIP
        'the model is least sure of “total” (41%)'
    """
    names = {f.field_id: f.name for f in task.fields}
    rated = []
    for record_id, answer in said.items():
        probs = {i: a.prob for i, a in answer.fields.items() if i in names}
        if probs:
            worst = min(probs, key=lambda i: probs[i])
            reason = f"the model is least sure of “{names[worst]}” ({probs[worst]:.0%})"
            rated.append((math.prod(probs.values()), record_id, reason))
    return [Choice(record_id, reason) for _, record_id, reason in sorted(rated)]
