"""Score a model whose answers are objects: field by field, and the whole object at once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from homegrown.core.documents import document_of
from homegrown.core.ids import timestamp
from homegrown.core.models import SPLITS
from homegrown.core.schema import Field, FieldType
from homegrown.errors import EmptyDataError, InputError
from homegrown.inference.candidates import same_value, same_words
from homegrown.metrics.intervals import wilson
from homegrown.store.snapshots import VALUE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homegrown.core.models import ModelVersion, ObjectAnswer
    from homegrown.core.protocols import ObjectPredictor
    from homegrown.store import Store

SCHEMA = "objects/1"
MOST_MISTAKES = 200
_EXACT, _MEANT = "exact", "meant"


class FieldScore(msgspec.Struct, frozen=True, kw_only=True):
    """How often one field is right.

    Attributes:
        n: rows on which somebody said what it is, or that it is not there.
        n_there: of them, those on which it is there.
        n_found: rows on which the model says that it is there.
        exact: the answer is right to the letter; with Wilson's interval.
        meant: it means the same: the words without case and marks, the number, the day.
        mean_prob: that the model gives its answers: near *meant* where it is calibrated.
    """

    field_id: str
    name: str
    type: str
    n: int
    n_there: int
    n_found: int
    exact: float
    exact_ci95: tuple[float, float]
    meant: float
    meant_ci95: tuple[float, float]
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
        accuracy: whole objects of which every field that was looked at means the right thing; with Wilson's interval.
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
    fields: tuple[FieldScore, ...]
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
    scored = [_scored(predictor.fields, texts[i], t, s) for i, t, s in zip(ids, truth, said, strict=True)]
    result = _document(store, version, predictor, split, ids, texts, truth, said, scored, rows.num_rows, seconds)
    plain = msgspec.json.decode(msgspec.json.encode(result))
    evaluation_id = store.models.add_evaluation(store.actor, version.version_id, version.snapshot_id, split, plain)
    return {"evaluation_id": evaluation_id, **plain}


def object_lines(document: Mapping[str, Any]) -> list[str]:
    """An evaluation for a terminal."""
    found = [document["sentence"], f"{document['model']} ({document['recipe']}) on the {document['split']} split"]
    width = max(len(f["name"]) for f in document["fields"])
    found.append(f"  {'field':{width}}      n   to the letter   in what it means (95% interval)   sure on average")
    for f in document["fields"]:
        low, high = f["meant_ci95"]
        found.append(
            f"  {f['name']:{width}} {f['n']:6,}   {f['exact']:13.1%}   {f['meant']:6.1%} ({low:.1%} to {high:.1%})"
            f"{'':12}{f['mean_prob']:6.1%}"
        )
    if document["not_learnt"]:
        found.append(f"Not answered by this model: {', '.join(document['not_learnt'])}.")
    return found


def _scored(
    fields: tuple[Field, ...], text: str, truth: Mapping[str, Any], said: ObjectAnswer
) -> dict[str, dict[str, bool]]:
    """By field id, where both have spoken: whether it is right to the letter, and in what it means."""
    found = {}
    for one in fields:
        if one.field_id in truth and one.field_id in said.fields:
            mine, theirs = said.fields[one.field_id].answer, truth[one.field_id]
            exact = _outside(one, mine, text) == _outside(one, theirs, text)
            found[one.field_id] = {
                _EXACT: exact,
                _MEANT: exact or meaning(one, mine, text) == meaning(one, theirs, text),
            }
    return found


def _outside(one: Field, answer: Mapping[str, Any] | None, text: str) -> Any:
    return document_of((one,), {"fields": {one.field_id: answer}}, text)[one.name]


def meaning(one: Field, answer: Mapping[str, Any] | None, text: str) -> Any:
    """What an answer means: equal for answers that differ by case, marks, zeros or place only; None: not there.

    Example:
        >>> who = Field("f", "who", FieldType.SPAN)
        >>> meaning(who, {"spans": [[0, 8]]}, "ANN LEE.") == meaning(who, {"spans": [[9, 16]]}, "ANN LEE. Ann Lee")
        True
    """
    if answer is None:
        return None
    match one.type:
        case FieldType.SPAN:
            return sorted(same_words(text[start:end]) for start, end in answer["spans"])
        case FieldType.CHOICE:
            return sorted(answer["choices"])
        case FieldType.LIST:
            inner = {f.field_id: f for f in one.fields}
            return [{i: meaning(inner[i], a, text) for i, a in item.items() if i in inner} for item in answer["items"]]
        case FieldType.BOOLEAN:
            return answer["value"]
        case _:
            # What an amount's currency is goes without saying in most data; the amounts must agree.
            return same_value(one.type, answer["value"])


def _document(
    store: Store,
    version: ModelVersion,
    predictor: ObjectPredictor,
    split: str,
    ids: list[str],
    texts: Mapping[str, str],
    truth: list[dict[str, Any]],
    said: list[ObjectAnswer],
    scored: list[dict[str, dict[str, bool]]],
    n_rows: int,
    seconds: float,
) -> ObjectEvaluation:
    fields = tuple(
        _field(one, truth, said, scored) for one in predictor.fields if any(one.field_id in row for row in scored)
    )
    judged = [row for row in scored if row]
    if not judged:
        raise EmptyDataError(f"No row of the {split} split says anything of the fields that this model answers.")
    n, n_right = len(judged), sum(all(s[_MEANT] for s in row.values()) for row in judged)
    whole = wilson(n_right, n)
    answered = {f.field_id for f in fields}
    return ObjectEvaluation(
        sentence=_sentence(n, n_right, whole, fields),
        version_id=version.version_id,
        model=f"{version.model_name}@{version.number}",
        recipe=version.recipe,
        task=store.tasks.get(version.task_id, version.task_version).name,
        snapshot_id=version.snapshot_id,
        split=split,
        created_at=timestamp(),
        n=n,
        n_missing=n_rows - len(ids),
        accuracy=n_right / n,
        accuracy_ci95=whole,
        fields=fields,
        not_learnt=tuple(f.name for f in predictor.fields if f.field_id not in answered),
        mistakes=tuple(_mistakes(predictor.fields, ids, truth, said, scored))[:MOST_MISTAKES],
        ms_per_text=1000 * seconds / max(len(texts), 1),
        seconds=seconds,
    )


def _field(
    one: Field, truth: list[dict[str, Any]], said: list[ObjectAnswer], scored: list[dict[str, dict[str, bool]]]
) -> FieldScore:
    rows = [i for i, row in enumerate(scored) if one.field_id in row]
    n = len(rows)
    exact, meant = (sum(scored[i][one.field_id][how] for i in rows) for how in (_EXACT, _MEANT))
    return FieldScore(
        field_id=one.field_id,
        name=one.name,
        type=one.type.value,
        n=n,
        n_there=sum(truth[i][one.field_id] is not None for i in rows),
        n_found=sum(said[i].fields[one.field_id].answer is not None for i in rows),
        exact=exact / n,
        exact_ci95=wilson(exact, n),
        meant=meant / n,
        meant_ci95=wilson(meant, n),
        mean_prob=sum(said[i].fields[one.field_id].prob for i in rows) / n,
    )


def _mistakes(
    fields: tuple[Field, ...],
    ids: list[str],
    truth: list[dict[str, Any]],
    said: list[ObjectAnswer],
    scored: list[dict[str, dict[str, bool]]],
) -> list[FieldMistake]:
    """The surest first."""
    names = {f.field_id: f.name for f in fields}
    found = [
        FieldMistake(
            record_id=ids[i], field=names[field_id], prob=said[i].fields[field_id].prob,
            said=(said[i].fields[field_id].answer or {}).get("spans", []),
            truth=(truth[i][field_id] or {}).get("spans", []),
        )
        for i, row in enumerate(scored)
        for field_id, right in row.items()
        if not right[_MEANT]
    ]  # fmt: skip
    return sorted(found, key=lambda m: -m.prob)


def _sentence(n: int, n_right: int, whole: tuple[float, float], fields: tuple[FieldScore, ...]) -> str:
    low, high = whole
    worst = min(fields, key=lambda f: f.meant)
    return (
        f"Of {n:,} texts that it never saw {n_right / n:.1%} are right in every field (95% interval {low:.1%} to "
        f"{high:.1%}); hardest is {worst.name}, right in {worst.meant:.1%}."
    )
