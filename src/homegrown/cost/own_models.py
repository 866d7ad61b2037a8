"""What our own models cost and draw, from how fast they answered where they were measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from homegrown.cost.scenario import HOURS_PER_MONTH

if TYPE_CHECKING:
    from collections.abc import Iterable

    from homegrown.core.models import ModelVersion
    from homegrown.cost.price_list import PriceList

METHOD = (
    "Busy power of the machine ÷ calls a second, one call at a time. The power is not measured but guessed from the "
    "number of cores; the interval is that of the guess. What the machine draws while it waits is in the cost, not in "
    "the energy of an answer."
)


@dataclass(frozen=True, slots=True)
class ModelCost:
    """What a model version costs on the machine where it was measured.

    Attributes:
        n: answers that were timed.
        calls_per_s: one at a time, 1,000 over the median of milliseconds; in bulk it is ``bulk_per_s``.
        usd_per_1000: at the utilisation that is assumed, price of the machine, resale, power and its overhead counted.
        joules: of one answer; between ``joules_low`` and ``joules_high`` by how little is known of the power.
    """

    version_id: str
    model: str
    number: int
    machine: str
    n_cores: int
    n: int
    p50_ms: float
    calls_per_s: float
    bulk_per_s: float
    usd_per_1000: float
    usd_per_1000_low: float
    usd_per_1000_high: float
    joules: float
    joules_low: float
    joules_high: float


def model_costs(
    measured: Iterable[tuple[ModelVersion, dict[str, Any]]], prices: PriceList, *, horizon_months: int = 36
) -> list[ModelCost]:
    """Costs of versions with the ``latency`` of their evaluations (``p50_ms, n, bulk_per_s, machine, threads``)."""
    return [_cost(version, found, prices, horizon_months) for version, found in measured]


def _cost(version: ModelVersion, found: dict[str, Any], prices: PriceList, months: int) -> ModelCost:
    cores = max(int(found["threads"]), 1)
    rate = 1000 / max(float(found["p50_ms"]), 1e-6)
    watts, price = prices.assumption("watts_per_core"), prices.assumption("usd_per_core")
    power, overhead = prices.assumption("electricity_usd_per_kwh"), prices.assumption("power_overhead")
    used = prices.assumption("utilisation")

    def usd(price_: float, watts_: float, power_: float, overhead_: float, used_: float) -> float:
        hourly = price_ * cores / (months * float(HOURS_PER_MONTH)) + watts_ * cores / 1000 * overhead_ * power_
        return round(hourly / 3600 / (rate * used_) * 1000, 9)

    return ModelCost(
        version.version_id, version.model_name, version.number, str(found["machine"]), cores, int(found["n"]),
        float(found["p50_ms"]), round(rate, 3), float(found["bulk_per_s"]),
        usd(price.value, watts.value, power.value, overhead.value, used.value),
        usd(price.low, watts.low, power.low, overhead.low, used.high),
        usd(price.high, watts.high, power.high, overhead.high, used.low),
        round(watts.value * cores / rate, 6), round(watts.low * cores / rate, 6), round(watts.high * cores / rate, 6),
    )  # fmt: skip
