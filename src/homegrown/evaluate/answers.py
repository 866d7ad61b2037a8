"""What a model says to the rows of a split, kept beside the evaluation so that another model can be compared later."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from homegrown.errors import EmptyDataError, InputError
from homegrown.inference.answers import MULTI_THRESHOLD
from homegrown.metrics.classification import NONE
from homegrown.metrics.multilabel import set_confidence
from homegrown.store.snapshots import probs_matrix

if TYPE_CHECKING:
    from homegrown.core.models import ModelVersion
    from homegrown.core.protocols import Predictor
    from homegrown.store import Store

SPLITS = ("test", "valid", "train")


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one split, joined with their texts.

    Attributes:
        truth: bool [n, n_classes]; a row without any is out of scope.
        fields: the stored ``fields`` JSON.
        n_missing: rows whose record is gone.
    """

    record_ids: list[str]
    texts: list[str]
    text_hashes: list[str]
    fields: pa.ChunkedArray
    sources: list[str]
    truth: np.ndarray
    n_missing: int

    def __len__(self) -> int:
        return len(self.record_ids)

    def judged(self, *, multi: bool) -> np.ndarray:
        """Rows on which the answer can be right, bool [n]: in-scope ones, or all where no class is an answer too."""
        return np.asarray(self.truth.any(1) | multi)


@dataclass(frozen=True, slots=True)
class Answers:
    """A model's answers to ``Rows``.

    Attributes:
        probs: float32 [n, n_classes].
        in_scope: float32 [n].
        said: bool [n, n_classes], the answer as served; a row without any is "none of these".
        sure: float [n], confidence in the answer: of the best class; of the whole set where there may be several.
        threshold: of the model.
        seconds: that answering all rows took.
    """

    probs: np.ndarray
    in_scope: np.ndarray
    said: np.ndarray
    sure: np.ndarray
    threshold: float
    seconds: float


def split_rows(store: Store, snapshot_id: str, split: str, *, multi: bool) -> Rows:
    """The rows of *split* whose records still exist.

    Raises:
        EmptyDataError: there is none.
    """
    kept, found, n_missing = rows_of(store, snapshot_id, split)
    return Rows(**joined(kept, found), truth=hard_truth(probs_matrix(kept), multi=multi), n_missing=n_missing)


def rows_of(store: Store, snapshot_id: str, split: str) -> tuple[pa.Table, pa.Table, int]:
    """The rows of *split* whose records still exist, their records, and how many are gone.

    Raises:
        InputError: there is no such split.
        EmptyDataError: there is no row.
    """
    if split not in SPLITS:
        raise InputError(f"There is no split {split!r} to evaluate on. Choose one of: {', '.join(SPLITS)}.")
    rows = store.snapshots.read(snapshot_id)
    rows = rows.filter(pc.equal(rows["split"], split))
    found = store.records.rows(rows["record_id"], ["text", "fields", "source"])
    kept = rows.filter(pc.is_in(rows["record_id"], value_set=found["record_id"].combine_chunks()))
    if kept.num_rows == 0:
        raise EmptyDataError(
            f"The {split} split of this snapshot is empty: there is nothing to evaluate on. Label more rows, or name a "
            "file with --test."
        )
    return kept, found, rows.num_rows - kept.num_rows


def joined(kept: pa.Table, found: pa.Table) -> dict[str, Any]:
    """What ``Rows`` holds of both."""
    return {
        "record_ids": kept["record_id"].to_pylist(),
        "texts": found["text"].to_pylist(),
        "text_hashes": kept["text_hash"].to_pylist(),
        "fields": found["fields"],
        "sources": found["source"].to_pylist(),
    }


def learnt_from(store: Store, version: ModelVersion, rows: Rows) -> np.ndarray:
    """Which *rows* have a text that a version learnt from, in whatever form; bool [n]."""
    table = store.snapshots.read(version.snapshot_id)
    used = table.filter(pc.is_in(table["split"], value_set=pa.array(["train", "valid", "unlabelled"])))
    hashes = pa.array(rows.text_hashes, pa.string())
    return pc.is_in(hashes, value_set=used["text_hash"].combine_chunks()).to_numpy(zero_copy_only=False)


def hard_truth(probs: np.ndarray, *, multi: bool) -> np.ndarray:
    """Label probabilities as bool [n, n_classes]; where one class is due, the most probable one.

    Example:
        >>> hard_truth(np.array([[0.4, 0.6], [0.0, 0.0]]), multi=False).tolist()
        [[False, True], [False, False]]
    """
    if multi:
        return probs >= MULTI_THRESHOLD
    truth = np.zeros(probs.shape, bool)
    inside = probs.sum(1) > 0
    truth[inside, probs[inside].argmax(1)] = True
    return truth


def answer(predictor: Predictor, rows: Rows) -> Answers:
    """Ask *predictor* all *rows* in one go, as bulk prediction would."""
    predictor.predict(rows.texts[:2])
    started = time.perf_counter()
    found = predictor.predict(rows.texts)
    seconds = time.perf_counter() - started
    said = decide(found.probs, found.in_scope, predictor.threshold, multi=predictor.multi)
    return Answers(
        probs=found.probs,
        in_scope=found.in_scope,
        said=said,
        sure=set_confidence(found.probs, said) if predictor.multi else found.probs.max(1),
        threshold=predictor.threshold,
        seconds=seconds,
    )


def decide(probs: np.ndarray, in_scope: np.ndarray, threshold: float, *, multi: bool) -> np.ndarray:
    """The answer as served, bool [n, n_classes]: the best class, or each of at least 0.5 where many may be.

    Example:
        >>> decide(np.array([[0.2, 0.8], [0.4, 0.6]]), np.array([0.9, 0.1]), 0.5, multi=False).tolist()
        [[False, True], [False, False]]
    """
    if multi:
        said = probs >= MULTI_THRESHOLD
    else:
        said = np.zeros(probs.shape, bool)
        said[np.arange(len(probs)), probs.argmax(1)] = True
    return said & (in_scope >= threshold)[:, None]


def as_index(flags: np.ndarray) -> np.ndarray:
    """The one class of each row of bool [n, n_classes] as int [n], ``NONE`` where there is none."""
    return np.where(flags.any(1), flags.argmax(1), NONE)
