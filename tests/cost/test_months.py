"""Bills and break-even against numbers worked out by hand, and what must hold whatever the numbers are."""

from dataclasses import replace
from decimal import Decimal as D

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homegrown.cost.break_even import break_even, least_calls
from homegrown.cost.compare import cheapest_api
from homegrown.cost.months import Bill, api_bill, mix_bill, own_bill, rent_bill, usd_per_call
from homegrown.cost.scenario import Api, Scenario, check, number
from homegrown.errors import InputError


def own_and_api(s):
    return own_bill(s), api_bill(s, s.apis[0])


def test_a_cluster_for_half_a_million_pays_back_in_month_8_and_saves_2_150_000_in_3_years(plain):
    """Hosting 10,000 a month. Rented for as much as 8 months of price and hosting: 500,000 / 8 + 10,000 = 72,500.

    36 × 72,500 = 2,610,000 rented; 500,000 + 36 × 10,000 − 400,000 = 460,000 owned.
    """
    case = replace(
        plain, hardware_usd=D(500_000), hosting_usd_per_month=D(10_000), resale_share=D("0.8"),
        rental_usd_per_month=D(72_500), horizon_months=36,
    )  # fmt: skip
    own, rent = own_bill(case), rent_bill(case)
    assert break_even(own, rent) == 8
    assert (own.cumulative[7], rent.cumulative[7]) == (570_000, 507_500)
    assert (own.cumulative[8], rent.cumulative[8]) == (580_000, 580_000)
    assert (own.total, rent.total) == (460_000, 2_610_000)
    assert rent.total - own.total == 2_150_000
    a_cent_less = replace(case, rental_usd_per_month=D("72499.99"))
    assert break_even(own_bill(a_cent_less), rent_bill(a_cent_less)) == 9


def test_an_api_costs_its_tokens(plain):
    """500 × 1 + 100 × 5 = 1,000 millionths a call; 100,000 × 30.4375 calls = 3,043,750 a month."""
    assert usd_per_call(plain, plain.apis[0]) == D("0.001")
    bill = api_bill(plain, plain.apis[0])
    assert bill.monthly[0] == 0
    assert bill.monthly[1] == bill.monthly[36] == D("3043.75")
    assert bill.total == 36 * D("3043.75")


def test_cached_input_and_calls_that_may_wait_cost_less(plain):
    """Half of 500 at 0.2 in place of 1: 250 + 50 + 500 = 800 millionths; half the calls at half price: × 0.75."""
    api = Api(name="x", price_in_usd=D(1), price_out_usd=D(5), price_cached_usd=D("0.2"), batch_discount=D("0.5"))
    s = replace(plain, cached_share=D("0.5"), batch_share=D("0.5"))
    assert usd_per_call(s, api) == D("0.0006")
    assert usd_per_call(replace(s, batch_share=D(0)), api) == D("0.0008")
    assert usd_per_call(s, replace(api, price_cached_usd=None, batch_discount=D(0))) == D("0.001")


def test_growth_and_falling_prices_compound(plain):
    s = replace(plain, growth_per_month=D("0.1"), api_change_per_month=D("-0.1"))
    monthly = api_bill(s, s.apis[0]).monthly
    assert monthly[1] == D("3043.75")
    assert monthly[2] == D("3043.75") * D("0.99")  # 1.1 × 0.9
    assert monthly[3] == D("3043.75") * D("0.9801")


def test_owning_counts_power_people_and_machines_bought_later(plain):
    """100,000 calls a day are 1.1574… a second: of one machine of 1.2 calls a second, and of two from 10% more on.

    Power: load 100,000 / 86,400 / 1.2 = 0.9645… of 100 W idle to 200 W busy, 730.5 hours at 0.5 USD.
    """
    s = replace(
        plain, calls_per_s=D("1.2"), growth_per_month=D("0.1"), horizon_months=2, watts_idle=D(100), watts_busy=D(200),
        electricity_usd_per_kwh=D("0.5"), power_overhead=D(2), hosting_usd_per_month=D(40), wage_usd_per_hour=D(50),
        setup_hours=D(3), labelling_hours=D(5), upkeep_hours_per_month=D(1), labelling_hours_per_month=D(2),
        storage_usd_per_month=D(7), resale_share=D("0.5"),
    )  # fmt: skip
    bill = own_bill(s)
    assert bill.n_machines == (0, 1, 2)
    assert bill.monthly[0] == 8 * 50 + 9_000
    load = D(100_000) / 86_400 / D("1.2")
    power = (100 + 100 * load) / 1000 * D("730.5") * 2 * D("0.5")
    # The second machine is paid at the end of month 1; it is a month old when it is sold, the first is two.
    assert bill.monthly[1] == pytest.approx(3 * 50 + 7 + 40 + power + 9_000)
    load = D(110_000) / 86_400 / D("2.4")
    power = 2 * (100 + 100 * load) / 1000 * D("730.5") * 2 * D("0.5")
    assert bill.monthly[2] == pytest.approx(3 * 50 + 7 + 80 + power - 9_000 * D("0.5") - 9_000 * D("0.75"))


