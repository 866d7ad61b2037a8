"""The comparison of two models as it ran: what was known after so many calls; and where the one loses."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from homegrown.core.traces import AT_HOME
from homegrown.evaluate.verdict import LEVEL, MARGIN, differences, sequence
from homegrown.metrics.intervals import wilson
from homegrown.metrics.sequential import BATCH

if TYPE_CHECKING:
    from homegrown.evaluate.shadowed import Pair, Shadowed
    from homegrown.evaluate.verdict import Answers

POINTS = 60
_MOST_VALUES = 20
_FEWEST = 5


@dataclass(frozen=True, slots=True)
class Point:
    """After *n* calls: the mean paired difference, and its interval, which holds at all points together."""

    n: int
    difference: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Where:
    """Calls that have something in common.

    Attributes:
        field: a tag's name; empty for the class that our model said.
        n_same: of *n*, those on which both agree; *agreement_ci95* is of that share.
        n_lost: those on which a person found the upstream right and our model wrong; *n_won* the other way round.
    """

    field: str
    value: str
    n: int
    n_same: int
    agreement_ci95: tuple[float, float]
    n_lost: int
    n_won: int


def running(answers: Answers, *, margin: float = MARGIN, level: float = LEVEL, points: int = POINTS) -> list[Point]:
    """The confidence sequence of ``give_verdict`` over all calls, at up to *points* moments; the last is its own.

    Example:
        >>> from homegrown.evaluate.verdict import Answers
        >>> said = ["refund", "login"] * 500
        >>> drawn = running(Answers(said, said, said), points=4)
        >>> [p.n for p in drawn], drawn[-1].low > -0.02
        ([250, 500, 750, 1000], True)
    """
    _, values, _ = differences(answers)
    if not len(values):
        return []
    seen = sequence(float(max(1.0, np.abs(values).max())), margin, (level, level))
    step = BATCH * max(1, round(len(values) / points / BATCH))
    found = []
    for start in range(0, len(values), step):
        seen.update(values[start : start + step])
        low, high = sorted(seen.interval(level))
        found.append(Point(seen.n, seen.mean, low, high))
    return found


def telling(found: Shadowed) -> list[str]:
    """Names of the tags of calls that a verdict can be sliced by: those with a few values each, in order."""
    values: dict[str, set[str]] = defaultdict(set)
    for pair in found.pairs:
        for name, value in pair.tags.items():
            if name != AT_HOME:
                values[name].add(value)
    return sorted(name for name, some in values.items() if 1 < len(some) <= _MOST_VALUES)


def where(found: Shadowed, most: int = 12) -> list[Where]:
    """Where the two differ most, by the class that our model said and by tags of calls; the most differing first."""
    groups: dict[tuple[str, str], list[Pair]] = defaultdict(list)
    for pair in found.pairs:
        if not pair.fields:
            groups["", pair.answer or "none of these"].append(pair)
        for name, value in pair.tags.items():
            groups[name, value].append(pair)
    tags = telling(found)
    rows = [
        _of(field, value, pairs)
        for (field, value), pairs in groups.items()
        if len(pairs) >= _FEWEST and (not field or field in tags)
    ]
    rows = [r for r in rows if r.n_same < r.n]
    return sorted(rows, key=lambda r: (-(r.n_lost - r.n_won), -(r.n - r.n_same), r.field, r.value))[:most]


def _of(field: str, value: str, pairs: list[Pair]) -> Where:
    n, n_same = len(pairs), sum(p.agrees for p in pairs)
    judged = [p for p in pairs if p.gold is not None and not p.agrees]
    n_lost = sum(p.upstream == p.gold and (p.answer or "") != p.gold for p in judged)
    n_won = sum(p.upstream != p.gold and (p.answer or "") == p.gold for p in judged)
    return Where(field, value, n, n_same, wilson(n_same, n), n_lost, n_won)
