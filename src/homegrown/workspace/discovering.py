"""The verbs for who has no classes yet, and for what to label next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from homegrown import label, train
from homegrown.core.tasks import Task, TaskKind
from homegrown.curate.labels import read_labels
from homegrown.curate.twins import twin_groups
from homegrown.errors import EmptyDataError
from homegrown.workspace import handles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.core.discovery import Cluster, Discovery
    from homegrown.core.protocols import Progress
    from homegrown.embed import EmbedReport
    from homegrown.inference import CachedEncoder
    from homegrown.label.cluster_class import Classed
    from homegrown.label.next import MostUseful, NextRecords, Plan
    from homegrown.label.outlook import Forecast
    from homegrown.store import Store
    from homegrown.store.vectors import VectorStore


class Suggested(NamedTuple):
    """A record worth labelling next: why, and what it probably is (None: not known yet)."""

    record_id: str
    reason: str
    suggestion: str | None
    prob: float


class Discovering:
    """Mixed into ``Workspace``."""

    store: Store
    progress: Progress
    _kept: dict[str, Any]

    if TYPE_CHECKING:

        @property
        def encoder(self) -> CachedEncoder:
            """The frozen encoder."""
            ...

        def embed(self) -> EmbedReport:
            """Give every record its vector."""
            ...

        def _task(self, task: Task | handles.Task | str) -> Task: ...

    def discover(
        self,
        *sources: str,
        task: Task | handles.Task | str | None = None,
        uncovered: bool = False,
        seed: int = 0,
    ) -> Discovery:
        """Group like records, find how many groups there are, and name them by their words; see ``homegrown.label``.

        Args:
            *sources: names of sources to look at; none: all records.
            task: the task that the classes are for; none: the first class that is made creates it.
            uncovered: look only at records that no class of *task* covers yet.
            seed: of what is drawn.

        Example:
            >>> found = ws.discover("tickets.csv")  # doctest: +SKIP
            >>> [(c.name, c.n_records) for c in found.clusters][:2]  # doctest: +SKIP
            [('card arrived', 412), ('top up', 377)]
        """
        asked = None if task is None else self._task(task)
        if uncovered and asked is None:
            raise EmptyDataError("Name the task whose classes are looked at to leave out what they cover.")
        stored = self._vectors(embed=True)
        if stored is None:
            raise EmptyDataError("There are no records here yet. Import a file first.")
        without = label.covered_records(self.store, asked) if asked is not None and uncovered else set[str]()
        return label.discover(
            self.store, stored, self._kept["embedder"], twin_groups, self.progress,
            sources=sources, task_id=asked.task_id if asked else None, without=without, seed=seed,
        )  # fmt: skip

    def merge_clusters(self, discovery_id: str, cluster_ids: Sequence[str], name: str = "") -> Discovery:
        """Make one cluster of several."""
        return self._changed(discovery_id, "merge", lambda found: label.merged(found, cluster_ids, name))

    def rename_cluster(self, discovery_id: str, cluster_id: str, name: str) -> Discovery:
        """Give a cluster a name."""
        return self._changed(discovery_id, "rename", lambda found: label.renamed(found, cluster_id, name))

    def split_cluster(self, discovery_id: str, cluster_id: str) -> Discovery:
        """Put a cluster's own parts in its place."""
        found = self.store.discoveries.get(discovery_id)
        old = label.cluster_of(found, cluster_id)
        texts = self.store.records.texts((*old.record_ids, *old.twins))
        here = [r for r in old.record_ids if r in texts]
        twins_of = _repeated(here, [t for t in old.twins if t in texts], texts)
        vectors = self.encoder.encode([texts[r] for r in here])
        return self._changed(
            discovery_id, "split", lambda now: label.divided(now, cluster_id, here, texts, vectors, twins_of)
        )

    def undo_clusters(self, discovery_id: str) -> Discovery:
        """Take the last merge, split or renaming back."""
        return self._changed(discovery_id, "undo", label.undone)

    def cluster_sample(self, discovery_id: str, cluster_id: str) -> dict[str, str]:
        """Texts of a cluster to look at before it becomes a class, by record id: the same ones each time."""
        cluster = label.cluster_of(self.store.discoveries.get(discovery_id), cluster_id)
        ids = label.sample_of(cluster)
        texts = self.store.records.texts(ids)
        return {i: texts[i] for i in ids if i in texts}

    def class_of_cluster(
        self, discovery_id: str, cluster_id: str, task: Task | str, name: str, wrong: Sequence[str] = ()
    ) -> Classed:
        """Turn a cluster into a class after its sample was looked at; see ``homegrown.label.cluster_class``.

        Args:
            discovery_id: of the clusters.
            cluster_id: of the cluster.
            task: to which the class belongs, or the name of a new one.
            name: of the class.
            wrong: records of ``cluster_sample`` that do not belong.
        """
        return label.make_class(self.store, discovery_id, cluster_id, task, name, wrong)

    def take_back_class(self, discovery_id: str, cluster_id: str) -> Cluster:
        """A cluster votes for nothing any more; what people said of its records stays."""
        return label.take_back(self.store, discovery_id, cluster_id)

    @property
    def learner(self) -> NextRecords:
        """Learns from the labels of any task which records to ask for next: ``learner(store, task, n)``."""
        if "learner" not in self._kept:
            self._kept["learner"] = label.NextRecords(self._vectors, train.fit_head, _read_labels)
        return self._kept["learner"]

    def most_useful(self) -> MostUseful:
        """A chooser for the queue of the station that puts first what is most worth labelling."""
        return label.MostUseful(lambda: self.learner, self.store)

    def suggest(self, task: Task | handles.Task | str, n: int = 10) -> list[Suggested]:
        """The records that are most worth labelling next, each with its reason; knows every label there is.

        Example:
            >>> ws.suggest("intent", 1)[0].reason  # doctest: +SKIP
            'The model wavers between “refund” (48%) and “login” (41%).'
        """
        asked = self._task(task)
        self._vectors(embed=True)
        self.learner.plan(self.store, asked)
        return [Suggested(*row) for row in self.learner(self.store, asked, n)]

    def forecast(self, task: Task | handles.Task | str) -> Forecast:
        """How good a model of the labels so far is, what more labels would bring, and whether to stop.

        Example:
            >>> ws.forecast("intent").sentence  # doctest: +SKIP
            '80 more labels: 91.0% to about 92.5% (95% interval 91.4% to 93.3%).'
        """
        asked = self._task(task)
        self._vectors(embed=True)
        return self.learner.forecast(self.store, asked)

    def ready(self, task: Task | handles.Task | str) -> tuple[Plan, Forecast] | None:
        """The next records and the forecast, where they are at hand; else they are worked out in the background.

        Raises:
            EmptyDataError: no record has a vector yet.
        """
        asked = self._task(task)
        if self._vectors() is None:
            raise EmptyDataError("No record has a vector yet, by which the next ones are chosen: find groups first.")
        return self.learner.ready(self.store, asked)

    def finish_choosing(self) -> None:
        """Wait until nothing is worked out in the background."""
        if "learner" in self._kept:
            self._kept["learner"].wait()

    def _changed(self, discovery_id: str, what: str, change: Any) -> Discovery:
        return self.store.discoveries.change(self.store.actor, discovery_id, what, change)

    def _vectors(self, *, embed: bool = False) -> VectorStore | None:
        """The vectors of the bundled encoder, made first where they are missing and *embed* says so."""
        if embed and self._kept.get("embedded") != (here := self.store.records.version()):
            self._kept["embedder"] = self.embed().embedder
            self._kept["embedded"] = here
        if "embedder" not in self._kept:
            if not self.store.has_vectors:  # the encoder need not be loaded to know that
                return None
            self._kept["embedder"] = self.encoder.fingerprint
        return self.store.stored_vectors(self._kept["embedder"])


def _read_labels(store: Store, task: Task, record_ids: pa.Array) -> Any:
    return read_labels(store, task, record_ids, None if task.kind is TaskKind.CLASSES else label.join_votes)


def _repeated(record_ids: list[str], twins: list[str], texts: dict[str, str]) -> dict[str, str]:
    """Near duplicate → the record that it repeats."""
    group = twin_groups(pa.array([texts[r] for r in (*record_ids, *twins)], pa.string())).tolist()
    first = dict(zip(reversed(group[: len(record_ids)]), reversed(record_ids), strict=True))
    return {t: first[g] for t, g in zip(twins, group[len(record_ids) :], strict=True) if g in first}
