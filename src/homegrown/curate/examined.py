"""What finders look at: the current records and, for a task, their labels, vectors and out-of-sample probabilities.

Each is read when a finder first asks for it. Texts are streamed where one at a time is enough; vectors
are compared in pieces.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from homegrown.core.tasks import Task, TaskKind
from homegrown.curate.freeze import source_ids
from homegrown.curate.joined import Join
from homegrown.curate.labels import read_labels
from homegrown.curate.object_labels import JoinObjects, read_object_labels
from homegrown.metrics.label_errors import label_errors
from homegrown.metrics.neighbours import N_NEIGHBOURS, nearest, neighbour_probs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from homegrown.core.issues import Found
    from homegrown.core.models import FieldAnswer
    from homegrown.core.protocols import Progress
    from homegrown.core.schema import Field
    from homegrown.core.spans import ScoredSpan
    from homegrown.store import Store

#: so many records are compared with one another at once; more are taken in pieces of this size, drawn by chance
PIECE = 40_000
FEWEST_ROWS = 20


class Encode(Protocol):
    """Texts to vectors of length 1, float32 [n, dim]."""

    def __call__(self, texts: list[str], /) -> np.ndarray:
        """Vectors of *texts*."""
        ...


class OutOfSample(Protocol):
    """Calibrated probabilities float32 [n, n_classes] of each row, by models that did not see its label."""

    def __call__(self, vectors: np.ndarray, given: np.ndarray, n_classes: int, /) -> np.ndarray:
        """Cross-fit on *vectors* float32 [n, dim] and labels int [n]."""
        ...


class ObjectsOutOfSample(Protocol):
    """What models of objects that did not see a text's label say of it; ``train.crossed_objects``."""

    def __call__(
        self, fields: tuple[Field, ...], texts: Sequence[str], values: Sequence[Mapping[str, Any]], /
    ) -> Sequence[Unseen]:
        """Cross-fit on texts and labels (field id → answer)."""
        ...


class Unseen(Protocol):
    """What is said of one text: answers by field id, and all spans that are held possible."""

    @property
    def fields(self) -> Mapping[str, FieldAnswer]:
        """By field id."""
        ...

    @property
    def spans(self) -> Sequence[ScoredSpan]:
        """With calibrated probabilities, improbable ones too; the types are ids of fields."""
        ...


class Finder(Protocol):
    """Looks for some kinds of issues. Registered under ``homegrown.finders``.

    Attributes:
        kinds: names of ``core.issues.KINDS`` that it may find.
    """

    kinds: tuple[str, ...]

    def find(self, here: Examined) -> Iterator[Found]:
        """Stream what is doubtful."""
        ...


@dataclass(frozen=True, slots=True)
class Abilities:
    """What other rooms lend: vectors of texts, cross-fitted probabilities, the aggregation of votes."""

    encode: Encode
    out_of_sample: OutOfSample
    join: Join | None = None
    join_objects: JoinObjects | None = None
    objects_out_of_sample: ObjectsOutOfSample | None = None


@dataclass(frozen=True, slots=True)
class CrossedObjects:
    """Labelled records whose answer is an object, with what models that did not see the label say; n of each.

    Attributes:
        values: labels, field id → answer.
    """

    record_ids: list[str]
    texts: list[str]
    values: list[dict[str, Any]]
    said: Sequence[Unseen]


@dataclass(frozen=True, slots=True)
class Crossed:
    """Labelled records of one class each, with what models and neighbours that did not see the label say.

    Attributes:
        record_ids: n ids.
        given: int [n].
        score: float [n], how likely the label is wrong (``metrics.label_errors``).
        other: int [n], the likeliest other class.
        own: float [n], probability of the given class.
        pair: int [n, 2], the two likeliest classes.
        pair_prob: float [n, 2].
    """

    record_ids: list[str]
    given: np.ndarray
    score: np.ndarray
    other: np.ndarray
    own: np.ndarray
    pair: np.ndarray
    pair_prob: np.ndarray


