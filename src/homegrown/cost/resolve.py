"""From what somebody asks to a whole scenario: the rest comes from traffic, measurements, prices and assumptions."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from homegrown.cost.price_list import Hardware, PriceKind, RentalPrice, UpstreamPrice
from homegrown.cost.scenario import BOUNDS, HOURS_PER_MONTH, Api, Scenario, number
from homegrown.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homegrown.cost.price_list import Price, PriceList
    from homegrown.cost.usage import Traffic

_ASSUMED = (
    "growth_per_month", "api_change_per_month", "electricity_usd_per_kwh", "power_overhead", "storage_usd_per_month",
    "wage_usd_per_hour", "upkeep_hours_per_month", "setup_hours", "labelling_hours", "labelling_hours_per_month",
    "utilisation",
)  # fmt: skip
_OF_HARDWARE = ("watts_idle", "watts_busy", "hosting_usd_per_month", "resale_share")
_PLAIN = {"cached_share": "0", "batch_share": "0", "audit_share": "0", "horizon_months": "36"}
#: fewer calls say too little of what is answered at home
_LEAST_AT_HOME = 50
_HARDWARE, _RENTAL, _UPSTREAM = "small-server", "cpu-2-cores", "small-api"


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody said; whatever is not here is found elsewhere.

    Attributes:
        upstream: the incumbent, by the name of its price.
        numbers: inputs of a scenario by name (``cost.scenario.BOUNDS``).
    """

    upstream: str | None = None
    hardware: str | None = None
    rental: str | None = None
    is_shared: bool = False
    numbers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measured:
    """How many calls a second a model of ours answers, and on what that was measured."""

    calls_per_s: float
    says: str


@dataclass(frozen=True, slots=True)
class Input:
    """One number of a scenario and where it comes from: ``asked``, ``measured``, ``price`` or ``assumed``."""

    name: str
    value: float
    origin: str
    source: str
    is_simulated: bool


@dataclass(frozen=True, slots=True)
class Resolved:
    """A scenario with the origin of its numbers, and what to know of them."""

    scenario: Scenario
    inputs: tuple[Input, ...]
    notes: tuple[str, ...]


def resolve(asked: Asked, prices: PriceList, traffic: Traffic | None, measured: Measured | None) -> Resolved:
    """The scenario that *asked* means here and now.

    Args:
        asked: what somebody said.
        prices: in force.
        traffic: of the calls captured lately; None where there are none.
        measured: of a model of ours; None where none was measured.

    Raises:
        InputError: a number cannot be, or the calls of a day are not known.
        NotFoundError: a name that has no price.
    """
    unknown = sorted(set(asked.numbers) - set(BOUNDS))
    if unknown:
        raise InputError(f"A comparison knows no {unknown[0][:60]!r}. It knows: {', '.join(BOUNDS)}.")
    return _Resolving(asked, prices, traffic, measured).done()


