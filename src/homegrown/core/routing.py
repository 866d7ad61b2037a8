"""Where a call of the gateway goes, what may leave with it, and what is kept of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from homegrown.errors import InputError

DEFAULT_ROUTE = "default"
"""The route of every name that has no route of its own."""
ANY_MODEL = "*"
"""As the model of an upstream: whatever the caller names; its prices hold for all of them."""
NEVER = -1.0
"""The confidence of an answer that a model may not give at home, however sure it is."""
_LONGEST_S = 3600.0


class Leaves(StrEnum):
    """What may leave: all; all but personal data, which is put back into the answer; nothing; or no call at all."""

    ALLOW = "allow"
    MASK = "mask"
    HOME = "home"
    REFUSE = "refuse"


class CaptureMode(StrEnum):
    """``DURABLE``: a row stands before the upstream is called and is whole before the answer's last byte goes out.

    ``FAST``: rows are written a moment later; a kill loses at most those of the last second, and they are counted.
    """

    DURABLE = "durable"
    FAST = "fast"


class Target(msgspec.Struct, frozen=True):
    """An upstream, and the model to ask it for; None asks for what the caller named."""

    upstream_id: str
    model: str | None = None


class ExitMode(StrEnum):
    """``HOME``: a model of ours answers what it is sure of. ``SHADOW``: it answers silently, the caller never waits."""

    HOME = "home"
    SHADOW = "shadow"


class Exit(msgspec.Struct, frozen=True, kw_only=True):
    """A model of ours that answers calls of one prompt in the upstream's place.

    Attributes:
        exit_id: of this calibration; what was observed since is kept under it.
        template_id: of the prompt.
        field: of the answers, that the model learned; empty for the whole answer.
        wordings: keys of the prompt's wordings that were calibrated on; others go to the upstream.
        version_id: of the model. Another version needs a calibration of its own.
        model: the version's name, as the answer's header has it: ``intent@3``.
        threshold: it answers where its confidence is above; None: never.
        alpha: disagreement with the upstream that is borne among its answers.
        delta: chance that this promise is wrong.
        audit_share: chance of each of its answers to be checked by asking the upstream as well.
        share: of the calls that it answers at all; the rest goes to the upstream.
        labels: the model's class by the label that the upstream says; None: none of its classes.
        spellings: what the upstream says, to the letter, by the model's class.
        usual: what calls looked like at calibration, plain values; None: drift is not watched.
    """

    exit_id: str
    template_id: str
    field: str = ""
    wordings: tuple[str, ...]
    version_id: str
    model: str
    mode: ExitMode
    threshold: float | None
    alpha: float
    delta: float
    audit_share: float
    share: float = 1.0
    labels: dict[str, str | None]
    spellings: dict[str, str]
    usual: dict[str, Any] | None = None


class RouteConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What a route does.

    Attributes:
        targets: asked in order: the first, and those to fall back to.
        leaves: what may leave.
        capture: how safely calls are kept.
        sample: share of the calls that is kept, 0 to 1.
        keep_days: kept calls older than this are deleted; None keeps them.
        mask_kept: whether personal data is masked in what is kept.
        connect_s: longest wait for a connection.
        first_byte_s: longest wait from there to the head of the answer.
        between_s: longest wait between two pieces of it.
        total_s: longest time for the whole.
        retry_s: how long a call may wait in all to be sent again.
        max_open: calls under way at once; None for no limit of its own.
        exit: what is answered at home in the upstreams' place; None for nothing.
        earlier: what answered before it, the newest last, to go back to.
    """

    targets: tuple[Target, ...] = ()
    leaves: Leaves = Leaves.ALLOW
    capture: CaptureMode = CaptureMode.DURABLE
    sample: float = 1.0
    keep_days: float | None = None
    mask_kept: bool = False
    connect_s: float = 10.0
    first_byte_s: float = 120.0
    between_s: float = 60.0
    total_s: float = 900.0
    retry_s: float = 5.0
    max_open: int | None = None
    exit: Exit | None = None
    earlier: tuple[Exit, ...] = ()

    def check(self) -> None:
        """Refuse what makes no sense, with the reason.

        Raises:
            InputError: a value is out of its bounds, or there is no upstream where one is needed.
        """
        if self.leaves in (Leaves.ALLOW, Leaves.MASK) and not self.targets:
            raise InputError("A route needs an upstream, unless nothing may leave by it.")
        if len({t.upstream_id for t in self.targets}) != len(self.targets) or len(self.targets) > 8:
            raise InputError("A route names up to 8 upstreams, each once.")
        for target in self.targets:
            check_name("model of a route", target.model, optional=True)
        if not (math.isfinite(self.sample) and 0 <= self.sample <= 1):
            raise InputError("The share of calls that is kept is a number from 0 to 1.")
        if self.keep_days is not None and not (math.isfinite(self.keep_days) and 0 < self.keep_days <= 36_500):
            raise InputError("Calls are kept for more than 0 and up to 36,500 days.")
        for seconds in (self.connect_s, self.first_byte_s, self.between_s, self.total_s):
            if not (math.isfinite(seconds) and 0 < seconds <= _LONGEST_S):
                raise InputError(f"A time limit is more than 0 and up to {_LONGEST_S:.0f} seconds.")
        if not (math.isfinite(self.retry_s) and 0 <= self.retry_s <= _LONGEST_S):
            raise InputError(f"Calls wait for 0 to {_LONGEST_S:.0f} seconds to be sent again.")
        if self.max_open is not None and not 1 <= self.max_open <= 100_000:
            raise InputError("Calls under way at once: 1 to 100,000.")


@dataclass(frozen=True, slots=True)
class GatewayRoute:
    """A route under the name by which callers ask for it as a model."""

    route_id: str
    name: str
    config: RouteConfig
    created_at: str


class KeyLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one caller's key may use.

    Attributes:
        per_minute: calls that may begin in any minute.
        max_open: calls under way at once.
        usd_per_day: what its calls may cost in a day (UTC); a call that begins below it may pass it.
    """

    per_minute: int | None = None
    max_open: int | None = None
    usd_per_day: float | None = None

    def check(self) -> None:
        """Refuse what makes no sense.

        Raises:
            InputError: a limit is not above 0.
        """
        for limit in (self.per_minute, self.max_open, self.usd_per_day):
            if limit is not None and not (math.isfinite(limit) and 0 < limit <= 1e9):
                raise InputError("A limit is a number above 0; leave it out for none.")


def check_name(what: str, name: str | None, *, optional: bool = False) -> None:
    """Refuse a name that is no plain word.

    Raises:
        InputError: it is empty, too long, or holds what cannot be printed.
    """
    if name is None and optional:
        return
    if name is None or not 0 < len(name) <= 200 or not name.isprintable() or name != name.strip():
        raise InputError(f"The {what} has 1 to 200 printable characters.")
