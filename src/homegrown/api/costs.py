"""What answers cost: charges, prices, comparisons and plans."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import msgspec

from homegrown.api import schemas as s
from homegrown.core.access import Permission
from homegrown.cost import Charge, Comparison, ModelCost, ModelPlan, Price
from homegrown.cost.planning import PlanAsked
from homegrown.cost.scenario import BOUNDS
from homegrown.web.answers import json_response
from homegrown.web.route import Route

if TYPE_CHECKING:
    from starlette.responses import Response

    from homegrown.web.call import Call

Day = Annotated[str, msgspec.Meta(max_length=40)]
Kind = Literal["upstream", "rental", "hardware", "assumption"]


class ChargesQuery(msgspec.Struct):
    """By what charges are added up, and of which time."""

    by: Literal["day", "key", "task", "model", "trace"] = "day"
    since: Day | None = None
    until: Day | None = None


class ChargesOut(msgspec.Struct):
    """Charges by group, and their sum."""

    by: str
    charges: list[Charge]
    cost_usd: float


class PriceOut(msgspec.Struct):
    """A price with its date; ``origin`` is package, upstream or workspace."""

    kind: Kind
    name: str
    details: dict[str, Any]
    valid_from: str
    is_simulated: bool
    origin: str
    price_id: str | None


class PricesOut(msgspec.Struct):
    """The prices in force today."""

    prices: list[PriceOut]


class PriceBody(s.Strict):
    """What something costs from a day on (today, where none is said); the same again replaces it."""

    kind: Kind
    name: s.Name
    details: dict[str, float | str | None]
    valid_from: Day | None = None
    is_simulated: bool = False


class ModelsCostOut(msgspec.Struct):
    """Measured models of ours, newest first."""

    models: list[ModelCost]


_NAMED = [(name, s.Name | None, None) for name in ("upstream", "hardware", "rental")]
_NUMBERS = [(name, float | None, None) for name in BOUNDS]
CompareBody = msgspec.defstruct(
    "CompareBody", [*_NAMED, ("is_shared", bool, False), *_NUMBERS], bases=(s.Strict,),
    namespace={"__doc__": "What is compared; what is not said comes from traffic, measurements and prices."},
)  # fmt: skip
_ASKED = get_type_hints(PlanAsked) | {"hardware": s.Name}
PlanBody = msgspec.defstruct(
    "PlanBody", [(f.name, _ASKED[f.name], *(() if f.default is MISSING else (f.default,))) for f in fields(PlanAsked)],
    bases=(s.Strict,), namespace={"__doc__": "A model that is planned, by its size."},
)  # fmt: skip


def charges(call: Call) -> Response:
    """What captured calls cost."""
    q: ChargesQuery = call.query
    found = call.ws.charges(q.by, since=q.since, until=q.until)
    return json_response(ChargesOut(q.by, found, round(sum(c.cost_usd for c in found), 9)))


def models(call: Call) -> Response:
    """What our own models cost."""
    return json_response(ModelsCostOut(call.ws.model_costs()))


def prices(call: Call) -> Response:
    """What holds today."""
    return json_response(PricesOut([_out(p) for p in call.ws.prices().in_force()]))


def set_price(call: Call) -> Response:
    """Note a price."""
    b: PriceBody = call.body
    made = call.ws.set_price(
        b.kind, b.name, _plain(b.details), valid_from=b.valid_from, is_simulated=b.is_simulated
    )  # fmt: skip
    return json_response(_out(made))


def remove_price(call: Call) -> Response:
    """Take one out."""
    return json_response(_out(call.ws.remove_price(call.path["price_id"])))


def compare(call: Call) -> Response:
    """When owning beats renting."""
    said = {k: v for k, v in msgspec.structs.asdict(call.body).items() if v is not None}
    return json_response(call.ws.compare_costs(**said))


def plan(call: Call) -> Response:
    """Whether a model fits, how fast it would be, and at what price."""
    return json_response(call.ws.plan_model(**msgspec.structs.asdict(call.body)))


def _plain(details: dict[str, float | str | None]) -> dict[str, Any]:
    """The numbers as they were sent: a count that came as 8.0 is 8."""
    n = details.get("n_devices")
    return {**details, "n_devices": int(n)} if isinstance(n, float) and n.is_integer() else dict(details)


def _out(price: Price) -> PriceOut:
    facts = {n: getattr(price.details, n) for n in price.details.__struct_fields__}
    return PriceOut(
        price.kind.value, price.subject, facts, price.valid_from, price.is_simulated, price.origin, price.price_id
    )


ROUTES = (
    Route(
        "/api/v1/cost/charges", charges, Permission.READ, query=ChargesQuery, answer=ChargesOut,
        summary="What captured calls cost, by day, key, task, model or trace.",
    ),
    Route(
        "/api/v1/cost/models", models, Permission.READ, answer=ModelsCostOut,
        summary="What our own models cost and draw, from how fast they were measured.",
    ),
    Route("/api/v1/cost/prices", prices, Permission.READ, answer=PricesOut, summary="The prices in force today."),
    Route(
        "/api/v1/cost/prices", set_price, Permission.BUILD, methods=("PUT",), body=PriceBody, answer=PriceOut,
        summary="Say what something costs from a day on.",
    ),
    Route(
        "/api/v1/cost/prices/{price_id}", remove_price, Permission.BUILD, methods=("DELETE",), answer=PriceOut,
        summary="Take a price of the workspace's own out.",
    ),
    Route(
        "/api/v1/cost/comparison", compare, Permission.READ, methods=("POST",), body=CompareBody, answer=Comparison,
        summary="API, rented, owned and the mix, month by month, with the month of break-even.",
    ),
    Route(
        "/api/v1/cost/plan", plan, Permission.READ, methods=("POST",), body=PlanBody, answer=ModelPlan,
        summary="Memory, rate and price of a model that is only planned.",
    ),
)  # fmt: skip