class _Resolving:
    def __init__(self, asked: Asked, prices: PriceList, traffic: Traffic | None, measured: Measured | None) -> None:
        self._asked, self._prices, self._traffic, self._measured = asked, prices, traffic, measured
        self._inputs: list[Input] = []
        self._values: dict[str, Any] = {}
        self._notes: list[str] = []

    def done(self) -> Resolved:
        self._demand()
        apis = self._apis()
        self._machines()
        self._coverage()
        for name in _ASSUMED:
            self._take(name, self._prices.assumption(name).value, "assumed", *_of(self._prices, name))
        for name, value in _PLAIN.items():
            self._take(name, value, "assumed", "nothing else was said", False)
        if self._asked.numbers.get("quality_bar") is not None:
            self._take("quality_bar", None, "asked", "", False)
        values = {**self._values, "horizon_months": _whole(self._values["horizon_months"])}
        scenario = Scenario(apis=apis, is_shared=self._asked.is_shared, **values)
        return Resolved(scenario, tuple(self._inputs), tuple(self._notes))

    def _take(self, name: str, other: Any, origin: str, source: str, is_simulated: bool) -> None:
        """What was asked for *name*, or else *other*, with where it comes from."""
        said = self._asked.numbers.get(name)
        if said is not None:
            other, origin, source, is_simulated = said, "asked", "said", False
        value = number(other, name)
        self._values[name] = value
        self._inputs.append(Input(name, float(value), origin, source, is_simulated))

    def _demand(self) -> None:
        seen = self._traffic
        if seen is None and self._asked.numbers.get("calls_per_day") is None:
            raise InputError(
                "No calls have been captured yet: say how many there are a day (--calls-per-day 40000) and how many "
                "tokens a call has, where you know it."
            )
        says = (
            f"{seen.n_calls:,} captured calls over {seen.days:,.1f} days" if seen else "the length of a call, assumed"
        )
        origin = "measured" if seen else "assumed"
        facts = (seen.calls_per_day, seen.n_tokens_in, seen.n_tokens_out) if seen else (0, 500, 20)
        for name, value in zip(("calls_per_day", "n_tokens_in", "n_tokens_out"), facts, strict=True):
            self._take(name, value, origin, says, seen is None)

    def _coverage(self) -> None:
        """What was answered at home of the calls since a model of ours began; calls to check it are not among them."""
        seen = self._traffic
        if seen is None or seen.n_since_home < _LEAST_AT_HOME:
            self._take("coverage", "1", "assumed", "nothing else was said", False)
            return
        says = f"{seen.n_at_home:,} of {seen.n_since_home:,} calls since a model of yours answered the first"
        self._take("coverage", round(seen.n_at_home / seen.n_since_home, 6), "measured", says, False)

    def _apis(self) -> tuple[Api, ...]:
        known = {p.subject: p for p in self._prices.in_force(PriceKind.UPSTREAM)}
        name = self._asked.upstream or self._seen(known) or self._only_own(known)
        first = self._prices.get(PriceKind.UPSTREAM, name)
        for field_name in ("price_in_usd", "price_out_usd"):
            shown = float(getattr(first.details, field_name))
            self._inputs.append(Input(field_name, shown, "price", _says(first), first.is_simulated))
        if not _costs(first):
            self._notes.append(
                f"{name} has no price here, so its calls count as free: nothing can pay back. Say what a million "
                "of its tokens cost."
            )
        others = [p for p in known.values() if p.subject != name and p.origin != "package"]
        return tuple(_api(p) for p in (first, *others))

    def _seen(self, known: dict[str, Price]) -> str | None:
        """Where most captured calls go: the upstream, else the model, where it has a price."""
        seen = self._traffic
        here = [n for n in (seen.upstream, seen.model) if n in known] if seen else []
        return next((n for n in here if _costs(known[n])), here[0] if here else None)

    def _only_own(self, known: dict[str, Price]) -> str:
        own = [p.subject for p in known.values() if p.origin != "package" and _costs(p)]
        return own[0] if len(own) == 1 else _UPSTREAM

    def _machines(self) -> None:
        hardware = self._prices.get(PriceKind.HARDWARE, self._asked.hardware or _HARDWARE)
        rental = self._prices.get(PriceKind.RENTAL, self._asked.rental or _RENTAL)
        machine, rented = hardware.details, rental.details
        if not isinstance(machine, Hardware) or not isinstance(rented, RentalPrice):
            raise TypeError(hardware.subject)
        self._values |= {"hardware": hardware.subject, "rental": rental.subject}
        self._take("hardware_usd", machine.price_usd, "price", _says(hardware), hardware.is_simulated)
        for name in _OF_HARDWARE:
            self._take(name, getattr(machine, name), "price", _says(hardware), hardware.is_simulated)
        self._take("rental_usd_per_month", usd_per_month(rented), "price", _says(rental), rental.is_simulated)
        self._rates()

    def _rates(self) -> None:
        if self._measured:
            rate, origin, says = self._measured.calls_per_s, "measured", self._measured.says
        else:
            rate, origin = self._prices.assumption("unmeasured_calls_per_s").value, "assumed"
            says = _of(self._prices, "unmeasured_calls_per_s")[0]
            if self._asked.numbers.get("calls_per_s") is None:
                self._notes.append(
                    "How many calls a second a machine answers was not measured: train and evaluate a model, or say it."
                )
        self._take("calls_per_s", rate, origin, says, not self._measured)
        if self._asked.numbers.get("calls_per_s") is not None:
            rate, origin, says = self._values["calls_per_s"], "asked", "as the owned machine"
        self._take("rental_calls_per_s", rate, origin, says, origin == "assumed")
        if origin == "measured":
            self._notes.append(f"The rate is that of another machine than those priced here: {says}.")


def usd_per_month(rental: RentalPrice) -> Decimal:
    """What a rented machine costs in a month of 730.5 hours."""
    if rental.usd_per_month is not None:
        return Decimal(str(rental.usd_per_month))
    return Decimal(str(rental.usd_per_hour)) * HOURS_PER_MONTH


def _api(price: Price) -> Api:
    p = price.details
    if not isinstance(p, UpstreamPrice):
        raise TypeError(price.subject)
    exact = {n: None if v is None else Decimal(str(v)) for n in p.__struct_fields__ for v in [getattr(p, n)]}
    return Api(name=price.subject, is_simulated=price.is_simulated, **exact)  # pyright: ignore[reportArgumentType]


def _costs(price: Price) -> bool:
    p = price.details
    return isinstance(p, UpstreamPrice) and p.price_in_usd + p.price_out_usd > 0


def _says(price: Price) -> str:
    return f"{price.subject}, {price.valid_from}{', simulated' if price.is_simulated else ''}"


def _of(prices: PriceList, name: str) -> tuple[str, bool]:
    price = prices.get(PriceKind.ASSUMPTION, name)
    return f"assumptions of {price.valid_from}{', simulated' if price.is_simulated else ''}", price.is_simulated


def _whole(value: Decimal) -> int:
    if value != int(value):
        raise InputError(f"The horizon is a whole number of months, and {value} is none.")
    return int(value)
