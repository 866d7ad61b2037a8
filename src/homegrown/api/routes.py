"""The JSON API below ``/api/v1``, health and metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from homegrown.api import (
    costs,
    discoveries,
    gateway,
    issues,
    monitor,
    nouns,
    people,
    retrain,
    rules,
    serve,
    station,
    tasks,
    upstreams,
    verdicts,
)
from homegrown.api.parts import engine, worker
from homegrown.core.access import Permission
from homegrown.web.call import Part
from homegrown.web.openapi import document
from homegrown.web.route import Route

if TYPE_CHECKING:
    from homegrown.web.call import Call

_SUBJECTS = (
    serve,
    nouns,
    tasks,
    station,
    people,
    rules,
    upstreams,
    issues,
    retrain,
    costs,
    discoveries,
    monitor,
    gateway,
    verdicts,
)


def openapi(_: Call) -> Response:
    """The OpenAPI document; the same for every workspace, so it is public."""
    return Response(document([*HOT, *_DECLARED]), media_type="application/json")


HOT: tuple[Route, ...] = serve.HOT
_DECLARED: tuple[Route, ...] = tuple(route for subject in _SUBJECTS for route in subject.ROUTES)
ROUTES: tuple[Route, ...] = (*_DECLARED, Route("/api/v1/openapi.json", openapi, Permission.PUBLIC))
PARTS: dict[str, Part] = {"engine": engine, "worker": worker}
# Of these, what a gateway by itself has too.
ALONE: dict[str, Part] = {"engine": engine}
WATCHING: tuple[Route, ...] = tuple(route for route in serve.ROUTES if route.path in ("/healthz", "/metrics"))
