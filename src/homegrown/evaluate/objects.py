"""Score a model whose answers are objects: field by field, and the whole object at once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from homegrown.core.ids import timestamp
from homegrown.core.models import SPLITS
from homegrown.errors import EmptyDataError, InputError
from homegrown.metrics.objects import object_scores
from homegrown.store.snapshots import VALUE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homegrown.core.models import ModelVersion, ObjectAnswer
    from homegrown.core.protocols import ObjectPredictor
    from homegrown.core.schema import Field
    from homegrown.metrics.objects import FieldScore, ObjectScores
    from homegrown.store import Store

SCHEMA = "objects/1"
MOST_MISTAKES = 200


class FieldRow(msgspec.Struct, frozen=True, kw_only=True):
    """How often one field is right; see ``metrics.objects.FieldScore``.

    Attributes:
        n: rows on which somebody said what it is, or that it is not there.
        n_there: of them, those on which it is there.
        n_answered: rows on which the model says that it is there.
        exact: the answer is right to the letter; with Wilson's interval.
        normalised: it means the same: the words without case and marks, the number, the day.
        invented: it is not there, and the model says something.
        missed: it is there, and the model says that it is not.
        mean_prob: that the model gives its answers: near *normalised* where it is calibrated.
    """

    field_id: str
    name: str
    type: str
    n: int
    n_there: int
    n_answered: int
    exact: float
    exact_ci95: tuple[float, float]
    normalised: float
    normalised_ci95: tuple[float, float]
    invented: int
    missed: int
    mean_prob: float


class FieldMistake(msgspec.Struct, frozen=True, kw_only=True):
    """One answer that means something else; no text is kept, only where to look."""

    record_id: str
    field: str
    prob: float
    said: list[list[int]]
    truth: list[list[int]]


class ObjectEvaluation(msgspec.Struct, frozen=True, kw_only=True):
    """The result.

    Attributes:
        n: rows on which every field that the model answers was looked at: whole objects are counted among these.
        accuracy: whole objects of which every such field means the right thing; with Wilson's interval.
        exact: the same to the letter.
        not_learnt: names of fields that the model does not answer; objects are judged without them.
    """

    sentence: str
    version_id: str
    model: str
    recipe: str
    task: str
    snapshot_id: str
    split: str
    created_at: str
    n: int
    n_missing: int
    accuracy: float
    accuracy_ci95: tuple[float, float]
    exact: float
    exact_ci95: tuple[float, float]
    fields: tuple[FieldRow, ...]
    not_learnt: tuple[str, ...]
    mistakes: tuple[FieldMistake, ...]
    ms_per_text: float
    seconds: float
    schema: str = SCHEMA


def evaluate_objects(
    store: Store, version: ModelVersion, predictor: ObjectPredictor, *, split: str = "test"
) -> dict[str, Any]:
    """Evaluate *version* on one split of its snapshot; the result is stored, and comes back when asked again.

    Returns:
        ``evaluation_id`` and the fields of ``ObjectEvaluation``.

    Raises:
        EmptyDataError: no row of the split is here any more.
    """
    for row in store.models.evaluations(version.version_id, split):
        if row["result"].get("schema") == SCHEMA:
            return {"evaluation_id": row["evaluation_id"], **row["result"]}
    if split not in SPLITS:
        raise InputError(f"There is no split {split!r} to evaluate on. Choose one of: {', '.join(SPLITS)}.")
    rows = store.snapshots.read(version.snapshot_id)
    rows = rows.filter(pc.equal(rows["split"], split))
    texts = store.records.texts(rows["record_id"].to_pylist())
    kept = rows.filter(pc.is_in(rows["record_id"], value_set=pa.array(list(texts), pa.string())))
    if not kept.num_rows:
        raise EmptyDataError(f"The {split} split of this snapshot is empty: there is nothing to evaluate on.")
    ids = kept["record_id"].to_pylist()
    started = time.perf_counter()
    said = predictor.predict_objects([texts[i] for i in ids])
    seconds = time.perf_counter() - started
    truth = [msgspec.json.decode(v)["fields"] for v in kept[VALUE.name].to_pylist()]
    answered = {i for one in said for i in one.fields}
    fields = tuple(f for f in predictor.fields if f.field_id in answered)
    spoken = [one.value["fields"] for one in said]
    scores = object_scores(fields, truth, spoken, texts=[texts[i] for i in ids])
    if not scores.known.any():
        raise EmptyDataError(f"No row of the {split} split says anything of the fields that this model answers.")
    result = ObjectEvaluation(
        sentence=_sentence(scores),
        version_id=version.version_id,
        model=f"{version.model_name}@{version.number}",
        recipe=version.recipe,
        task=store.tasks.get(version.task_id, version.task_version).name,
        snapshot_id=version.snapshot_id,
        split=split,
        created_at=timestamp(),
        n=scores.n_whole,
        n_missing=rows.num_rows - len(ids),
        accuracy=scores.normalised,
        accuracy_ci95=scores.normalised_ci95,
        exact=scores.exact,
        exact_ci95=scores.exact_ci95,
        fields=tuple(_row(one, scores, said, k) for k, one in enumerate(fields)),
        not_learnt=tuple(f.name for f in predictor.fields if f not in fields),
        mistakes=tuple(_mistakes(fields, scores, ids, truth, said))[:MOST_MISTAKES],
        ms_per_text=1000 * seconds / len(ids),
        seconds=seconds,
    )
    plain = msgspec.json.decode(msgspec.json.encode(result))
    evaluation_id = store.models.add_evaluation(store.actor, version.version_id, version.snapshot_id, split, plain)
    return {"evaluation_id": evaluation_id, **plain}


def object_lines(document: Mapping[str, Any]) -> list[str]:
    """An evaluation for a terminal."""
    found = [document["sentence"], f"{document['model']} ({document['recipe']}) on the {document['split']} split"]
    width = max(len(f["name"]) for f in document["fields"])
    found.append(f"  {'field':{width}}      n   to the letter   in what it means (95% interval)   sure on average")
    for f in document["fields"]:
        low, high = f["normalised_ci95"]
        found.append(
            f"  {f['name']:{width}} {f['n']:6,}   {f['exact']:13.1%}   {f['normalised']:6.1%} ({low:.1%} to {high:.1%})"
            f"{'':12}{f['mean_prob']:6.1%}"
        )
    if document["not_learnt"]:
        found.append(f"Not answered by this model: {', '.join(document['not_learnt'])}.")
    return found


def _row(one: Field, scores: ObjectScores, said: list[ObjectAnswer], k: int) -> FieldRow:
    found: FieldScore = scores.fields[one.field_id]
    probs = [a.fields[one.field_id].prob for a, known in zip(said, scores.known[k].tolist(), strict=True) if known]
    return FieldRow(
        field_id=one.field_id,
        name=one.name,
        type=one.type.value,
        n=found.n,
        n_there=found.n_there,
        n_answered=found.n_answered,
        exact=found.exact,
        exact_ci95=found.exact_ci95,
        normalised=found.normalised,
        normalised_ci95=found.normalised_ci95,
        invented=found.invented,
        missed=found.missed,
        mean_prob=sum(probs) / max(1, len(probs)),
    )


def _mistakes(
    fields: tuple[Field, ...],
    scores: ObjectScores,
    ids: list[str],
    truth: list[dict[str, Any]],
    said: list[ObjectAnswer],
) -> list[FieldMistake]:
    """The surest first."""
    found = []
    for k, i in np.argwhere(scores.known & ~scores.right).tolist():
        one, mine = fields[k], said[i].fields[fields[k].field_id]
        found.append(
            FieldMistake(
                record_id=ids[i], field=one.name, prob=mine.prob, said=(mine.answer or {}).get("spans", []),
                truth=(truth[i][one.field_id] or {}).get("spans", []),
            )
        )  # fmt: skip
    return sorted(found, key=lambda m: -m.prob)


def _sentence(scores: ObjectScores) -> str:
    worst = min((f for f in scores.fields.values() if f.n), key=lambda f: f.normalised)
    hardest = f"hardest is {worst.name}, right in {worst.normalised:.1%}."
    if not scores.n_whole:
        return f"On no text was every field looked at, so whole objects are not counted; {hardest}"
    low, high = scores.normalised_ci95
    return (
        f"Of {scores.n_whole:,} texts that it never saw {scores.normalised:.1%} are right in every field (95% interval "
        f"{low:.1%} to {high:.1%}); {hardest}"
    )
