"""Planning against arithmetic done by hand."""

import pytest

from homegrown.cost.memory import Tuning, learning, per_device, serving, shape_of
from homegrown.cost.planning import PlanAsked, plan_model
from homegrown.cost.price_list import Price, PriceKind, PriceList, checked, package_prices
from homegrown.errors import HomegrownError, InputError, NotFoundError

KNOWN = {"n_layers": 32, "hidden": 4096}


def gb(lines):
    return {line.name: line.gb for line in lines}


def test_serving_seven_billion_parameters():
    """7e9 × 2 bytes; keys and values 2 × 32 × 4096 × 0.25 × 2 = 131,072 bytes a token, 2,048 tokens, 8 requests."""
    found = gb(serving(shape_of(7e9, **KNOWN), weight_bits=16, context=2048, n_at_once=8))
    assert found == {"weights": 14.0, "KV cache": pytest.approx(131_072 * 2048 * 8 / 1e9), "runtime": 1.0}
    assert gb(serving(shape_of(7e9, **KNOWN), weight_bits=4.5, context=1, n_at_once=1))["weights"] == 3.9375


def test_learning_in_full_takes_sixteen_bytes_a_parameter_and_adapters_far_less():
    shape = shape_of(7e9, **KNOWN)
    full = gb(learning(shape, Tuning.FULL, context=1024, n_at_once=1, rank=16))
    assert full["weights"] + full["gradients"] + full["optimizer"] == 7 * 16
    assert full["activations"] == pytest.approx(1024 * 4096 * (2 * 32 + 34) / 1e9)
    assert full["logits"] == pytest.approx(1024 * 128_000 * 8 / 1e9)
    lora = gb(learning(shape, Tuning.LORA, context=1024, n_at_once=1, rank=16))
    n = 2 * 16 * 4096 * 7 * 32
    assert lora["weights"] == 14
    assert lora["adapters"] + lora["gradients"] + lora["optimizer"] == pytest.approx(n * 16 / 1e9)
    qlora = gb(learning(shape, Tuning.QLORA, context=1024, n_at_once=1, rank=16))
    assert qlora["weights"] == pytest.approx(7 * 4.127 / 8)


def test_devices_split_weights_and_states_but_not_activations():
    lines = learning(shape_of(7e9, **KNOWN), Tuning.FULL, context=1024, n_at_once=1, rank=16)
    found = gb(lines)
    assert per_device(lines, 1) == pytest.approx(sum(found.values()))
    assert per_device(lines, 8) == pytest.approx(14 + found["activations"] + found["logits"] + 1)


def machine(**changed):
    details = {
        "price_usd": 36 * 730.5, "watts_idle": 0.0, "watts_busy": 0.0, "memory_gb": 100.0, "bandwidth_gb_per_s": 1000.0,
        "tflops": 100.0, **changed,
    }  # fmt: skip
    own = [Price(PriceKind.HARDWARE, "m", checked(PriceKind.HARDWARE, "m", details), "2026-01-01", False, "workspace")]
    for name, value in (("bandwidth_efficiency", 1.0), ("compute_efficiency", 0.5), ("utilisation", 0.5)):
        made = checked(PriceKind.ASSUMPTION, name, {"value": value, "low": value / 2, "high": value})
        own.append(Price(PriceKind.ASSUMPTION, name, made, "2026-01-01", False, "workspace"))
    return PriceList([*package_prices(), *own], "2026-11-25")


def test_the_rate_is_bandwidth_over_what_a_token_reads_and_the_price_follows():
    """One request of 2 tokens: 10e9 × 2 bytes and half of its cache a token, at 1,000 GB/s: 50 a second.

    The machine loses a dollar an hour: 1 / 3600 / (50 × 0.5) × 10⁶ = 11.1 USD per million tokens.
    """
    plan = plan_model(PlanAsked(n_params=1e10, hardware="m", context=2, n_at_once=1), machine())
    serve = plan.fits[0]
    assert plan.usd_per_hour == pytest.approx(1)
    assert serve.tokens_per_s.value == pytest.approx(50, rel=1e-4)
    assert (serve.tokens_per_s.low, serve.tokens_per_s.high) == (pytest.approx(25, rel=1e-4), serve.tokens_per_s.value)
    assert serve.usd_per_million.value == pytest.approx(1 / 3600 / 25 * 1e6, rel=1e-4)
    assert serve.usd_per_million.low == serve.usd_per_million.value < serve.usd_per_million.high
    assert serve.rented_usd_per_million is None


