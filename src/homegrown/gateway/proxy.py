"""Calls of names that are none of our endpoints: by which route, and whether they may leave at all."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec
from starlette.responses import Response

from homegrown.core.routing import DEFAULT_ROUTE, Leaves
from homegrown.core.traces import Wire
from homegrown.errors import ForbiddenError, HomegrownError, InputError
from homegrown.gateway import intake
from homegrown.gateway.bodies import STEERING
from homegrown.gateway.exchange import Exchange, shape_of
from homegrown.gateway.forward import PATHS, Sent
from homegrown.gateway.idempotency import Promise, Repeated
from homegrown.gateway.veil import Veil
from homegrown.inference.outbound import ANSWERED_HEADERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from homegrown.core.routing import GatewayRoute
    from homegrown.gateway.intake import Asked
    from homegrown.gateway.service import Gateway
    from homegrown.web.call import Call

# Of a caller's headers these go on; all others end here.
PASSED = ("accept", "anthropic-beta", "anthropic-version", "openai-beta", "idempotency-key")
TAGS = "x-homegrown-tags"
MOST_TAGS = 10
MOST_MODELS_BYTES = 4 << 20


def forward(call: Call, asked: Asked, route: GatewayRoute) -> Response:
    """The answer of an upstream to *asked*.

    Raises:
        ForbiddenError: nothing may leave by this route.
        InputError: a header or a query would steer where it is sent.
        OverloadedError: too much is under way.
        ConflictError: the same request with the same Idempotency-Key is under way.
        ReusedKeyError: another request came under that key before.
    """
    gateway: Gateway = call.part("gateway")
    config = route.config
    if config.leaves is Leaves.REFUSE or (config.leaves is Leaves.HOME and config.exit is None):
        raise ForbiddenError(
            "Calls of this name do not leave: it is answered at home only, and no endpoint has that name."
            if config.leaves is Leaves.HOME
            else "Calls of this name are refused by the owner of this gateway."
        )
    gateway.admission.check()
    _refuse_steering_query(call)
    tags = _tags(call)
    promise = None
    key = call.idempotency_key
    if key is not None:
        found = gateway.keys.begin(call.actor.actor_id, key, asked.wire.encode(), asked.body)
        if not isinstance(found, Promise):
            return Repeated(found, gateway.repeats, shape_of(asked.wire), call.request_id)
        promise = found
    veil = Veil(asked.wire) if config.leaves is Leaves.MASK else None
    body_for = asked.renamed if veil is None else _veiled(asked, veil)
    headers = _passed(call, asked.wire)
    sent = Sent("POST", PATHS[asked.wire] + _query(call), asked.wire, asked.model, body_for, headers, key is not None)
    cache_key = gateway.cache.key(gateway.board.table, route, asked, sent, call.actor.actor_id)
    return Exchange(
        gateway, call, asked, route, sent, trace_id=gateway.trace_ids.new(), tags=tags, veil=veil, promise=promise,
        cache_key=cache_key,
    )  # fmt: skip


def _veiled(asked: Asked, veil: Veil) -> Callable[[str | None], bytes]:
    hidden = intake.read(asked.wire, veil.hide(asked.body))
    return hidden.renamed


def _passed(call: Call, wire: Wire) -> dict[str, str]:
    headers = call.request.headers
    found = {name: value for name in PASSED if (value := headers.get(name)) is not None}
    for name, value in found.items():
        if len(value) > 4000 or not (value.isascii() and value.isprintable()):
            raise InputError(f"The header {name} holds more than printable ASCII, or too much of it.")
    if wire is Wire.MESSAGES:
        found.setdefault("anthropic-version", "2023-06-01")
    return {"accept": "*/*", "content-type": "application/json"} | found


def _query(call: Call) -> str:
    """The one parameter that Anthropic's client adds; nothing else of a query goes on."""
    return "?beta=true" if call.request.query_params.get("beta") == "true" else ""


def _refuse_steering_query(call: Call) -> None:
    for name in call.request.query_params:
        if name.lower().replace("-", "_") in STEERING:
            raise InputError(f"The parameter {name[:60]!r} is not taken in a request.")


def _tags(call: Call) -> dict[str, str]:
    """``X-Homegrown-Tags: feature=triage, team=support``: what the caller says of a call, kept beside it."""
    said = call.request.headers.get(TAGS, "")
    if not said:
        return {}
    pairs = [part.strip().partition("=") for part in said.split(",")]
    found = {name.strip(): value.strip() for name, _, value in pairs}
    if (
        len(said) > 1000
        or not said.isprintable()
        or len(found) > MOST_TAGS
        or not all(found)
        or not all(found.values())
    ):
        raise InputError(f"{TAGS} holds up to {MOST_TAGS} pairs: feature=triage, team=support.")
    return found


async def upstream_models(call: Call) -> list[dict[str, object]]:
    """What the default route's first upstream lists; nothing where it does not answer, or nothing may leave."""
    gateway: Gateway = call.part("gateway")
    route = gateway.board.table.routes.get(DEFAULT_ROUTE)
    if route is None or route.config.leaves not in (Leaves.ALLOW, Leaves.MASK):
        return []
    try:
        status, _, body = await _get(gateway, route, "/models")
        found = msgspec.json.decode(body, type=dict[str, object]).get("data") if status == HTTPStatus.OK else None
    except (HomegrownError, msgspec.DecodeError, UnicodeDecodeError):
        return []
    return [m for m in found if isinstance(m, dict) and isinstance(m.get("id"), str)] if isinstance(found, list) else []


async def upstream_model(call: Call, name: str) -> Response | None:
    """What the default route's upstream says of one model, as it says it; None where there is no such route."""
    gateway: Gateway = call.part("gateway")
    route = gateway.board.table.routes.get(DEFAULT_ROUTE)
    if route is None or route.config.leaves not in (Leaves.ALLOW, Leaves.MASK):
        return None
    status, headers, body = await _get(gateway, route, f"/models/{quote(name, safe='/:')}")
    return Response(body, status, {k: v for k, v in headers if k in ANSWERED_HEADERS and k != "content-encoding"})


async def _get(gateway: Gateway, route: GatewayRoute, path: str) -> tuple[int, list[tuple[str, str]], bytes]:
    sent = Sent("GET", path, Wire.CHAT, "", lambda _: b"", {"accept": "application/json"}, may_repeat=True)
    async with gateway.forwarder.answered(sent, route.config, []) as got:
        body = await got.streamed.read(MOST_MODELS_BYTES)
        got.breaker.well()
        return got.streamed.status, got.streamed.headers, body
