"""What more labels would bring, from the training and validation rows alone and their stored vectors."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from homegrown.evaluate.answers import hard_truth
from homegrown.evaluate.sentences import more_labels
from homegrown.metrics.learning import learning_curve
from homegrown.store.snapshots import probs_matrix

if TYPE_CHECKING:
    from homegrown.core.models import ModelVersion
    from homegrown.store import Store
    from homegrown.store.vectors import VectorStore

MAX_TRAIN, MAX_VALID = 20_000, 3_000
MIN_VALID = 20
METHOD = "linear discriminant on stored vectors, nested subsets, error = floor + scale · n^(-rate)"


def learning(store: Store, version: ModelVersion) -> dict[str, Any] | None:
    """The learning curve of the snapshot of *version*, the same for every model of it; ``Evaluation.learning``.

    Neither a test row nor a new vector is needed. None when the texts have no vectors here: it would cost more than
    it tells.
    """
    started = time.monotonic()
    vectors = store.stored_vectors(str(version.details.get("encoder", "")))
    if vectors is None:
        return None
    train, n_train = _part(store, vectors, version, "train", MAX_TRAIN)
    valid, n_valid = _part(store, vectors, version, "valid", MAX_VALID)
    if len(train[0]) < min(n_train, MAX_TRAIN) / 2:
        return None
    curve = learning_curve(train, valid, multi=version.multi, n_rows=n_train) if len(valid[0]) >= MIN_VALID else None
    if curve is None:
        sentence = (
            f"Too few rows to say ({n_train:,} to learn from, {n_valid:,} to measure on): label some more, then look."
        )
        return {"sentence": sentence, "n": n_train, "n_valid": len(valid[0]), "points": [], "ahead": []}
    return {
        "sentence": more_labels(n_train, curve.ahead[0]),
        "method": METHOD,
        "n": n_train,
        "n_valid": len(valid[0]),
        **asdict(curve),
        "seconds": time.monotonic() - started,
    }


def _part(
    store: Store, vectors: VectorStore, version: ModelVersion, split: str, most: int
) -> tuple[tuple[np.ndarray, np.ndarray], int]:
    """Vectors and truth of the judged rows of *split*, or of a seeded sample, and how many there are."""
    table = store.snapshots.read(version.snapshot_id)
    table = table.filter(pc.equal(table["split"], split))
    truth = hard_truth(probs_matrix(table), multi=version.multi)
    rows = np.arange(len(truth)) if version.multi else np.flatnonzero(truth.any(1))
    n = len(rows)
    if n > most:
        rows = np.sort(np.random.default_rng(0).choice(rows, most, replace=False))
    where, found = vectors.fetch(table["text_hash"].take(rows).to_pylist())
    return (found[where[where >= 0]], truth[rows[where >= 0]]), n
