"""Cost: when owning beats renting, in one sentence, three lines over months, and what it depends on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from starlette.responses import Response

from homegrown.core.access import Permission
from homegrown.cost import PriceKind
from homegrown.cost.scenario import BOUNDS
from homegrown.cost.sentences import usd
from homegrown.errors import InputError, NotFoundError
from homegrown.store.spreadsheets import csv_text
from homegrown.studio import cost_charts, words
from homegrown.studio.answer import asked, show
from homegrown.studio.view import AsCode, NextStep
from homegrown.web import Route, Shape

if TYPE_CHECKING:
    from homegrown.cost import Comparison, PriceList
    from homegrown.web import Call

_FIRST = ("calls_per_day", "n_tokens_in", "n_tokens_out", "coverage")
_NAMES = (("upstream", "Model API"), ("hardware", "Machine to buy"), ("rental", "Machine to rent"))
_ORIGINS = {"asked": "said here", "measured": "measured", "price": "price", "assumed": "assumed"}


@dataclass(frozen=True, kw_only=True)
class CostField:
    """One number that may be said: what it is, what was typed, and what holds where nothing is."""

    name: str
    title: str
    value: str
    placeholder: str


@dataclass(frozen=True, kw_only=True)
class CostChoice:
    """One name to pick: what it is of, and those there are, the first for "find out"."""

    name: str
    title: str
    value: str
    options: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class OptionRow:
    """One alternative in words."""

    title: str
    upfront: str
    first_month: str
    total: str
    per_1000: str
    n_machines: str
    is_best: bool


@dataclass(frozen=True, kw_only=True)
class BarRow:
    """One input of the tornado in words."""

    title: str
    ends: str
    saved: str
    months: str


@dataclass(frozen=True, kw_only=True)
class InputRow:
    """One number of the comparison, and where it comes from."""

    title: str
    value: str
    origin: str
    source: str
    is_simulated: bool


@dataclass(frozen=True, kw_only=True)
class CostResult:
    """The answer: the sentence, alternatives, charts with their tables, and all that went into it."""

    sentence: str
    notes: tuple[str, ...]
    options: tuple[OptionRow, ...]
    chart: dict[str, Any]
    months: tuple[tuple[str, ...], ...]
    heads: tuple[str, ...]
    tornado: dict[str, Any] | None
    bars: tuple[BarRow, ...]
    inputs: tuple[InputRow, ...]
    simulated: tuple[str, ...]
    csv_href: str


@dataclass(frozen=True, kw_only=True)
class CostPage:
    """When owning beats renting."""

    template: ClassVar[str] = "cost/cost.html"
    result: CostResult | None
    problem: str
    traffic: str
    choices: tuple[CostChoice, ...]
    first: tuple[CostField, ...]
    more: tuple[CostField, ...]
    is_shared: bool
    has_said_more: bool
    as_code: AsCode


def cost(call: Call) -> Response:
    """``GET /cost``: the comparison that the query string asks for, or the one that captured calls give."""
    said = _said(call)
    seen = call.ws.recent_traffic()
    if not said and seen is None:
        return show(call, _page(call, None, ""))
    try:
        done = _compare(call)
        return show(call, _page(call, done, ""), step=_step(done))
    except (InputError, NotFoundError) as error:
        return show(call, _page(call, None, error.message), error.status)


def _step(done: Comparison) -> NextStep | None:
    if not done.simulated:
        return None
    return NextStep(
        title="Say what you really pay",
        reason="Some prices in this are guesses, and the month of break-even is only as good as they are.",
        action="Set prices",
        href="/cost/prices",
    )


def export(call: Call) -> Response:
    """``GET /cost/months.csv``: what each alternative has cost in all by the end of each month."""
    done = _compare(call)
    rows = [["month", *(o.title for o in done.options)]]
    rows += [[m, *(o.cumulative_usd[m] for o in done.options)] for m in range(done.horizon_months + 1)]
    headers = {"Content-Disposition": 'attachment; filename="cost-by-month.csv"'}
    return Response(csv_text(rows), media_type="text/csv; charset=utf-8", headers=headers)


def _said(call: Call) -> dict[str, Any]:
    names = (*(n for n, _ in _NAMES), *BOUNDS)
    said: dict[str, Any] = {name: text for name in names if (text := asked(call, name).strip())}
    return said | ({"is_shared": True} if asked(call, "is_shared") else {})


def _compare(call: Call) -> Comparison:
    said = _said(call)
    for name in BOUNDS.keys() & said.keys():  # people write 40,000
        said[name] = said[name].replace(",", "").replace(" ", "")
    return call.ws.compare_costs(**said)


def _page(call: Call, done: Comparison | None, problem: str) -> CostPage:
    said, seen = _said(call), call.ws.recent_traffic()
    known = {i.name: f"{i.value:,.6g}" for i in done.inputs} if done else {}
    prices = call.ws.prices()

    def fields(names: tuple[str, ...]) -> tuple[CostField, ...]:
        return tuple(
            CostField(
                name=n, title=_input_title(n),
                value=str(said.get(n, "")), placeholder=known.get(n, "40,000" if n == "calls_per_day" else ""),
            )
            for n in names
        )  # fmt: skip

    more = tuple(n for n in BOUNDS if n not in _FIRST)
    typed = " ".join(f"--{n.replace('_', '-')} {words.shell(str(v))}" for n, v in said.items() if n != "is_shared")
    cli = f"homegrown cost {typed}{' --shared' if said.get('is_shared') else ''}".strip()
    return CostPage(
        result=_result(done, words.query_string(**said)) if done else None,
        problem=problem,
        traffic=(
            f"{seen.n_calls:,} calls were captured over {seen.days:,.1f} days: {seen.calls_per_day:,.0f} a day."
            if seen
            else ""
        ),
        choices=_choices(prices, said),
        first=fields(_FIRST),
        more=fields(more),
        is_shared=bool(said.get("is_shared")),
        has_said_more=any(n in said for n in more),
        as_code=AsCode(
            cli=cli if said else "homegrown cost --calls-per-day 40000 --upstream large-api",
            python=f"ws.compare_costs({', '.join(f'{k}={v!r}' for k, v in said.items())})"
            if said
            else 'ws.compare_costs(calls_per_day=40_000, upstream="large-api")',
        ),
    )


def _choices(prices: PriceList, said: dict[str, Any]) -> tuple[CostChoice, ...]:
    kinds = (PriceKind.UPSTREAM, PriceKind.HARDWARE, PriceKind.RENTAL)
    return tuple(
        CostChoice(
            name=name,
            title=title,
            value=str(said.get(name, "")),
            options=tuple(p.subject for p in prices.in_force(kind)),
        )
        for (name, title), kind in zip(_NAMES, kinds, strict=True)
    )


def _result(done: Comparison, query: str) -> CostResult:
    marks = sorted({0, 1, 2, 3, 6, 9, 12, 18, 24, 36, 48, 60, 84, 120, done.break_even_month or 0, done.horizon_months})
    shown = [m for m in marks if m <= done.horizon_months]
    return CostResult(
        sentence=done.sentence,
        notes=done.notes,
        options=tuple(
            OptionRow(
                title=o.title,
                upfront=usd(o.upfront_usd),
                first_month=usd(o.monthly_usd[1]),
                total=usd(o.total_usd),
                per_1000=usd(o.usd_per_1000_calls),
                n_machines=f"{o.n_machines:,.3g}" if o.n_machines else "–",
                is_best=o.name == done.best,
            )
            for o in done.options
        ),
        chart=cost_charts.months(done),
        heads=tuple(o.title for o in done.options),
        months=tuple((str(m), *(f"{o.cumulative_usd[m]:,.0f}" for o in done.options)) for m in shown),
        tornado=cost_charts.tornado(done) if done.tornado else None,
        bars=tuple(
            BarRow(
                title=b.title,
                ends=f"{b.low:,.6g} to {b.high:,.6g}",
                saved=f"{b.saving_low_usd:,.0f} to {b.saving_high_usd:,.0f}",
                months=f"{_month(b.month_low)} to {_month(b.month_high)}",
            )
            for b in done.tornado
        ),
        inputs=tuple(
            InputRow(
                title=_input_title(i.name),
                value=f"{i.value:,.6g}" if math.isfinite(i.value) else "–",
                origin=_ORIGINS[i.origin],
                source="" if i.origin == "asked" else i.source,
                is_simulated=i.is_simulated,
            )
            for i in done.inputs
        ),
        simulated=done.simulated,
        csv_href=f"/cost/months.csv?{query}",
    )


def _input_title(name: str) -> str:
    extra = {"price_in_usd": "USD per million tokens sent", "price_out_usd": "USD per million tokens answered"}
    plain = extra.get(name) or BOUNDS[name][2].removeprefix("The ").removeprefix("number of ")
    return plain[0].upper() + plain[1:]


def _month(month: int | None) -> str:
    return "never" if month is None else f"month {month}"


ROUTES: tuple[Route, ...] = (
    Route("/cost", cost, Permission.READ, shape=Shape.PAGE),
    Route("/cost/months.csv", export, Permission.READ, shape=Shape.PAGE),
)
