"""What a comparison says in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from homegrown.cost.compare import Option
    from homegrown.cost.scenario import Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the sentences are made of."""

    scenario: Scenario
    home: str
    away: str
    best_api: str
    month: int | None
    least: int | None
    options: tuple[Option, ...]
    best: str


def headline(f: Facts) -> str:
    """The plain sentence: "At 40,000 calls a day, owning pays back in month 5; below about 6,000 stay."."""
    s = f.scenario
    owning = "owning" if f.home == "own" else f"answering {s.coverage:.0%} at home"
    at = f"At {s.calls_per_day:,.{0 if s.calls_per_day >= 10 else 1}f} calls a day"
    if f.month is None:
        would = ""
        if f.least is not None and f.least > s.calls_per_day:
            would = f"; from about {f.least:,} calls a day it would"
        elif f.least is not None:
            would = f"; with {f.least:,} it would, on fewer machines"
        return f"{at}, {owning} does not pay back within {s.horizon_months} months: stay with {f.best_api}{would}."
    when = "pays from the first day" if f.month == 0 else f"pays back in month {f.month}"
    below = f"; below about {f.least:,} stay" if f.least is not None and f.least > 1 else ""
    return f"{at}, {owning} {when} against {f.best_api}{below}."


def notes(f: Facts) -> tuple[str, ...]:
    """What else one should know."""
    s = f.scenario
    by_name = {o.name: o for o in f.options}
    best, home, away = by_name[f.best], by_name[f.home], by_name[f.away]
    said = [f"Over {s.horizon_months} months the least is paid for: {best.title}, {usd(best.total_usd)}."]
    others = {o.name: o for o in (away, home)}
    others.pop(f.best, None)
    said[0] = said[0][:-1] + "".join(f"; {o.title}: {usd(o.total_usd)}" for o in others.values()) + "."
    if f.home == "mix":
        said.append("“Rented” and “owned” answer every call at home; only the mix leaves to the API what is not sure.")
    unknown = [a.name for a in s.apis[1:] if a.quality is None]
    if unknown and f.away == "api":
        names = ", ".join(unknown[:5])
        said.append(f"No other API is known to be as good: the quality of {names} on this task was not measured.")
    if f.month is not None and f.month == s.horizon_months:
        said.append("It pays back only with the resale at the end.")
    return tuple(said)


def usd(amount: float) -> str:
    """An amount of money as a person reads it.

    Example:
        >>> usd(1234567.8), usd(12.345), usd(0.000033)
        ('1,234,568 USD', '12.35 USD', '0.000033 USD')
    """
    if abs(amount) >= 1000:
        return f"{amount:,.0f} USD"
    if abs(amount) >= 0.1 or abs(amount) < 1e-9:
        return f"{amount:,.2f} USD"
    return f"{amount:.{1 - math.floor(math.log10(abs(amount)))}f} USD"
