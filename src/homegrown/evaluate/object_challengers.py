"""A challenger that answers with objects against the champion on a frozen gold snapshot."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from homegrown.core.said import meaning_of
from homegrown.errors import EmptyDataError
from homegrown.evaluate.answers import learnt_from
from homegrown.evaluate.challengers import NONE_LEFT, gold_of, judged_by, judged_rows
from homegrown.evaluate.object_rows import ask, object_rows
from homegrown.evaluate.people_fields import settled_fields, vouched_fields
from homegrown.metrics.noninferior import LOSES, non_inferior
from homegrown.metrics.objects import object_scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.core.models import ModelVersion
    from homegrown.core.protocols import ObjectPredictor
    from homegrown.core.schema import Field
    from homegrown.store import Store


def challenge_objects(
    store: Store,
    champion: tuple[ModelVersion, ObjectPredictor],
    challenger: tuple[ModelVersion, ObjectPredictor],
    *,
    gold: str,
    margin: float,
    slices: Sequence[str] = (),
) -> dict[str, Any]:
    """May *challenger* take the champion's place? Only with no loss of whole objects beyond *margin*.

    As ``challengers.challenge``, on the test rows of *gold* on which somebody looked at every field that either answers
    and the task still has. A field on which the challenger surely loses, or loses at least the margin, keeps the
    champion too, and stands among the slices.

    Where an upstream's answers are labels, what people settled of a field judges it, whatever was frozen. A record on
    which the two differ in a field that nobody vouched for is judged by the upstream, and is to be judged by people.

    Returns:
        See ``challengers.challenge``; a field among ``slices`` has the name ``field``.

    Raises:
        InputError: the margin is none, or the snapshot is of another task.
        EmptyDataError: no gold row is left to judge on.
    """
    _, task = gold_of(store, champion[0], gold, margin)
    rows = object_rows(store, gold, "test")
    said = [ask(model, rows.texts) for _, model in (champion, challenger)]
    learnt = {i for one in said for answer in one.answers for i in answer.fields}
    fields = tuple(f for f in task.fields if f.field_id in learnt)
    texts = dict(zip(rows.record_ids, rows.texts, strict=True))
    heard = settled_fields(store, task.task_id, fields, texts)
    truth = [v | (heard[i].fields if i in heard else {}) for i, v in zip(rows.record_ids, rows.values, strict=True)]
    old, new = (object_scores(fields, truth, one.values, texts=rows.texts) for one in said)
    fair = ~learnt_from(store, champion[0], rows) & ~learnt_from(store, challenger[0], rows) & old.whole[0]
    if not fields or not fair.any():
        raise EmptyDataError(NONE_LEFT)
    lost = []
    for k, one in enumerate(fields):
        part = non_inferior(new.right[k][fair], old.right[k][fair], margin)
        if part.verdict == LOSES:
            lost.append({"field": "field", "value": one.name, **asdict(part)})
    found = judged_rows(rows, fair, new.whole[1][fair], old.whole[1][fair], margin=margin, slices=slices, more=lost)
    found["n_left_out"] = int(np.sum(~fair))
    vouched = vouched_fields(store, task, fields, rows.record_ids, heard)
    waits = fair & (~vouched & _differing(fields, said[0].values, said[1].values, rows.texts)).any(0)
    return found | judged_by(
        found, fair, np.asarray(vouched.all(0)), [rows.record_ids[i] for i in np.flatnonzero(waits)]
    )


def _differing(
    fields: Sequence[Field], first: Sequence[dict[str, Any]], second: Sequence[dict[str, Any]], texts: Sequence[str]
) -> np.ndarray:
    """In which fields two models say something else, bool [n_fields, n]."""
    rows = list(zip(first, second, texts, strict=True))
    said = [
        [meaning_of(f, a.get(f.field_id), t) != meaning_of(f, b.get(f.field_id), t) for a, b, t in rows] for f in fields
    ]
    return np.array(said, bool).reshape(len(fields), len(rows))
