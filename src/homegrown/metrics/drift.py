"""Do the calls still look like those that a model was calibrated on?

Each call has a novelty (how little it looks like what was learnt) and a group (the class that was answered). A kind
of text that the model never saw is answered mostly as two or three of the classes it knows, and unsurely: so one
group receives unusually novel calls. One CUSUM per group, and one over all, looks for that (Page 1954, Biometrika
41:100; likelihood ratio of a mixture with a new kind, Lorden 1971, Annals of Mathematical Statistics 42:1897). Their
common threshold is set by simulating streams without drift from what the calibration says, its own uncertainty
included.
"""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from homegrown.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

#: shares of the calibration calls that count as novel, and as very novel
TAILS = (0.2, 0.05)
#: how a new kind is thought to fall on (known, novel, very novel): within its group, and over all
_WITHIN, _OVERALL = np.array([0.0, 0.4, 0.6]), np.array([0.1, 0.36, 0.54])
#: share of all calls that a new kind is thought to bring into one group, and in all
_SHARE, _SHARE_ALL = 0.03, 0.1
_PSEUDO = 2.0
#: what a step of 1 in cosine weighs beside one in the log-odds of in_scope; chosen on Banking77's training split
_NEAR = 6.7
#: calls become part of what is known only so much later, so that a new kind does not teach itself to be known
DELAY = 2000
_STREAMS = 1000


@dataclass(frozen=True, slots=True)
class Baseline:
    """What calls looked like at calibration.

    Attributes:
        edges: novelty above the first is novel, above the second very novel.
        groups: names of the groups; calls of others fall into one more.
        counts: [groups + 1][3], calls by group and by known, novel, very novel.
        threshold: of the CUSUMs.
        false_alarm: chance of an alarm within *horizon* calls that are like those of the calibration.
        horizon: calls.
    """

    edges: tuple[float, float]
    groups: tuple[str, ...]
    counts: tuple[tuple[int, int, int], ...]
    threshold: float
    false_alarm: float
    horizon: int


@dataclass(frozen=True, slots=True)
class Drift:
    """An alarm.

    Attributes:
        group: where it was seen; None when over all.
        n_calls: since it seems to have begun.
        n_novel: novel ones among them (in the group).
        expected: how many there would be without drift.
    """

    group: str | None
    n_calls: int
    n_novel: int
    expected: float

    @property
    def sentence(self) -> str:
        """For a person."""
        where = "" if self.group is None else f" that were answered {self.group!r}"
        return (
            f"Since {self.n_calls:,} calls, {self.n_novel:,}{where} looked unlike what the model knows; about "
            f"{self.expected:.0f} would be usual."
        )


def novelty(in_scope: np.ndarray, similarity: np.ndarray) -> np.ndarray:
    """How little calls look like what was learnt, float [n], from two views that miss different kinds of new texts.

    Args:
        in_scope: float [n] of the model: what its classes make of the text.
        similarity: float [n], cosine of the text's vector with the nearest one that the model learnt from.

    Example:
        >>> seen = novelty(np.array([0.9, 0.9, 0.2]), np.array([0.95, 0.6, 0.95]))
        >>> bool(seen[0] < seen[1] and seen[0] < seen[2])
        True
    """
    inside = np.clip(in_scope.astype(float), 1e-9, 1 - 1e-9)
    return -(np.log(inside / (1 - inside)) + _NEAR * similarity)


