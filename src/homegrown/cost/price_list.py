"""Prices as data with a date: what the package brings, what the workspace says, and which holds on a day."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import msgspec

from homegrown.core.ids import now
from homegrown.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_USD = 1e9
MAX_NUMBER = 1e12
_FIRST, _LAST = date(2000, 1, 1), date(2100, 1, 1)


class PriceKind(StrEnum):
    """What a price is of."""

    UPSTREAM = "upstream"
    RENTAL = "rental"
    HARDWARE = "hardware"
    ASSUMPTION = "assumption"


class UpstreamPrice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of a model API, in USD for a million tokens.

    Attributes:
        price_cached_usd: of input that the API had read before; None: as other input.
        batch_discount: the share that is let off calls which may wait.
        quality: the share of answers that are right on the task in question, measured by whoever says so.
    """

    price_in_usd: float
    price_out_usd: float
    price_cached_usd: float | None = None
    batch_discount: float = 0.0
    quality: float | None = None


class RentalPrice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of a machine by the hour or by the month; ``hardware`` names the entry that says what it can do."""

    usd_per_hour: float | None = None
    usd_per_month: float | None = None
    hardware: str | None = None


class Hardware(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A machine to buy. Memory, bandwidth and dense 16-bit compute are those of one of its ``n_devices``.

    Attributes:
        resale_share: what of its price it still brings at the end of the horizon.
    """

    price_usd: float
    watts_idle: float
    watts_busy: float
    hosting_usd_per_month: float = 0.0
    resale_share: float = 0.0
    n_devices: int = 1
    memory_gb: float = 0.0
    bandwidth_gb_per_s: float = 0.0
    tflops: float = 0.0


