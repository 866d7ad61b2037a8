"""What our own models cost and draw, from how fast they were measured, against arithmetic done by hand."""

import pytest

from homegrown.core.models import ModelVersion
from homegrown.cost.own_models import model_costs
from homegrown.cost.price_list import PriceList, package_prices
from homegrown.cost.resolve import Asked, Measured, resolve
from homegrown.errors import InputError

VERSION = ModelVersion("mv_1", "intent", 3, "t", 1, "r", "s", "linear", (), (), False, "d")
LATENCY = {"n": 100, "p50_ms": 2.0, "p95_ms": 3.0, "bulk_n": 500, "bulk_per_s": 900.0, "machine": "cpu", "threads": 4}
PRICES = PriceList(package_prices())


def test_a_thousand_answers_and_the_energy_of_one():
    """4 cores, 2 ms: 500 a second, of which 30% are used.

    An hour: 600 USD over 36 × 730.5 hours, and 32 W × 1.3 at 0.2 USD. Joules: 32 W ÷ 500, of 12 W to 60 W.
    """
    (found,) = model_costs([(VERSION, LATENCY)], PRICES)
    hourly = 600 / (36 * 730.5) + 0.032 * 1.3 * 0.2
    assert found.usd_per_1000 == pytest.approx(hourly / 3600 / (500 * 0.3) * 1000, rel=1e-4)
    assert (found.joules, found.joules_low, found.joules_high) == (0.064, 0.024, 0.12)
    assert found.usd_per_1000_low < found.usd_per_1000 < found.usd_per_1000_high
    assert (found.calls_per_s, found.bulk_per_s, found.n) == (500, 900, 100)


def test_a_measured_rate_goes_into_the_comparison_and_is_said_to_be_of_another_machine():
    measured = Measured(500.0, "intent@3, 2.0 ms")
    found = resolve(Asked(numbers={"calls_per_day": 5}), PRICES, None, measured)
    rate = next(i for i in found.inputs if i.name == "calls_per_s")
    assert (rate.value, rate.origin, rate.is_simulated) == (500.0, "measured", False)
    assert any("another machine" in n for n in found.notes)
    said = resolve(Asked(numbers={"calls_per_day": 5, "calls_per_s": 7}), PRICES, None, measured)
    assert (said.scenario.calls_per_s, said.scenario.rental_calls_per_s) == (7, 7)
    assert not said.notes


def test_without_traffic_the_calls_have_to_be_said():
    with pytest.raises(InputError, match="No calls have been captured yet"):
        resolve(Asked(), PRICES, None, None)
