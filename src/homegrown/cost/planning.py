"""Before any traffic: does a model of N parameters fit on this hardware, how fast is it there, and at what price.

Rates are those of a roofline (Williams et al. 2009; for transformers Pope et al. 2022, "Efficiently Scaling Transformer
Inference"): a step of decoding reads all active weights and every cached key and value once, and computes 2 operations
a parameter and token; it takes the longer of the two. Training computes 6 operations a parameter and token (Kaplan et
al. 2020), 2 more for recomputation, and 2 less where only adapters learn. The shares of the peak that are reached are
assumptions, with their ends.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from homegrown.cost.memory import Line, Tuning, kv_bytes_per_token, learning, per_device, serving, shape_of
from homegrown.cost.price_list import Hardware, PriceKind, RentalPrice
from homegrown.cost.resolve import usd_per_month
from homegrown.cost.scenario import HOURS_PER_MONTH
from homegrown.errors import InputError

if TYPE_CHECKING:
    from homegrown.cost.memory import Shape
    from homegrown.cost.price_list import PriceList

HOURS = float(HOURS_PER_MONTH)
_MOST = {"context": 10_000_000, "n_at_once": 100_000, "rank": 10_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanAsked:
    """What is planned.

    Attributes:
        n_params: of the model; ``n_active`` of them for one token.
        weight_bits: of a served weight: 16, 8, or 4.5 with the scales of 4-bit groups.
        n_at_once: requests that are answered together, or texts in a training step.
        train_tokens: to learn from, all epochs together.
        n_layers, hidden, kv_share: the shape, where it is known.
    """

    n_params: float
    hardware: str = "card-24gb"
    n_active: float | None = None
    weight_bits: float = 16.0
    context: int = 2048
    n_at_once: int = 8
    train_context: int = 1024
    train_at_once: int = 1
    rank: int = 16
    train_tokens: float = 1e7
    n_layers: int | None = None
    hidden: int | None = None
    kv_share: float = 0.25


@dataclass(frozen=True, slots=True)
class Range:
    """An estimate with its ends; never a measurement."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Fit:
    """One way to use the model: its memory by line, what each device needs of what it has, how fast and how dear.

    Attributes:
        name: ``serve``, or ``full``, ``lora``, ``qlora`` for learning.
        tokens_per_s: answered in all (serve) or learnt from; None where it does not fit.
        usd_per_million: tokens, owned; ``rented_usd_per_million`` where a rental names this hardware.
        hours: of training; None for serving.
    """

    name: str
    lines: tuple[Line, ...]
    gb_per_device: float
    fits: bool
    tokens_per_s: Range | None = None
    usd_per_million: Range | None = None
    rented_usd_per_million: Range | None = None
    hours: Range | None = None
    usd: Range | None = None


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """What became of the question."""

    sentence: str
    hardware: str
    n_devices: int
    memory_gb: float
    n_layers: int
    hidden: int
    is_shape_assumed: bool
    usd_per_hour: float
    rented_usd_per_hour: float | None
    fits: tuple[Fit, ...]
    notes: tuple[str, ...]
    simulated: tuple[str, ...]


def plan_model(asked: PlanAsked, prices: PriceList, *, horizon_months: int = 36) -> ModelPlan:
    """Memory, rate and price of serving and of tuning a model on one entry of the hardware table.

    Raises:
        InputError: a number cannot be, or the hardware's entry has no memory, bandwidth or compute.
        NotFoundError: there is no such hardware.

    Example:
        >>> from homegrown.cost.price_list import PriceList, package_prices
        >>> plan = plan_model(PlanAsked(n_params=7e9), PriceList(package_prices()))
        >>> [(fit.name, fit.fits) for fit in plan.fits]
        [('serve', True), ('full', False), ('lora', True), ('qlora', True)]
    """
    _check(asked)
    shape = shape_of(
        asked.n_params, n_active=asked.n_active, n_layers=asked.n_layers, hidden=asked.hidden, kv_share=asked.kv_share
    )
    entry = prices.get(PriceKind.HARDWARE, asked.hardware)
    machine = entry.details
    if not isinstance(machine, Hardware) or not all((machine.memory_gb, machine.bandwidth_gb_per_s, machine.tflops)):
        raise InputError(f"The entry {asked.hardware!r} does not say memory_gb, bandwidth_gb_per_s and tflops.")
    owned = _usd_per_hour(machine, prices, horizon_months)
    rental = _rental(asked.hardware, prices)
    work = _Work(asked, shape, machine, prices, owned, rental)
    fits = (work.serve(), *(work.learn(t) for t in Tuning))
    assumed = [p.subject for p in prices.in_force(PriceKind.ASSUMPTION) if p.subject in _USED and p.is_simulated]
    return ModelPlan(
        sentence=_sentence(asked, machine, fits),
        hardware=asked.hardware,
        n_devices=machine.n_devices,
        memory_gb=machine.memory_gb,
        n_layers=shape.n_layers,
        hidden=shape.hidden,
        is_shape_assumed=asked.n_layers is None or asked.hidden is None,
        usd_per_hour=owned,
        rented_usd_per_hour=rental,
        fits=fits,
        notes=_notes(machine, asked),
        simulated=(*([entry.subject] if entry.is_simulated else []), *assumed),
    )


_USED = ("bandwidth_efficiency", "compute_efficiency", "electricity_usd_per_kwh", "power_overhead", "utilisation")


