"""A cluster becomes a class: a sample is looked at, and what it shows decides what the rest is worth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from homegrown.core.classes import clean_name
from homegrown.core.discovery import Check, Cluster, Discovery
from homegrown.core.ids import canonical_json
from homegrown.core.tasks import LabelSourceKind, Task, TaskKind
from homegrown.errors import ConflictError, InputError
from homegrown.label.grouping import NAME_CHARACTERS, became, cluster_of
from homegrown.label.person import keep_vote, vote_value
from homegrown.metrics.intervals import wilson
from homegrown.store.votes import VOTES, vote_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.store import Store

SAMPLE = 10
ENOUGH = 0.7  # of the sample belongs: below, the rest gets no votes, and the cluster wants splitting


@dataclass(frozen=True)
class Classed:
    """What a checked cluster gave.

    Attributes:
        task: with its new class.
        cluster: as it stands now.
        n_votes: records that the cluster votes for; 0 where too few of the sample belonged.
        sentence: what was done and why.
    """

    task: Task
    cluster: Cluster
    n_votes: int
    sentence: str


def sample_of(cluster: Cluster) -> list[str]:
    """Records of a cluster to look at, drawn at random, the same ones whenever they are asked for."""
    draw = np.random.default_rng(int.from_bytes(cluster.cluster_id.encode()[-8:], "big"))
    return [cluster.record_ids[i] for i in draw.permutation(len(cluster.record_ids))[:SAMPLE].tolist()]


def make_class(
    store: Store, discovery_id: str, cluster_id: str, task: Task | str, name: str, wrong: Sequence[str]
) -> Classed:
    """Turn a cluster into a class of a task, after a person looked at a sample of it.

    The texts of the sample that belong get the person's own votes: somebody read them. The rest was read by nobody, so
    it gets the votes of a source of kind ``rule``, named after the cluster and with the share that belonged as their
    confidence: people outweigh them, the aggregator weighs them by how they agree with people and others, and they can
    be taken back as one.

    Args:
        store: the workspace; its actor is who looked.
        discovery_id: of the clusters.
        cluster_id: of the cluster.
        task: to which the class belongs, or the name of a new one.
        name: of the class; one that is there already gets the cluster's records too.
        wrong: records of the sample that do not belong.

    Raises:
        InputError: the name is empty, is that of a class that was split, or a record was not in the sample.
        NotFoundError: the cluster is gone.
        ConflictError: it is a class already.
    """
    proper = clean_name(name)
    cluster = cluster_of(store.discoveries.get(discovery_id), cluster_id)
    if cluster.class_id:
        raise ConflictError(f"“{cluster.name}” is a class already.")
    sample = sample_of(cluster)
    strange = set(wrong) - set(sample)
    if strange:
        raise InputError("A record was named that was not in the sample. Open the cluster again.")
    here = store.records.texts(sample)
    sample = [r for r in sample if r in here]
    right = [r for r in sample if r not in set(wrong)]
    low, high = wilson(len(right), len(sample))
    check = Check(len(sample), len(right), low, high)
    task = _with_class(store, task, proper)
    value = vote_value(task, proper)
    said = next(c for c in task.classes if c.class_id == value["class"])
    for record_id in right:
        keep_vote(store, task, record_id, value)
    source_id, n_votes = None, 0
    if check.share >= ENOUGH:
        source_id, n_votes = _vote(store, task, cluster, said.class_id, check, set(wrong))
    done = replace(cluster, name=said.name, class_id=said.class_id, label_source_id=source_id, check=check)
    store.discoveries.change(store.actor, discovery_id, "class", lambda found: _became(found, done, task))
    return Classed(task, done, n_votes, _sentence(check, said.name, n_votes))


def take_back(store: Store, discovery_id: str, cluster_id: str) -> Cluster:
    """The cluster votes for nothing any more and is no class; the class stays, and so does what people said."""
    cluster = cluster_of(store.discoveries.get(discovery_id), cluster_id)
    if not cluster.class_id:
        raise ConflictError(f"“{cluster.name}” is no class.")
    if cluster.label_source_id:
        store.votes.replace(cluster.label_source_id, VOTES.empty_table())
    done = replace(cluster, class_id=None, label_source_id=None, check=None)

    def back(found: Discovery) -> Discovery:
        return replace(found, clusters=tuple(done if c.cluster_id == cluster_id else c for c in found.clusters))

    store.discoveries.change(store.actor, discovery_id, "take_back", back)
    return done


def covered_records(store: Store, task: Task, among: Sequence[str] | None = None) -> set[str]:
    """Records, all or *among* some, that somebody or something gives a class of *task*."""
    sources = [s["label_source_id"] for s in store.tasks.label_sources(task.task_id)]
    found = store.votes.of_sources(sources, ["record_id"])["record_id"]
    if among is not None:
        found = found.filter(pc.is_in(found, value_set=pa.array(among, pa.string())))
    return set(found.to_pylist()) | {record_id for record_id, _ in store.person_votes.standing(task.task_id)}


def _became(found: Discovery, new: Cluster, task: Task) -> Discovery:
    if cluster_of(found, new.cluster_id).class_id:
        raise ConflictError(f"“{new.name}” was made a class by somebody else a moment ago. Open the page again.")
    return became(found, new, task.task_id)


def _with_class(store: Store, task: Task | str, name: str) -> Task:
    if isinstance(task, str):
        called = " ".join(task.split())
        if not 0 < len(called) <= NAME_CHARACTERS:
            raise InputError(f"Give the task a name of 1 to {NAME_CHARACTERS} characters.")
        old = store.tasks.find(called)
    else:
        called, old = task.name, store.tasks.get(task.task_id)
    if old is None:
        return store.tasks.define(store.actor, called, [name])
    if old.kind is TaskKind.CLASSES:
        raise InputError(f"In {old.name!r} a record may have several classes; clusters make classes of one each.")
    return store.tasks.define(store.actor, called, [name], kind=old.kind)


def _vote(store: Store, task: Task, cluster: Cluster, class_id: str, check: Check, wrong: set[str]) -> tuple[str, int]:
    config = {
        "kind": "cluster",
        "cluster_id": cluster.cluster_id,
        "class_id": class_id,
        "n_checked": check.n,
        "n_right": check.n_right,
    }
    name = f"group {cluster.name}"
    source_id = store.tasks.label_source(store.actor, task, LabelSourceKind.RULE, name, config)
    ids = [r for r in (*cluster.record_ids, *cluster.twins) if r not in wrong]
    values, sure = [canonical_json({"class": class_id}).decode()], [(check.n_right + 1) / (check.n + 2)]
    store.votes.replace(source_id, vote_table(task, source_id, ids, values * len(ids), sure * len(ids)))
    return source_id, len(ids)


def _sentence(check: Check, name: str, n_votes: int) -> str:
    seen = f"{check.n_right} of {check.n} texts looked at belong to “{name}”"
    if not n_votes:
        return f"{seen}: too few to speak for the rest. Split the cluster, or label its records one by one."
    within = f"95% interval {check.low:.0%} to {check.high:.0%}"
    return f"{seen} ({within}); {n_votes:,} records of the cluster now carry its vote."
