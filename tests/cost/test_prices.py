"""Prices as data with a date: whose goes first, from when on, and what cannot be a price."""

import pytest

from homegrown.core.access import Actor, Role
from homegrown.cost.price_list import TYPES, PriceKind, PriceList, checked, package_prices
from homegrown.cost.tornado import _INPUTS
from homegrown.errors import ForbiddenError, InputError, NotFoundError
from homegrown.workspace import connect

GPT = {"price_in_usd": 1.0, "price_out_usd": 2.0}


@pytest.fixture
def ws(tmp_path):
    with connect(tmp_path / "w") as found:
        yield found


def test_all_that_the_package_brings_is_simulated_and_complete():
    prices = PriceList(package_prices())
    assert all(p.is_simulated and p.valid_from >= "2026-01-01" for p in prices.all())
    for kind in TYPES:
        assert len(prices.in_force(kind)) >= 3
    for name in ("laptop", "card-24gb", "six-card-box", "eight-card-server", "cluster"):
        machine = prices.get(PriceKind.HARDWARE, name).details
        assert min(machine.price_usd, machine.watts_busy, machine.memory_gb, machine.bandwidth_gb_per_s) > 0
    assert prices.get(PriceKind.HARDWARE, "six-card-box").details.price_usd == 15_000
    assert prices.get(PriceKind.HARDWARE, "cluster").details.price_usd == 500_000
    for rental in prices.in_force(PriceKind.RENTAL):
        assert prices.find(PriceKind.HARDWARE, rental.details.hardware), rental.subject
    for name in _INPUTS:
        assert prices.assumption(name).low < prices.assumption(name).high


def test_a_price_holds_from_its_day_on_and_before_the_first_the_first_does(ws):
    ws.set_price("upstream", "gpt", valid_from="2026-03-01", price_in_usd=3, price_out_usd=3)
    ws.set_price("upstream", "gpt", valid_from="2026-02-01", price_in_usd=2, price_out_usd=2)
    ws.set_price("upstream", "gpt", valid_from="2099-01-01", price_in_usd=9, price_out_usd=9)
    prices = ws.prices(on="2026-11-25")
    days = {"2026-02-01": 2, "2026-02-28": 2, "2026-03-01": 3, "2027-01-01": 3, "2099-01-01": 9, "1999-01-01": 2}
    for day, usd in days.items():
        assert prices.find(PriceKind.UPSTREAM, "gpt", day).details.price_in_usd == usd, day
    assert prices.get(PriceKind.UPSTREAM, "gpt").details.price_in_usd == 3
    assert ws.prices(on="2026-02-10").get(PriceKind.UPSTREAM, "gpt").details.price_in_usd == 2


def test_the_same_day_again_replaces_and_removing_brings_the_package_back(ws):
    first = ws.set_price("hardware", "cluster", price_usd=1, watts_idle=1, watts_busy=1)
    again = ws.set_price("hardware", "cluster", price_usd=2, watts_idle=1, watts_busy=1, is_simulated=True)
    assert first.price_id == again.price_id
    found = ws.prices().get(PriceKind.HARDWARE, "cluster")
    assert (found.details.price_usd, found.origin, found.is_simulated) == (2, "workspace", True)
    assert ws.remove_price(again.price_id).subject == "cluster"
    assert ws.prices().get(PriceKind.HARDWARE, "cluster").origin == "package"
    with pytest.raises(NotFoundError):
        ws.remove_price(again.price_id)
    actions = [e.action for e in ws.audit()]
    assert actions[:3] == ["cost.remove_price", "cost.set_price", "cost.set_price"]


def test_a_registered_upstream_is_priced_as_it_was_registered_until_somebody_says_more(ws):
    ws.add_upstream("mine", "https://api.example.org/v1", model="m", price_in_usd=0.5, price_out_usd=0.7)
    assert ws.prices().get(PriceKind.UPSTREAM, "mine").details.price_out_usd == 0.7
    ws.set_price("upstream", "mine", valid_from="2026-01-01", price_in_usd=0.1, price_out_usd=0.2, quality=0.9)
    assert ws.prices().get(PriceKind.UPSTREAM, "mine").details.quality == 0.9


def test_an_upstream_without_a_price_is_said_to_count_as_free(ws):
    ws.add_upstream("mine", "http://127.0.0.1:9/v1", model="m", private=True)
    asked = {"upstream": "mine", "calls_per_day": 900, "n_tokens_in": 60, "n_tokens_out": 5}
    assert any("mine has no price here" in note for note in ws.compare_costs(**asked).notes)
    ws.set_price("upstream", "mine", valid_from="2026-01-01", price_in_usd=0.1, price_out_usd=0.2)
    assert not any("no price" in note for note in ws.compare_costs(**asked).notes)


@pytest.mark.parametrize(
    ("kind", "name", "details", "says"),
    [
        ("upstream", "x", {**GPT, "price_in_usd": float("nan")}, "price_in_usd is a number from 0"),
        ("upstream", "x", {**GPT, "price_in_usd": -1.0}, "and -1.0 is not"),
        ("upstream", "x", {**GPT, "price_in_usd": 1e12}, "price_in_usd is a number from 0"),
        ("upstream", "x", {**GPT, "batch_discount": 1.5}, "a share between 0 and 1"),
        ("upstream", "x", {"price_in_usd": 1.0}, "missing required field"),
        ("upstream", "x", {**GPT, "other": 1}, "unknown field"),
        ("upstream", "x", {**GPT, "price_in_usd": "1"}, "Expected `float`"),
        ("upstream", "", GPT, "1 to 100 printable characters"),
        ("upstream", "a\x1bb", GPT, "1 to 100 printable characters"),
        ("rental", "x", {}, "either usd_per_hour or usd_per_month"),
        ("rental", "x", {"usd_per_hour": 1.0, "usd_per_month": 1.0}, "either usd_per_hour or usd_per_month"),
        ("hardware", "x", {"price_usd": 1.0, "watts_idle": 2.0, "watts_busy": 1.0}, "no more idle than busy"),
        ("assumption", "x", {"value": 1.0, "low": 2.0, "high": 1.0}, "low end"),
    ],
)
def test_what_cannot_be_a_price_gets_one_sentence(kind, name, details, says):
    with pytest.raises(InputError) as caught:
        checked(PriceKind(kind), name, details)
    assert says in caught.value.message


@pytest.mark.parametrize("date", ["1999-12-31", "2100-01-01", "yesterday", "2026-13-01", ""])
def test_dates_that_no_price_can_have(ws, date):
    if date:
        with pytest.raises(InputError):
            ws.set_price("upstream", "gpt", valid_from=date, **GPT)
    with pytest.raises(InputError, match="one of these"):
        ws.set_price("elephant", "gpt", **GPT)


def test_who_may_only_read_sets_no_price(ws):
    reader = ws.acting_as(Actor("actor_terminal", "person", "r", Role.REVIEWER))
    with pytest.raises(ForbiddenError):
        reader.set_price("upstream", "gpt", **GPT)
    with pytest.raises(ForbiddenError):
        reader.remove_price("price_x")
