"""What a comparison depends on: each input alone from its low to its high end, the others as they are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from homegrown.cost.break_even import break_even, cents
from homegrown.cost.scenario import BOUNDS

if TYPE_CHECKING:
    from homegrown.cost.break_even import Bills
    from homegrown.cost.price_list import PriceList
    from homegrown.cost.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Bar:
    """What one input does: the saving over the horizon, and the month of break-even (None: never), at both its ends."""

    input: str
    title: str
    low: float
    high: float
    saving_low_usd: float
    saving_high_usd: float
    month_low: int | None
    month_high: int | None


#: input → (what it is for a person, the numbers that are multiplied; none: the number of that name is set)
_INPUTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "calls_per_day": ("calls a day", ("calls_per_day",)),
    "growth_per_month": ("growth of the calls", ()),
    "n_tokens": ("tokens in a call", ("n_tokens_in", "n_tokens_out")),
    "api_change_per_month": ("change of API prices", ()),
    "calls_per_s": ("rate of a machine", ("calls_per_s", "rental_calls_per_s")),
    "utilisation": ("utilisation", ()),
    "hardware_price": ("price of a machine", ("hardware_usd",)),
    "rental_price": ("rent of a machine", ("rental_usd_per_month",)),
    "resale": ("resale", ("resale_share",)),
    "electricity_usd_per_kwh": ("electricity", ()),
    "power_overhead": ("cooling and losses", ()),
    "storage_usd_per_month": ("storage", ()),
    "wage_usd_per_hour": ("wage", ()),
    "upkeep_hours_per_month": ("upkeep hours", ()),
    "setup_hours": ("hours to set up", ()),
    "labelling_hours": ("first labelling hours", ()),
    "labelling_hours_per_month": ("labelling hours a month", ()),
    "coverage": ("share answered at home", ("coverage",)),
}


def tornado(scenario: Scenario, prices: PriceList, bills: Bills) -> tuple[Bar, ...]:
    """Bars of the inputs that matter, the widest first.

    Args:
        scenario: as it is.
        prices: whose assumptions say from where to where each input may lie.
        bills: the two alternatives; a saving is what the second costs more than the first.
    """
    bars = [_bar(scenario, prices, bills, name) for name in _INPUTS]
    moved = [bar for bar in bars if bar.saving_low_usd != bar.saving_high_usd or bar.month_low != bar.month_high]
    return tuple(sorted(moved, key=lambda b: -abs(b.saving_high_usd - b.saving_low_usd)))


def _bar(scenario: Scenario, prices: PriceList, bills: Bills, name: str) -> Bar:
    title, fields = _INPUTS[name]
    known = prices.assumption(name)
    ends: list[tuple[float, float, int | None]] = []
    for end in (known.low, known.high):
        changed: dict[str, Any] = {f: _within(f, getattr(scenario, f) * Decimal(str(end))) for f in fields}
        if not fields:
            changed = {name: _within(name, Decimal(str(end)))}
        home, away = bills(replace(scenario, **changed))
        shown = float(next(iter(changed.values())))
        ends.append((shown, float(cents(away.total - home.total)), break_even(home, away)))
    (low, saving_low, month_low), (high, saving_high, month_high) = ends
    return Bar(name, title, low, high, saving_low, saving_high, month_low, month_high)


def _within(name: str, value: Decimal) -> Decimal:
    least, most, _ = BOUNDS[name]
    return min(max(value, Decimal(str(least))), Decimal(str(most)))
