"""Charges of captured calls, and what our own models cost and draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from homegrown.core.access import Permission
from homegrown.cost.own_models import METHOD
from homegrown.cost.sentences import usd
from homegrown.cost.usage import GROUPS
from homegrown.errors import InputError
from homegrown.studio.answer import asked, show
from homegrown.studio.view import AsCode
from homegrown.web import Route, Shape

if TYPE_CHECKING:
    from starlette.responses import Response

    from homegrown.cost import Charge, ModelCost
    from homegrown.web import Call

_SHOWN = 200
_NAMES = {"day": "Day", "key": "Key", "task": "Task", "model": "Model", "trace": "Call"}


@dataclass(frozen=True, kw_only=True)
class ChargeRow:
    """What one group of calls cost, in words."""

    name: str
    cost: str
    n_calls: int
    n_at_home: int
    n_unpriced: int
    n_tokens_in: int
    n_tokens_out: int


@dataclass(frozen=True, kw_only=True)
class ModelRow:
    """What one model of ours costs, in words."""

    name: str
    href: str
    speed: str
    per_1000: str
    doubt: str
    energy: str
    machine: str


@dataclass(frozen=True, kw_only=True)
class ChargesPage:
    """What captured calls cost, and our own models."""

    template: ClassVar[str] = "cost/charges.html"
    by: str
    groups: tuple[tuple[str, str], ...]
    head: str
    charges: tuple[ChargeRow, ...]
    total: str
    n_more: int
    problem: str
    models: tuple[ModelRow, ...]
    method: str
    as_code: AsCode


def charges(call: Call) -> Response:
    """``GET /cost/charges``: added up by day, key, task, model or call."""
    by, problem = asked(call, "by", "day"), ""
    found: list[Charge] = []
    try:
        found = call.ws.charges(by)
    except InputError as error:
        by, problem = "day", error.message
    page = ChargesPage(
        by=by,
        groups=tuple((g, _NAMES[g]) for g in GROUPS),
        head=_NAMES[by],
        charges=tuple(_row(c) for c in found[:_SHOWN]),
        total=usd(sum(c.cost_usd for c in found)),
        n_more=max(len(found) - _SHOWN, 0),
        problem=problem,
        models=tuple(_model(m) for m in call.ws.model_costs()),
        method=METHOD,
        as_code=AsCode(cli=f"homegrown cost charges --by {by}", python=f"ws.charges({by!r})"),
    )
    return show(call, page, 422 if problem else 200)


def _row(c: Charge) -> ChargeRow:
    return ChargeRow(
        name=c.name, cost=usd(c.cost_usd), n_calls=c.n_calls, n_at_home=c.n_at_home, n_unpriced=c.n_unpriced,
        n_tokens_in=c.n_tokens_in, n_tokens_out=c.n_tokens_out,
    )  # fmt: skip


def _model(m: ModelCost) -> ModelRow:
    return ModelRow(
        name=f"{m.model}@{m.number}",
        href=f"/evaluate/{m.version_id}",
        speed=f"{m.p50_ms:.2f} ms (n = {m.n:,})",
        per_1000=usd(m.usd_per_1000),
        doubt=f"{usd(m.usd_per_1000_low)} to {usd(m.usd_per_1000_high)}",
        energy=f"{m.joules:.2g} J ({m.joules_low:.2g} to {m.joules_high:.2g})",
        machine=f"{m.machine}, {m.n_cores} cores",
    )


ROUTES: tuple[Route, ...] = (Route("/cost/charges", charges, Permission.READ, shape=Shape.PAGE),)
