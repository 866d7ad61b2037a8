"""What little effort would have reached: the most frequent class, and n-grams with logistic regression."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from threadpoolctl import threadpool_limits

from homegrown.core.ids import canonical_json, digest
from homegrown.evaluate.answers import hard_truth
from homegrown.store.files import write_atomic
from homegrown.store.snapshots import probs_matrix

if TYPE_CHECKING:
    from pathlib import Path

    from homegrown.evaluate.answers import Rows
    from homegrown.store import Store

MAX_TRAIN = 20_000


@dataclass(frozen=True, slots=True)
class Baseline:
    """A baseline's answers to the rows of a split, bool [n, n_classes]; ``seconds`` is None when they were kept."""

    kind: str
    name: str
    said: np.ndarray
    seconds: float | None


def baselines(store: Store, snapshot_id: str, split: str, rows: Rows, *, multi: bool) -> list[Baseline]:
    """Both baselines, learnt from the training rows of the snapshot (train and valid) that a model may learn from."""
    table = store.snapshots.read(snapshot_id)
    known = table.filter(pc.is_in(table["split"], value_set=pa.array(["train", "valid"])))
    truth = hard_truth(probs_matrix(known), multi=multi)
    labelled = np.arange(len(truth)) if multi else np.flatnonzero(truth.any(1))
    if split != "test" or not truth.any():
        return []
    sets, counts = np.unique(truth[labelled], axis=0, return_counts=True)
    majority = np.repeat(sets[[counts.argmax()]], len(rows), axis=0)
    what = "set of classes" if multi else "class"
    found = [Baseline("majority", f"Always the most frequent {what}", majority, None)]
    path = store.layout.folder("cache") / f"baseline_{_key(snapshot_id, rows)}.parquet"
    said, seconds = _cached(path, rows), None
    if said is None:
        started = time.monotonic()
        said = _tfidf(store, known["record_id"], truth, labelled, rows, multi=multi)
        seconds = time.monotonic() - started
        _keep(path, rows, said)
    found.append(Baseline("tfidf", "TF-IDF and logistic regression", said, seconds))
    return found


def _tfidf(
    store: Store, ids: pa.ChunkedArray, truth: np.ndarray, labelled: np.ndarray, rows: Rows, *, multi: bool
) -> np.ndarray:
    """Word uni- and bigrams, sublinear TF-IDF, logistic regression of each class against the rest with C = 10.

    Answers bool [n, n_classes]: the likeliest class, or each that is likelier than not where a row may have several.

    Nothing is tuned; above ``MAX_TRAIN`` rows a seeded sample of so many is learnt from.
    """
    if len(labelled) > MAX_TRAIN:
        labelled = np.sort(np.random.default_rng(0).choice(labelled, MAX_TRAIN, replace=False))
    texts = store.records.texts(ids.take(pa.array(labelled)).to_pylist())
    names = ids.take(pa.array(labelled)).to_pylist()
    kept = [i for i, name in enumerate(names) if name in texts]
    known = truth[labelled[kept]]
    said = np.zeros_like(rows.truth)
    varied = np.flatnonzero(known.any(0) & ~known.all(0))
    said[:, known.all(0) & bool(kept)] = True
    if len(varied) == 0:
        return said
    vectorizer = TfidfVectorizer(
        ngram_range=(1, 2),
        sublinear_tf=True,
        min_df=2 if len(kept) > 2000 else 1,
        token_pattern=r"(?u)\w+|[^\w\s]",  # noqa: S106 - a pattern of words
        dtype=np.float32,  # pyright: ignore[reportArgumentType]  # the stub knows float64 alone
    )
    features = vectorizer.fit_transform([texts[names[i]] for i in kept])
    head = OneVsRestClassifier(LogisticRegression(C=10.0, solver="liblinear", tol=1e-2, random_state=0))
    # liblinear's vector sums are tiny: several BLAS threads only wait for each other there (15 s in place of 2 s).
    with threadpool_limits(1, user_api="blas"):
        head.fit(features, known[:, varied].astype(int) if multi else known.argmax(1))
    asked = vectorizer.transform(rows.texts)
    if multi:
        said[:, varied] = np.asarray(head.predict(asked), bool).reshape(len(rows), -1)
    else:
        said[np.arange(len(rows)), np.asarray(head.predict(asked))] = True
    return said


def _key(snapshot_id: str, rows: Rows) -> str:
    return digest(snapshot_id.encode(), canonical_json(rows.record_ids))[:20]


def _cached(path: Path, rows: Rows) -> np.ndarray | None:
    """The kept answers; a torn or foreign file counts as none."""
    try:
        table = pq.read_table(path)
        flags = np.array(table["said"].to_pylist(), bool)
        return flags if table["record_id"].to_pylist() == rows.record_ids else None
    except (OSError, pa.ArrowException, KeyError):
        return None


def _keep(path: Path, rows: Rows, said: np.ndarray) -> None:
    buffer = io.BytesIO()
    flags = pa.FixedSizeListArray.from_arrays(pa.array(said.reshape(-1)), said.shape[1])
    pq.write_table(pa.table({"record_id": rows.record_ids, "said": flags}), buffer)
    write_atomic(path, buffer.getvalue())
