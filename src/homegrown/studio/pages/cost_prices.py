"""Prices with their dates: those that come with homegrown are guesses, one's own go before them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from homegrown.core.access import Permission
from homegrown.cost import PriceKind
from homegrown.cost.price_list import TYPES
from homegrown.errors import InputError, NotFoundError
from homegrown.studio.answer import asked, go, posted, show
from homegrown.studio.view import AsCode, Done
from homegrown.studio.words import query_string
from homegrown.web import Route, Shape

if TYPE_CHECKING:
    from starlette.responses import Response

    from homegrown.cost import Price
    from homegrown.web import Call

_KINDS = {
    PriceKind.UPSTREAM: "Model APIs, USD for a million tokens",
    PriceKind.RENTAL: "Machines to rent",
    PriceKind.HARDWARE: "Machines to buy",
    PriceKind.ASSUMPTION: "What nobody measured, from its low to its high end",
}
_TITLES = {
    "price_in_usd": "Sent", "price_out_usd": "Answered", "price_cached_usd": "Sent, cached",
    "batch_discount": "Off for waiting", "quality": "Right on the task", "usd_per_hour": "USD an hour",
    "usd_per_month": "USD a month", "hardware": "Is like", "price_usd": "Price, USD", "watts_idle": "Idle, W",
    "watts_busy": "Busy, W", "hosting_usd_per_month": "Hosting a month", "resale_share": "Resale share",
    "n_devices": "Devices", "memory_gb": "GB a device", "bandwidth_gb_per_s": "GB/s a device",
    "tflops": "TFLOPS a device", "value": "Value", "low": "Low", "high": "High", "unit": "Unit",
}  # fmt: skip
_TEXTS = frozenset({"hardware", "unit"})


@dataclass(frozen=True, kw_only=True)
class PriceRow:
    """One price in force, its numbers in the order of the kind's columns."""

    name: str
    cells: tuple[str, ...]
    valid_from: str
    origin: str
    is_simulated: bool
    price_id: str
    edit_href: str


@dataclass(frozen=True, kw_only=True)
class PriceTable:
    """The prices of one kind."""

    kind: str
    title: str
    heads: tuple[str, ...]
    rows: tuple[PriceRow, ...]


@dataclass(frozen=True, kw_only=True)
class PriceForm:
    """The form by which one is set, as it was filled in: name, title and value of each field."""

    kind: str
    name: str
    valid_from: str
    is_simulated: bool
    fields: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, kw_only=True)
class PricesPage:
    """All prices in force, and the form that sets one."""

    template: ClassVar[str] = "cost/prices.html"
    tables: tuple[PriceTable, ...]
    kinds: tuple[tuple[str, str], ...]
    form: PriceForm
    may_set: bool
    is_editing: bool
    problem: str
    done: Done | None
    as_code: AsCode


def prices(call: Call) -> Response:
    """``GET /cost/prices``; ``kind`` and ``name`` fill the form with the price that holds."""
    kind = _kind(asked(call, "kind", "upstream"))
    found = call.ws.prices().find(kind, asked(call, "name")) if asked(call, "name") else None
    return show(call, _page(call, _form(kind, found), is_editing=found is not None or bool(asked(call, "kind"))))


def set_price(call: Call) -> Response:
    """``POST /cost/prices``: note a price."""
    kind, name = _kind(posted(call, "kind")), posted(call, "name").strip()
    typed = {f: posted(call, f).strip() for f in TYPES[kind].__struct_fields__}
    day, is_simulated = posted(call, "valid_from").strip(), bool(posted(call, "is_simulated"))
    try:
        details = {f: _number(f, text) for f, text in typed.items() if text}
        before = {(p.kind, p.subject, p.valid_from): p for p in call.ws.prices().all() if p.price_id}
        made = call.ws.set_price(kind.value, name, details, valid_from=day or None, is_simulated=is_simulated)
    except InputError as error:
        rows = tuple((f, _TITLES[f], text) for f, text in typed.items())
        form = PriceForm(kind=kind.value, name=name, valid_from=day, is_simulated=is_simulated, fields=rows)
        return show(call, _page(call, form, problem=error.message, is_editing=True), error.status)
    old = before.get((kind, made.subject, made.valid_from))
    back = ("/cost/prices", _fields(old)) if old else ("/cost/prices/remove", (("price_id", str(made.price_id)),))
    said = f"The price of {made.subject} holds from {made.valid_from} on."
    return show(call, _page(call, _form(kind, None), done=Done(sentence=said, undo=back[0], fields=back[1])))


