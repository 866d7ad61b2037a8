"""Start without classes: like texts are grouped, and groups become classes once somebody has looked at them."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from homegrown.core.discovery import Cluster, Discovery, Step
from homegrown.core.ids import new_id, timestamp
from homegrown.errors import EmptyDataError, InputError, NotFoundError
from homegrown.label.terms import distinctive_terms, name_of
from homegrown.metrics.clusters import Clusters, clusters, split
from homegrown.metrics.neighbours import closest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from homegrown.core.protocols import Progress
    from homegrown.store import Store
    from homegrown.store.vectors import VectorStore

MOST_RECORDS, MOST_CLUSTERED = 100_000, 15_000
LEAST_RECORDS = 10
MOST_STEPS = 50
NAME_CHARACTERS = 120


@dataclass(frozen=True)
class Texts:
    """The records that are clustered.

    Attributes:
        record_ids: n records.
        texts: their texts.
        vectors: float32 [n, dim], rows of length 1.
        n_left: records that were left out because there were too many, or had no vector.
    """

    record_ids: list[str]
    texts: list[str]
    vectors: np.ndarray
    n_left: int


def discover(
    store: Store,
    stored: VectorStore,
    embedder: str,
    twins: Callable[[pa.Array], np.ndarray],
    progress: Progress,
    *,
    sources: Sequence[str] = (),
    task_id: str | None = None,
    without: set[str] | None = None,
    seed: int = 0,
) -> Discovery:
    """Cluster records by their vectors, name the clusters and keep them.

    Near duplicates count once and stay with the text that they repeat. Up to ``MOST_CLUSTERED`` texts are clustered,
    the others go to the nearest centre.

    Args:
        store: the workspace.
        stored: the vectors.
        embedder: fingerprint of the encoder that made them.
        twins: gives each text the number of its group of near duplicates, int [n].
        progress: told of each stage.
        sources: names of sources to look at; none: all.
        task_id: the task that the classes are for, if there is one.
        without: records that are left out, as those that a class covers.
        seed: of what is drawn.

    Raises:
        EmptyDataError: there are fewer than ``LEAST_RECORDS`` records to look at.
    """
    started = time.monotonic()
    progress.start("cluster", None, "records")
    read = read_texts(store, stored, sources, without or set(), seed)
    if len(read.texts) < LEAST_RECORDS:
        raise EmptyDataError(
            f"There are {len(read.texts)} records to group; it takes {LEAST_RECORDS}. "
            "Import more, or name other sources."
        )
    group = twins(pa.array(read.texts, pa.string()))
    _, first, place, size = np.unique(group, return_index=True, return_inverse=True, return_counts=True)
    progress.advance(len(read.texts))
    found = _clustered(read.vectors[first], size, seed)
    said = distinctive_terms([read.texts[i] for i in first.tolist()], found.label, len(found.centres))
    made = [_cluster(read, number, terms, first, place, found) for number, terms in enumerate(said)]
    outliers = [read.record_ids[first[i]] for i in np.flatnonzero(found.label < 0).tolist()]
    result = Discovery(
        discovery_id=new_id("disc"),
        created_at=timestamp(),
        sources=tuple(sources),
        task_id=task_id,
        clusters=_named(made),
        outliers=tuple(outliers),
        n_records=len(read.texts),
        n_texts=len(first),
        n_left=read.n_left,
        embedder=embedder,
        seconds=time.monotonic() - started,
    )
    store.discoveries.add(store.actor, result)
    progress.finish()
    return result


def read_texts(store: Store, stored: VectorStore, sources: Sequence[str], without: set[str], seed: int) -> Texts:
    """The records to look at, with their vectors; more than ``MOST_RECORDS`` are drawn from."""
    known = {s.name for s in store.sources.list()}
    for name in sources:
        if name not in known:
            raise InputError(f"There is no source {name!r}. Sources here: {', '.join(sorted(known)) or 'none yet'}.")
    ids, hashes, texts = [], [], []
    for batch in store.records.batches(["record_id", "text_hash", "text", "source"]):
        for record_id, hashed, text, source in zip(*(batch[c].to_pylist() for c in batch.schema.names), strict=True):
            if (not sources or source in sources) and record_id not in without and text.strip():
                ids.append(record_id)
                hashes.append(hashed)
                texts.append(text)
    n_all = len(ids)
    if n_all > MOST_RECORDS:
        kept = np.sort(np.random.default_rng(seed).choice(n_all, MOST_RECORDS, replace=False)).tolist()
        ids, hashes, texts = ([column[i] for i in kept] for column in (ids, hashes, texts))
    where, vectors = stored.fetch(hashes)
    there = np.flatnonzero(where >= 0).tolist()
    return Texts([ids[i] for i in there], [texts[i] for i in there], vectors[where[where >= 0]], n_all - len(there))


def merged(found: Discovery, cluster_ids: Sequence[str], name: str = "") -> Discovery:
    """Make one cluster of several; the largest gives the name and the first texts."""
    parts = sorted((cluster_of(found, c) for c in dict.fromkeys(cluster_ids)), key=lambda c: -c.n_records)
    if len(parts) < 2:
        raise InputError("Choose two or more clusters to merge.")
    if any(p.class_id for p in parts):
        raise InputError("A cluster that is a class already is merged as a class, on the task's page.")
    terms = tuple(dict.fromkeys(t for place in range(6) for p in parts for t in p.terms[place : place + 1]))[:6]
    whole = Cluster(
        cluster_id=new_id("clu"),
        name=_proper(name) if name else parts[0].name,
        terms=terms,
        record_ids=tuple(r for p in parts for r in p.record_ids),
        twins=tuple(r for p in parts for r in p.twins),
    )
    return _stepped(found, f"Merged {len(parts)} clusters into “{whole.name}”", tuple(parts), (whole,))


def renamed(found: Discovery, cluster_id: str, name: str) -> Discovery:
    """Give a cluster the name *name*."""
    old = cluster_of(found, cluster_id)
    new = replace(old, cluster_id=new_id("clu"), name=_proper(name))
    return _stepped(found, f"Renamed “{old.name}” to “{new.name}”", (old,), (new,))


def divided(
    found: Discovery,
    cluster_id: str,
    record_ids: Sequence[str],
    texts: dict[str, str],
    vectors: np.ndarray,
    twins_of: dict[str, str],
) -> Discovery:
    """Put a cluster's own parts in its place.

    Args:
        found: the discovery.
        cluster_id: of the cluster.
        record_ids: n of its records that are still here.
        texts: of all its records, by id.
        vectors: float32 [n, dim], of *record_ids*.
        twins_of: near duplicate → the text that it repeats, where that is known.
    """
    old = cluster_of(found, cluster_id)
    if old.class_id:
        raise InputError("A cluster that is a class already is split as a class, on the task's page.")
    if len(record_ids) < 4:
        raise InputError(f"“{old.name}” has {len(record_ids)} texts; from four on a cluster can be split.")
    label = split(vectors)
    number = len(np.unique(label))
    said = distinctive_terms([texts[r] for r in record_ids], label, number)
    parts = []
    for k in range(number):
        ids = tuple(r for r, at in zip(record_ids, label.tolist(), strict=True) if at == k)
        kept = set(ids)
        twins = tuple(t for t in old.twins if twins_of.get(t, record_ids[0]) in kept)
        parts.append(Cluster(new_id("clu"), name_of(said[k], k + 1), said[k], ids, twins))
    others = {c.name for c in found.clusters if c.cluster_id != cluster_id}
    return _stepped(found, f"Split “{old.name}” into {number}", (old,), _named(parts, others))


def undone(found: Discovery) -> Discovery:
    """Take the last change back."""
    if not found.steps:
        raise InputError("There is nothing to take back.")
    last = found.steps[-1]
    kept = [c for c in found.clusters if c.cluster_id not in last.made]
    return replace(found, clusters=_by_size([*kept, *last.gone]), steps=found.steps[:-1])


def became(found: Discovery, new: Cluster, task_id: str) -> Discovery:
    """*new* stands for the cluster of its id, which is a class of the task now; earlier changes stay as they are."""
    clusters = tuple(new if c.cluster_id == new.cluster_id else c for c in found.clusters)
    return replace(found, clusters=clusters, task_id=task_id, steps=())


def cluster_of(found: Discovery, cluster_id: str) -> Cluster:
    """A cluster by id.

    Raises:
        NotFoundError: it is not there, or no more.
    """
    for cluster in found.clusters:
        if cluster.cluster_id == cluster_id:
            return cluster
    raise NotFoundError("There is no such cluster here any more: it was merged, split or renamed. Open the page again.")


def _clustered(vectors: np.ndarray, size: np.ndarray, seed: int) -> Clusters:
    if len(vectors) <= MOST_CLUSTERED:
        return clusters(vectors, size, seed=seed)
    some = np.sort(np.random.default_rng(seed).choice(len(vectors), MOST_CLUSTERED, replace=False))
    found = clusters(vectors[some], size[some], seed=seed)
    label, similarity = closest(vectors, found.centres)
    # As unlike its centre as the outliers of the clustered ones are.
    out = found.central[found.label < 0]
    label = np.where(similarity < (np.median(out) if len(out) else -1), -1, label)
    label[some] = found.label
    similarity[some] = found.central
    return Clusters(label, similarity, found.centres)


def _cluster(
    read: Texts, number: int, terms: tuple[str, ...], first: np.ndarray, place: np.ndarray, found: Clusters
) -> Cluster:
    inside = np.flatnonzero(found.label == number)
    inside = inside[np.argsort(-found.central[inside], kind="stable")]
    own = first[inside]
    members = np.flatnonzero(found.label[place] == number)
    twins = np.setdiff1d(members, own)
    return Cluster(
        cluster_id=new_id("clu"),
        name=name_of(terms, number + 1),
        terms=terms,
        record_ids=tuple(read.record_ids[i] for i in own.tolist()),
        twins=tuple(read.record_ids[i] for i in twins.tolist()),
    )


def _named(made: list[Cluster], taken: set[str] | None = None) -> tuple[Cluster, ...]:
    """The largest first, each with a name of its own."""
    names = set(taken or ())
    done = []
    for cluster in sorted(made, key=lambda c: -c.n_records):
        more = [f"{cluster.name} {t}" for t in cluster.terms if not set(t.split()) & set(cluster.name.split())]
        more += [_numbered(cluster.name, i) for i in range(1, len(made) + len(names) + 2)]
        name = next(n for n in (cluster.name, *more) if n not in names)
        names.add(name)
        done.append(replace(cluster, name=name))
    return tuple(done)


def _numbered(name: str, i: int) -> str:
    return f"{name} {i + 1}"


def _by_size(made: Sequence[Cluster]) -> tuple[Cluster, ...]:
    return tuple(sorted(made, key=lambda c: -c.n_records))


def _stepped(found: Discovery, what: str, gone: tuple[Cluster, ...], made: tuple[Cluster, ...]) -> Discovery:
    before = {c.cluster_id for c in gone}
    kept = [c for c in found.clusters if c.cluster_id not in before]
    step = Step(what, gone, tuple(c.cluster_id for c in made))
    return replace(found, clusters=_by_size([*kept, *made]), steps=(*found.steps, step)[-MOST_STEPS:])


def _proper(name: str) -> str:
    proper = " ".join(name.split())[:NAME_CHARACTERS]
    if not proper:
        raise InputError("A cluster needs a name.")
    return proper
