"""How calls to one upstream are paced, repeated and paid for.

Repeating is what makes an overload worse: all calls together may be repeated only so often (a retry budget), a wait
that the upstream asks for holds for all of them, and several failures in a row end the work.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field

import anyio

from homegrown.errors import UpstreamError

RETRY_SHARE = 0.1
FREE_RETRIES = 5
MAX_ATTEMPTS = 4
MAX_WAIT_S = 60.0
_FIRST_WAIT_S = 0.25
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504, 529})


def is_transient(error: UpstreamError) -> bool:
    """Whether the same call may succeed later: the network, a timeout, an overload; not a refusal or a redirect."""
    return error.code != "refused_address" and (error.status_code is None or error.status_code in _TRANSIENT)


@dataclass
class Pace:
    """Shared by all calls of one piece of work.

    Attributes:
        max_in_a_row: so many failures without a success between them end the work.
        max_wait_s: the longest wait that is borne; an upstream that asks for more ends the work.
        stopped: why no more calls are made; empty while they are.
    """

    max_in_a_row: int = 8
    max_wait_s: float = MAX_WAIT_S
    n_calls: int = 0
    n_retries: int = 0
    n_in_a_row: int = 0
    stopped: str = ""
    _not_before: float = field(default=0.0, repr=False)

    async def turn(self) -> bool:
        """Wait until calls are allowed; False when none are any more."""
        while not self.stopped and (left := self._not_before - time.monotonic()) > 0:
            await anyio.sleep(left)
        self.n_calls += not self.stopped
        return not self.stopped

    def went_well(self) -> None:
        """A call was answered."""
        self.n_in_a_row = 0

    def may_repeat(self, error: UpstreamError, attempt: int) -> bool:
        """Take note of a failure; whether the call may be sent again, after the next ``turn``.

        Args:
            error: what happened.
            attempt: 0 for the first one.
        """
        self.n_in_a_row += 1
        if not is_transient(error):
            self.stopped = self.stopped or error.message
            return False
        if (error.retry_after_s or 0.0) > self.max_wait_s:
            self.stopped = self.stopped or f"{error.message} It asks to wait for longer than {self.max_wait_s:.0f} s."
            return False
        if self.n_in_a_row >= self.max_in_a_row:
            self.stopped = self.stopped or f"{error.message} That were {self.n_in_a_row} failures in a row."
            return False
        self._wait(error.retry_after_s, attempt)
        if attempt + 1 >= MAX_ATTEMPTS or self.n_retries + 1 > FREE_RETRIES + RETRY_SHARE * (
            self.n_calls - self.n_retries
        ):
            return False
        self.n_retries += 1
        return True

    def garbled(self, reason: str) -> None:
        """A call was answered with what cannot be read; it is not repeated, and too many in a row end the work."""
        self.n_in_a_row += 1
        if self.n_in_a_row >= self.max_in_a_row:
            self.stopped = self.stopped or f"{reason} That were {self.n_in_a_row} failures in a row."

    def _wait(self, asked_s: float | None, attempt: int) -> None:
        """As long as the upstream asks, else twice as long each time; with jitter, so that not all come at once."""
        chance = secrets.randbelow(1000) / 1000
        seconds = asked_s + 0.1 * chance if asked_s is not None else _FIRST_WAIT_S * 2**attempt * (0.5 + chance / 2)
        self._not_before = max(self._not_before, time.monotonic() + min(seconds, self.max_wait_s))


@dataclass
class Purse:
    """A budget that is never passed: what a call may cost at most is set aside before it is sent.

    Args:
        budget_usd: for everything together.
        spent_usd: of it, already.
    """

    budget_usd: float
    spent_usd: float = 0.0
    held_usd: float = 0.0
    n_held: int = 0
    is_empty: bool = False
    _changed: anyio.Event = field(default_factory=anyio.Event, repr=False)

    async def hold(self, most_usd: float) -> bool:
        """Set *most_usd* aside, waiting for calls under way to be settled if need be; False when it cannot be paid."""
        while not self.is_empty:
            if self.spent_usd + self.held_usd + most_usd <= self.budget_usd:
                self.held_usd += most_usd
                self.n_held += 1
                return True
            if not self.n_held:
                self.is_empty = True
                break
            await self._changed.wait()
        return False

    def settle(self, most_usd: float, cost_usd: float) -> None:
        """Put what it cost in place of what was set aside."""
        self.n_held -= 1
        self.held_usd = max(self.held_usd - most_usd, 0.0) if self.n_held else 0.0
        self.spent_usd += cost_usd
        self._changed.set()
        self._changed = anyio.Event()
