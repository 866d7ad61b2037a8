"""The student or the incumbent? SWITCH, KEEP or NEED n MORE, valid however often one looks.

The question is the paired difference "student right minus incumbent right". Where the two answer alike it is 0,
whoever is
right: only calls on which they differ need a person.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from homegrown.errors import EmptyDataError, InputError
from homegrown.evaluate.sentences import percent
from homegrown.evaluate.slices import MIN_ROWS
from homegrown.metrics.intervals import wilson
from homegrown.metrics.sequential import MeanSequence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SWITCH, KEEP, NEED = "SWITCH", "KEEP", "NEED"
MARGIN = 0.02
LEVEL = 0.05
MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class Answers:
    """What both said of the same calls, oldest first.

    Attributes:
        student: of the model that may take over.
        incumbent: of the one that answers now.
        gold: what a person said; None where nobody did.
        weight: 1 / (chance of being drawn for a person) of the calls that were drawn, 0 of the others; None when no
            sample was drawn with stated chances.
        fields: values to slice by, by name of the field.
    """

    student: Sequence[str | None]
    incumbent: Sequence[str | None]
    gold: Sequence[str | None] | None = None
    weight: np.ndarray | None = None
    fields: Mapping[str, Sequence[str | None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Part:
    where: str
    field: str | None
    value: str | None
    rows: np.ndarray


def give_verdict(answers: Answers, *, margin: float = MARGIN, level: float = LEVEL) -> dict[str, Any]:
    """Say whether the student may take the incumbent's place.

    SWITCH when a loss of *margin* or more is refuted, overall and in every slice: a student that is worse by the
    margin gets it with a chance of at most *level*, however often one looks (slices need no correction, for all must
    pass: Berger 1982). KEEP when the student is surely worse, overall or in one slice; the chance that an equal one
    gets it, over all slices, is at most *level*. Else NEED, with the number of calls that would probably tell. See
    ``metrics.sequential``.

    Without any gold, each call on which they differ counts as the student's mistake; so it may say SWITCH, but never
    KEEP.

    Args:
        answers: the calls.
        margin: loss of accuracy that is borne, above 0 and below 1.
        level: chance of a wrong verdict that is borne, on either side.

    Returns:
        ``verdict, sentence, n_more, margin, level, against`` (``gold`` or ``incumbent``), ``n, n_differ, agreement,
        agreement_ci95, overall, slices, reasons, not_told, n_unused``.

    Raises:
        EmptyDataError: no call can be judged.
        InputError: a share is out of range, or the columns do not fit together.

    Example:
        >>> said = ["refund", "login"] * 500
        >>> give_verdict(Answers(said, said, said))["verdict"]
        'SWITCH'
    """
    if not (0 < margin < 1 and 0 < level < 0.5):
        raise InputError(f"The margin is {margin}; it is a share, above 0 and below 1: 0.02 bears two points of loss.")
    rows, values, n_open = differences(answers)
    if len(rows) == 0:
        raise EmptyDataError("No call can be judged: none has both answers and, where they are needed, gold.")
    parts, not_told = _parts(answers, rows)
    split = level / len(parts)
    highest = float(max(1.0, np.abs(values).max()))
    judged = [{**_judge(values[p.rows], highest, margin, level, split), "where": p.where, "field": p.field,
               "value": p.value} for p in parts]  # fmt: skip
    has_gold = answers.gold is not None
    same = np.array([answers.student[i] == answers.incumbent[i] for i in rows.tolist()])
    n_differ = int((~same).sum())
    if not has_gold:
        # What is missing then is not calls but gold for those on which they differ; where they never do, it is calls.
        judged = [
            p if p["verdict"] == SWITCH else {**p, "verdict": NEED, "n_more": n_differ or p["n_more"]} for p in judged
        ]
    if n_open:
        not_told.append(f"{n_open:,} calls wait behind the first that differs and that nobody has judged yet.")
    if not has_gold:
        not_told.append("There is no gold: each call on which they differ counts as the student's mistake.")
    return {
        **_conclude(judged, margin, n_differ, has_gold=has_gold),
        "margin": margin,
        "level": level,
        "against": "gold" if has_gold else "incumbent",
        "n": len(rows),
        "n_differ": n_differ,
        "agreement": float(same.mean()),
        "agreement_ci95": wilson(int(same.sum()), len(same)),
        "overall": judged[0],
        "slices": judged[1:],
        "not_told": not_told,
        "n_unused": len(answers.student) - len(rows),
        **_accuracies(answers, rows),
    }


def differences(a: Answers) -> tuple[np.ndarray, np.ndarray, int]:
    """Which calls count, int [k], their paired differences, float [k], and how many wait behind an open question."""
    n = len(a.student)
    gold = [None] * n if a.gold is None else a.gold
    if not n == len(a.incumbent) == len(gold):
        raise InputError("Student, incumbent and gold are not of the same number of calls.")
    there = np.array([s is not None and i is not None for s, i in zip(a.student, a.incumbent, strict=True)], bool)
    same = np.array([s == i for s, i in zip(a.student, a.incumbent, strict=True)], bool)
    if a.gold is None:
        return np.flatnonzero(there), np.where(same[there], 0.0, -1.0), 0
    known = np.array([g is not None for g in gold], bool)
    ahead = np.array([float(s == g) - float(i == g) for s, i, g in zip(a.student, a.incumbent, gold, strict=True)])
    if a.weight is None:
        return np.flatnonzero(there & known), ahead[there & known], 0
    weight = np.asarray(a.weight, float)
    if len(weight) != n or not np.isfinite(weight).all() or ((weight > 0) & (weight < 1)).any() or (weight < 0).any():
        raise InputError("Weights are 1 / (chance of being drawn): 0 for calls that were not drawn, else 1 or more.")
    waits = np.flatnonzero(there & ~same & (weight > 0) & ~known)
    end = int(waits[0]) if len(waits) else n
    rows = np.flatnonzero(there[:end])
    return rows, np.where(same | ~known, 0.0, weight * ahead)[rows], n - end


def _parts(a: Answers, rows: np.ndarray) -> tuple[list[_Part], list[str]]:
    found, not_told = [_Part("overall", None, None, np.arange(len(rows)))], []
    for name, values in a.fields.items():
        where: dict[str, list[int]] = {}
        for at, row in enumerate(rows.tolist()):
            where.setdefault(str(values[row]), []).append(at)
        small = [v for v, at in where.items() if len(at) < MIN_ROWS]
        found += [
            _Part(f"where {name} is {v}", name, v, np.array(at)) for v, at in sorted(where.items()) if v not in small
        ]
        if small:
            n_small = sum(len(where[v]) for v in small)
            not_told.append(f"{n_small:,} calls are of values of {name!r} with fewer than {MIN_ROWS} calls each.")
    return found, not_told


def sequence(highest: float, margin: float, levels: tuple[float, float] = (LEVEL, LEVEL)) -> MeanSequence:
    """The running comparison, before the first call; no weighted difference is larger than *highest*."""
    return MeanSequence(-highest, highest, aim=margin, marks=(-margin, 0.0), within=(-1.0, 1.0), levels=levels)


def _judge(values: np.ndarray, highest: float, margin: float, level: float, level_keep: float) -> dict[str, Any]:
    seen = sequence(highest, margin, (level, level_keep))
    seen.update(values)
    enough, enough_keep = float(np.log(1 / level)), float(np.log(1 / level_keep))
    bears, loses = seen.evidence_above(-margin), seen.evidence_below(0.0)
    # A loss that is sure and within the margin is borne: that is what a margin means.
    if bears >= enough and seen.evidence_below(-margin) < enough_keep:
        said, n_more = SWITCH, None
    elif loses >= enough_keep:
        said, n_more = KEEP, None
    else:
        said, n_more = NEED, _n_more(seen, margin, enough - bears, enough_keep - loses)
    low, high = seen.interval(level)
    return {
        "verdict": said,
        "n_more": n_more,
        "n": seen.n,
        "difference": seen.mean,
        "interval": (min(low, high), max(low, high)),
    }


def _n_more(seen: MeanSequence, margin: float, to_switch: float, to_keep: float) -> int:
    """Calls until one of both is probably told, if new ones are as these: evidence grows by gap² / (2 spread²) a call.

    (Waudby-Smith and Ramdas 2024, appendix on growth rates.) One unit is added, so that it suffices more often than
    not.
    """
    wanted = []
    # A few calls say little of the mean: it is drawn towards 0 as if 100 more had shown no difference.
    mean = seen.mean * seen.n / (seen.n + 100)
    for gap, missing in ((mean + margin, to_switch), (-mean, to_keep)):
        if gap > margin / 10:
            wanted.append((missing + 1) * 2 * (seen.variance + gap**2) / gap**2)
    return int(np.clip(np.ceil(min(wanted)), 1, MOST))


def _conclude(parts: list[dict[str, Any]], margin: float, n_differ: int, *, has_gold: bool) -> dict[str, Any]:
    lost = [p for p in parts if p["verdict"] == KEEP]
    waiting = [p for p in parts if p["verdict"] == NEED]
    said = KEEP if lost else NEED if waiting else SWITCH
    n_more = max(p["n_more"] or 1 for p in waiting) if said == NEED else None
    shown = f"{100 * margin:g} points"
    if said == SWITCH:
        every = " and in every slice" if len(parts) > 1 else ""
        reasons = [f"A loss of {shown} or more is ruled out overall{every}: {_facts(parts[0])}."]
    elif said == KEEP:
        reasons = [f"The student is worse {p['where']}: {_facts(p)}." for p in lost]
    else:
        reasons = [f"A loss of {shown} cannot be ruled out {p['where']}: {_facts(p)}." for p in waiting]
        if has_gold or not n_differ:
            reasons.append(f"About {n_more:,} more calls would probably tell.")
        else:
            reasons.append("Let a person say who is right where they differ; that may tell at once.")
    head = f"NEED {n_more:,} MORE" if said == NEED else said
    return {"verdict": said, "n_more": n_more, "reasons": reasons, "sentence": f"{head}. {reasons[0]}"}


def _facts(p: dict[str, Any]) -> str:
    low, high = (100 * x for x in p["interval"])
    return f"{100 * p['difference']:+.1f} points, between {low:+.1f} and {high:+.1f}, n = {p['n']:,}"


def _accuracies(a: Answers, rows: np.ndarray) -> dict[str, Any]:
    """Accuracy of both on gold, where no weights stand in between."""
    if a.gold is None or a.weight is not None:
        return {"student_accuracy": None, "incumbent_accuracy": None}
    gold, n = a.gold, len(rows)
    found = {}
    for name, said in (("student", a.student), ("incumbent", a.incumbent)):
        right = sum(said[i] == gold[i] for i in rows.tolist())
        found[f"{name}_accuracy"] = right / n
        found[f"{name}_accuracy_ci95"] = wilson(right, n)
    return found


def lines(found: dict[str, Any]) -> list[str]:
    """The verdict for a terminal."""
    low, high = found["agreement_ci95"]
    said = [found["sentence"], *found["reasons"][1:], ""]
    said.append(
        f"They agree on {percent(found['agreement'])} of {found['n']:,} calls (95% interval {percent(low)} to "
        f"{percent(high)})."
    )
    if found["student_accuracy"] is not None:
        said.append(
            f"Right against gold: student {percent(found['student_accuracy'])}, incumbent "
            f"{percent(found['incumbent_accuracy'])}."
        )
    said += [f"{p['verdict']}: {p['field']} {p['value']}: {_facts(p)}" for p in found["slices"]]
    for one in found.get("fields", ()):
        low, high = one["agreement_ci95"]
        judged = f"; {_facts(one)}" if one["against"] == "gold" else ""
        said.append(
            f"{one['verdict']}: {one['field']}: they agree on {percent(one['agreement'])} of {one['n']:,} (95% "
            f"interval {percent(low)} to {percent(high)}){judged}."
        )
    said += found["not_told"]
    said.append(
        f"Each bound is wrong with a chance of at most {percent(found['level'])}, however often one looks "
        f"(margin {100 * found['margin']:g} points)."
    )
    return said
