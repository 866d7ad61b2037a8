"""A challenger against the champion on a frozen gold snapshot: SWITCH, KEEP, or NEED n MORE."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from homegrown.errors import EmptyDataError, InputError
from homegrown.evaluate import people
from homegrown.evaluate.answers import Rows, answer, learnt_from, split_rows
from homegrown.evaluate.slices import MIN_ROWS, parts_of
from homegrown.metrics.noninferior import LOSES, OPEN, NonInferior, non_inferior

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.core.models import ModelVersion, Snapshot
    from homegrown.core.protocols import Predictor
    from homegrown.core.tasks import Task
    from homegrown.store import Store

SWITCH, KEEP, NEED = "SWITCH", "KEEP", "NEED"
NONE_LEFT = "No row of the gold snapshot is left that neither model learnt from: freeze a new one."


def challenge(
    store: Store,
    champion: tuple[ModelVersion, Predictor],
    challenger: tuple[ModelVersion, Predictor],
    *,
    gold: str,
    margin: float,
    slices: Sequence[str] = (),
) -> dict[str, Any]:
    """May *challenger* take the champion's place? Only with no loss beyond *margin*, overall and on every slice.

    Both answer the test rows of the snapshot *gold* that neither learnt from; "none of these" is an answer too. What
    classes became since counts as the same: a merged class is what it became, and of one that was split the whole is as
    right as its part, for both.

    Where an upstream's answers are labels, what people say of a row judges it, whatever was frozen. Where both models
    answer alike nobody has to say who is right. Rows on which they differ and that nobody has judged are judged by the
    upstream, which tells against a student that is better than it: a loss there is a reason to ask, not to refuse.

    Args:
        store: the workspace.
        champion: the version that stands, loaded.
        challenger: the new one, loaded.
        gold: id of the snapshot.
        margin: loss of accuracy that is borne, above 0 and below 1.
        slices: names of fields; every value with at least ``slices.MIN_ROWS`` rows is a slice.

    Returns:
        ``verdict, n_more, margin, overall, slices, reasons, not_told, n_left_out``; ``against`` (``gold``, ``upstream``
        or ``both``), ``n_gold`` rows whose label somebody vouched for, ``to_judge``: ids of the records on which the
        two differ and that nobody has judged.

    Raises:
        EmptyDataError: no gold row is left to judge on.
        MissingColumnError: the records have no such field.
    """
    snapshot, task = gold_of(store, champion[0], gold, margin)
    frozen = store.tasks.get(snapshot.task_id, snapshot.task_version)
    rows = split_rows(store, gold, "test", multi=champion[0].multi)
    fair = ~learnt_from(store, champion[0], rows) & ~learnt_from(store, challenger[0], rows)
    fair &= ~rows.truth.any(1) | (rows.truth @ np.array([bool(task.meaning(c)) for c in frozen.class_ids], bool))
    if not fair.any():
        raise EmptyDataError(NONE_LEFT)
    is_gold, said_by_people = people.gold(store, task, rows.record_ids)
    truth = _Truth.of(task, frozen, rows, said_by_people)
    said = [_said(task, truth, rows, *one) for one in (champion, challenger)]
    old, new = (right[fair] for right, _ in said)
    waits = fair & ~is_gold & (said[0][1] != said[1][1]).any(1)
    overall = non_inferior(new, old, margin)
    parts, not_told = _parts(rows, slices, fair, new, old, margin)
    found = {**_verdict(overall, parts, margin), "not_told": not_told, "n_left_out": int((~fair).sum())}
    return found | judged_by(found, fair, is_gold, [rows.record_ids[i] for i in np.flatnonzero(waits)])


def gold_of(store: Store, champion: ModelVersion, gold: str, margin: float) -> tuple[Snapshot, Task]:
    """The gold snapshot, and the task as it is now.

    Raises:
        InputError: the margin is none, or the snapshot is of another task.
    """
    if not 0 < margin < 1:
        raise InputError(f"The margin is {margin}; it is a share, above 0 and below 1: 0.01 bears one point of loss.")
    snapshot, task = store.models.snapshot(gold), store.tasks.get(champion.task_id)
    if snapshot.task_id != task.task_id:
        raise InputError(f"The snapshot {gold} is of another task than {champion.model_name}.")
    return snapshot, task


@dataclass(frozen=True, slots=True)
class _Truth:
    """What rows are: bool [n, k], the classes as they were frozen, then those that the task has now."""

    class_ids: tuple[str, ...]
    flags: np.ndarray

    @classmethod
    def of(cls, task: Task, frozen: Task, rows: Rows, said: dict[str, frozenset[str]]) -> _Truth:
        """The frozen labels, those of the records in *said* by what people say."""
        now = np.zeros((len(rows.record_ids), len(task.class_ids)), bool)
        flags = np.hstack([rows.truth, now])
        for i, record_id in enumerate(rows.record_ids):
            if record_id in said:
                flags[i] = [*[False] * len(frozen.class_ids), *[c in said[record_id] for c in task.class_ids]]
        return cls((*frozen.class_ids, *task.class_ids), flags)


def _said(
    task: Task, truth: _Truth, rows: Rows, version: ModelVersion, model: Predictor
) -> tuple[np.ndarray, np.ndarray]:
    """Which rows a model gets right, bool [n], by what its classes and the true ones mean now; and what it says.

    The latter by the classes of the task, bool [n, n_classes].
    """
    meant = [[set(task.meaning(c)) for c in ids] for ids in (truth.class_ids, version.class_ids)]
    same = np.array([[bool(a & b) for b in meant[1]] for a in meant[0]], bool)
    said = answer(model, rows).said
    # Every true class is met by an answer, and every answer by a true class.
    missed = truth.flags & ~(said @ same.T)
    wrong = said & ~(truth.flags @ same)
    means = np.array([[c in ids for c in task.class_ids] for ids in meant[1]], bool)
    return np.asarray(~missed.any(1) & ~wrong.any(1)), said @ means


def judged_by(found: dict[str, Any], fair: np.ndarray, is_gold: np.ndarray, to_judge: list[str]) -> dict[str, Any]:
    """Whose word the verdict rests on; a loss by the upstream's word alone is a question to people.

    Args:
        found: the verdict.
        fair: bool [n], rows that count.
        is_gold: bool [n], those whose label somebody vouched for.
        to_judge: ids of the records on which the two differ and that nobody has judged.
    """
    n, n_gold = int(fair.sum()), int((fair & is_gold).sum())
    facts: dict[str, Any] = {"n_gold": n_gold, "to_judge": to_judge}
    facts["against"] = "gold" if n_gold == n or not to_judge else "both" if n_gold else "upstream"
    if not to_judge:
        return facts
    waits = (
        f"The two differ on {len(to_judge):,} records that nobody has judged; there the upstream's answer counts as "
        "right, which tells against a model that is better than it. Let people say what these are."
    )
    facts["not_told"] = [*found["not_told"], waits]
    if found["verdict"] == KEEP:
        facts |= {"verdict": NEED, "n_more": len(to_judge), "reasons": [*found["reasons"], waits]}
    return facts


def judged_rows(
    rows: Rows,
    fair: np.ndarray,
    new: np.ndarray,
    old: np.ndarray,
    *,
    margin: float,
    slices: Sequence[str],
    more: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """The verdict on rows of which it is known who is right.

    Args:
        rows: of the gold snapshot.
        fair: bool [n], those that count.
        new: bool [those], which the challenger gets right.
        old: likewise the champion.
        margin: as for ``challenge``.
        slices: likewise.
        more: further parts of which the verdict is known.
    """
    parts, not_told = _parts(rows, slices, fair, new, old, margin)
    return {**_verdict(non_inferior(new, old, margin), [*parts, *more], margin), "not_told": not_told}


def _parts(
    rows: Rows, fields: Sequence[str], fair: np.ndarray, new: np.ndarray, old: np.ndarray, margin: float
) -> tuple[list[dict[str, Any]], list[str]]:
    found, not_told = [], []
    place = np.cumsum(fair) - 1
    for field in fields:
        named, n_small = parts_of(rows, field, fair)
        if n_small:
            not_told.append(f"{n_small:,} rows are of values of {field!r} with fewer than {MIN_ROWS} rows each.")
        for value, members in named:
            at = place[members]
            found.append({"field": field, "value": value, **asdict(non_inferior(new[at], old[at], margin))})
    return found, not_told


def _verdict(overall: NonInferior, parts: list[dict[str, Any]], margin: float) -> dict[str, Any]:
    every = [("overall", asdict(overall)), *((f"where {p['field']} is {p['value']}", p) for p in parts)]
    lost = [(where, p) for where, p in every if p["verdict"] == LOSES]
    waiting = [(where, p) for where, p in every if p["verdict"] == OPEN]
    verdict = KEEP if lost else NEED if waiting else SWITCH
    reasons = [_lost(where, p) for where, p in lost] or [_open(where, p, margin) for where, p in waiting]
    return {
        "verdict": verdict,
        "n_more": max(p["n_more"] for _, p in waiting) if verdict == NEED else None,
        "margin": margin,
        "overall": every[0][1],
        "slices": parts,
        "reasons": reasons,
    }


def _points(p: dict[str, Any]) -> str:
    low, high = (100 * x for x in p["difference_ci95"])
    return f"{100 * p['difference']:+.1f} points, 95% interval {low:+.1f} to {high:+.1f}, n = {p['n']:,}"


def _lost(where: str, p: dict[str, Any]) -> str:
    return f"The challenger loses {where}: {_points(p)}."


def _open(where: str, p: dict[str, Any], margin: float) -> str:
    more = f"about {p['n_more']:,} more gold records would tell"
    return f"A loss of more than {100 * margin:g} points cannot be ruled out {where}: {_points(p)}; {more}."
