"""What a comparison says: its sentence, its alternatives, what is simulated in it, what it depends on."""

import pytest

from homegrown.cost.sentences import usd
from homegrown.errors import InputError, NotFoundError
from homegrown.workspace import connect

ROUND = {
    "calls_per_day": 100_000, "n_tokens_in": 500, "n_tokens_out": 100, "calls_per_s": 16, "hardware_usd": 9_000,
    "watts_idle": 0, "watts_busy": 0, "hosting_usd_per_month": 0, "resale_share": 0, "storage_usd_per_month": 0,
    "upkeep_hours_per_month": 0, "setup_hours": 0, "labelling_hours": 0, "labelling_hours_per_month": 0,
    "utilisation": 1, "rental_usd_per_month": 1_000,
}  # fmt: skip


@pytest.fixture(scope="module")
def ws(tmp_path_factory):
    with connect(tmp_path_factory.mktemp("compare") / "w") as found:
        found.set_price("upstream", "now", valid_from="2026-01-01", price_in_usd=1, price_out_usd=5)
        yield found


def test_the_sentence_names_the_month_and_the_demand_below_which_to_stay(ws):
    done = ws.compare_costs(upstream="now", **ROUND)
    assert done.sentence == "At 100,000 calls a day, owning pays back in month 3 against now; below about 8,214 stay."
    assert (done.home, done.away, done.best) == ("own", "api", "own")
    assert (done.break_even_month, done.least_calls_per_day) == (3, 8_214)
    assert done.saving_usd == 36 * 3_043.75 - 9_000
    own = done.option("own")
    assert (own.total_usd, own.upfront_usd, len(own.cumulative_usd)) == (9_000, 9_000, 37)
    assert own.usd_per_1000_calls == pytest.approx(9_000 / (36 * 3_043.75), rel=1e-4)
    pairs = {(p.home, p.away): p.month for p in done.break_even}
    assert pairs == {("rent", "api"): 0, ("own", "api"): 3, ("own", "rent"): 9}


def test_too_few_calls_say_so_and_from_how_many_on_it_would_pay(ws):
    done = ws.compare_costs(upstream="now", **{**ROUND, "calls_per_day": 5})
    assert done.sentence == (
        "At 5.0 calls a day, owning does not pay back within 36 months: stay with now; from about 8,214 calls a day "
        "it would."
    )
    assert (done.break_even_month, done.best) == (None, "api")


def test_from_the_first_day_where_nothing_is_paid_first(ws):
    done = ws.compare_costs(upstream="now", **{**ROUND, "hardware_usd": 0})
    assert done.sentence == "At 100,000 calls a day, owning pays from the first day against now."
    assert done.break_even_month == 0


def test_the_mix_is_judged_where_not_every_call_is_answered_at_home(ws):
    done = ws.compare_costs(upstream="now", **ROUND, coverage=0.8, audit_share=0.05)
    assert (done.home, done.break_even_month) == ("mix", 4)  # 9,000 / (0.76 × 3,043.75) = 3.9
    assert done.sentence.startswith("At 100,000 calls a day, answering 80% at home pays back in month 4")
    assert done.best == "mix"


def test_the_cheapest_api_that_is_as_good_is_the_one_to_beat(ws):
    ws.set_price("upstream", "rival", price_in_usd=0.5, price_out_usd=2.5, quality=0.93)
    ours = ws.set_price("upstream", "now", price_in_usd=1, price_out_usd=5, quality=0.92)
    try:
        done = ws.compare_costs(upstream="now", **ROUND)
        assert (done.away, done.break_even_month) == ("cheapest", 6)  # 9,000 / 1,521.875 = 5.9
        assert "against rival" in done.sentence
        strict = ws.compare_costs(upstream="now", **ROUND, quality_bar=0.95)
        assert (strict.away, strict.break_even_month) == ("api", 3)
    finally:
        ws.remove_price(ours.price_id)
    unknown = ws.compare_costs(upstream="rival", **ROUND)
    assert any("the quality of now on this task was not measured" in n for n in unknown.notes)


def test_what_is_simulated_is_named_and_what_was_said_is_not(ws):
    done = ws.compare_costs(upstream="now", **ROUND)
    assert not any(i.is_simulated for i in done.inputs if i.name in ROUND or i.name.startswith("price_"))
    assert any(s.startswith("assumptions of ") for s in done.simulated)
    guessed = ws.compare_costs(calls_per_day=40_000, upstream="large-api")
    assert any(s.startswith("large-api, ") and "simulated" in s for s in guessed.simulated)
    assert any("was not measured" in n for n in guessed.notes)


def test_the_tornado_has_the_widest_first_and_is_what_the_comparison_says_at_its_ends(ws):
    done = ws.compare_costs(upstream="now", **ROUND)
    widths = [abs(b.saving_high_usd - b.saving_low_usd) for b in done.tornado]
    assert widths == sorted(widths, reverse=True)
    bars = {b.input: b for b in done.tornado}
    assert not {"rental_price", "coverage", "electricity_usd_per_kwh"} & bars.keys()  # nothing depends on them here
    calls = bars["calls_per_day"]
    assert (calls.low, calls.high) == (50_000, 200_000)
    for end, saving, month in ((calls.low, calls.saving_low_usd, calls.month_low),
                               (calls.high, calls.saving_high_usd, calls.month_high)):  # fmt: skip
        there = ws.compare_costs(upstream="now", **{**ROUND, "calls_per_day": end})
        assert (there.saving_usd, there.break_even_month) == (saving, month)


def test_names_and_numbers_that_are_not_known(ws):
    with pytest.raises(NotFoundError, match="There are: "):
        ws.compare_costs(upstream="nobody", calls_per_day=1)
    with pytest.raises(NotFoundError, match="card-24gb"):
        ws.compare_costs(hardware="abacus", calls_per_day=1)
    with pytest.raises(InputError, match="knows no 'colour'"):
        ws.compare_costs(colour=1, calls_per_day=1)
    with pytest.raises(InputError, match="whole number of months"):
        ws.compare_costs(calls_per_day=1, horizon_months=1.5)
    with pytest.raises(InputError, match="With no calls"):
        ws.compare_costs(calls_per_day=0)


def test_amounts_read_as_money():
    said = [usd(v) for v in (0, 1234567.8, 999.994, 12.345, 0.1, 0.0999, 0.000033, -2149.27, 1e-12)]
    assert said == [
        "0.00 USD", "1,234,568 USD", "999.99 USD", "12.35 USD", "0.10 USD", "0.100 USD", "0.000033 USD", "-2,149 USD",
        "0.00 USD",
    ]  # fmt: skip