def test_machines_by_demand_whole_or_the_part_that_is_used(plain):
    """16 calls a second at a utilisation of 0.01 are 0.16: 100,000 a day need 7.23 machines."""
    whole = replace(plain, utilisation=D("0.01"))
    assert rent_bill(whole).n_machines[1] == 8
    assert rent_bill(whole).monthly[1] == 8_000
    shared = replace(whole, is_shared=True)
    assert rent_bill(shared).n_machines[1] == pytest.approx(D("7.2337962962962962963"))
    assert own_bill(shared).monthly[0] == pytest.approx(D("7.2337962962962962963") * 9_000)


def test_machines_that_are_needed_no_more_are_kept_to_the_end_and_rented_ones_given_back(plain):
    """100,000 calls a day are two machines of 1 a second, half as many from the second month on are one."""
    s = replace(plain, calls_per_s=D(1), rental_calls_per_s=D(1), growth_per_month=D("-0.5"), horizon_months=2)
    assert own_bill(s).n_machines == (0, 2, 2)
    assert own_bill(s).monthly == (18_000, 0, 0)
    assert rent_bill(s).n_machines == (0, 2, 1)


def test_the_mix_pays_the_api_for_what_is_not_answered_at_home_and_for_audits(plain):
    """80% at home, of them 5% audited: 0.2 + 0.04 = 0.24 of the API's 3,043.75."""
    s = replace(plain, coverage=D("0.8"), audit_share=D("0.05"))
    assert mix_bill(s, s.apis[0]).monthly[1] - own_bill(s).monthly[1] == D("0.24") * D("3043.75")


def test_break_even_never_and_from_the_start(plain):
    free = replace(plain, hardware_usd=D(0))
    assert break_even(*own_and_api(free)) == 0
    assert break_even(*own_and_api(plain)) == 3  # 9,000 / 3,043.75 = 2.96
    assert break_even(*own_and_api(replace(plain, horizon_months=2))) is None
    assert break_even(*own_and_api(replace(plain, hosting_usd_per_month=D(4_000)))) is None
    with_resale = replace(plain, hardware_usd=D(9_000_000), resale_share=D(1))
    assert break_even(*own_and_api(with_resale)) == 36


def test_a_lead_that_is_lost_again_is_no_break_even():
    home = Bill((D(10), D(0), D(100), D(0)), (D(1),) * 4)
    away = Bill((D(0), D(20), D(20), D(20)), (D(0),) * 4)
    assert break_even(home, away) is None
    assert break_even(replace(home, monthly=(D(10), D(0), D(45), D(0))), away) == 3


def test_the_fewest_calls_that_pay_back(plain):
    """9,000 USD over 36 months of 30.4375 days at 0.001 USD: 8,213.6 calls a day."""
    assert least_calls(plain, own_and_api) == 8_214
    assert least_calls(replace(plain, hardware_usd=D(0)), own_and_api) == 1
    nothing = replace(plain, n_tokens_in=D(0), n_tokens_out=D(0))
    assert least_calls(nothing, own_and_api) is None


def test_only_an_api_that_is_known_to_be_as_good_is_an_alternative(plain):
    first = replace(plain.apis[0], quality=D("0.9"))
    worse = Api(name="worse", price_in_usd=D("0.1"), price_out_usd=D("0.1"), quality=D("0.89"))
    unknown = Api(name="unknown", price_in_usd=D("0.1"), price_out_usd=D("0.1"))
    good = Api(name="good", price_in_usd=D("0.5"), price_out_usd=D("0.5"), quality=D("0.91"))
    s = replace(plain, apis=(first, worse, unknown, good))
    assert cheapest_api(s).name == "good"
    assert cheapest_api(replace(s, quality_bar=D("0.8"))).name == "worse"
    assert cheapest_api(replace(s, quality_bar=D("0.95"))).name == "now"
    assert cheapest_api(replace(s, apis=(plain.apis[0], worse, unknown, good))).name == "now"
    dear = replace(good, price_in_usd=D(9))
    assert cheapest_api(replace(s, apis=(first, dear))).name == "now"


