"""What models of objects say of texts whose labels they did not see: each fold is answered by a model of the others."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from homegrown.core.models import Examples, TrainingData
from homegrown.core.progress import Silent
from homegrown.errors import UnsuitableLabelsError
from homegrown.inference.predictor import load_object_predictor
from homegrown.train.fields import FieldsTrainer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from homegrown.core.models import FieldAnswer
    from homegrown.core.protocols import Encoder
    from homegrown.core.schema import Field
    from homegrown.core.spans import ScoredSpan

FOLDS, VALID_SHARE = 4, 0.2


class UnseenAnswers(NamedTuple):
    """What is said of each text.

    Attributes:
        fields: by field id; fields that were not learnt are missing.
        spans: all that a finder of spans holds possible; the types are ids of fields.
    """

    fields: dict[str, FieldAnswer]
    spans: list[ScoredSpan]


def objects_out_of_sample(
    fields: tuple[Field, ...],
    texts: Sequence[str],
    values: Sequence[Mapping[str, Any]],
    *,
    encoder: Encoder,
    folder: Path,
    options: dict[str, Any] | None = None,
    seed: int = 0,
) -> list[UnseenAnswers]:
    """Answers of models of ``fields`` that were fitted without the text's own label.

    Args:
        fields: of the task.
        texts: n texts.
        values: their labels, field id → answer.
        encoder: for models that need one.
        folder: where models lie while they are made; nothing stays there.
        options: of the recipe ``fields``.
        seed: draws the folds.

    Returns:
        One for each text; where nothing can be learnt from the others, empty ones.
    """
    order = np.random.default_rng(seed).permutation(len(texts))
    said = [UnseenAnswers({}, []) for _ in texts]
    for judged in np.array_split(order, FOLDS):
        rest = np.setdiff1d(order, judged, assume_unique=True)
        rest = order[np.isin(order, rest)]
        n_valid = max(1, int(VALID_SHARE * len(rest)))
        parts = [_part(rest[n_valid:], texts, values), _part(rest[:n_valid], texts, values)]
        ids, names = tuple(f.field_id for f in fields), tuple(f.name for f in fields)
        data = TrainingData(ids, names, multi=False, train=parts[0], valid=parts[1], fields=fields)
        with tempfile.TemporaryDirectory(dir=folder) as made:
            try:
                fitted = FieldsTrainer().fit(
                    data, options or {}, seed=seed, folder=Path(made), encoder=encoder, progress=Silent()
                )
            except UnsuitableLabelsError:
                continue
            model = load_object_predictor(fitted.folder, encoder)
            some: list[str] = [texts[int(i)] for i in judged]
            answers, spans = model.predict_objects(some), model.span_candidates(some)
        for i, answer, found in zip(judged.tolist(), answers, spans, strict=True):
            said[i] = UnseenAnswers(answer.fields, found)
    return said


def _part(rows: np.ndarray, texts: Sequence[str], values: Sequence[Mapping[str, Any]]) -> Examples:
    chosen = [int(i) for i in rows]
    return Examples(
        [texts[i] for i in chosen], np.zeros((len(chosen), 0), np.float32), np.ones(len(chosen), np.float32),
        [str(i) for i in chosen], tuple(dict(values[i]) for i in chosen),
    )  # fmt: skip