def test_a_long_context_is_read_too_half_of_it_on_average():
    """10e9 × 2 bytes of weights, and 2 × 10 × 10,000 × 0.25 × 2 bytes × 200,000 tokens / 2 = 10e9: 30e9 in all."""
    asked = PlanAsked(n_params=1e10, hardware="m", context=200_000, n_at_once=1, n_layers=10, hidden=10_000)
    assert plan_model(asked, machine()).fits[0].tokens_per_s.value == pytest.approx(1000e9 / 30e9)


def test_many_at_once_are_bound_by_compute():
    """2 × 1e9 operations a token at 50 of 100 tera: 25,000 a second, once the weights are read for enough of them."""
    plan = plan_model(PlanAsked(n_params=1e9, hardware="m", context=1, n_at_once=1000), machine())
    assert plan.fits[0].tokens_per_s.value == pytest.approx(25_000)


def test_training_takes_eight_operations_a_parameter_and_token_and_six_with_adapters():
    """8 × 1e9 × 1e9 operations at 50 tera a second are 160,000 s."""
    plan = plan_model(PlanAsked(n_params=1e9, hardware="m", train_tokens=1e9), machine())
    hours = {f.name: f.hours for f in plan.fits}
    assert hours["serve"] is None
    assert hours["full"].value == pytest.approx(160_000 / 3600)
    assert hours["lora"].value == pytest.approx(120_000 / 3600)
    assert plan.fits[1].usd.value == pytest.approx(160_000 / 3600)


def test_seven_billion_on_a_24_gb_card():
    plan = plan_model(PlanAsked(n_params=7e9), PriceList(package_prices()))
    assert [f.fits for f in plan.fits] == [True, False, True, True]
    assert plan.sentence == (
        "A model of 7 billion parameters can be served, tuned with LoRA and tuned with LoRA on 4 bits on card-24gb "
        "(1 × 24 GB), not fine-tuned in full (needs 114 GB)."
    )
    assert plan.fits[1].tokens_per_s is None
    assert plan.fits[0].rented_usd_per_million.value > 0
    assert "card-24gb" in plan.simulated
    alone = plan_model(PlanAsked(n_params=7e11, hardware="laptop"), PriceList(package_prices()))
    assert "can be neither served nor tuned" in alone.sentence


@pytest.mark.parametrize(
    "bad",
    [
        {"n_params": float("nan")}, {"n_params": -7e9}, {"n_params": 1e300}, {"n_params": 7e9, "n_active": 8e9},
        {"n_params": 7e9, "context": 0}, {"n_params": 7e9, "n_at_once": 10**9}, {"n_params": 7e9, "weight_bits": 0},
        {"n_params": 7e9, "train_tokens": float("inf")}, {"n_params": 7e9, "kv_share": 0}, {"n_params": 7e9, "rank": -1},
        {"n_params": 7e9, "n_layers": -3}, {"n_params": 7e9, "weight_bits": float("nan")},
        {"n_params": 7e9, "n_active": float("nan")}, {"n_params": 7e9, "kv_share": float("nan")},
    ],
)  # fmt: skip
def test_plans_that_cannot_be_get_one_sentence(bad):
    with pytest.raises(HomegrownError) as caught:
        plan_model(PlanAsked(**bad), PriceList(package_prices()))
    assert isinstance(caught.value, InputError)


def test_hardware_that_is_not_known_or_not_described():
    with pytest.raises(NotFoundError, match="six-card-box"):
        plan_model(PlanAsked(n_params=7e9, hardware="abacus"), PriceList(package_prices()))
    with pytest.raises(InputError, match="does not say memory_gb"):
        plan_model(PlanAsked(n_params=7e9, hardware="m"), machine(memory_gb=0.0))
