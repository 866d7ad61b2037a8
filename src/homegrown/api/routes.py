"""The JSON API below ``/api/v1``, health and metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from homegrown.api import nouns, rules, serve
from homegrown.api.parts import engine, worker
from homegrown.core.access import Permission
from homegrown.web.call import Part
from homegrown.web.openapi import document
from homegrown.web.route import Route

if TYPE_CHECKING:
    from homegrown.web.call import Call


def openapi(_: Call) -> Response:
    """The OpenAPI document; the same for every workspace, so it is public."""
    return Response(document([*serve.HOT, *serve.ROUTES, *nouns.ROUTES, *rules.ROUTES]), media_type="application/json")


HOT: tuple[Route, ...] = serve.HOT
ROUTES: tuple[Route, ...] = (
    *serve.ROUTES,
    *nouns.ROUTES,
    *rules.ROUTES,
    Route("/api/v1/openapi.json", openapi, Permission.PUBLIC),
)
PARTS: dict[str, Part] = {"engine": engine, "worker": worker}
