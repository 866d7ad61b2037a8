"""How far a task is: votes per class, records that somebody or something spoke of, and those that wait."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from homegrown.core.models import OUT_OF_SCOPE
from homegrown.curate.labels import read_labels

if TYPE_CHECKING:
    from homegrown.core.tasks import Task
    from homegrown.store import Store


@dataclass(frozen=True, slots=True)
class ClassCount:
    """Votes for one class now: of everybody, and of people. A vote shared by the parts of a split counts in shares."""

    class_id: str
    name: str
    n_votes: float
    n_people: float


@dataclass(frozen=True, slots=True)
class TaskCounts:
    """A task in numbers.

    Attributes:
        n_records: current records of the workspace.
        n_voted: of them, those with a vote of anybody.
        n_undecided: of them, those whose class was split and of which nobody says which part they are.
        n_out_of_scope: votes for none of the classes.
        n_gone: votes for classes that are gone; they are kept, and count for nothing.
        classes: in the task's order.
    """

    n_records: int
    n_voted: int
    n_undecided: int
    n_out_of_scope: int
    n_gone: int
    classes: tuple[ClassCount, ...]

    @property
    def n_waiting(self) -> int:
        """Records that a person is needed for: undecided ones, and all without a vote."""
        return self.n_undecided + max(self.n_records - self.n_voted, 0)


def task_counts(store: Store, task: Task) -> TaskCounts:
    """Count the votes of *task*, each distinct value once in Python.

    Example:
        >>> task_counts(store, task).n_undecided  # doctest: +SKIP
        0
    """
    sources = [s["label_source_id"] for s in store.tasks.label_sources(task.task_id)]
    bulk = store.votes.of_sources(sources, ["record_id", "value"])
    groups = pc.value_counts(bulk["value"].combine_chunks())
    values = [(g["values"].as_py(), g["counts"].as_py(), 0) for g in groups]
    values += [(value, n, n) for n, value in store.person_votes.said(task.task_id) if n]
    n_votes, n_people = dict.fromkeys(task.class_ids, 0.0), dict.fromkeys(task.class_ids, 0.0)
    n_out = n_gone = 0
    shared: list[str] = []
    meanings = task.meanings()
    for value, n, by_people in values:
        said = task.said(msgspec.json.decode(value), meanings)
        n_out += n * ((OUT_OF_SCOPE,) in said)
        n_gone += n * (not said and not task.fields and value != '{"classes":[]}')
        if any(len(ids) > 1 for ids in said):
            shared.append(value)
        for ids in said:
            for class_id in set(ids) - {OUT_OF_SCOPE}:
                n_votes[class_id] += n / len(ids)
                n_people[class_id] += by_people / len(ids)
    people = store.person_votes.standing(task.task_id)
    voted = _current(store, [*bulk["record_id"].chunks, [record_id for record_id, _ in people]])
    classes = tuple(ClassCount(c.class_id, c.name, n_votes[c.class_id], n_people[c.class_id]) for c in task.classes)
    return TaskCounts(
        n_records=store.records.count(),
        n_voted=pc.count_distinct(voted).as_py(),
        n_undecided=len(_undecided(store, task, bulk, people, shared)) if shared else 0,
        n_out_of_scope=n_out,
        n_gone=n_gone,
        classes=classes,
    )


def _current(store: Store, record_ids: list[Any]) -> pa.ChunkedArray:
    """Record ids, in pieces, without those that no newest import holds."""
    found, retired = pa.chunked_array(record_ids, pa.string()), store.records.retired_ids()
    return found.filter(pc.invert(pc.is_in(found, value_set=retired))) if len(retired) else found


def undecided_records(store: Store, task: Task) -> dict[str, str]:
    """Records of which a split left open which part they are, each with the name of the class that was split.

    Example:
        >>> undecided_records(store, task)  # doctest: +SKIP
        {'rec_5f…': 'card'}
    """
    meanings = task.meanings()
    if all(len(ids) < 2 for ids in meanings.values()):
        return {}
    sources = [s["label_source_id"] for s in store.tasks.label_sources(task.task_id)]
    bulk = store.votes.of_sources(sources, ["record_id", "value"])
    people = store.person_votes.standing(task.task_id)
    values = {*pc.unique(bulk["value"].drop_null()).to_pylist(), *(value for _, value in people)}
    split = {v: c for v in values if (c := task.split_in(msgspec.json.decode(v), meanings)) is not None}
    if not split:
        return {}
    asked = set(_undecided(store, task, bulk, people, list(split)).to_pylist())
    names = {c.class_id: c.name for v in reversed(store.tasks.history(task.task_id)) for c in v.task.classes}
    of_bulk = bulk.filter(pc.is_in(bulk["value"], value_set=pa.array(list(split))))
    votes = chain(zip(of_bulk["record_id"].to_pylist(), of_bulk["value"].to_pylist(), strict=True), people)
    return {r: names.get(split[v], "a class") for r, v in votes if r in asked and v in split}


def _undecided(store: Store, task: Task, bulk: pa.Table, people: list[tuple[str, str]], shared: list[str]) -> pa.Array:
    """Records with a vote for a class that was split, which no other vote decides."""
    by_people = [record_id for record_id, value in people if value in shared]
    of_bulk = bulk.filter(pc.is_in(bulk["value"], value_set=pa.array(shared)))["record_id"]
    asked = pc.unique(_current(store, [*of_bulk.chunks, by_people]))
    return asked.filter(pa.array(read_labels(store, task, asked).undecided))
