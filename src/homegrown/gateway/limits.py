"""How much at once: of the gateway, of a route, of a caller's key. What is too much is refused at once."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from homegrown.core.ids import now, timestamp
from homegrown.core.routing import KeyLimits
from homegrown.errors import OverloadedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

MOST_OPEN = 1000
MOST_LAG_S = 1.0
BUSY = 64
_LOOK_S = 0.1
_MINUTE_S = 60.0


class SteadyClock:
    """The time of day as it was at the start, and from there on by a clock that nobody sets.

    Budgets and what is kept for some days go by it: a wall clock that jumps refills none and deletes nothing.

    Example:
        >>> clock = SteadyClock()
        >>> clock.now() <= clock.now()
        True
    """

    def __init__(self, moment: datetime | None = None) -> None:
        self._moment, self._at = moment or now(), _steady_s()

    def now(self) -> datetime:
        """UTC."""
        return self._moment + timedelta(seconds=_steady_s() - self._at)

    def today(self) -> str:
        """The date, as in ``2026-11-25``."""
        return timestamp(self.now())[:10]


def _steady_s() -> float:
    """Seconds of a clock that goes on while the machine sleeps, where there is one."""
    which = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if which is None else time.clock_gettime(which)


@dataclass
class _Key:
    """What one key does now."""

    n_open: int = 0
    begun: deque[float] = field(default_factory=deque)


class Admission:
    """Lets calls in, each for as long as its block runs.

    Args:
        most_open: calls under way at once.

    Attributes:
        n_open: under way now.
        n_refused: refused since the start.
        clock: tells the day.
    """

    def __init__(self, most_open: int = MOST_OPEN) -> None:
        self.most_open = most_open
        self.n_open = 0
        self.n_refused = 0
        self.clock = SteadyClock()
        self.limits: dict[str, KeyLimits] = {}
        self._spent: dict[str, float] = {}
        self._day = ""
        self._lag_s = 0.0
        self._keys: dict[str, _Key] = {}
        self._routes: dict[str, int] = {}

    async def watch(self) -> None:
        """Measure how late the event loop is, for ever: a loop that is late has more to do than it can."""
        while True:
            due = time.monotonic() + _LOOK_S
            await asyncio.sleep(_LOOK_S)
            late = time.monotonic() - due
            self._lag_s = late if late < self._lag_s else 0.5 * self._lag_s + 0.5 * late

    def check(self) -> None:
        """Refuse at once, before anything of a request is read.

        Raises:
            OverloadedError: more is under way than can be done.
        """
        # Late with few calls is somebody else's work on this machine; late with many is more than can be done.
        if self.n_open >= self.most_open or (self._lag_s > MOST_LAG_S and self.n_open > BUSY):
            self.n_refused += 1
            raise OverloadedError("The gateway has as many calls under way as it takes; try again in a moment.")

    @contextlib.contextmanager
    def slot(self, actor_id: str, route: str, route_most: int | None) -> Iterator[None]:
        """Count one call as under way while the block runs.

        Raises:
            OverloadedError: the gateway, the route or the key has too many.
        """
        self.check()
        if route_most is not None and self._routes.get(route, 0) >= route_most:
            self._refuse("This route has as many calls under way as it takes; try again in a moment.", 1.0)
        limits = self.limits.get(actor_id)
        key = self._keys.setdefault(actor_id, _Key())
        if limits is not None:
            self._check_key(key, limits, self._spent.get(actor_id, 0.0))
        self.n_open += 1
        key.n_open += 1
        self._routes[route] = self._routes.get(route, 0) + 1
        try:
            yield
        finally:
            self.n_open -= 1
            key.n_open -= 1
            self._routes[route] -= 1

    def _check_key(self, key: _Key, limits: KeyLimits, spent_usd: float) -> None:
        now = time.monotonic()  # a change of the clock refills nothing
        while key.begun and key.begun[0] <= now - _MINUTE_S:
            key.begun.popleft()
        if limits.max_open is not None and key.n_open >= limits.max_open:
            self._refuse(f"This key may have {limits.max_open:,} calls under way at once.", 1.0)
        if limits.per_minute is not None and len(key.begun) >= limits.per_minute:
            left = key.begun[0] + _MINUTE_S - now
            self._refuse(f"This key may begin {limits.per_minute:,} calls a minute.", left)
        if limits.usd_per_day is not None and spent_usd >= limits.usd_per_day:
            self._refuse(f"This key has used its {limits.usd_per_day:g} USD of this day (UTC).", 3600.0)
        if limits.per_minute is not None:
            key.begun.append(now)

    def _refuse(self, sentence: str, retry_after_s: float) -> None:
        self.n_refused += 1
        raise OverloadedError(sentence, retry_after_s=retry_after_s)

    def turn(self, day: str) -> None:
        """It is *day* (a date in UTC) now."""
        if day > self._day:  # never back: a clock that is put back refills no budget
            self._day, self._spent = day, {}

    def spend(self, actor_id: str, cost_usd: float | None) -> None:
        """A call of this key cost so much."""
        if cost_usd:
            self._spent[actor_id] = self._spent.get(actor_id, 0.0) + cost_usd

    def begin_day(self, day: str, spent: dict[str, float]) -> None:
        """What the calls of *day* cost before the server started."""
        self._day, self._spent = day, dict(spent)
