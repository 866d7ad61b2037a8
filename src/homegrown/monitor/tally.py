"""What the calls of one wording add up to, in bounded memory however many they are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import numpy as np

from homegrown.core.traffic import Volume

if TYPE_CHECKING:
    from homegrown.core.traces import Captured
    from homegrown.monitor.turns import Said

T = TypeVar("T")
KEPT = 600
MOST_ANSWERS = 4000
MOST_MODELS = 50
_ANSWER_CHARS = 2000
_USUAL = 0.03


class Reservoir(Generic[T]):
    """A sample of a stream in which every item is as likely as any other (Vitter 1985, algorithm R).

    Args:
        n: how many are kept at most.
        most_chars: how large they may be together; where they are larger, half of them make room.
        seed: of what is drawn.
    """

    def __init__(self, n: int, *, most_chars: int = 1 << 62, seed: int = 0) -> None:
        self.items: list[T] = []
        self.n_seen = 0
        self._n, self._most, self._chars = n, most_chars, 0
        self._sizes: list[int] = []
        self._rng = np.random.default_rng(seed)

    def add(self, item: T, size: int = 0) -> None:
        """One more of the stream."""
        self.n_seen += 1
        if len(self.items) < self._n:
            self.items.append(item)
            self._sizes.append(size)
            self._chars += size
        else:
            at = int(self._rng.integers(self.n_seen))
            if at < self._n:
                self._chars += size - self._sizes[at]
                self.items[at], self._sizes[at] = item, size
        if self._chars > self._most:
            self._n = max(len(self.items) // 2, 1)
            keep = sorted(self._rng.permutation(len(self.items))[: self._n].tolist())
            self.items, self._sizes = [self.items[i] for i in keep], [self._sizes[i] for i in keep]
            self._chars = sum(self._sizes)

    @property
    def is_whole(self) -> bool:
        """Whether nothing of the stream was left out."""
        return self.n_seen == len(self.items)


class Shown(NamedTuple):
    """A call that is kept to look at."""

    trace_id: str
    text: str
    answer: str
    earlier: tuple[str, ...]


@dataclass(slots=True)
class Tally:
    """Counts of some calls, and a sample of them."""

    n_calls: int = 0
    n_dated: int = 0
    n_priced: int = 0
    cost_usd: float = 0.0
    n_tokens_in: int = 0
    n_tokens_out: int = 0
    n_earlier: int = 0
    first_at: str | None = None
    last_at: str | None = None
    models: Counter[str] = field(default_factory=Counter)
    tags: Counter[tuple[str, str]] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    shown: Reservoir[Shown] = field(default_factory=lambda: Reservoir[Shown](KEPT))
    _pairs: Counter[int] = field(default_factory=Counter)

    def add(self, call: Captured, said: Said | None, text: str) -> None:
        """One call; *said* is None where its words cannot be read."""
        self.n_calls += 1
        self.n_tokens_in += call.n_tokens_in or 0
        self.n_tokens_out += call.n_tokens_out or 0
        if call.cost_usd is not None:
            self.n_priced += 1
            self.cost_usd += call.cost_usd
        if call.ended_at is not None:
            self.n_dated += 1
            self.first_at = min(self.first_at or call.created_at, call.created_at)
            self.last_at = max(self.last_at or call.created_at, call.created_at)
        _count(self.models, call.model, MOST_MODELS)
        for tag in call.tags.items():
            _count(self.tags, tag, MOST_MODELS)
        if said is None:
            return
        if said.answer is not None:
            _count(self.answers, said.answer[:_ANSWER_CHARS], MOST_ANSWERS)
            self.shown.add(Shown(call.trace_id, text, said.answer, tuple(a for _, a in said.pairs)))
        if said.pairs:
            mine = hash(said.pairs)
            _count(self._pairs, mine, MOST_ANSWERS)
            self.n_earlier += 1

    def n_history(self, classes: set[str]) -> int:
        """Calls with turns before the last that are no examples: not always the same, and not answered by labels."""
        usual = sum(n for n in self._pairs.values() if n >= max(5, _USUAL * self.n_calls))
        open_ = self.n_earlier - usual
        some = [s.earlier for s in self.shown.items if s.earlier]
        if open_ <= 0 or not some:
            return max(open_, 0)
        spoken = sum(not all(a.strip().casefold() in classes for a in earlier) for earlier in some)
        return round(min(open_, self.n_earlier * spoken / len(some)))

    def volume(self, n_history: int) -> Volume:
        """The counts."""
        return Volume(
            self.n_calls, n_history, self.n_dated, self.n_priced, self.cost_usd, self.n_tokens_in, self.n_tokens_out,
            self.first_at, self.last_at,
        )  # fmt: skip


def _count(counter: Counter[T], item: T, most: int) -> None:
    if item in counter or len(counter) < most:
        counter[item] += 1


def together(tallies: list[Tally]) -> Tally:
    """Several tallies as one."""
    total = Tally()
    for one in tallies:
        for name in ("n_calls", "n_dated", "n_priced", "cost_usd", "n_tokens_in", "n_tokens_out", "n_earlier"):
            setattr(total, name, getattr(total, name) + getattr(one, name))
        firsts = [t for t in (total.first_at, one.first_at) if t]
        lasts = [t for t in (total.last_at, one.last_at) if t]
        total.first_at, total.last_at = min(firsts, default=None), max(lasts, default=None)
        for name in ("models", "tags", "answers", "_pairs"):
            getattr(total, name).update(getattr(one, name))
        for shown in one.shown.items:
            total.shown.add(shown)
    return total