class Examined:
    """The records of a workspace, or of one source, seen for one task or for none.

    Args:
        store: the workspace.
        abilities: of other rooms.
        progress: told how far it is.
        task: whose labels are looked at.
        source: only records of this source.
    """

    def __init__(
        self, store: Store, abilities: Abilities, progress: Progress, *, task: Task | None, source: str | None
    ) -> None:
        self.store, self.task, self.progress = store, task, progress
        self._abilities, self._source = abilities, source
        self._vectors: tuple[bytes, np.ndarray] | None = None
        self._near: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}

    @cached_property
    def _wanted(self) -> pa.Array | None:
        return None if self._source is None else source_ids(self.store, self._source)

    def batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        """Stream *columns* of the records, ``record_id`` among them."""
        for batch in self.store.records.batches(columns):
            kept = batch
            if self._wanted is not None:
                kept = batch.filter(pc.is_in(batch["record_id"], value_set=self._wanted))
            if kept.num_rows:
                yield kept

    def texts(self) -> Iterator[tuple[list[str], list[str]]]:
        """Stream ids and texts."""
        for batch in self.batches(["record_id", "text"]):
            yield batch["record_id"].to_pylist(), batch["text"].to_pylist()

    @cached_property
    def table(self) -> pa.Table:
        """``record_id`` and ``text`` of all records, in order of id."""
        columns = ["record_id", "text"]
        found = list(self.batches(columns))
        whole = pa.Table.from_batches(found) if found else pa.schema([(c, pa.string()) for c in columns]).empty_table()
        return whole.sort_by("record_id")

    @cached_property
    def given(self) -> np.ndarray:
        """The class of each record of ``table``, int [n]; -1 without a label, out of scope, or with several."""
        found = np.full(self.table.num_rows, -1)
        if self.task is None or self.task.kind is not TaskKind.CLASS:
            return found
        labels = read_labels(self.store, self.task, self.table["record_id"].combine_chunks(), self._abilities.join)
        stratum = labels.stratum()
        return np.where(stratum < labels.n_classes, stratum, -1)

    def vectors(self, rows: np.ndarray) -> np.ndarray:
        """float32 [len(rows), dim] of rows of ``table``; those that were asked for last are at hand."""
        key = rows.tobytes()
        if self._vectors is None or self._vectors[0] != key:
            self._vectors = key, self._abilities.encode(self.table["text"].take(pa.array(rows)).to_pylist())
        return self._vectors[1]

    def near(self, rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The *k* nearest others, at most ``N_NEIGHBOURS``, among *rows* of ``table``; compared once for all finders.

        Returns:
            Positions in *rows* int32 [n, k] and similarities float32 [n, k], as ``metrics.neighbours.nearest``.
        """
        key = rows.tobytes()
        if key not in self._near:
            found, similarity = nearest(self.vectors(rows), N_NEIGHBOURS)
            self._near[key] = found.astype(np.int32), similarity
        found, similarity = self._near[key]
        return found[:, :k], similarity[:, :k]

    def pieces(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        """*rows* of ``table`` in pieces of at most ``PIECE``, drawn by chance where there are several."""
        n = max(1, -(-len(rows) // PIECE))
        mixed = rows if n == 1 else np.random.default_rng(0).permutation(rows)
        for piece in np.array_split(mixed, n):
            if len(piece):
                yield np.sort(piece)

    def ids(self, rows: np.ndarray) -> list[str]:
        """Record ids of rows of ``table``."""
        return self.table["record_id"].take(pa.array(rows)).to_pylist()

    @cached_property
    def crossed(self) -> list[Crossed]:
        """Every labelled record once, in pieces; empty where there are too few to learn from."""
        labelled = np.flatnonzero(self.given >= 0)
        if self.task is None or len(labelled) < FEWEST_ROWS or len(np.unique(self.given[labelled])) < 2:
            return []
        return [self._cross(rows, len(self.task.classes)) for rows in self.pieces(labelled)]

    @cached_property
    def crossed_objects(self) -> CrossedObjects | None:
        """The labelled records of a task whose answer is an object; None where there are too few to learn from."""
        cross = self._abilities.objects_out_of_sample
        if self.task is None or not self.task.fields or cross is None:
            return None
        ids = self.table["record_id"].combine_chunks()
        labels = read_object_labels(self.store, self.task, ids, self._abilities.join_objects)
        rows = np.flatnonzero(labels.labelled)
        if len(rows) < FEWEST_ROWS:
            return None
        texts = self.table["text"].take(pa.array(rows)).to_pylist()
        values = [msgspec.json.decode(v)["fields"] for v in labels.values[rows]]
        return CrossedObjects(self.ids(rows), texts, values, cross(self.task.fields, texts, values))

    def _cross(self, rows: np.ndarray, n_classes: int) -> Crossed:
        vectors, given = self.vectors(rows), self.given[rows]
        probs = self._abilities.out_of_sample(vectors, given, n_classes)
        near = neighbour_probs(given, n_classes, *self.near(rows, N_NEIGHBOURS))
        both = (probs + near) / 2
        # Only what finders ask for is kept: all probabilities of many records and classes would not fit.
        found = label_errors(given, both)
        pair = np.argsort(-both, axis=1, kind="stable")[:, :2]
        own = both[np.arange(len(rows)), given]
        pair_prob = np.take_along_axis(both, pair, 1)
        return Crossed(self.ids(rows), given, found.score, found.other, own, pair, pair_prob)