def baseline(
    novelty: np.ndarray,
    group: Sequence[str],
    *,
    false_alarm: float = 0.01,
    horizon: int = 20_000,
    seed: int = 0,
) -> Baseline:
    """Learn what is usual, and set the threshold.

    Args:
        novelty: float [n], higher means less like what was learnt (``novelty``, or 1 - in_scope), of calls that it did
            not learn from.
        group: the class that was answered, n names.
        false_alarm: chance of an alarm without drift within *horizon* calls.
        horizon: calls.
        seed: of the simulation.

    Raises:
        InputError: fewer than 100 calls.
    """
    n = len(novelty)
    if n < 100:
        raise InputError(f"{n} calls are too few to know what is usual; give at least 100.")
    edges = np.quantile(novelty, [1 - t for t in TAILS])
    names = tuple(sorted(set(group)))
    place = {name: i for i, name in enumerate(names)}
    counts = np.zeros((len(names) + 1, 3), int)
    np.add.at(counts, (np.array([place[g] for g in group]), np.searchsorted(edges, novelty, side="left")), 1)
    rows = tuple((int(a), int(b), int(c)) for a, b, c in counts.tolist())
    threshold = _simulated(rows, false_alarm, horizon, seed)
    return Baseline((float(edges[0]), float(edges[1])), names, rows, threshold, false_alarm, horizon)


@lru_cache(maxsize=16)
def _simulated(rows: tuple[tuple[int, int, int], ...], false_alarm: float, horizon: int, seed: int) -> float:
    """The threshold; the same calls give the same one, and are asked about again for each bound that one looks at."""
    return _threshold(np.array(rows, int), false_alarm, horizon, np.random.default_rng(seed))


class DriftMonitor:
    """Watches a stream; O(1) per call, its state is plain data.

    Args:
        usual: the baseline.
        state: what ``state`` gave before.
    """

    def __init__(self, usual: Baseline, state: dict[str, Any] | None = None) -> None:
        self.usual = usual
        self._place = {name: i for i, name in enumerate(usual.groups)}
        self._size = len(usual.groups) + 1
        kept = state or {}
        self.n = int(kept.get("n", 0))
        self._counts: list[list[int]] = [list(row) for row in kept.get("counts", usual.counts)]
        self._total = [sum(row[b] for row in self._counts) for b in range(3)]
        self._waiting: deque[list[int]] = deque(list(pair) for pair in kept.get("waiting", ()))
        # Per group, the last one over all: height of the CUSUM, when it was set, when it left 0, novel calls since.
        self._cusum: list[list[float]] = kept.get("cusum") or [[0.0, 0, 0, 0] for _ in range(self._size + 1)]
        self.alarm = Drift(**kept["alarm"]) if kept.get("alarm") else None

    def observe(self, novelty: float, group: str) -> Drift | None:
        """Take in a call; the alarm, once there is one."""
        if self.alarm is not None:
            return self.alarm
        at = self._place.get(group, self._size - 1)
        cell = int(novelty > self.usual.edges[0]) + int(novelty > self.usual.edges[1])
        self.n += 1
        n_known = sum(self._total)
        q = (self._counts[at][cell] + _PSEUDO) / (n_known + _PSEUDO * self._size * 3)
        every = self._total[cell] / n_known
        ratio = 1 - _SHARE + _SHARE * float(_WITHIN[cell]) / q
        ratio_all = 1 - _SHARE_ALL + _SHARE_ALL * float(_OVERALL[cell]) / max(every, 1e-3)
        self._step(at, ratio, 1 - _SHARE, cell > 0, self.usual.threshold + float(np.log(self._size)))
        self._step(self._size, ratio_all, 1.0, cell > 0, self.usual.threshold)
        self._learn(at, cell)
        return self.alarm

    def _step(self, at: int, ratio: float, rest: float, novel: bool, limit: float) -> None:
        """One CUSUM; calls of other groups since it was last set count as *rest* each."""
        height, when, began, n_novel = self._cusum[at]
        height += (self.n - 1 - when) * float(np.log(rest))
        if height <= 0:
            height, began, n_novel = 0.0, self.n - 1, 0
        height = max(0.0, height + float(np.log(ratio)))
        self._cusum[at] = [height, self.n, began, n_novel + novel]
        if height > limit and self.alarm is None:
            n_calls = int(self.n - began)
            known = self._total if at == self._size else self._counts[at]
            usual = n_calls * (known[1] + known[2]) / sum(self._total)
            name = None if at == self._size else (*self.usual.groups, "another class")[at]
            self.alarm = Drift(name, n_calls, int(n_novel + novel), usual)

    def _learn(self, at: int, cell: int) -> None:
        self._waiting.append([at, cell])
        if len(self._waiting) > DELAY:
            group, known = self._waiting.popleft()
            self._counts[group][known] += 1
            self._total[known] += 1

    def state(self) -> dict[str, Any]:
        """All that it must remember, as JSON values."""
        return {
            "n": self.n,
            "counts": [list(row) for row in self._counts],
            "waiting": [list(pair) for pair in self._waiting],
            "cusum": [list(row) for row in self._cusum],
            "alarm": asdict(self.alarm) if self.alarm else None,
        }


