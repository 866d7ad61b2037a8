"""Two ways to answer with objects on the same rows: which is better, on whole objects and on which fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from homegrown.core.said import meaning_of
from homegrown.errors import EmptyDataError, InputError
from homegrown.evaluate.answers import learnt_from
from homegrown.evaluate.object_document import FieldGap, ObjectOpponent
from homegrown.evaluate.object_rows import ask, object_rows
from homegrown.evaluate.opponents import row_by_row, verdict_of
from homegrown.evaluate.sentences import compared
from homegrown.metrics.exact import holm
from homegrown.metrics.objects import object_scores
from homegrown.metrics.paired import mcnemar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.core.models import ModelVersion
    from homegrown.core.protocols import ObjectPredictor
    from homegrown.core.schema import Field
    from homegrown.evaluate.object_rows import ObjectRows
    from homegrown.metrics.objects import ObjectScores
    from homegrown.store import Store

DIFFERING = 50


def object_against(
    kind: str,
    name: str,
    fields: Sequence[Field],
    ours: ObjectScores,
    theirs: ObjectScores,
    seconds: float | None = None,
) -> ObjectOpponent:
    """Compare row by row: whole objects, and each field by itself.

    Args:
        kind: of the other: ``frequent``, ``patterns``, ``model``.
        name: of the other.
        fields: that both were scored on, in the order of the scores.
        ours: of the rows.
        theirs: of the same rows.
        seconds: that making the other took.
    """
    judged, right = ours.whole
    found = row_by_row(right[judged], theirs.whole[1][judged])
    return ObjectOpponent(kind=kind, name=name, fields=tuple(_gaps(fields, ours, theirs)), seconds=seconds, **found)


def _gaps(fields: Sequence[Field], ours: ObjectScores, theirs: ObjectScores) -> list[FieldGap]:
    pairs = [mcnemar(ours.right[k][known], theirs.right[k][known]) for k, known in enumerate(ours.known)]
    adjusted = holm(np.array([p.p_value for p in pairs])) if pairs else []
    return [
        FieldGap(
            name=one.name,
            n=pair.n,
            ours=(pair.n_both + pair.n_first) / max(1, pair.n),
            theirs=(pair.n_both + pair.n_second) / max(1, pair.n),
            difference=pair.difference,
            difference_ci95=pair.difference_ci95,
            n_only_ours=pair.n_first,
            n_only_theirs=pair.n_second,
            p_holm=float(p),
            verdict=verdict_of(pair.difference, float(p)),
        )
        for one, pair, p in zip(fields, pairs, adjusted, strict=True)
    ]


def compare_objects(
    store: Store,
    first: tuple[ModelVersion, ObjectPredictor],
    second: tuple[ModelVersion, ObjectPredictor],
    *,
    split: str = "test",
) -> dict[str, Any]:
    """Compare *first* with *second* on the rows of the first one's split that the second never learnt from.

    Fields are matched by id, so renamed ones stay the same; one that only one of the two answers is "not there" in the
    other's answers.

    Returns:
        ``sentence``, ``opponent`` (an ``ObjectOpponent``), ``n_left_out`` (rows that the second one learnt from),
        ``n_better`` and ``n_worse`` (documents with more, and with fewer, right fields than the second's), ``differ``:
        of up to ``DIFFERING`` of them the record id, ``change`` (``better``, ``worse``, ``other``) and the names of the
        fields that are ``better``, ``worse`` and ``other`` (both wrong, in different ways); the worse ones first.

    Raises:
        InputError: the two answer different tasks.
        EmptyDataError: the second learnt from every row of the split, or nobody looked at any of the fields.
    """
    (ours, model), (theirs, other) = first, second
    if ours.task_id != theirs.task_id:
        raise InputError(f"{ours.model_name} and {theirs.model_name} answer different tasks; they cannot be compared.")
    rows = object_rows(store, ours.snapshot_id, split)
    fair = np.flatnonzero(~learnt_from(store, theirs, rows)).tolist()
    if not fair:
        raise EmptyDataError(f"{theirs.model_name} learnt from every row of this split: there is no fair comparison.")
    texts, truth = [rows.texts[i] for i in fair], [rows.values[i] for i in fair]
    said = [ask(one, texts) for one in (model, other)]
    task = store.tasks.get(ours.task_id)
    learnt = {f.field_id for s, m in zip(said, (model, other), strict=True) for f in s.learnt(m.fields)}
    fields = tuple(f for f in task.fields if f.field_id in learnt)
    mine, his = (object_scores(fields, truth, s.values, texts=texts) for s in said)
    if not mine.known.any():
        raise EmptyDataError(f"Nobody looked at any of these fields in the {split} split: there is nothing to compare.")
    name = f"{theirs.model_name}@{theirs.number} ({theirs.recipe})"
    opponent = object_against("model", name, fields, mine, his)
    differ = _differing(fields, mine, his, [s.values for s in said], rows, fair)
    found = {
        "sentence": _sentence(f"{ours.model_name}@{ours.number}", name, opponent),
        "opponent": opponent,
        "n_left_out": len(rows) - len(fair),
        "n_better": sum(d["change"] == "better" for d in differ),
        "n_worse": sum(d["change"] == "worse" for d in differ),
        "differ": differ[:DIFFERING],
    }
    return msgspec.json.decode(msgspec.json.encode(found))


def _differing(
    fields: Sequence[Field],
    mine: ObjectScores,
    his: ObjectScores,
    values: list[list[dict[str, Any]]],
    rows: ObjectRows,
    fair: list[int],
) -> list[dict[str, Any]]:
    found = []
    for j, i in enumerate(fair):
        names: dict[str, list[str]] = {"better": [], "worse": [], "other": []}
        for k, one in enumerate(fields):
            if not mine.known[k, j]:
                continue
            a, b = bool(mine.right[k, j]), bool(his.right[k, j])
            keys = [meaning_of(one, v[j].get(one.field_id), rows.texts[i]) for v in values]
            if a != b:
                names["better" if a else "worse"].append(one.name)
            elif not a and keys[0] != keys[1]:
                names["other"].append(one.name)
        if any(names.values()):
            gain = len(names["better"]) - len(names["worse"])
            change = "better" if gain > 0 else "worse" if gain < 0 else "other"
            found.append({"record_id": rows.record_ids[i], "change": change, **names})
    return sorted(found, key=lambda d: ("worse", "better", "other").index(d["change"]))


def _sentence(ours: str, theirs: str, o: ObjectOpponent) -> str:
    gains = [
        f"{g.name} {100 * g.difference:+.1f} points".replace("-", "−") for g in o.fields if g.verdict != "undecided"
    ]
    fields = f" By field: {', '.join(gains)}." if gains else ""
    return compared(ours, theirs, o, " of whole objects") + fields
