"""How sure a span model is, and from which probability on a span is an answer: both from validation texts alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize

from homegrown.inference.span_base import SpanReadout
from homegrown.inference.span_decoding import choose
from homegrown.metrics.calibration import calibration
from homegrown.metrics.spans import span_scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.core.spans import ScoredSpan, Span

LINES = np.round(np.arange(0.1, 0.71, 0.025), 3)
LEAST_SPANS = 20
# As if so many spans had come out as they were promised: few validation spans move the promise little.
PRIOR = 4.0


def fit_readout(
    raw: Sequence[Sequence[ScoredSpan]],
    truth: Sequence[Sequence[Span]],
    absent: np.ndarray | None = None,
    types: Sequence[str] = (),
) -> SpanReadout:
    """Calibrate raw candidates by what is true, and draw the line where most F1 is found.

    Args:
        raw: candidates of each text.
        truth: spans of each text.
        absent: float [n, n_types], how probable it is that a text has none of a type.
        types: their names.

    The best line for F1 is not a half but about half of the F1 that can be reached (Lipton, Elkan, Naryanaswamy 2014,
    "Optimal Thresholding of Classifiers to Maximize F1 Measure", theorem 1): where much is missed, a doubtful answer
    pays.
    """
    probs, right = _flat(raw, truth)
    if right.sum() < LEAST_SPANS:
        return SpanReadout()
    slope, offset = _platt(probs, right)
    none = (1.0, 0.0)
    if absent is not None:
        there = np.array([[any(s.type == t for s in spans) for t in types] for spans in truth], bool)
        none = _platt(np.clip(absent, 1e-6, 1 - 1e-6).ravel(), ~there.ravel())
    readout = SpanReadout(slope, offset, none_slope=none[0], none_offset=none[1])
    smooth = _f1_by_line(_reread(readout, raw), truth)
    return replace(readout, line=float(LINES[int(np.argmax(smooth))]))


def best_f1(raw: Sequence[Sequence[ScoredSpan]], truth: Sequence[Sequence[Span]]) -> float:
    """F1 of raw candidates at the line at which most is found."""
    return float(_f1_by_line(raw, truth).max())


def _f1_by_line(found: Sequence[Sequence[ScoredSpan]], truth: Sequence[Sequence[Span]]) -> np.ndarray:
    """Float [n], for each of ``LINES``; neighbours are averaged, for the best of many is otherwise the luckiest."""
    each = [_f1([choose(c, line) for c in found], truth) for line in LINES]
    return np.convolve(np.pad(each, 2, mode="edge"), np.ones(5) / 5, mode="valid")


def _platt(probs: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    odds = np.log(probs / (1 - probs))

    def loss(x: np.ndarray) -> float:
        z = np.clip(x[0] * odds + x[1], -30, 30)
        return float((np.logaddexp(0, z) - right * z).sum()) + PRIOR * float((x[0] - 1) ** 2 + x[1] ** 2)

    slope, offset = minimize(loss, np.array([1.0, 0.0]), method="Nelder-Mead").x
    return float(max(slope, 0.05)), float(offset)


def report_spans(
    readout: SpanReadout, raw: Sequence[Sequence[ScoredSpan]], truth: Sequence[Sequence[Span]]
) -> dict[str, Any]:
    """What a model finds on texts that it did not learn from: F1 with its interval, by type, and its calibration."""
    read = _reread(readout, raw)
    answer = [choose(c, readout.line) for c in read]
    scores = span_scores(truth, answer, resamples=400)
    probs, right = _flat(answer, truth)
    sure = calibration(probs, right, resamples=100)
    micro = scores.micro
    return {
        "f1": micro.f1,
        "f1_ci95": list(micro.f1_ci95),
        "precision": micro.precision,
        "recall": micro.recall,
        "n": len(truth),
        "n_spans": micro.n_true,
        "by_type": {k: {"f1": s.f1, "f1_ci95": list(s.f1_ci95), "n": s.n_true} for k, s in scores.by_type.items()},
        "ece": sure.ece,
        "line": readout.line,
        "right": _right(answer, truth),
    }


def _right(answer: Sequence[Sequence[Span]], truth: Sequence[Sequence[Span]]) -> list[bool]:
    """Of each text and each type that is true in any: whether exactly its spans were found."""
    types = sorted({s.type for spans in truth for s in spans})

    def places(spans: Sequence[Span], type: str) -> set[tuple[int, int]]:
        return {(s.start, s.end) for s in spans if s.type == type}

    return [places(a, t) == places(b, t) for a, b in zip(answer, truth, strict=True) for t in types]


def _reread(readout: SpanReadout, raw: Sequence[Sequence[ScoredSpan]]) -> list[list[ScoredSpan]]:
    told = iter(readout.read(np.array([s.prob for spans in raw for s in spans])).tolist())
    return [[type(s)(s.start, s.end, s.type, next(told)) for s in spans] for spans in raw]


def _flat(found: Sequence[Sequence[ScoredSpan]], truth: Sequence[Sequence[Span]]) -> tuple[np.ndarray, np.ndarray]:
    probs, right = [], []
    for spans, true in zip(found, truth, strict=True):
        known = {(s.start, s.end, s.type) for s in true}
        probs += [s.prob for s in spans]
        right += [(s.start, s.end, s.type) in known for s in spans]
    return np.clip(np.array(probs, float), 1e-6, 1 - 1e-6), np.array(right, bool)


def _f1(answer: Sequence[Sequence[Span]], truth: Sequence[Sequence[Span]]) -> float:
    both = sum(
        len({(s.start, s.end, s.type) for s in a} & {(s.start, s.end, s.type) for s in t})
        for a, t in zip(answer, truth, strict=True)
    )
    return 2 * both / max(sum(map(len, answer)) + sum(map(len, truth)), 1)
