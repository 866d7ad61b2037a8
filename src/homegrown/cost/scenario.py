"""What a comparison of costs starts from: every number in it, checked, as exact decimals."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from typing import Any

from homegrown.errors import InputError

DAYS_PER_MONTH = Decimal("30.4375")  # of 365.25 days a year
HOURS_PER_MONTH = DAYS_PER_MONTH * 24
SECONDS_PER_MONTH = HOURS_PER_MONTH * 3600
MILLION = Decimal(1_000_000)
MAX_MONTHS = 120
MAX_MACHINES = 1_000_000

NOTHING, ONE = Decimal(0), Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """A model API as an alternative: its prices are USD for a million tokens."""

    name: str
    price_in_usd: Decimal
    price_out_usd: Decimal
    price_cached_usd: Decimal | None = None
    batch_discount: Decimal = NOTHING
    quality: Decimal | None = None
    is_simulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One comparison's inputs. Shares lie between 0 and 1; ``apis`` begins with the incumbent.

    Attributes:
        calls_per_day: in the first month; each later one has ``growth_per_month`` more.
        cached_share: of the input tokens, those that the API has read before and prices lower.
        batch_share: of the calls, those that may wait and get the API's discount.
        api_change_per_month: by which share the API's prices change from month to month.
        quality_bar: the least share of right answers; an API that is not known to reach it is no alternative.
        calls_per_s: what one machine answers when it is busy; ``rental_calls_per_s`` likewise.
        utilisation: the share of that which is used on average: traffic has peaks, and machines must bear them.
        is_shared: other models use what is left of a machine and pay for it; else whole machines are paid.
        coverage: the share of calls that is answered at home in the mix; the rest goes to the API.
        audit_share: of the calls answered at home in the mix, those also sent to the API to check.
        horizon_months: after which the machines are sold.
    """

    apis: tuple[Api, ...]
    hardware: str
    rental: str
    calls_per_day: Decimal
    n_tokens_in: Decimal
    n_tokens_out: Decimal
    calls_per_s: Decimal
    rental_calls_per_s: Decimal
    hardware_usd: Decimal
    rental_usd_per_month: Decimal
    growth_per_month: Decimal = NOTHING
    cached_share: Decimal = NOTHING
    batch_share: Decimal = NOTHING
    api_change_per_month: Decimal = NOTHING
    quality_bar: Decimal | None = None
    watts_idle: Decimal = NOTHING
    watts_busy: Decimal = NOTHING
    hosting_usd_per_month: Decimal = NOTHING
    resale_share: Decimal = NOTHING
    electricity_usd_per_kwh: Decimal = NOTHING
    power_overhead: Decimal = ONE
    storage_usd_per_month: Decimal = NOTHING
    wage_usd_per_hour: Decimal = NOTHING
    upkeep_hours_per_month: Decimal = NOTHING
    setup_hours: Decimal = NOTHING
    labelling_hours: Decimal = NOTHING
    labelling_hours_per_month: Decimal = NOTHING
    utilisation: Decimal = ONE
    is_shared: bool = False
    coverage: Decimal = ONE
    audit_share: Decimal = NOTHING
    horizon_months: int = 36


#: name → (least, most, what it is for a person); the ends are part of the range
BOUNDS: dict[str, tuple[float, float, str]] = {
    "calls_per_day": (1e-3, 1e12, "The number of calls a day"),
    "n_tokens_in": (0, 1e8, "The number of tokens sent"),
    "n_tokens_out": (0, 1e8, "The number of tokens answered"),
    "calls_per_s": (1e-6, 1e9, "The calls a second that a machine answers"),
    "rental_calls_per_s": (1e-6, 1e9, "The calls a second that a rented machine answers"),
    "hardware_usd": (0, 1e9, "The price of a machine"),
    "rental_usd_per_month": (0, 1e9, "The rent of a machine"),
    "growth_per_month": (-0.9, 1, "The growth a month"),
    "cached_share": (0, 1, "The cached share of the input"),
    "batch_share": (0, 1, "The share of calls that may wait"),
    "api_change_per_month": (-0.9, 0.5, "The change of the API's prices a month"),
    "quality_bar": (0, 1, "The quality bar"),
    "watts_idle": (0, 1e7, "The idle power in watts"),
    "watts_busy": (0, 1e7, "The busy power in watts"),
    "hosting_usd_per_month": (0, 1e9, "Hosting a month"),
    "resale_share": (0, 1, "The resale share"),
    "electricity_usd_per_kwh": (0, 100, "The price of electricity"),
    "power_overhead": (1, 10, "The overhead of power"),
    "storage_usd_per_month": (0, 1e9, "Storage a month"),
    "wage_usd_per_hour": (0, 1e5, "The wage an hour"),
    "upkeep_hours_per_month": (0, 1e5, "The upkeep hours a month"),
    "setup_hours": (0, 1e6, "The hours to set up"),
    "labelling_hours": (0, 1e6, "The labelling hours"),
    "labelling_hours_per_month": (0, 1e5, "The labelling hours a month"),
    "utilisation": (0.001, 1, "The utilisation"),
    "coverage": (0, 1, "The share answered at home"),
    "audit_share": (0, 1, "The audited share"),
    "horizon_months": (1, MAX_MONTHS, "The horizon in months"),
}


def number(value: Any, name: str) -> Decimal:
    """*value* as an exact decimal within the bounds of the input *name*.

    Raises:
        InputError: no number, not finite, or out of bounds, in one sentence.

    Example:
        >>> number("0.15", "coverage"), number(1.5, "hardware_usd")
        (Decimal('0.15'), Decimal('1.5'))
    """
    least, most, what = BOUNDS[name]
    try:
        found = Decimal(str(value).strip())
    except InvalidOperation as error:
        raise InputError(f"{what} is a number, and {str(value)[:40]!r} is none.") from error
    if name == "calls_per_day" and found.is_finite() and found == 0:
        raise InputError("With no calls nothing is paid and nothing is saved: say how many calls a day there will be.")
    if not found.is_finite() or not Decimal(str(least)) <= found <= Decimal(str(most)):
        raise InputError(f"{what} lies between {least:,g} and {most:,g}, and {str(value)[:40]} does not.")
    return found


def check(scenario: Scenario) -> Scenario:
    """*scenario*, if every number of it can be.

    Raises:
        InputError: the first that cannot, in one sentence.
    """
    if not scenario.apis:
        raise InputError("A comparison needs the price of the model API that answers now.")
    for field in fields(scenario):
        value = getattr(scenario, field.name)
        if field.name in BOUNDS and value is not None:
            number(value, field.name)
    if scenario.watts_idle > scenario.watts_busy:
        raise InputError("A machine draws no more power idle than busy.")
    last = scenario.calls_per_day * (1 + scenario.growth_per_month) ** (scenario.horizon_months - 1)
    busiest = max(scenario.calls_per_day, last) / 86400
    slowest = min(scenario.calls_per_s, scenario.rental_calls_per_s) * scenario.utilisation
    if busiest / slowest > MAX_MACHINES:
        raise InputError(
            f"With this growth there would be {last:,.0f} calls a day in the last month, for which more than "
            f"{MAX_MACHINES:,} machines would be needed: look at the calls, the growth and the rate again."
        )
    return scenario
