"""What is said of records already: every source's votes, people's word, and the labels that follow from them.

A rule is measured against this. It is read once and kept while nothing changed, so that a preview takes milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from homegrown.core.models import OUT_OF_SCOPE
from homegrown.label.aggregate import CONFUSION, MAJORITY, aggregate
from homegrown.label.confusion import MAX_PARAMETERS
from homegrown.label.matrix import VoteMatrix
from homegrown.label.reliability import Reliability, estimated

if TYPE_CHECKING:
    from homegrown.core.tasks import Task
    from homegrown.store import Store


@dataclass(frozen=True)
class Known:
    """Opinions on n current records; a vote for several classes is several entries.

    Attributes:
        record_ids: n ids.
        names: of the sources, with their kinds.
        record: int [n_votes].
        source: int [n_votes].
        value: int [n_votes], class numbers; ``n_classes - 1`` for none of them.
        decided: int [n], the class that people agree on, -1 elsewhere.
        n_classes: of the task and one more.
    """

    record_ids: pa.Array
    names: tuple[tuple[str, str], ...]
    record: np.ndarray
    source: np.ndarray
    value: np.ndarray
    decided: np.ndarray
    n_classes: int
    _without: dict[tuple[str, str], Known] = field(default_factory=dict, repr=False)

    def without(self, kind: str, name: str) -> Known:
        """The same without one source; asked again, the same object."""
        if (kind, name) not in self.names:
            return self
        if (kind, name) not in self._without:
            kept = self.source != self.names.index((kind, name))
            columns = (self.record[kept], self.source[kept], self.value[kept])
            self._without.clear()
            self._without[kind, name] = Known(self.record_ids, self.names, *columns, self.decided, self.n_classes)
        return self._without[kind, name]

    @cached_property
    def voted(self) -> np.ndarray:
        """Rows int [n_voted] with at least one vote or a person's word."""
        said = np.zeros(len(self.record_ids), bool)
        said[self.record] = True
        return np.flatnonzero(said | (self.decided >= 0))

    @cached_property
    def votes(self) -> VoteMatrix:
        """Every vote on the rows ``voted``, all sources, those without a vote too."""
        place = np.full(len(self.record_ids), -1)
        place[self.voted] = np.arange(len(self.voted))
        return VoteMatrix.of(
            place[self.record], self.source, self.value, n_records=len(self.voted), n_sources=len(self.names),
            n_classes=self.n_classes,
        )  # fmt: skip

    @cached_property
    def probs(self) -> np.ndarray:
        """Label probabilities float [n_voted, n_classes] of the rows ``voted``."""
        decided = self.decided[self.voted]
        used, source = np.unique(self.source, return_inverse=True)
        if not len(used):
            return np.eye(self.n_classes)[decided]
        votes = replace(self.votes, source=source, n_sources=len(used))
        # One source alone, or more than the model can hold, is counted.
        is_plain = len(used) == 1 or len(used) * self.n_classes**2 * 2 > MAX_PARAMETERS
        return aggregate(votes, gold=decided, method=MAJORITY if is_plain else CONFUSION).probs

    @cached_property
    def reliability(self) -> Reliability:
        """How right each source is under these probabilities."""
        return estimated(self.votes, self.probs)


def read_known(store: Store, task: Task, record_ids: pa.Array) -> Known:
    """Every standing vote on *record_ids*."""
    sources = store.tasks.label_sources(task.task_id)
    bulk = [s for s in sources if s["kind"] != "person"]
    votes = store.votes.of_task(task.task_id)
    number = _codes(votes["label_source_id"], pa.array([s["label_source_id"] for s in bulk], pa.string()))
    row = _codes(votes["record_id"], record_ids)
    text = votes["value"].combine_chunks().dictionary_encode()
    code = pc.fill_null(text.indices, -1).to_numpy(zero_copy_only=False)
    kept = (number >= 0) & (row >= 0) & (code >= 0)
    groups = [class_numbers(task, v) for v in text.dictionary.to_pylist()]
    entry, value = _spread(groups, code[kept])
    decided = _decided(store, task, record_ids)
    return Known(
        record_ids,
        tuple((s["kind"], s["name"]) for s in bulk),
        row[kept][entry],
        number[kept][entry],
        value,
        decided,
        len(task.classes) + 1,
    )


def class_numbers(task: Task, value: str) -> list[int]:
    """Class numbers of a vote's value; the number behind the last class for none of them."""
    number = {c: i for i, c in enumerate([*task.class_ids, OUT_OF_SCOPE])}
    # A vote for a class that was split since says nothing definite.
    place = {old: (number[new[0]],) for old, new in task.meanings().items() if len(new) == 1}
    said = msgspec.json.decode(value)
    if "classes" in said:
        named = {i for c in said["classes"] for i in place.get(c, ())}
        return sorted(named) if said["classes"] else [len(task.classes)]
    return list(place.get(said.get("class"), ()))


def _spread(groups: list[list[int]], code: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Entry and value of each class that each vote names."""
    lengths = np.array([len(g) for g in groups], int)
    flat = np.array([c for g in groups for c in g], int)
    starts = np.cumsum(lengths) - lengths
    each = lengths[code] if len(code) else np.zeros(0, int)
    entry = np.repeat(np.arange(len(code)), each)
    within = np.arange(len(entry)) - np.repeat(np.cumsum(each) - each, each)
    return entry, flat[starts[code][entry] + within] if len(entry) else np.zeros(0, int)


def _decided(store: Store, task: Task, record_ids: pa.Array) -> np.ndarray:
    """What people agree on; where they do not, or name several classes, nothing."""
    decided = np.full(len(record_ids), -1)
    said = store.person_votes.standing(task.task_id)
    rows = pc.fill_null(pc.index_in(pa.array([r for r, _ in said], pa.string()), value_set=record_ids), -1).to_pylist()
    heard: dict[int, set[int]] = {}
    for row, (_, value) in zip(rows, said, strict=True):
        if row >= 0:
            heard.setdefault(row, set()).update(class_numbers(task, value))
    for row, numbers in heard.items():
        if len(numbers) == 1:
            decided[row] = next(iter(numbers))
    return decided


def _codes(column: pa.ChunkedArray, values: pa.Array) -> np.ndarray:
    return pc.fill_null(pc.index_in(column.combine_chunks(), value_set=values), -1).to_numpy(zero_copy_only=False)
