"""Score a model version on a split of a snapshot and keep the result."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from homegrown.core.ids import timestamp
from homegrown.errors import EmptyDataError
from homegrown.evaluate.answers import MULTI_THRESHOLD, Answers, Rows, answer, as_index, hard_truth, split_rows
from homegrown.evaluate.baselines import baselines
from homegrown.evaluate.confidence import coverage_of
from homegrown.evaluate.document import SCHEMA, ClassRow, Evaluation
from homegrown.evaluate.faults import Faults
from homegrown.evaluate.latency import latency
from homegrown.evaluate.learning import learning
from homegrown.evaluate.made import made, n_looks
from homegrown.evaluate.opponents import against
from homegrown.evaluate.sentences import cautions, headline
from homegrown.evaluate.slices import slices
from homegrown.metrics.classification import Classification, classification
from homegrown.metrics.multilabel import MultiLabel, multilabel
from homegrown.metrics.scope import scope
from homegrown.store.snapshots import probs_matrix
from homegrown.store.vouched import vouched

if TYPE_CHECKING:
    from homegrown.core.models import ModelVersion, Snapshot
    from homegrown.core.protocols import Predictor
    from homegrown.store import Store


def stored_evaluation(store: Store, version_id: str, split: str = "test") -> dict[str, Any] | None:
    """The newest evaluation of a version on a split, with its ``evaluation_id``; None when it was never measured."""
    for row in store.models.evaluations(version_id, split):
        if row["result"].get("schema") == SCHEMA:
            return {"evaluation_id": row["evaluation_id"], **row["result"]}
    return None


def evaluate(
    store: Store, version: ModelVersion, predictor: Predictor, *, split: str = "test", slice_by: str | None = None
) -> dict[str, Any]:
    """Evaluate *version* on one split of the snapshot that it was trained from; the result is stored.

    The test split is touched once: a version that was measured on it is not measured again, the stored evaluation
    comes back. (Naming a field to slice by reads more out of the same answers, and is kept beside.)

    Args:
        store: the workspace.
        version: what is measured.
        predictor: that version, loaded.
        split: ``test``; ``valid`` and ``train`` for those who look for faults, marked so.
        slice_by: one field to slice by, whether or not it suits; otherwise every suitable field.

    Returns:
        ``evaluation_id`` and the fields of ``document.Evaluation``.

    Raises:
        EmptyDataError: the split holds no row that still exists.
    """
    kept = stored_evaluation(store, version.version_id, split)
    if kept is not None and (slice_by is None or any(s["field"] == slice_by for s in kept["slices"])):
        return kept
    started = time.monotonic()
    rows = split_rows(store, version.snapshot_id, split, multi=version.multi)
    if not rows.truth.any():
        raise EmptyDataError(
            f"The {split} split of this snapshot holds out-of-scope rows only: nothing to be right on."
        )
    result = _Measured(store, version, predictor, rows, split).document(slice_by, started)
    evaluation_id = store.models.add_evaluation(store.actor, version.version_id, version.snapshot_id, split, result)
    return {"evaluation_id": evaluation_id, **result}


class _Measured:
    """One evaluation in the making: the rows, the answers, and what is read out of both."""

    def __init__(self, store: Store, version: ModelVersion, predictor: Predictor, rows: Rows, split: str) -> None:
        self.store, self.version, self.predictor, self.rows, self.split = store, version, predictor, rows, split
        self.snapshot: Snapshot = store.models.snapshot(version.snapshot_id)
        self.answers: Answers = answer(predictor, rows)
        self.inside = rows.judged(multi=version.multi)
        self.right = (self.answers.said == rows.truth).all(1)
        self.n_train = self._counts()
        self.faults = Faults(rows, self.answers, version.class_names, self.inside, multi=version.multi)

    def _counts(self) -> np.ndarray:
        """Training rows per class, int [n_classes]."""
        table = self.store.snapshots.read(self.version.snapshot_id)
        known = table.filter(pc.is_in(table["split"], value_set=pa.array(["train", "valid"])))
        return hard_truth(probs_matrix(known), multi=self.version.multi).sum(0)

    def document(self, slice_by: str | None, started: float) -> dict[str, Any]:
        """The whole Evaluation as plain JSON values."""
        version, inside, right = self.version, self.inside, self.right
        score, micro = self._score()
        forced = self._forced_accuracy()
        quality = self.faults.calibration()
        noise = self.faults.label_noise() if self.split == "test" else None
        task = self.store.tasks.get(version.task_id, version.task_version)
        others = baselines(self.store, version.snapshot_id, self.split, self.rows, multi=version.multi)
        truth, said = self.rows.truth[inside], self.answers.said[inside]
        opponents = tuple(against(truth, said, type(o)(o.kind, o.name, o.said[inside], o.seconds)) for o in others)
        classes = self._classes(score)
        looks = n_looks(self.store, version, self.split)
        n, n_right = int(inside.sum()), int(right[inside].sum())
        given = inside & vouched(self.store, version.task_id, self.rows.record_ids)
        n_checked, n_checked_right = int(given.sum()), int(right[given].sum())
        guessed = n_checked < n / 2
        skip = {c for c in (task.column,) if c}
        document = Evaluation(
            sentence=headline(n, n_right, score.accuracy_ci95, multi=version.multi, split=self.split, guessed=guessed),
            version_id=version.version_id,
            model=f"{version.model_name}@{version.number}",
            recipe=version.recipe,
            task=task.name,
            multi=version.multi,
            snapshot_id=version.snapshot_id,
            split=self.split,
            created_at=timestamp(),
            n=n,
            n_out_of_scope=len(self.rows) - n,
            n_missing=self.rows.n_missing,
            accuracy=score.accuracy,
            accuracy_ci95=score.accuracy_ci95,
            accuracy_forced=forced,
            macro_f1=score.macro_f1,
            macro_f1_ci95=score.macro_f1_ci95,
            weighted_f1=score.weighted_f1,
            weighted_f1_ci95=score.weighted_f1_ci95,
            micro_f1=micro.micro_f1 if micro else None,
            micro_f1_ci95=micro.micro_f1_ci95 if micro else None,
            threshold=float(self.answers.threshold),
            classes=classes,
            confusions=self.faults.confusions(),
            mistakes=self.faults.mistakes(),
            calibration=asdict(quality),
            coverage=self._coverage(),
            out_of_scope=self._scope(),
            slices=tuple(slices(self.rows, right, np.asarray(inside), skip, slice_by)),
            opponents=opponents,
            latency=latency(self.predictor.predict, self.rows.texts, self.answers.seconds),
            size_bytes=self.store.bundles.size(version.version_id),
            label_noise=noise,
            cautions=cautions(
                split=self.split,
                n=n,
                n_missing=self.rows.n_missing,
                interval=score.accuracy_ci95,
                forced_gap=forced - score.accuracy,
                classes=classes,
                opponents=opponents,
                looks=looks,
                ece=quality.ece,
                suspects=noise["share"] if noise else None,
                error=1 - score.accuracy,
                warnings=self.snapshot.details.get("warnings", ()),
                n_checked=n_checked,
                n_checked_right=n_checked_right,
            ),
            learning=learning(self.store, version) if self.split == "test" else None,
            looks=looks,
            made=made(self.store, version),
            seconds=time.monotonic() - started,
            n_checked=n_checked,
            n_checked_right=n_checked_right,
        )
        return msgspec.json.decode(msgspec.json.encode(document, enc_hook=lambda scalar: scalar.item()))

    def _score(self) -> tuple[Classification | MultiLabel, MultiLabel | None]:
        truth, said = self.rows.truth[self.inside], self.answers.said[self.inside]
        if self.version.multi:
            score = multilabel(truth, said)
            return score, score
        return classification(as_index(truth), as_index(said), truth.shape[1]), None

    def _forced_accuracy(self) -> float:
        if self.version.multi:
            return float(((self.answers.probs >= MULTI_THRESHOLD) == self.rows.truth).all(1).mean())
        return float((self.answers.probs.argmax(1) == self.rows.truth.argmax(1))[self.inside].mean())

    def _classes(self, score: Classification | MultiLabel) -> tuple[ClassRow, ...]:
        found = []
        for row in score.classes:
            facts = asdict(row)
            i = facts.pop("index")
            ids = {"class_id": self.version.class_ids[i], "name": self.version.class_names[i]}
            found.append(ClassRow(**ids, n_train=int(self.n_train[i]), **facts))
        return tuple(found)

    def _coverage(self) -> dict[str, Any]:
        sure, right = self.answers.sure[self.inside], self.right[self.inside]
        if not self.version.multi:
            # The best class, whether or not the model's own threshold let it be said: here the confidence decides.
            probs, truth = self.answers.probs[self.inside], self.rows.truth[self.inside]
            right = truth[np.arange(len(truth)), probs.argmax(1)]
        return coverage_of(sure, right)

    def _scope(self) -> dict[str, Any] | None:
        if self.inside.all() or self.version.multi:
            return None
        best = self.answers.probs.argmax(1)
        right = self.rows.truth[np.arange(len(best)), best]
        return asdict(scope(self.answers.in_scope, np.asarray(~self.inside), right, self.answers.threshold))
