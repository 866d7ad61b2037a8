"""Groups of like texts, found before there are classes: ids and words, never a text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """What a person found among the texts of a cluster that they were shown.

    Attributes:
        n: texts shown, drawn at random.
        n_right: those that belong.
        low, high: 95% interval of the share that belongs.
    """

    n: int
    n_right: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """Of the texts shown, those that belong."""
        return self.n_right / self.n if self.n else 0.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """One group.

    Attributes:
        cluster_id: opaque.
        name: by a person, or of its terms.
        terms: words that are frequent here and rare elsewhere, the most distinctive first.
        record_ids: one record per text, the most central first; its near duplicates are under ``twins``.
        twins: further records that say the same as one of these.
        class_id: the class that it became, in the discovery's task.
        label_source_id: whose votes say so.
        check: the sample that was looked at before.
    """

    cluster_id: str
    name: str
    terms: tuple[str, ...]
    record_ids: tuple[str, ...]
    twins: tuple[str, ...] = ()
    class_id: str | None = None
    label_source_id: str | None = None
    check: Check | None = None

    @property
    def n_records(self) -> int:
        """Records, near duplicates included."""
        return len(self.record_ids) + len(self.twins)


@dataclass(frozen=True, slots=True)
class Step:
    """A change that a person made, and how to go back: *gone* stood where *made* stands now."""

    what: str
    gone: tuple[Cluster, ...]
    made: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Discovery:
    """The clusters of some records, with what people did to them.

    Attributes:
        discovery_id: opaque.
        created_at: when they were found.
        sources: names of the sources looked at; empty: all.
        task_id: the task whose classes they become; None before the first.
        clusters: the largest first.
        outliers: records that are unlike every cluster, one per text.
        n_records: records looked at.
        n_texts: of them, those that say something of their own.
        n_left: records that were left out, because there were too many.
        embedder: fingerprint of the encoder whose vectors were used.
        seconds: how long finding them took.
        steps: changes, the oldest first.
    """

    discovery_id: str
    created_at: str
    sources: tuple[str, ...]
    task_id: str | None
    clusters: tuple[Cluster, ...]
    outliers: tuple[str, ...]
    n_records: int
    n_texts: int
    n_left: int
    embedder: str
    seconds: float
    steps: tuple[Step, ...] = ()
