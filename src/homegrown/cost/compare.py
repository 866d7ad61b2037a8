"""All alternatives side by side: the API, the cheapest API that is as good, rented, owned, and the mix."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from homegrown.cost import sentences
from homegrown.cost.break_even import break_even, cents, least_calls
from homegrown.cost.months import Bill, api_bill, calls, mix_bill, own_bill, rent_bill, usd_per_call
from homegrown.cost.resolve import Input, Resolved
from homegrown.cost.scenario import check
from homegrown.cost.tornado import Bar, tornado
from homegrown.errors import InputError

if TYPE_CHECKING:
    from homegrown.cost.price_list import PriceList
    from homegrown.cost.scenario import Api, Scenario


_MOST_USD = 10**15


@dataclass(frozen=True, slots=True)
class Option:
    """One alternative: ``api``, ``cheapest``, ``rent``, ``own`` or ``mix``. Months begin with 0, before the start."""

    name: str
    title: str
    total_usd: float
    usd_per_1000_calls: float
    upfront_usd: float
    monthly_usd: tuple[float, ...]
    cumulative_usd: tuple[float, ...]
    n_machines: float


@dataclass(frozen=True, slots=True)
class Pair:
    """Whether ``home`` pays back against ``away``: in which month (None: never), and what it saves over the horizon."""

    home: str
    away: str
    month: int | None
    saving_usd: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The answer to "when does owning beat renting": one document for the terminal, the page and the API.

    Attributes:
        sentence: for somebody who reads one sentence.
        notes: what to know before believing it.
        home: the alternative at home that the sentence is about, ``own`` or ``mix``.
        away: against which: ``cheapest``, or ``api`` where no other API is known to be as good.
        best: the alternative that costs least over the horizon.
        break_even_month: of ``home`` against ``away``; None is never, 0 from the start.
        least_calls_per_day: with which it still pays back; None where it never does.
        simulated: prices in it that are guesses or made up.
    """

    sentence: str
    notes: tuple[str, ...]
    calls_per_day: float
    horizon_months: int
    home: str
    away: str
    best: str
    break_even_month: int | None
    saving_usd: float
    least_calls_per_day: int | None
    options: tuple[Option, ...]
    break_even: tuple[Pair, ...]
    tornado: tuple[Bar, ...]
    inputs: tuple[Input, ...]
    simulated: tuple[str, ...]

    def option(self, name: str) -> Option:
        """One of the alternatives by name."""
        return next(o for o in self.options if o.name == name)


def compare(resolved: Resolved, prices: PriceList) -> Comparison:
    """Compare the alternatives of a scenario.

    Args:
        resolved: the scenario, and where each of its numbers comes from.
        prices: for the ends between which inputs may lie.

    Raises:
        InputError: a number of it cannot be.
    """
    s = check(resolved.scenario)
    incumbent, best_api = s.apis[0], cheapest_api(s)
    away = "api" if best_api is incumbent else "cheapest"
    is_mixed = s.coverage < 1 or s.audit_share > 0
    home = "mix" if is_mixed else "own"
    bills = {
        "api": api_bill(s, incumbent),
        **({"cheapest": api_bill(s, best_api)} if away == "cheapest" else {}),
        "rent": rent_bill(s),
        "own": own_bill(s),
        **({"mix": mix_bill(s, best_api)} if is_mixed else {}),
    }
    if max(bill.total for bill in bills.values()) > _MOST_USD:
        raise InputError(
            f"This comes to more than {_MOST_USD:,} USD: look at the calls, the tokens and the prices again."
        )
    both = partial(_both, is_mixed, best_api)
    options = tuple(_option(s, name, _title(s, name, best_api), bill) for name, bill in bills.items())
    possible = [o for o in options if not (is_mixed and o.name in ("rent", "own"))]
    month = break_even(bills[home], bills[away])
    facts = sentences.Facts(
        scenario=s, home=home, away=away, best_api=best_api.name, month=month, least=least_calls(s, both),
        options=options, best=min(possible, key=lambda o: o.total_usd).name,
    )  # fmt: skip
    return Comparison(
        sentence=sentences.headline(facts),
        notes=(*sentences.notes(facts), *resolved.notes),
        calls_per_day=float(s.calls_per_day),
        horizon_months=s.horizon_months,
        home=home,
        away=away,
        best=facts.best,
        break_even_month=month,
        saving_usd=_usd(bills[away].total - bills[home].total),
        least_calls_per_day=facts.least,
        options=options,
        break_even=tuple(
            Pair(h, a, break_even(bills[h], bills[a]), _usd(bills[a].total - bills[h].total))
            for h in ("rent", "own", "mix")
            for a in ("api", "cheapest", "rent")
            if h in bills and a in bills and h != a
        ),
        tornado=tornado(s, prices, both),
        inputs=resolved.inputs,
        simulated=tuple(dict.fromkeys(i.source for i in resolved.inputs if i.is_simulated)),
    )


def cheapest_api(s: Scenario) -> Api:
    """The cheapest API that is known to reach the quality bar; the incumbent counts as good enough.

    Where no bar is set, it is the incumbent's quality; where that is not known either, there is no other one.
    """
    bar = s.apis[0].quality if s.quality_bar is None else s.quality_bar
    good = [a for a in s.apis[1:] if bar is not None and a.quality is not None and a.quality >= bar]
    return min((s.apis[0], *good), key=partial(usd_per_call, s))


def _both(is_mixed: bool, api: Api, s: Scenario) -> tuple[Bill, Bill]:
    return mix_bill(s, api) if is_mixed else own_bill(s), api_bill(s, api)


def _title(s: Scenario, name: str, best_api: Api) -> str:
    return {
        "api": f"API {s.apis[0].name}",
        "cheapest": f"cheapest API as good, {best_api.name}",
        "rent": f"rented {s.rental}",
        "own": f"owned {s.hardware}",
        "mix": f"owned {s.hardware}, rest {best_api.name}",
    }[name]


def _option(s: Scenario, name: str, title: str, bill: Bill) -> Option:
    n_calls = sum(calls(s), Decimal(0))
    return Option(
        name=name,
        title=title,
        total_usd=_usd(bill.total),
        usd_per_1000_calls=float(round(bill.total / n_calls * 1000, 6)),
        upfront_usd=_usd(bill.monthly[0]),
        monthly_usd=tuple(_usd(m) for m in bill.monthly),
        cumulative_usd=tuple(_usd(c) for c in bill.cumulative),
        n_machines=float(round(bill.n_machines[-1], 4)),
    )


def _usd(amount: Decimal) -> float:
    return float(cents(amount))
