"""What validation data say about a candidate: its accuracy, its temperature, its line to "none of these"."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.stats import beta

from homegrown.inference.readout import Readout, scope_score, softmax
from homegrown.metrics.intervals import wilson

if TYPE_CHECKING:
    from homegrown.core.models import Examples

REJECT_SHARE = 0.003
SURE = 0.75


def with_none_column(probs: np.ndarray) -> np.ndarray:
    """*probs* with one more column that holds the mass that no class has: 1 for an out-of-scope row."""
    return np.hstack([probs, np.clip(1.0 - probs.sum(1, keepdims=True), 0.0, 1.0)]).astype(np.float32)


def right(logits: np.ndarray, probs: np.ndarray, *, multi: bool) -> np.ndarray:
    """Whether each row's answer is its label; bool [n]. Out-of-scope rows (no mass) are never right here.

    Many classes are compared as sets.
    """
    n_classes = probs.shape[1]
    if multi:
        return ((logits[:, :n_classes] > 0) == (probs > 0.5)).all(1)
    return (logits[:, :n_classes].argmax(1) == probs.argmax(1)) & (probs.sum(1) > 0)


def fit_readout(
    logits: np.ndarray, probs: np.ndarray, *, multi: bool, none_column: bool, reject: float = REJECT_SHARE
) -> Readout:
    """Calibrate on held-out logits.

    The temperature minimises the log loss. The line to "none of these" is drawn where at most the share *reject* of
    the rows that are answered rightly would be turned away; it needs no out-of-scope examples.

    Args:
        logits: float32 [n, n_classes (+ 1)], from a model that did not see these rows.
        probs: float32 [n, n_classes], all zero for out-of-scope rows.
        multi: many classes per row.
        none_column: logits carry the extra column.
        reject: share of right answers that may be lost.
    """
    target = with_none_column(probs) if none_column else probs
    rows = np.ones(len(probs), bool) if multi else target.sum(1) > 0
    temperature = _temperature(logits[rows], target[rows], multi=multi) if rows.any() else 1.0
    score = scope_score(logits, multi=multi, none_column=none_column)
    inside = score[right(logits, probs, multi=multi)]
    if len(inside) < 5:
        return Readout(temperature, multi, none_column)
    scale = float(max(inside.std(), 1e-3))
    return Readout(temperature, multi, none_column, float(np.quantile(inside, reject)), scale)


def transfer(readout: Readout, teacher: np.ndarray, student: np.ndarray) -> Readout:
    """*readout*, calibrated for the teacher, made to fit its student: no labelled row is left that it did not learn.

    The student's temperature minimises the log loss against the teacher's calibrated probabilities; as the student is
    the better of the two, this errs towards too little confidence. The line to "none of these" goes where it turns
    away the same share of texts as the teacher's does.

    Args:
        readout: fitted to the teacher's logits.
        teacher: float32 [n, n_outputs], its logits on unlabelled texts that neither learnt from.
        student: the same of the student.
    """
    scaled = teacher / np.float32(readout.temperature)
    target = 1 / (1 + np.exp(-scaled)) if readout.multi else softmax(scaled)
    fitted = replace(readout, temperature=_temperature(student, target, multi=readout.multi))
    kinds = {"multi": readout.multi, "none_column": readout.none_column}
    before, after = scope_score(teacher, **kinds), scope_score(student, **kinds)
    turned_away = float((before < readout.scope_center).mean())
    ratio = float(after.std() / max(before.std(), 1e-6))
    center = float(np.quantile(after, turned_away)) if turned_away else float(after.min())
    return replace(fitted, scope_center=center, scope_scale=max(readout.scope_scale * ratio, 1e-3))


def _temperature(logits: np.ndarray, target: np.ndarray, *, multi: bool) -> float:
    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        if multi:
            return float((np.logaddexp(0.0, scaled) - scaled * target).mean())
        return float(-(target * np.log(softmax(scaled) + 1e-12)).sum(1).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded").x))


def judge(readout: Readout, logits: np.ndarray, examples: Examples) -> dict[str, Any]:
    """The report of a candidate on held-out rows.

    Returns:
        ``accuracy, accuracy_ci95, n, temperature, scope`` (what the line turns away, rightly and wrongly).
    """
    inside = np.ones(len(examples), bool) if readout.multi else examples.probs.sum(1) > 0
    hits = right(logits, examples.probs, multi=readout.multi)[inside]
    answers = readout.read(logits)
    accepted = answers.in_scope >= readout.threshold
    scope: dict[str, Any] = {"turned_away": float(1 - accepted[inside].mean()) if inside.any() else 0.0}
    scope["accuracy_with_reject"] = float((hits & accepted[inside]).mean()) if inside.any() else 0.0
    if (~inside).any():
        scope["out_of_scope_recall"] = float(1 - accepted[~inside].mean())
        scope["n_out_of_scope"] = int((~inside).sum())
    n = int(inside.sum())
    low, high = wilson(float(hits.sum()), n)
    return {
        "accuracy": float(hits.mean()) if n else 0.0,
        "accuracy_ci95": [low, high],
        "n": n,
        "temperature": readout.temperature,
        "scope": scope,
    }


def worth_it(
    before: np.ndarray, after: np.ndarray, least_gain: float, *, sure: float = SURE, other: str = "before"
) -> tuple[bool, str]:
    """Whether a larger model is worth it, from who was right on each of the same rows; bool [n] each.

    Taken when it gains at least *least_gain* and is the better one with probability *sure*, by the rows on which
    exactly one of the two is right (the rows of McNemar 1947) under a uniform prior. With few labels there are too few
    validation rows to show anything; then the larger number is enough. With weak ones rightness is agreement with
    votes, of which some are wrong: then more is asked for.

    Example:
        >>> worth_it(np.array([True] * 90 + [False] * 10), np.array([True] * 98 + [False] * 2), 0.003)[0]
        True
    """
    wins, losses, n = int((after & ~before).sum()), int((before & ~after).sum()), len(before)
    gain = (wins - losses) / n if n else 0.0
    better = float(beta.sf(0.5, wins + 1, losses + 1))
    taken = gain >= least_gain and better >= sure
    word = "taken" if taken else "not worth it"
    return taken, f"{word}: {wins} won, {losses} lost to {other} on {n} rows ({gain:+.1%}, better with {better:.0%})"
