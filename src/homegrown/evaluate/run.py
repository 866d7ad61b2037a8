"""Score a model version on a split of a snapshot and keep the result."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from homegrown.errors import EmptyDataError
from homegrown.metrics.classification import classification
from homegrown.store.snapshots import probs_matrix

if TYPE_CHECKING:
    from homegrown.core.models import ModelVersion
    from homegrown.core.protocols import Predictor
    from homegrown.store import Store


def evaluate(store: Store, version: ModelVersion, predictor: Predictor, *, split: str = "test") -> dict[str, Any]:
    """Evaluate *version* on one split of the snapshot that it was trained from; the result is stored.

    Returns:
        ``evaluation_id, n, accuracy, accuracy_ci95, macro_f1, weighted_f1, classes[], seconds``.
    """
    rows = store.snapshots.read(version.snapshot_id)
    rows = rows.filter(pc.equal(rows["split"], split))
    texts = store.records.texts(rows["record_id"].to_pylist())
    kept = [i in texts for i in rows["record_id"].to_pylist()]
    rows = rows.filter(kept)
    if rows.num_rows == 0:
        raise EmptyDataError(f"The {split} split of this snapshot is empty: there is nothing to evaluate on.")
    started = time.monotonic()
    answers = predictor.predict([texts[i] for i in rows["record_id"].to_pylist()])
    seconds = time.monotonic() - started
    score = classification(probs_matrix(rows).argmax(1), answers.probs.argmax(1), len(version.class_names))
    result = {**asdict(score), "seconds": seconds}
    for row in result["classes"]:
        row["name"] = version.class_names[row.pop("index")]
    evaluation_id = store.models.add_evaluation(store.actor, version.version_id, version.snapshot_id, split, result)
    return {"evaluation_id": evaluation_id, **result}
