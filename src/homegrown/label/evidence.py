"""What is known of a task's records when the next ones are chosen: vectors, labels, votes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from homegrown.core.tasks import LabelSourceKind, Task, TaskKind
from homegrown.metrics.neighbours import Neighbours, neighbours
from homegrown.store.meaning import places, read_meaning

if TYPE_CHECKING:
    from homegrown.store import Store
    from homegrown.store.vectors import VectorStore

MOST_RECORDS = 12_000
SOMEBODY = (LabelSourceKind.IMPORTED, LabelSourceKind.PERSON)
MACHINES = (LabelSourceKind.RULE, LabelSourceKind.MODEL)
MACHINE_WEIGHT = 0.5


class Labels(Protocol):
    """Labels as they stand; ``curate.labels.Labels`` is one."""

    labelled: np.ndarray

    def dense(self, chosen: np.ndarray) -> np.ndarray:
        """float32 [len(chosen), n_classes]."""
        ...


class ReadLabels(Protocol):
    """Reads the labels of records; ``curate.labels.read_labels`` is one."""

    def __call__(self, store: Store, task: Task, record_ids: pa.Array) -> Labels:
        """See ``curate.labels.read_labels``."""
        ...


@dataclass(frozen=True)
class Pool:
    """The records from which is chosen, one per text.

    Attributes:
        record_ids: n ids.
        vectors: float32 [n, dim], rows of length 1.
        near: their neighbours.
        n_outside: records with a label of somebody that it does not hold; of equal texts one stands for all.
    """

    record_ids: pa.Array
    vectors: np.ndarray
    near: Neighbours
    n_outside: int


@dataclass(frozen=True)
class Evidence:
    """The labels and votes of a pool.

    Attributes:
        counts: float32 [n, n_classes], labels by class; machines' labels count half; many classes: -1 where unlabelled.
        labelled: bool [n], a person or an imported column says what it is.
        known: bool [n], has any label.
        votes: float32 [n, n_classes], votes of rules and models; None where there are none.
        n_outside: as of the pool, by now.
    """

    counts: np.ndarray
    labelled: np.ndarray
    known: np.ndarray
    votes: np.ndarray | None
    n_outside: int


def read_pool(store: Store, stored: VectorStore, task: Task, seed: int = 0) -> Pool:
    """The current records with a vector, equal texts once; of too many all labelled ones and some others."""
    rows = store.records.scan(["record_id", "text_hash"])
    said = _said(store, task)
    has = pc.is_in(rows["record_id"].combine_chunks(), value_set=said).to_numpy(zero_copy_only=False)
    order = np.argsort(~has, kind="stable")  # of equal texts a labelled one stands for all
    hashes = rows["text_hash"].combine_chunks().take(pa.array(order)).dictionary_encode().indices.to_numpy()
    _, first = np.unique(hashes, return_index=True)
    kept = order[np.sort(first)]
    where, _ = stored.fetch(rows["text_hash"].take(pa.array(kept)).to_pylist()) if len(kept) else (kept, None)
    kept = kept[where >= 0]
    if len(kept) > MOST_RECORDS:
        draw = np.random.default_rng(seed)
        first_of = np.lexsort((draw.random(len(kept)), ~has[kept]))
        kept = np.sort(kept[first_of[:MOST_RECORDS]])
    where, vectors = stored.fetch(rows["text_hash"].take(pa.array(kept)).to_pylist())
    vectors = vectors[where] if len(kept) else vectors
    record_ids = rows["record_id"].combine_chunks().take(pa.array(kept))
    return Pool(record_ids, vectors, neighbours(vectors), len(said) - int(has[kept].sum()))


def read_evidence(store: Store, task: Task, pool: Pool, read_labels: ReadLabels) -> Evidence:
    """Labels and votes as they stand now."""
    labels = read_labels(store, task, pool.record_ids)
    counts = labels.dense(np.arange(len(pool.record_ids)))
    by_somebody = _said(store, task)
    inside = pc.is_in(pool.record_ids, value_set=by_somebody).to_numpy(zero_copy_only=False)
    said = inside & labels.labelled
    if task.kind is TaskKind.CLASSES:
        counts = np.where(labels.labelled[:, None], counts, -1).astype(np.float32)
    else:
        counts = np.where((labels.labelled & ~said)[:, None], counts * MACHINE_WEIGHT, counts).astype(np.float32)
    n_outside = len(by_somebody) - int(inside.sum())
    return Evidence(counts, said, labels.labelled, _machine_votes(store, task, pool), n_outside)


def _sources(store: Store, task: Task, kinds: tuple[LabelSourceKind, ...]) -> list[str]:
    return [s["label_source_id"] for s in store.tasks.label_sources(task.task_id) if s["kind"] in kinds]


def _said(store: Store, task: Task) -> pa.Array:
    """Records that a person, one by one or in bulk, or an imported column labelled; each id once."""
    bulk = store.votes.of_sources(_sources(store, task, SOMEBODY), ["record_id"])["record_id"]
    people = pa.array([record_id for record_id, _ in store.person_votes.standing(task.task_id)], pa.string())
    return pc.unique(pa.chunked_array([*bulk.chunks, people], pa.string()))


def _machine_votes(store: Store, task: Task, pool: Pool) -> np.ndarray | None:
    if task.kind is TaskKind.CLASSES:
        return None
    votes = store.votes.of_sources(_sources(store, task, MACHINES), ["record_id", "value"])
    row = places(votes["record_id"], pool.record_ids)
    here = row >= 0
    said = read_meaning(task, votes["value"].filter(pa.array(here)), row[here])
    inside = said.column < len(task.classes)
    found = np.zeros((len(pool.record_ids), len(task.classes)), np.float32)
    np.add.at(found, (said.record[inside], said.column[inside]), said.weight[inside])
    return found if found.any() else None
