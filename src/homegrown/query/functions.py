"""``predict``, ``predict_prob``, ``embed`` and ``similarity`` as SQL functions: batched, and computed once per text.

Answers are kept by text and model version, vectors by text and embedder, in the workspace's Lance tables.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from homegrown.core.ids import text_hash
from homegrown.errors import StorageError
from homegrown.query.keyed import KeyIndex
from homegrown.store.predictions import PredictionStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from homegrown.core.protocols import Encoder, Predictor
    from homegrown.query.duck import Duck
    from homegrown.store import Store

KEEP_EVERY = 20_000


@dataclass(frozen=True, slots=True)
class Abilities:
    """The models that a query may use, found when it first needs them.

    Attributes:
        encoder: the workspace's frozen encoder.
        predictor: the version id and the loaded model behind the name of an endpoint, a model or a task.
    """

    encoder: Callable[[], Encoder]
    predictor: Callable[[str], tuple[str, Predictor]]


class Functions:
    """The functions of one query, with what they computed so far."""

    def __init__(self, store: Store, abilities: Abilities) -> None:
        self.abilities = abilities
        self.failure: Exception | None = None
        self._store = store
        self._lock = threading.Lock()
        self._answers: dict[str, _Answers] = {}
        self._vectors: _Vectors | None = None

    def add(self, duck: Duck, names: set[str]) -> None:
        """Register those of *names* that are ours; a model is loaded only when it is called."""
        if "predict" in names:
            duck.add_function("predict", self._guarded(self._predict), ["VARCHAR", "VARCHAR"], "VARCHAR")
        if "predict_prob" in names:
            duck.add_function("predict_prob", self._guarded(self._predict_prob), ["VARCHAR", "VARCHAR"], "DOUBLE")
        if "similarity" in names:
            duck.add_function("similarity", self._guarded(self._similarity), ["VARCHAR", "VARCHAR"], "DOUBLE")
        if "embed" in names:
            dim = self.abilities.encoder().dim
            duck.add_function("embed", self._guarded(self._embed, 1), ["VARCHAR"], f"FLOAT[{dim}]")

    def finish(self) -> list[str]:
        """Keep what was computed; returns notes when it could not be kept."""
        notes = []
        for cache in [*self._answers.values(), *([self._vectors] if self._vectors else [])]:
            try:
                cache.keep()
            except StorageError as error:
                notes.append(f"What the models computed could not be kept: {error.message}")
        self._answers, self._vectors = {}, None
        return notes

    def _guarded(self, function: Callable[..., pa.Array], n_arguments: int = 2) -> Callable[..., pa.Array]:
        """One call at a time, and the first error kept whole: DuckDB would pass on its text only."""

        def guarded(*columns: pa.ChunkedArray) -> pa.Array:
            with self._lock:
                try:
                    return function(*(c.to_pylist() for c in columns))
                except Exception as error:
                    self.failure = self.failure or error
                    raise

        # DuckDB counts the parameters of the function that it is given.
        def one(a: pa.ChunkedArray) -> pa.Array:
            return guarded(a)

        def two(a: pa.ChunkedArray, b: pa.ChunkedArray) -> pa.Array:
            return guarded(a, b)

        return one if n_arguments == 1 else two

    def _answer(self, names: list[str | None], texts: list[str | None]) -> list[tuple[str | None, float] | None]:
        found: list[tuple[str | None, float] | None] = [None] * len(texts)
        for name in {n for n in names if n is not None}:
            rows = [i for i, (n, t) in enumerate(zip(names, texts, strict=True)) if n == name and t is not None]
            if name not in self._answers:
                version_id, predictor = self.abilities.predictor(name)
                store = PredictionStore(self._store.layout.folder("lance"), version_id)
                self._answers[name] = _Answers(store, predictor)
            answers = self._answers[name].of([str(texts[i]) for i in rows])
            for i, answer in zip(rows, answers, strict=True):
                found[i] = answer
        return found

    def _predict(self, names: list[str | None], texts: list[str | None]) -> pa.Array:
        return pa.array([a[0] if a else None for a in self._answer(names, texts)], pa.string())

    def _predict_prob(self, names: list[str | None], texts: list[str | None]) -> pa.Array:
        return pa.array([a[1] if a else None for a in self._answer(names, texts)], pa.float64())

    def _matrix(self, texts: list[str | None]) -> tuple[np.ndarray, np.ndarray]:
        if self._vectors is None:
            self._vectors = _Vectors(self._store, self.abilities.encoder())
        matrix = self._vectors.of([t if t is not None else "" for t in texts])
        return matrix, np.array([t is None for t in texts])

    def _similarity(self, left: list[str | None], right: list[str | None]) -> pa.Array:
        (a, a_null), (b, b_null) = self._matrix(left), self._matrix(right)
        return pa.array((a * b).sum(1).astype(np.float64), mask=a_null | b_null)

    def _embed(self, texts: list[str | None]) -> pa.Array:
        matrix, null = self._matrix(texts)
        flat = pa.array(np.ascontiguousarray(matrix, np.float32).reshape(-1))
        return pa.FixedSizeListArray.from_arrays(flat, matrix.shape[1], mask=pa.array(null))


class _Answers:
    """Answers of one model version: from the store, else from the model."""

    def __init__(self, store: PredictionStore, predictor: Predictor) -> None:
        self._store, self._predictor = store, predictor
        self._rows = store.load()
        self._index = KeyIndex(self._rows["text_hash"])
        self._new: dict[str, tuple[str | None, float]] = {}
        self._unkept: list[str] = []

    def of(self, texts: list[str]) -> list[tuple[str | None, float]]:
        hashes = [text_hash(t) for t in texts]
        known = self._known(hashes)
        missing = {h: t for h, t in zip(hashes, texts, strict=True) if h not in known and h not in self._new}
        if missing:
            self._ask(missing)
        return [known[h] if h in known else self._new[h] for h in hashes]

    def _known(self, hashes: list[str]) -> dict[str, tuple[str | None, float]]:
        at = self._index.positions(hashes)
        rows = self._rows.take(pa.array(at[at >= 0]))
        columns = (rows[c].to_pylist() for c in ("text_hash", "label", "prob"))
        return {h: (label, prob) for h, label, prob in zip(*columns, strict=True)}

    def _ask(self, texts: dict[str, str]) -> None:
        answers = self._predictor.predict(list(texts.values()))
        best = answers.probs.argmax(1)
        for h, i, row, scope in zip(texts, best, answers.probs, answers.in_scope, strict=True):
            label = self._predictor.class_names[int(i)] if scope >= self._predictor.threshold else None
            self._new[h] = (label, float(row[i]))
            self._unkept.append(h)
        if len(self._unkept) >= KEEP_EVERY:
            self.keep()

    def keep(self) -> None:
        if self._unkept:
            rows = [self._new[h] for h in self._unkept]
            self._store.add(self._unkept, [r[0] for r in rows], [r[1] for r in rows])
            self._unkept = []


class _Vectors:
    """Vectors: from the store, else from the encoder."""

    def __init__(self, store: Store, encoder: Encoder) -> None:
        self._encoder = encoder
        self._store = store.vectors(encoder.fingerprint, encoder.dim)
        stored = self._store.table
        self._data = stored.dataset() if stored.exists else None
        hashes = stored.scan(["text_hash"])["text_hash"] if stored.exists else pa.array([], pa.string())
        self._index = KeyIndex(hashes)
        self._new: dict[str, np.ndarray] = {}
        self._unkept: list[str] = []

    def of(self, texts: list[str]) -> np.ndarray:
        hashes = [text_hash(t) for t in texts]
        distinct = dict(zip(hashes, texts, strict=True))
        found = self._known([h for h in distinct if h not in self._new])
        missing = [h for h in distinct if h not in found and h not in self._new]
        if missing:
            for h, vector in zip(missing, self._encoder.encode([distinct[h] for h in missing]), strict=True):
                self._new[h] = vector
            self._unkept += missing
            if len(self._unkept) >= KEEP_EVERY:
                self.keep()
        return np.stack([found[h] if h in found else self._new[h] for h in hashes])

    def _known(self, hashes: list[str]) -> dict[str, np.ndarray]:
        at = self._index.positions(hashes)
        at = at[at >= 0]
        if self._data is None or not len(at):
            return {}
        rows = self._data.take(at.tolist(), columns=["text_hash", "vector"])
        matrix = rows["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(len(at), -1)
        return dict(zip(rows["text_hash"].to_pylist(), matrix, strict=True))

    def keep(self) -> None:
        if self._unkept:
            self._store.add(self._unkept, np.stack([self._new[h] for h in self._unkept]))
            self._unkept = []
