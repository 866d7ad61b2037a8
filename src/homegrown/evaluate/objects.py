"""Score a model whose answers are objects: field by field, and the whole object at once."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from homegrown.core.ids import timestamp
from homegrown.core.schema import FieldType
from homegrown.core.spans import Span
from homegrown.core.tasks import LabelSourceKind
from homegrown.errors import EmptyDataError
from homegrown.evaluate.confidence import coverage_of
from homegrown.evaluate.document import Caution
from homegrown.evaluate.latency import latency
from homegrown.evaluate.made import made, n_looks
from homegrown.evaluate.object_baselines import object_baselines
from homegrown.evaluate.object_document import SCHEMA, FieldMistake, FieldRow, ObjectEvaluation, SpanRow
from homegrown.evaluate.object_kept import keep_said
from homegrown.evaluate.object_pairs import object_against
from homegrown.evaluate.object_rows import ObjectRows, ObjectsSaid, ask, object_rows
from homegrown.evaluate.sentences import THIN, about_labels, about_opponents, about_rows, about_trust, names
from homegrown.evaluate.slices import slices
from homegrown.metrics.calibration import calibration
from homegrown.metrics.objects import object_scores
from homegrown.metrics.spans import PARTIAL, STRICT, span_scores
from homegrown.store.vouched import vouched

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.core.models import ModelVersion
    from homegrown.core.protocols import ObjectPredictor
    from homegrown.core.schema import Field
    from homegrown.core.tasks import Task
    from homegrown.evaluate.object_document import ObjectOpponent
    from homegrown.metrics.objects import ObjectScores
    from homegrown.store import Store

MOST_MISTAKES = 200


def stored_objects(store: Store, version_id: str, split: str = "test") -> dict[str, Any] | None:
    """The newest evaluation of a version on a split, with its ``evaluation_id``; None when it was never measured."""
    for row in store.models.evaluations(version_id, split):
        if row["result"].get("schema") == SCHEMA:
            return {"evaluation_id": row["evaluation_id"], **row["result"]}
    return None


def evaluate_objects(
    store: Store,
    version: ModelVersion,
    predictor: ObjectPredictor,
    *,
    split: str = "test",
    slice_by: str | None = None,
) -> dict[str, Any]:
    """Evaluate *version* on one split of its snapshot; the result is stored, and comes back when asked again.

    Args:
        store: the workspace.
        version: what is measured.
        predictor: that version, loaded.
        split: ``test``; ``valid`` and ``train`` for those who look for faults, marked so.
        slice_by: one field of the records to slice by; otherwise every suitable one.

    Returns:
        ``evaluation_id`` and the fields of ``object_document.ObjectEvaluation``.

    Raises:
        EmptyDataError: no row of the split is here any more, or none says anything of what the model answers.
    """
    kept = stored_objects(store, version.version_id, split)
    if kept is not None and (slice_by is None or any(s["field"] == slice_by for s in kept["slices"])):
        return kept
    started = time.monotonic()
    rows = object_rows(store, version.snapshot_id, split)
    said = ask(predictor, rows.texts)
    fields = said.learnt(predictor.fields)
    scores = object_scores(fields, rows.values, said.values, texts=rows.texts)
    if not scores.known.any():
        raise EmptyDataError(f"No row of the {split} split says anything of the fields that this model answers.")
    work = _Measured(store, version, rows, said, fields, scores, split)
    result = work.document(predictor, slice_by, started)
    plain = msgspec.json.decode(msgspec.json.encode(result, enc_hook=lambda scalar: scalar.item()))
    keep_said(store, plain, dict(zip(rows.record_ids, said.answers, strict=True)))
    evaluation_id = store.models.add_evaluation(store.actor, version.version_id, version.snapshot_id, split, plain)
    return {"evaluation_id": evaluation_id, **plain}


class _Measured:
    """One evaluation in the making: the rows, the answers, and what is read out of both."""

    def __init__(
        self,
        store: Store,
        version: ModelVersion,
        rows: ObjectRows,
        said: ObjectsSaid,
        fields: tuple[Field, ...],
        scores: ObjectScores,
        split: str,
    ) -> None:
        self.store, self.version, self.rows, self.said = store, version, rows, said
        self.fields, self.scores, self.split = fields, scores, split
        self.task: Task = store.tasks.get(version.task_id, version.task_version)
        self.judged, self.right = scores.whole

    def document(self, predictor: ObjectPredictor, slice_by: str | None, started: float) -> ObjectEvaluation:
        version, rows, scores = self.version, self.rows, self.scores
        lines = tuple(self._field(k) for k in range(len(self.fields)))
        sure, judged, right = self.said.sure(), self.judged, self.right
        quality = calibration(sure[judged], right[judged]) if judged.any() else None
        opponents = self._opponents()
        given = judged & vouched(self.store, version.task_id, rows.record_ids)
        n_checked, n_checked_right = int(given.sum()), int(right[given].sum())
        looks = n_looks(self.store, version, self.split)
        snapshot = self.store.models.snapshot(version.snapshot_id)
        cautions = [
            *about_labels(scores.n_whole, n_checked, n_checked_right),
            *about_rows(self.split, scores.n_whole, rows.n_missing, scores.normalised_ci95),
            *_about_fields(lines),
            *about_opponents(opponents),
            *about_trust(looks, quality.ece if quality else None, None, 1 - scores.normalised, 0.0),
            *(Caution("snapshot", w) for w in snapshot.details.get("warnings", ())),
        ]
        return ObjectEvaluation(
            sentence=_sentence(scores, self.split),
            version_id=version.version_id,
            model=f"{version.model_name}@{version.number}",
            recipe=version.recipe,
            task=self.task.name,
            snapshot_id=version.snapshot_id,
            split=self.split,
            created_at=timestamp(),
            n=scores.n_whole,
            n_texts=len(rows),
            n_missing=rows.n_missing,
            n_checked=n_checked,
            n_checked_right=n_checked_right,
            accuracy=scores.normalised,
            accuracy_ci95=scores.normalised_ci95,
            exact=scores.exact,
            exact_ci95=scores.exact_ci95,
            fields=lines,
            not_learnt=tuple(f.name for f in predictor.fields if f not in self.fields),
            mistakes=tuple(self._mistakes())[:MOST_MISTAKES],
            calibration=asdict(quality) if quality else None,
            coverage=coverage_of(sure[judged], right[judged]) if judged.any() else None,
            slices=tuple(slices(rows, right, judged, self._answer_columns(), slice_by)),
            opponents=opponents,
            latency=latency(predictor.predict_objects, rows.texts, self.said.seconds),
            size_bytes=self.store.bundles.size(version.version_id),
            cautions=tuple(cautions),
            looks=looks,
            made=made(self.store, version),
            seconds=time.monotonic() - started,
        )

    def _answer_columns(self) -> set[str]:
        """Columns that hold the answers themselves: no slices."""
        found: set[str] = set()
        for source in self.store.tasks.label_sources(self.task.task_id):
            if source["kind"] == LabelSourceKind.IMPORTED:
                config = source["config"]
                found |= {c for c in (config.get("column"), *(config.get("columns") or {}).values()) if c}
                found |= set() if config.get("column") else {n for f in self.task.fields for n in (f.name, *f.former)}
        return found

    def _opponents(self) -> tuple[ObjectOpponent, ...]:
        if self.split != "test" or not self.judged.any():
            return ()
        found = []
        for one in object_baselines(self.store, self.version.snapshot_id, self.fields, self.rows.texts):
            theirs = object_scores(self.fields, self.rows.values, one.values, texts=self.rows.texts)
            found.append(object_against(one.kind, one.name, self.fields, self.scores, theirs, one.seconds))
        return tuple(found)

    def _field(self, k: int) -> FieldRow:
        one = self.fields[k]
        found, known = self.scores.fields[one.field_id], np.flatnonzero(self.scores.known[k]).tolist()
        probs = [self.said.answers[i].fields[one.field_id].prob for i in known]
        facts = {name: getattr(found, name) for name in FieldRow.__struct_fields__ if hasattr(found, name)}
        return FieldRow(
            **facts,
            field_id=one.field_id,
            type=one.type.value,
            mean_prob=float(np.mean(probs)) if probs else 0.0,
            spans=self._spans(one, known) if one.type is FieldType.SPAN and known else None,
        )

    def _spans(self, one: Field, known: list[int]) -> SpanRow:
        values = self.said.values
        truth, said = (
            [[Span(a, b, one.name) for a, b in (held[i].get(one.field_id) or {}).get("spans", ())] for i in known]
            for held in (self.rows.values, values)
        )
        exact, partial = (span_scores(truth, said, scheme=scheme).micro for scheme in (STRICT, PARTIAL))
        return SpanRow(
            n_true=exact.n_true, n_answered=exact.n_answered,
            exact_f1=exact.f1, exact_f1_ci95=exact.f1_ci95,
            partial_f1=partial.f1, partial_f1_ci95=partial.f1_ci95,
        )  # fmt: skip

    def _mistakes(self) -> list[FieldMistake]:
        """The surest first."""
        found = []
        for k, i in np.argwhere(self.scores.known & ~self.scores.right).tolist():
            one = self.fields[k]
            mine, true = self.said.answers[i].fields[one.field_id], self.rows.values[i][one.field_id]
            found.append(
                FieldMistake(
                    record_id=self.rows.record_ids[i], field=one.name, prob=float(mine.prob),
                    said=(mine.answer or {}).get("spans", []), truth=(true or {}).get("spans", []),
                )
            )  # fmt: skip
        return sorted(found, key=lambda m: -m.prob)


def _about_fields(lines: Sequence[FieldRow]) -> list[Caution]:
    unseen, thin = [f.name for f in lines if not f.n], [f.name for f in lines if f.n and f.n_there < THIN]
    found = []
    if unseen:
        found.append(
            Caution("untested_field", f"Of {names(unseen)} no test row says anything: nothing is known there.")
        )
    if thin:
        word = "is" if len(thin) == 1 else "are"
        text = f"{names(thin)} {word} there in fewer than {THIN} test texts: too few to judge."
        found.append(Caution("thin_field", text))
    return found


def _sentence(scores: ObjectScores, split: str) -> str:
    worst = min((f for f in scores.fields.values() if f.n), key=lambda f: f.normalised)
    hardest = f"hardest is {worst.name}, right in {worst.normalised:.1%}."
    if not scores.n_whole:
        return f"On no text was every field looked at, so whole objects are not counted; {hardest}"
    low, high = scores.normalised_ci95
    seen = "texts that it never saw" if split == "test" else f"texts of the {split} split"
    if scores.normalised == 1.0:
        return f"All of {scores.n_whole:,} {seen} are right in every field; up to {1 - low:.1%} of others may be wrong."
    return (
        f"Of {scores.n_whole:,} {seen} {scores.normalised:.1%} are right in every field (95% interval "
        f"{low:.1%} to {high:.1%}); {hardest}"
    )