def _threshold(counts: np.ndarray, false_alarm: float, horizon: int, rng: np.random.Generator) -> float:
    """The height that streams without drift pass with the chance *false_alarm*.

    True rates are drawn from their posterior given the counts (Gamma, Jeffreys' prior), and of the stream only novel
    calls are drawn, by their gaps: in between a CUSUM just falls.
    """
    n, size = int(counts.sum()), len(counts)
    rates = rng.gamma(counts[:-1] + 0.5, 1.0 / n, (_STREAMS, size - 1, 3))
    highest = _highest(rates, counts[:-1], n, size, horizon, rng) - np.log(size)
    total = counts.sum(0)
    everywhere = rng.gamma(total + 0.5, 1.0 / n, (_STREAMS, 3))
    highest = np.maximum(highest.max(1), _highest_overall(everywhere, total, horizon, rng))
    return float(np.quantile(highest, 1 - false_alarm))


def _highest(
    rates: np.ndarray, counts: np.ndarray, n: int, size: int, horizon: int, rng: np.random.Generator
) -> np.ndarray:
    """Highest CUSUM [streams, groups]."""
    novel = np.maximum(rates[:, :, 1] + rates[:, :, 2], 1e-9)
    very = rates[:, :, 2] / novel
    when, height, top = (np.zeros(novel.shape) for _ in range(3))
    while True:
        gap = np.ceil(rng.exponential(1.0, novel.shape) / novel)
        when += gap
        live = when <= horizon
        if not live.any():
            return top
        learnt = np.maximum(when - DELAY, 0)
        cell = 1 + (rng.random(novel.shape) < very)
        known = np.where(cell == 2, counts[:, 2], counts[:, 1]) + learnt * np.where(
            cell == 2, rates[:, :, 2], rates[:, :, 1]
        )
        q = (known + _PSEUDO) / (n + learnt + _PSEUDO * size * 3)
        height = np.maximum(0, height + (gap - 1) * np.log(1 - _SHARE))
        height = np.maximum(0, height + np.log(1 - _SHARE + _SHARE * _WITHIN[cell] / q))
        top = np.where(live, np.maximum(top, height), top)


def _highest_overall(rates: np.ndarray, total: np.ndarray, horizon: int, rng: np.random.Generator) -> np.ndarray:
    """Highest CUSUM over all groups, [streams]."""
    share = rates / rates.sum(1, keepdims=True)
    cuts = np.cumsum(share, 1)
    n = int(total.sum())
    height, top = np.zeros(len(rates)), np.zeros(len(rates))
    for t in range(horizon):
        u = rng.random(len(rates))
        cell = (u > cuts[:, 0]).astype(int) + (u > cuts[:, 1])
        learnt = max(t - DELAY, 0)
        q = (total[cell] + learnt * share[np.arange(len(rates)), cell]) / (n + learnt)
        height = np.maximum(0, height + np.log(1 - _SHARE_ALL + _SHARE_ALL * _OVERALL[cell] / np.maximum(q, 1e-3)))
        top = np.maximum(top, height)
    return top