class Assumption(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A number that nobody measured, and between which ends it may lie."""

    value: float
    low: float
    high: float
    unit: str = ""


Details = UpstreamPrice | RentalPrice | Hardware | Assumption
TYPES: dict[PriceKind, type[Any]] = {
    PriceKind.UPSTREAM: UpstreamPrice,
    PriceKind.RENTAL: RentalPrice,
    PriceKind.HARDWARE: Hardware,
    PriceKind.ASSUMPTION: Assumption,
}
_SHARES = frozenset({"batch_discount", "quality", "resale_share"})


@dataclass(frozen=True, slots=True)
class Price:
    """One price of the list.

    Attributes:
        valid_from: the first day on which it holds, as ``2026-11-25``.
        is_simulated: a guess, or made up for a trial; said wherever it is used.
        origin: ``package`` for those that come with homegrown, ``workspace`` for one's own, ``upstream`` for what was
            said when a model API was registered.
        price_id: of a workspace's own.
    """

    kind: PriceKind
    subject: str
    details: Details
    valid_from: str
    is_simulated: bool
    origin: str
    price_id: str | None = None


class PriceList:
    """All prices; the newest that holds already is in force, and a workspace's own go before the package's.

    Example:
        >>> PriceList(package_prices()).get(PriceKind.HARDWARE, "cluster").details.price_usd
        500000.0
    """

    def __init__(self, prices: Iterable[Price], on: str | None = None) -> None:
        self._on = on or now().date().isoformat()
        self._all: dict[tuple[PriceKind, str], list[Price]] = {}
        for price in sorted(prices, key=lambda p: (_RANK[p.origin], p.valid_from)):
            self._all.setdefault((price.kind, price.subject), []).append(price)

    def find(self, kind: PriceKind, subject: str, on: str | None = None) -> Price | None:
        """The price in force on the day *on* (default: that of the list); None where there is none.

        A day before the first price of a subject takes that: a clock that went wrong leaves no call without one.
        """
        known = self._all.get((kind, subject), [])
        best = max((_RANK[p.origin] for p in known if p.valid_from <= (on or self._on)), default=None)
        if best is None:
            return min(known, key=lambda p: (p.valid_from, -_RANK[p.origin]), default=None)
        return [p for p in known if _RANK[p.origin] == best and p.valid_from <= (on or self._on)][-1]

    def get(self, kind: PriceKind, subject: str) -> Price:
        """``find``, or a ``NotFoundError`` that names what there is."""
        found = self.find(kind, subject)
        if found is None:
            there = ", ".join(sorted(p.subject for p in self.in_force(kind))) or "none"
            raise NotFoundError(f"There is no {kind.value} {subject[:100]!r} in the prices. There are: {there}.")
        return found

    def in_force(self, kind: PriceKind | None = None) -> list[Price]:
        """The prices that hold on the list's day, by kind and subject."""
        found = [self.find(k, s) for k, s in sorted(self._all) if kind is None or k is kind]
        return [p for p in found if p is not None]

    def all(self) -> list[Price]:
        """Every price, former and future ones too, by kind, subject and date."""
        return [p for key in sorted(self._all) for p in self._all[key]]

    def assumption(self, name: str) -> Assumption:
        """One of the numbers that nobody measured."""
        details = self.get(PriceKind.ASSUMPTION, name).details
        if not isinstance(details, Assumption):
            raise TypeError(name)
        return details


_RANK = {"package": 0, "upstream": 1, "workspace": 2}


@lru_cache(maxsize=1)
def package_prices() -> tuple[Price, ...]:
    """What homegrown brings, read from ``prices.toml``: all of it simulated."""
    document = tomllib.loads((resources.files("homegrown.cost") / "prices.toml").read_text(encoding="utf-8"))
    noted_at = document.pop("noted_at")
    return tuple(
        Price(PriceKind(kind), subject, checked(PriceKind(kind), subject, details), noted_at, True, "package")
        for kind, entries in document.items()
        for subject, details in entries.items()
    )


def checked(kind: PriceKind, subject: str, details: Mapping[str, Any]) -> Details:
    """*details* as the kind's type.

    Raises:
        InputError: a name or a number that cannot be, with the reason.
    """
    if not 0 < len(subject) <= 100 or not subject.isprintable() or subject != subject.strip():
        raise InputError("The name of a price has 1 to 100 printable characters.")
    try:
        made = msgspec.convert(dict(details), TYPES[kind])
    except msgspec.ValidationError as error:
        fields = ", ".join(TYPES[kind].__struct_fields__)
        raise InputError(f"The price of {subject!r} does not fit: {error}. A {kind.value} has: {fields}.") from error
    for name in made.__struct_fields__:
        _check_number(kind, name, getattr(made, name))
    if isinstance(made, RentalPrice) and (made.usd_per_hour is None) == (made.usd_per_month is None):
        raise InputError(f"The rental {subject!r} has either usd_per_hour or usd_per_month.")
    if isinstance(made, Hardware) and (made.watts_idle > made.watts_busy or made.n_devices < 1):
        raise InputError(f"The hardware {subject!r} draws no more idle than busy, and has at least one device.")
    if isinstance(made, Assumption) and not made.low <= made.high:
        raise InputError(f"The assumption {subject!r} has a low end that is not above its high end.")
    return made


def _check_number(kind: PriceKind, name: str, value: Any) -> None:
    if isinstance(value, str):
        if len(value) > 200 or not value.isprintable():
            raise InputError(f"{name} is at most 200 printable characters.")
        return
    if value is None:
        return
    least = -MAX_NUMBER if kind is PriceKind.ASSUMPTION else 0
    most = 1 if name in _SHARES else MAX_USD
    if not math.isfinite(value) or not least <= value <= most:
        asked = "a share between 0 and 1" if name in _SHARES else f"a number from 0 to {MAX_USD:,.0f}"
        raise InputError(f"{name} is {asked}, and {value} is not.")


def day(text: str) -> str:
    """A date as prices have it.

    Raises:
        InputError: no date, or one that no price can have.

    Example:
        >>> day("2026-11-25")
        '2026-11-25'
    """
    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"The date {text[:40]!r} is not understood; write it as 2026-11-25.") from error
    if not _FIRST <= found < _LAST:
        raise InputError(f"A price holds from a day between {_FIRST} and {_LAST}, and {found} is not.")
    return found.isoformat()
