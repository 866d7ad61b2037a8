"""A scenario in which every number is round, so that each bill can be worked out by hand."""

from decimal import Decimal

import pytest

from homegrown.cost.scenario import Api, Scenario

D = Decimal


@pytest.fixture
def plain():
    """100,000 calls a day at 0.001 USD; one machine of 9,000 USD, which 16 calls a second would not fill."""
    return Scenario(
        apis=(Api(name="now", price_in_usd=D(1), price_out_usd=D(5)),),
        hardware="box", rental="box", calls_per_day=D(100_000), n_tokens_in=D(500), n_tokens_out=D(100),
        calls_per_s=D(16), rental_calls_per_s=D(16), hardware_usd=D(9_000), rental_usd_per_month=D(1_000),
    )  # fmt: skip
