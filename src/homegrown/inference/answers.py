"""From probabilities to what is said: a label, several, or none of these."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from homegrown.core.documents import document_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from homegrown.core.models import Predictions
    from homegrown.core.protocols import ObjectPredictor, Predictor

MULTI_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model says of one text.

    Attributes:
        label: the class's name; None means none of these.
        prob: calibrated probability of the most likely class, whether or not it is the answer.
        in_scope: probability-like score that the text belongs to any class at all.
        labels: for a task of many classes all that apply; None otherwise.
        top: the most likely classes with their probabilities, most likely first.
        document: an answer that is an object, by the task's JSON Schema; its *prob* is that of all its fields together.
        fields: by name, of such an answer: probability and evidence.
    """

    label: str | None
    prob: float
    in_scope: float
    labels: tuple[str, ...] | None = None
    top: tuple[tuple[str, float], ...] = ()
    document: dict[str, Any] | None = None
    fields: dict[str, dict[str, Any]] | None = None


def object_answers(predictor: ObjectPredictor, texts: list[str]) -> list[Answer]:
    """One answer per text of a model whose answers are objects.

    The whole is as sure as its fields together, as if these were right or wrong independently.
    """
    names = {f.field_id: f.name for f in predictor.fields}
    found = []
    for text, said in zip(texts, predictor.predict_objects(texts), strict=True):
        fields = {names[i]: {"prob": a.prob, "spans": _evidence(a.answer or {})} for i, a in said.fields.items()}
        document = document_of(predictor.fields, said.value, text)
        found.append(Answer(None, math.prod(f["prob"] for f in fields.values()), 1.0, None, (), document, fields))
    return found


def _evidence(answer: Mapping[str, Any]) -> list[list[int]]:
    """Where an answer stands; of a list where all values of its objects do."""
    inner = [a for item in answer.get("items", ()) for a in item.values() if a]
    return sorted([*answer.get("spans", ()), *(s for a in inner for s in a.get("spans", ()))])


def answers(predictor: Predictor, predictions: Predictions, top: int = 1) -> list[Answer]:
    """One answer per row of *predictions*.

    Args:
        predictor: whose class names, threshold and kind apply.
        predictions: what it returned.
        top: how many of the most likely classes to name.
    """
    names, threshold, multi = predictor.class_names, predictor.threshold, predictor.multi
    found = []
    ranked = _ranked(predictions.probs, top)
    for row, best, scope in zip(predictions.probs, ranked, predictions.in_scope.tolist(), strict=True):
        values: list[float] = row[best].tolist()
        inside = scope >= threshold
        labels = None
        if multi:
            labels = tuple(names[i] for i in (row >= MULTI_THRESHOLD).nonzero()[0]) if inside else ()
            inside = bool(labels)
        found.append(
            Answer(
                names[best[0]] if inside else None,
                values[0],
                scope,
                labels,
                tuple(zip([names[i] for i in best], values, strict=True)),
            )
        )
    return found


def _ranked(probs: np.ndarray, top: int) -> list[list[int]]:
    """The most likely classes of each row, most likely first; one call for all rows."""
    if top <= 1:
        return probs.argmax(1)[:, None].tolist()
    return (-probs).argsort(axis=1, kind="stable")[:, :top].tolist()
