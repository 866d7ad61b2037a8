"""When the dearer beginning has paid back: the month, the demand from which it does, and what that depends on."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from homegrown.cost.months import Bill
    from homegrown.cost.scenario import Scenario

    Bills = Callable[[Scenario], tuple[Bill, Bill]]

CENT, _HALF_A_CENT = Decimal("0.01"), Decimal("0.005")
_STEPS_PER_DECADE = 8
_MOST_CALLS = Decimal(10) ** 9


def cents(amount: Decimal) -> Decimal:
    """*amount* in whole cents."""
    return amount.quantize(CENT, ROUND_HALF_EVEN)


def break_even(home: Bill, away: Bill) -> int | None:
    """The first month from whose end on *home* has never cost more in all than *away*, to the horizon; None is never.

    0 means: from the start, before the first call. Compared to the cent. Where *away* costs nothing, nothing can be
    paid back, so that is never.

    Example: 500 paid first and 10 a month, against 72.50 a month: after 8 months both have cost 580.
    """
    if away.total <= _HALF_A_CENT:
        return None
    month = None
    for m, (ours, theirs) in enumerate(zip(home.cumulative, away.cumulative, strict=True)):
        if theirs - ours < -_HALF_A_CENT:
            month = None
        elif month is None:
            month = m
    return month


def least_calls(scenario: Scenario, bills: Bills) -> int | None:
    """The fewest calls a day with which *bills*' first alternative pays back against its second within the horizon.

    Found by steps of a third and then by halving, so it is the first such number unless a machine more, needed on
    the way, costs more than the calls of one step bring. None: with no number up to 10⁹.
    """

    def pays(n: Decimal) -> bool:
        home, away = bills(replace(scenario, calls_per_day=n))
        return break_even(home, away) is not None

    low, high = Decimal(0), Decimal(1)
    while not pays(high):
        low, high = high, (high * Decimal(10) ** (Decimal(1) / _STEPS_PER_DECADE)).to_integral_value(ROUND_CEILING)
        if high > _MOST_CALLS:
            return None
    while high - low > 1:
        middle = ((low + high) / 2).to_integral_value(ROUND_CEILING)
        if middle == high:
            break
        low, high = (low, middle) if pays(middle) else (middle, high)
    return int(high)
