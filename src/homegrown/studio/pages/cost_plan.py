"""Planning: does a model of N parameters fit on this hardware, how fast, at what price; memory line by line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from homegrown.core.access import Permission
from homegrown.cost import PriceKind
from homegrown.cost.sentences import usd
from homegrown.errors import InputError, NotFoundError
from homegrown.studio import words
from homegrown.studio.answer import asked, show
from homegrown.studio.view import AsCode
from homegrown.web import Route, Shape

if TYPE_CHECKING:
    from starlette.responses import Response

    from homegrown.cost import ModelPlan
    from homegrown.cost.planning import Fit, Range
    from homegrown.web import Call

_FIELDS = {
    "n_params": ("Parameters", "7e9", float),
    "weight_bits": ("Bits of a served weight", "16", float),
    "context": ("Tokens of a request with its answer", "2048", int),
    "n_at_once": ("Requests answered together", "8", int),
    "train_context": ("Tokens of a text learnt from", "1024", int),
    "train_at_once": ("Texts in a training step", "1", int),
    "train_tokens": ("Tokens to learn from, in all", "1e7", float),
    "rank": ("Rank of LoRA's adapters", "16", int),
}
_UNITS = {"k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
_NAMES = {"serve": "Serve it", "full": "Fine-tune it in full", "lora": "Tune it with LoRA",
          "qlora": "Tune it with LoRA on 4 bits"}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class FitCard:
    """One way to use the model: its account of memory, and its rates in words."""

    title: str
    fits: bool
    share: float
    needs: str
    lines: tuple[tuple[str, str, str], ...]
    rates: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class PlanPage:
    """What a model that is only planned would need."""

    template: ClassVar[str] = "cost/plan.html"
    fields: tuple[tuple[str, str, str], ...]
    hardware: str
    machines: tuple[str, ...]
    sentence: str
    notes: tuple[str, ...]
    simulated: tuple[str, ...]
    cards: tuple[FitCard, ...]
    problem: str
    as_code: AsCode


def plan(call: Call) -> Response:
    """``GET /cost/plan``: with what the query string asks for, or 7 billion parameters on a 24 GB card."""
    typed = {name: asked(call, name).strip() or default for name, (_, default, _) in _FIELDS.items()}
    hardware = asked(call, "hardware") or "card-24gb"
    try:
        numbers = {name: _number(name, text) for name, text in typed.items()}
        done = call.ws.plan_model(numbers.pop("n_params"), hardware=hardware, **numbers)
    except (InputError, NotFoundError) as error:
        return show(call, _page(call, typed, hardware, None, error.message), error.status)
    return show(call, _page(call, typed, hardware, done, ""))


def _page(call: Call, typed: dict[str, str], hardware: str, done: ModelPlan | None, problem: str) -> PlanPage:
    return PlanPage(
        fields=tuple((name, title, typed[name]) for name, (title, _, _) in _FIELDS.items()),
        hardware=hardware,
        machines=tuple(p.subject for p in call.ws.prices().in_force(PriceKind.HARDWARE)),
        sentence=done.sentence if done else "",
        notes=done.notes if done else (),
        simulated=tuple(s.replace("_", " ") for s in done.simulated) if done else (),
        cards=tuple(_card(fit, done.memory_gb) for fit in done.fits) if done else (),
        problem=problem,
        as_code=AsCode(
            cli=f"homegrown cost plan --params {words.shell(typed['n_params'])} --hardware {words.shell(hardware)}",
            python=f"ws.plan_model({typed['n_params']}, hardware={hardware!r})",
        ),
    )


def _number(name: str, text: str) -> Any:
    """A number as people type it: 7e9, 7b, 7,000,000,000."""
    title, _, kind = _FIELDS[name]
    plain = text.replace(",", "").replace(" ", "").lower()
    unit = _UNITS.get(plain[-1:], 1.0) if name in ("n_params", "train_tokens") else 1.0
    try:
        return kind(plain) if unit == 1.0 else float(plain[:-1]) * unit
    except ValueError as error:
        raise InputError(f"{title} is a number, and {text[:40]!r} is none.") from error


def _card(fit: Fit, memory_gb: float) -> FitCard:
    return FitCard(
        title=_NAMES[fit.name],
        fits=fit.fits,
        share=min(fit.gb_per_device / memory_gb, 1.0),
        needs=f"{fit.gb_per_device:,.1f} of {memory_gb:g} GB a device",
        lines=tuple((line.name, f"{line.gb:,.2f} GB", line.arithmetic) for line in fit.lines),
        rates=tuple(_rates(fit)),
    )


def _rates(fit: Fit) -> list[tuple[str, str]]:
    said: list[tuple[str, str]] = []
    if fit.tokens_per_s:
        said.append(("Tokens a second", _span(fit.tokens_per_s, "{:,.0f}")))
    for who, price in (("Owned", fit.usd_per_million), ("Rented", fit.rented_usd_per_million)):
        if price:
            said.append((f"{who}, USD per million tokens", _span(price, "{:,.3g}")))
    if fit.hours and fit.usd:
        said.append(("The whole training", f"{_span(fit.hours, '{:,.3g}')} hours, about {usd(fit.usd.value)}"))
    return said


def _span(r: Range, shape: str) -> str:
    return f"{shape.format(r.value)} ({shape.format(r.low)} to {shape.format(r.high)})"


ROUTES: tuple[Route, ...] = (Route("/cost/plan", plan, Permission.READ, shape=Shape.PAGE),)