money = st.decimals(0, 1_000_000, places=2)
share = st.decimals(0, 1, places=3)


@st.composite
def scenarios(draw, **fixed):
    s = Scenario(
        apis=(Api(name="a", price_in_usd=draw(money), price_out_usd=draw(money)),),
        hardware="h", rental="r",
        calls_per_day=draw(st.decimals(1, 10**7, places=0)), n_tokens_in=draw(st.decimals(0, 5000, places=0)),
        n_tokens_out=draw(st.decimals(0, 5000, places=0)), calls_per_s=D(10) ** 6, rental_calls_per_s=D(10) ** 6,
        hardware_usd=draw(money), rental_usd_per_month=draw(money), hosting_usd_per_month=draw(money),
        resale_share=draw(share), wage_usd_per_hour=draw(st.decimals(0, 100, places=2)),
        setup_hours=draw(st.decimals(0, 100, places=1)), growth_per_month=draw(st.decimals("-0.1", "0.1", places=3)),
        cached_share=draw(share), batch_share=draw(share), coverage=draw(share),
        horizon_months=draw(st.integers(1, 60)),
    )  # fmt: skip
    return replace(s, **fixed)


def at_least(month, other):
    """Whether *month* is no earlier than *other*; never is the latest."""
    return month is None or (other is not None and month >= other)


@settings(max_examples=60, deadline=None)
@given(scenarios(), st.decimals(1, 3, places=3))
def test_more_calls_never_delay_break_even_on_the_same_machines(s, factor):
    more = replace(s, calls_per_day=s.calls_per_day * factor)
    assert own_bill(s).n_machines == own_bill(more).n_machines
    assert at_least(break_even(*own_and_api(s)), break_even(*own_and_api(more)))


@settings(max_examples=40, deadline=None)
@given(scenarios())
def test_an_api_without_a_price_is_never_beaten(s):
    free = replace(s, apis=(replace(s.apis[0], price_in_usd=D(0), price_out_usd=D(0)),))
    assert break_even(*own_and_api(free)) is None


@settings(max_examples=40, deadline=None)
@given(scenarios(), money)
def test_a_dearer_machine_never_pays_back_earlier_without_resale(s, extra):
    s = replace(s, resale_share=D(0))
    dearer = replace(s, hardware_usd=s.hardware_usd + extra)
    assert at_least(break_even(*own_and_api(dearer)), break_even(*own_and_api(s)))


@settings(max_examples=40, deadline=None)
@given(scenarios(), share)
def test_more_answered_at_home_never_costs_more(s, less):
    lower = replace(s, coverage=s.coverage * less)
    assert mix_bill(s, s.apis[0]).total <= mix_bill(lower, s.apis[0]).total


@settings(max_examples=40, deadline=None)
@given(scenarios())
def test_sums_are_sums_and_discounts_only_lower(s):
    for bill in (*own_and_api(s), rent_bill(s), mix_bill(s, s.apis[0])):
        assert len(bill.monthly) == len(bill.n_machines) == s.horizon_months + 1
        assert bill.cumulative[-1] == pytest.approx(bill.total)
    undiscounted = replace(s, cached_share=D(0), batch_share=D(0))
    cheap = replace(s.apis[0], price_cached_usd=s.apis[0].price_in_usd / 2, batch_discount=D("0.5"))
    assert usd_per_call(s, cheap) <= usd_per_call(undiscounted, cheap)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("calls_per_day", "nan", "lies between"),
        ("calls_per_day", float("inf"), "lies between"),
        ("calls_per_day", 0, "With no calls"),
        ("calls_per_day", -5, "lies between"),
        ("calls_per_day", "1e400", "lies between"),
        ("coverage", 1.01, "lies between 0 and 1"),
        ("utilisation", 0, "lies between"),
        ("horizon_months", 1e9, "lies between 1 and 120"),
        ("wage_usd_per_hour", "sixty", "is a number"),
        ("power_overhead", 0.5, "lies between 1 and 10"),
        ("growth_per_month", "-1", "lies between"),
    ],
)
def test_numbers_that_cannot_be_get_one_sentence(name, value, says):
    with pytest.raises(InputError) as caught:
        number(value, name)
    assert says in caught.value.message
    assert caught.value.message.endswith(".")


def test_growth_into_the_absurd_is_refused(plain):
    with pytest.raises(InputError, match="more than 1,000,000 machines"):
        check(replace(plain, growth_per_month=D(1), horizon_months=60))
    with pytest.raises(InputError, match="no more power idle"):
        check(replace(plain, watts_idle=D(2), watts_busy=D(1)))
