"""When an upstream is left alone: a circuit breaker per upstream and model, and a budget for sending again.

After ``FAILURES`` failures in a row nothing is sent for ``OPEN_S`` (twice as long each time, up to ``LONGEST_S``); then
one call goes to see, and what becomes of it decides. Sending again is what makes an overload worse: all calls
together may add ``SHARE`` to the load, as Envoy's retry budgets do.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

FAILURES = 5
OPEN_S = 5.0
LONGEST_S = 60.0
SHARE = 0.1
SPARE = 5.0


@dataclass
class Breaker:
    """Of one upstream and model.

    Attributes:
        n_in_a_row: failures without a success between them.
    """

    n_in_a_row: int = 0
    _open_until: float = 0.0
    _next_s: float = OPEN_S
    _is_looking: bool = False

    @property
    def state(self) -> str:
        """``closed`` (calls pass), ``open`` (none do) or ``half-open`` (one may see)."""
        if self.n_in_a_row < FAILURES:
            return "closed"
        return "open" if self._is_looking or time.monotonic() < self._open_until else "half-open"

    def lets_through(self) -> bool:
        """Whether a call may be sent now; of a half-open one the first, until ``well``, ``failed`` or ``left``."""
        state = self.state
        if state == "half-open":
            self._is_looking = True
        return state != "open"

    def wait_s(self) -> float:
        """How long until one may see again."""
        return max(0.0, self._open_until - time.monotonic())

    def well(self) -> None:
        """A call was answered."""
        self.n_in_a_row, self._next_s, self._is_looking = 0, OPEN_S, False

    def failed(self) -> None:
        """A call was not answered, or with a fault of the upstream's."""
        self.n_in_a_row += 1
        self._is_looking = False
        if self.n_in_a_row >= FAILURES:
            self._open_until = time.monotonic() + self._next_s
            self._next_s = min(2 * self._next_s, LONGEST_S)

    def left(self) -> None:
        """The caller left before anything was known."""
        self._is_looking = False


@dataclass
class RetryBudget:
    """Tokens for sending again: each first sending brings a share of one, each repetition takes one."""

    tokens: float = SPARE
    n_sent: int = 0
    n_again: int = field(default=0)

    def first(self) -> None:
        """A call is sent for the first time."""
        self.n_sent += 1
        self.tokens = min(SPARE, self.tokens + SHARE)

    def again(self) -> bool:
        """Whether one may be sent again; if so it is taken."""
        if self.tokens < 1.0:
            return False
        self.tokens -= 1.0
        self.n_again += 1
        return True
