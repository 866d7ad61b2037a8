"""The bill of each alternative, month by month, in exact decimals.

A month has 30.4375 days. What is paid once (machines, setting up, first labels) is paid at the end of month 0, before
the first call; resale comes in with the last month's bill. Nothing is discounted to its value today; no tax is in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from itertools import accumulate
from typing import TYPE_CHECKING

from homegrown.cost.scenario import DAYS_PER_MONTH, HOURS_PER_MONTH, MILLION, SECONDS_PER_MONTH

if TYPE_CHECKING:
    from homegrown.cost.scenario import Api, Scenario

_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Bill:
    """What one alternative costs.

    Attributes:
        monthly: USD of month 0 (before the start), 1, 2 … to the horizon.
        n_machines: of those months; shared ones are fractions of one.
    """

    monthly: tuple[Decimal, ...]
    n_machines: tuple[Decimal, ...]

    @property
    def cumulative(self) -> tuple[Decimal, ...]:
        """USD paid by the end of each month."""
        return tuple(accumulate(self.monthly))

    @property
    def total(self) -> Decimal:
        """USD over the horizon."""
        return sum(self.monthly, _NOTHING)


def usd_per_call(s: Scenario, api: Api) -> Decimal:
    """What one call costs at *api*, its discounts for cached input and for calls that may wait counted.

    Example: 1,000 tokens sent, of them half cached, and 100 answered, at 1, 0.5 (cached) and 4 USD for a million:
    (500 × 1 + 500 × 0.5 + 100 × 4) / 10⁶ = 0.00115 USD.
    """
    cached = api.price_in_usd if api.price_cached_usd is None else min(api.price_cached_usd, api.price_in_usd)
    sent = s.n_tokens_in * ((1 - s.cached_share) * api.price_in_usd + s.cached_share * cached)
    answered = s.n_tokens_out * api.price_out_usd
    return (sent + answered) / MILLION * (1 - s.batch_share * api.batch_discount)


def calls(s: Scenario) -> tuple[Decimal, ...]:
    """Calls of month 0 (none), 1, 2 … to the horizon."""
    factor = 1 + s.growth_per_month
    return (_NOTHING, *(s.calls_per_day * DAYS_PER_MONTH * factor**m for m in range(s.horizon_months)))


def api_bill(s: Scenario, api: Api) -> Bill:
    """Every call goes to *api*."""
    each, change = usd_per_call(s, api), 1 + s.api_change_per_month
    monthly = [n * each * change ** max(m - 1, 0) for m, n in enumerate(calls(s))]
    return Bill(tuple(monthly), (_NOTHING,) * len(monthly))


def rent_bill(s: Scenario) -> Bill:
    """Every call is answered on rented machines, as many as each month needs."""
    n = tuple(_machines(s, c, s.rental_calls_per_s) for c in calls(s))
    monthly = [_people(s, m) + count * s.rental_usd_per_month for m, count in enumerate(n)]
    return Bill(tuple(monthly), n)


def own_bill(s: Scenario) -> Bill:
    """Every call is answered on machines of one's own, bought when they are needed and sold at the end.

    Of its price a machine loses ``1 − resale_share`` evenly over the horizon: one bought later has lost less.
    """
    demand = calls(s)
    n = tuple(accumulate((_machines(s, c, s.calls_per_s) for c in demand), max))
    monthly = [_people(s, m) + _running(s, count, demand[m]) for m, count in enumerate(n)]
    last = s.horizon_months
    for m, (before, now) in enumerate(zip((_NOTHING, *n[1:-1]), n[1:], strict=True)):
        price = (now - before) * s.hardware_usd
        monthly[m] += price
        monthly[last] -= price * (1 - (1 - s.resale_share) * (last - m) / last)
    return Bill(tuple(monthly), n)


def mix_bill(s: Scenario, api: Api) -> Bill:
    """As ``own_bill``; calls that are not answered at home, and those audited, go to *api* too."""
    home, away = own_bill(s), api_bill(s, api)
    share = (1 - s.coverage) + s.coverage * s.audit_share
    return Bill(tuple(h + share * a for h, a in zip(home.monthly, away.monthly, strict=True)), home.n_machines)


def _machines(s: Scenario, n_calls: Decimal, calls_per_s: Decimal) -> Decimal:
    needed = n_calls / SECONDS_PER_MONTH / (calls_per_s * s.utilisation)
    return needed if s.is_shared else needed.to_integral_value(ROUND_CEILING)


def _people(s: Scenario, month: int) -> Decimal:
    """Hours of people and storage: what is needed wherever the model runs, as long as it is one's own."""
    once = s.setup_hours + s.labelling_hours
    each = s.upkeep_hours_per_month + s.labelling_hours_per_month
    return once * s.wage_usd_per_hour if month == 0 else each * s.wage_usd_per_hour + s.storage_usd_per_month


def _running(s: Scenario, n: Decimal, n_calls: Decimal) -> Decimal:
    """Hosting and power of *n* machines that answer *n_calls* in a month."""
    if not n:
        return _NOTHING
    load = n_calls / SECONDS_PER_MONTH / (s.calls_per_s * n)
    watts = s.watts_idle + (s.watts_busy - s.watts_idle) * load
    kwh = watts / 1000 * HOURS_PER_MONTH * s.power_overhead
    return n * (s.hosting_usd_per_month + kwh * s.electricity_usd_per_kwh)