def remove(call: Call) -> Response:
    """``POST /cost/prices/remove``: take one of the workspace's own out; one press brings it back."""
    try:
        gone = call.ws.remove_price(posted(call, "price_id"))
    except NotFoundError:
        return go("/cost/prices")
    done = Done(sentence=f"The price of {gone.subject} is out.", undo="/cost/prices", fields=_fields(gone))
    return show(call, _page(call, _form(gone.kind, None), done=done))


def _fields(price: Price) -> tuple[tuple[str, str], ...]:
    """The form that sets *price* as it is."""
    marked = (("is_simulated", "1"),) if price.is_simulated else ()
    named = (("kind", price.kind.value), ("name", price.subject), ("valid_from", price.valid_from), *marked)
    numbers = ((n, _typed(getattr(price.details, n))) for n in price.details.__struct_fields__)
    return (*named, *(pair for pair in numbers if pair[1]))


def _page(
    call: Call, form: PriceForm, *, problem: str = "", is_editing: bool = False, done: Done | None = None
) -> PricesPage:
    in_force = call.ws.prices().in_force()
    return PricesPage(
        tables=tuple(_table(kind, [p for p in in_force if p.kind is kind]) for kind in _KINDS),
        kinds=tuple((k.value, title) for k, title in _KINDS.items()),
        form=form,
        may_set=call.actor.may(Permission.BUILD),
        is_editing=is_editing,
        problem=problem,
        done=done,
        as_code=AsCode(
            cli="homegrown cost prices set upstream gpt price_in_usd=0.15 price_out_usd=0.60",
            python='ws.set_price("upstream", "gpt", price_in_usd=0.15, price_out_usd=0.60)',
        ),
    )


def _table(kind: PriceKind, found: list[Price]) -> PriceTable:
    names = TYPES[kind].__struct_fields__
    rows = tuple(
        PriceRow(
            name=p.subject,
            cells=tuple(_shown(getattr(p.details, n)) for n in names),
            valid_from=p.valid_from,
            origin=p.origin,
            is_simulated=p.is_simulated,
            price_id=p.price_id or "",
            edit_href=f"/cost/prices?{query_string(kind=kind.value, name=p.subject)}#set",
        )
        for p in found
    )
    return PriceTable(kind=kind.value, title=_KINDS[kind], heads=tuple(_TITLES[n] for n in names), rows=rows)


def _form(kind: PriceKind, price: Price | None) -> PriceForm:
    names = TYPES[kind].__struct_fields__
    return PriceForm(
        kind=kind.value,
        name=price.subject if price else "",
        valid_from="",
        is_simulated=bool(price and price.origin == "workspace" and price.is_simulated),
        fields=tuple((n, _TITLES[n], _typed(getattr(price.details, n)) if price else "") for n in names),
    )


def _shown(value: Any) -> str:
    return "–" if value in (None, "") else f"{value:,.10g}" if isinstance(value, (int, float)) else str(value)


def _typed(value: Any) -> str:
    return "" if value is None else str(value).removesuffix(".0")


def _kind(text: str) -> PriceKind:
    try:
        return PriceKind(text)
    except ValueError as error:
        raise InputError("A price is of a model API, a rental, hardware, or an assumption.") from error


def _number(name: str, text: str) -> Any:
    if name in _TEXTS:
        return text
    try:
        return int(text) if name == "n_devices" else float(text.replace(",", ""))
    except ValueError as error:
        raise InputError(f"{_TITLES[name]} is a number, such as 0.15; {text[:40]!r} is none.") from error


ROUTES: tuple[Route, ...] = (
    Route("/cost/prices", prices, Permission.READ, shape=Shape.PAGE),
    Route("/cost/prices", set_price, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
    Route("/cost/prices/remove", remove, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
)