@dataclass(frozen=True, slots=True)
class _Work:
    asked: PlanAsked
    shape: Shape
    machine: Hardware
    prices: PriceList
    owned: float
    rental: float | None

    def serve(self) -> Fit:
        a = self.asked
        lines = serving(self.shape, weight_bits=a.weight_bits, context=a.context, n_at_once=a.n_at_once)
        each, fits = self._fit(lines)
        if not fits:
            return Fit("serve", lines, each, fits)
        ends = [self._decode(b, c) for b, c in zip(self._ends("bandwidth"), self._ends("compute"), strict=True)]
        rate = Range(*ends)
        used = self.prices.assumption("utilisation").value
        return Fit("serve", lines, each, fits, rate, self._dear(rate, self.owned, used), self._rented(rate, used))

    def learn(self, tuning: Tuning) -> Fit:
        a = self.asked
        lines = learning(self.shape, tuning, context=a.train_context, n_at_once=a.train_at_once, rank=a.rank)
        each, fits = self._fit(lines)
        if not fits:
            return Fit(tuning.value, lines, each, fits)
        operations = (8 if tuning is Tuning.FULL else 6) * self.shape.n_active
        peak = self.machine.tflops * 1e12 * self.machine.n_devices
        rate = Range(*(peak * share / operations for share in self._ends("compute")))
        hours = Range(*(a.train_tokens / r / 3600 for r in (rate.value, rate.high, rate.low)))
        usd = Range(*(h * self.owned for h in (hours.value, hours.low, hours.high)))
        return Fit(
            tuning.value,
            lines,
            each,
            fits,
            rate,
            self._dear(rate, self.owned, 1.0),
            self._rented(rate, 1.0),
            hours,
            usd,
        )

    def _fit(self, lines: tuple[Line, ...]) -> tuple[float, bool]:
        each = per_device(lines, self.machine.n_devices)
        return each, each <= self.machine.memory_gb

    def _ends(self, what: str) -> tuple[float, float, float]:
        known = self.prices.assumption(f"{what}_efficiency")
        return known.value, known.low, known.high

    def _decode(self, bandwidth: float, compute: float) -> float:
        a, m = self.asked, self.machine
        # On average half of a request's context is there while it is answered.
        cached = kv_bytes_per_token(self.shape) * a.context / 2 * a.n_at_once
        read = (self.shape.n_active * a.weight_bits / 8 + cached) / (
            m.bandwidth_gb_per_s * 1e9 * m.n_devices * bandwidth
        )
        computed = 2 * self.shape.n_active * a.n_at_once / (m.tflops * 1e12 * m.n_devices * compute)
        return a.n_at_once / max(read, computed)

    def _rented(self, rate: Range, used: float) -> Range | None:
        return None if self.rental is None else self._dear(rate, self.rental, used)

    @staticmethod
    def _dear(rate: Range, usd_per_hour: float, used: float) -> Range:
        return Range(*(usd_per_hour / 3600 / (r * used) * 1e6 for r in (rate.value, rate.high, rate.low)))


def _usd_per_hour(machine: Hardware, prices: PriceList, months: int) -> float:
    """Loss of value over the horizon, hosting, and power when it is busy, by the hour."""
    lost = machine.price_usd * (1 - machine.resale_share) / (months * HOURS)
    kw = machine.watts_busy / 1000 * prices.assumption("power_overhead").value
    return lost + machine.hosting_usd_per_month / HOURS + kw * prices.assumption("electricity_usd_per_kwh").value


def _rental(hardware: str, prices: PriceList) -> float | None:
    rents = [p.details for p in prices.in_force(PriceKind.RENTAL)]
    found = [float(usd_per_month(r)) / HOURS for r in rents if isinstance(r, RentalPrice) and r.hardware == hardware]
    return min(found, default=None)


def _check(asked: PlanAsked) -> None:
    for name in ("context", "n_at_once", "train_context", "train_at_once", "rank"):
        most = _MOST.get(name.removeprefix("train_"), _MOST["n_at_once"])
        if not 1 <= getattr(asked, name) <= most:
            raise InputError(f"{name} lies between 1 and {most:,}, and {getattr(asked, name)} does not.")
    if not (math.isfinite(asked.n_params) and math.isfinite(asked.train_tokens) and 1 <= asked.train_tokens <= 1e18):
        raise InputError("The parameters and the tokens to learn from are numbers, such as 7e9 and 1e7.")
    if not 1 <= asked.weight_bits <= 64:
        raise InputError(f"A weight has between 1 and 64 bits, and {asked.weight_bits:g} is not.")


def _sentence(asked: PlanAsked, machine: Hardware, fits: tuple[Fit, ...]) -> str:
    named = {"serve": "served", "full": "fine-tuned in full", "lora": "tuned with LoRA",
             "qlora": "tuned with LoRA on 4 bits"}  # fmt: skip
    can = [named[f.name] for f in fits if f.fits]
    cannot = [f"{named[f.name]} (needs {f.gb_per_device:,.0f} GB)" for f in fits if not f.fits]
    on = f"on {asked.hardware} ({machine.n_devices} × {machine.memory_gb:g} GB)"
    said = f"A model of {_big(asked.n_params)} parameters can be {_list(can)} {on}" if can else (
        f"A model of {_big(asked.n_params)} parameters can be neither served nor tuned {on}"
    )  # fmt: skip
    return f"{said}, not {_list(cannot)}." if can and cannot else f"{said}."


def _notes(machine: Hardware, asked: PlanAsked) -> tuple[str, ...]:
    said = ["Rates are estimates from bandwidth and compute, with the ends of what is assumed; nothing was run."]
    if machine.n_devices > 1:
        said.append("Several devices are taken to share the work evenly; what they tell one another is not counted.")
    if asked.n_layers is None or asked.hidden is None:
        said.append("Layers and width are those usual for this size; say them where they are known.")
    return tuple(said)


def _big(n: float) -> str:
    for size, word in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if n >= size:
            return f"{n / size:.3g} {word}"
    return f"{n:,.0f}"


def _list(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""
