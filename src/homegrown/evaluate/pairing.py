"""Two model versions on the same records: which is better, by how much, and where they differ."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from homegrown.errors import EmptyDataError, InputError
from homegrown.evaluate.answers import answer, learnt_from, split_rows
from homegrown.evaluate.baselines import Baseline
from homegrown.evaluate.opponents import against
from homegrown.evaluate.sentences import compared

if TYPE_CHECKING:
    from homegrown.core.models import ModelVersion
    from homegrown.core.protocols import Predictor
    from homegrown.store import Store

DIFFERING = 50


def compare(
    store: Store,
    first: tuple[ModelVersion, Predictor],
    second: tuple[ModelVersion, Predictor],
    *,
    split: str = "test",
) -> dict[str, Any]:
    """Compare *first* with *second* on the rows of the first one's split that the second never learnt from.

    Classes are matched by id, so renamed ones stay the same, and merged ones are what they became; a class that *first*
    does not know counts as wrong.

    Returns:
        ``sentence``, ``opponent`` (an ``Opponent``), ``n_left_out`` (rows that the second one learnt from),
        ``classes`` (recall of both), ``differ`` (rows with the two answers, by record id).

    Raises:
        InputError: the two answer different tasks.
        EmptyDataError: the second learnt from every row of the split.
    """
    (ours, model), (theirs, other) = first, second
    if ours.task_id != theirs.task_id or ours.multi != theirs.multi:
        raise InputError(f"{ours.model_name} and {theirs.model_name} answer different tasks; they cannot be compared.")
    rows = split_rows(store, ours.snapshot_id, split, multi=ours.multi)
    judged = rows.judged(multi=ours.multi)
    fair = judged & ~learnt_from(store, theirs, rows)
    if not fair.any():
        raise EmptyDataError(f"{theirs.model_name} learnt from every row of this split: there is no fair comparison.")
    said = answer(model, rows).said[fair]
    meant = store.tasks.get(ours.task_id).meanings()
    replies = _translated(answer(other, rows).said, theirs.class_ids, ours.class_ids, meant)[fair]
    truth = rows.truth[fair]
    name = f"{theirs.model_name}@{theirs.number} ({theirs.recipe})"
    opponent = against(truth, said, Baseline("model", name, replies, None))
    ids = [i for i, keep in zip(rows.record_ids, fair.tolist(), strict=True) if keep]
    names = np.array(ours.class_names)
    differ = np.flatnonzero((said != replies).any(1))[:DIFFERING]
    found = {
        "sentence": compared(f"{ours.model_name}@{ours.number}", name, opponent),
        "opponent": asdict(opponent),
        "n_left_out": int((judged & ~fair).sum()),
        "classes": _classes(names, truth, said, replies),
        "differ": [
            {"record_id": ids[i], "truth": _named(names, truth[i]), "ours": _named(names, said[i])}
            | {"theirs": _named(names, replies[i])}
            for i in differ
        ],
    }
    return msgspec.json.decode(msgspec.json.encode(found, enc_hook=lambda scalar: scalar.item()))


def _translated(
    said: np.ndarray, theirs: tuple[str, ...], ours: tuple[str, ...], meant: dict[str, tuple[str, ...]]
) -> np.ndarray:
    """Their answers bool [n, their classes] in the order of our classes."""
    position = {c: i for i, c in enumerate(ours)}
    found = np.zeros((len(said), len(ours)), bool)
    for j, class_id in enumerate(theirs):
        now = meant.get(class_id, ())
        same = class_id if class_id in position or len(now) != 1 else now[0]
        if same in position:
            found[:, position[same]] |= said[:, j]
    return found


def _classes(names: np.ndarray, truth: np.ndarray, said: np.ndarray, replies: np.ndarray) -> list[dict[str, Any]]:
    n = truth.sum(0)
    hits, others = (truth & said).sum(0), (truth & replies).sum(0)
    seen = np.flatnonzero(n)
    order = seen[np.argsort(-np.abs((hits - others)[seen]), kind="stable")]
    return [
        {"name": names[i], "n": n[i], "recall": hits[i] / n[i], "recall_other": others[i] / n[i]}
        for i in order.tolist()
    ]


def _named(names: np.ndarray, flags: np.ndarray) -> list[str]:
    return [str(n) for n in names[flags]]
