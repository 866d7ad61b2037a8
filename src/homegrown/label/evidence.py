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
MACHINES = (LabelSourceKind.RULE.value, LabelSourceKind.MODEL.value)
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
    """The records from which is chosen, one per text: they change only when records do.

    Attributes:
        record_ids: n ids.
        vectors: float32 [n, dim], rows of length 1.
        near: their neighbours.
        n_all: texts with a vector that there are; more than ``MOST_RECORDS`` are drawn from.
    """

    record_ids: pa.Array
    vectors: np.ndarray
    near: Neighbours
    n_all: int


@dataclass(frozen=True)
class Evidence:
    """The labels and votes of a pool.

    Attributes:
        counts: float32 [n, n_classes], labels by class; machines' labels count half; many classes: -1 where unlabelled.
        labelled: bool [n], a person or an imported column says what it is.
        known: bool [n], has any label.
        votes: float32 [n, n_classes], votes of rules and models; None where there are none.
    """

    counts: np.ndarray
    labelled: np.ndarray
    known: np.ndarray
    votes: np.ndarray | None


def read_pool(store: Store, stored: VectorStore, task: Task, seed: int = 0) -> Pool:
    """The current records with a vector, equal texts once; of too many all labelled ones and some others."""
    rows = store.records.scan(["record_id", "text_hash"])
    labelled = pa.array(sorted(_said(store, task)), pa.string())
    has = pc.is_in(rows["record_id"].combine_chunks(), value_set=labelled).to_numpy(zero_copy_only=False)
    order = np.argsort(~has, kind="stable")  # of equal texts a labelled one stands for all
    hashes = rows["text_hash"].combine_chunks().take(pa.array(order)).dictionary_encode().indices.to_numpy()
    _, first = np.unique(hashes, return_index=True)
    kept = order[np.sort(first)]
    where, _ = stored.fetch(rows["text_hash"].take(pa.array(kept)).to_pylist()) if len(kept) else (kept, None)
    kept = kept[where >= 0]
    n_all = len(kept)
    if n_all > MOST_RECORDS:
        draw = np.random.default_rng(seed)
        first_of = np.lexsort((draw.random(n_all), ~has[kept]))
        kept = np.sort(kept[first_of[:MOST_RECORDS]])
    where, vectors = stored.fetch(rows["text_hash"].take(pa.array(kept)).to_pylist())
    vectors = vectors[where] if len(kept) else vectors
    return Pool(rows["record_id"].combine_chunks().take(pa.array(kept)), vectors, neighbours(vectors), n_all)


def read_evidence(store: Store, task: Task, pool: Pool, read_labels: ReadLabels) -> Evidence:
    """Labels and votes as they stand now."""
    n = len(pool.record_ids)
    labels = read_labels(store, task, pool.record_ids)
    counts = labels.dense(np.arange(n))
    by_somebody = pa.array(sorted(_said(store, task)), pa.string())
    said = pc.is_in(pool.record_ids, value_set=by_somebody).to_numpy(zero_copy_only=False) & labels.labelled
    votes = _machine_votes(store, task, pool)
    if task.kind is TaskKind.CLASSES:
        counts = np.where(labels.labelled[:, None], counts, -1).astype(np.float32)
    else:
        counts = np.where((labels.labelled & ~said)[:, None], counts * MACHINE_WEIGHT, counts).astype(np.float32)
    return Evidence(counts, said, labels.labelled, votes)


def _said(store: Store, task: Task) -> set[str]:
    """Records that a person or an imported column labelled."""
    kinds = {s["label_source_id"]: s["kind"] for s in store.tasks.label_sources(task.task_id)}
    imported = pa.array([i for i, kind in kinds.items() if kind == LabelSourceKind.IMPORTED.value], pa.string())
    votes = store.votes.of_task(task.task_id)
    kept = pc.and_(pc.is_in(votes["label_source_id"], value_set=imported), pc.is_valid(votes["value"]))
    found = set(votes.filter(kept)["record_id"].to_pylist())
    return found | {record_id for record_id, _ in store.person_votes.standing(task.task_id)}


def _machine_votes(store: Store, task: Task, pool: Pool) -> np.ndarray | None:
    if task.kind is TaskKind.CLASSES:
        return None
    sources = store.tasks.label_sources(task.task_id)
    machines = pa.array([s["label_source_id"] for s in sources if s["kind"] in MACHINES], pa.string())
    votes = store.votes.of_task(task.task_id)
    votes = votes.filter(pc.and_(pc.is_in(votes["label_source_id"], value_set=machines), pc.is_valid(votes["value"])))
    row = places(votes["record_id"], pool.record_ids)
    here = row >= 0
    said = read_meaning(task, votes["value"].filter(pa.array(here)), row[here])
    inside = said.column < len(task.classes)
    found = np.zeros((len(pool.record_ids), len(task.classes)), np.float32)
    np.add.at(found, (said.record[inside], said.column[inside]), said.weight[inside])
    return found if found.any() else None
