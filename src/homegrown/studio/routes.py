"""The studio's routes: every page's own, the bundled browser code, and how a refusal looks to a person."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from starlette.responses import RedirectResponse, Response

from homegrown.core.access import Permission
from homegrown.errors import HomegrownError, NotFoundError, UnauthenticatedError
from homegrown.studio import render
from homegrown.studio.pages import (
    bulk,
    compare,
    cost,
    cost_charges,
    cost_plan,
    cost_prices,
    curate,
    discover,
    evaluate,
    gateway,
    gateway_bounds,
    gateway_calls,
    gateway_route,
    govern,
    ingest,
    jobs,
    label,
    mine,
    monitor,
    next_records,
    object_review,
    overview,
    patterns,
    people,
    playground,
    query,
    record,
    retrain,
    rules,
    serve,
    sql,
    station,
    task_fields,
    tasks,
    teachers,
    train,
    verdict,
)
from homegrown.web import Part, Route, Shape
from homegrown.web.answers import refusal
from homegrown.web.files import static_files

if TYPE_CHECKING:
    from starlette.types import Scope

    from homegrown.web import Call


_ROOMS: tuple[Any, ...] = (
    overview,
    ingest,
    query,
    sql,
    record,
    label,
    tasks,
    task_fields,
    mine,
    station,
    object_review,
    people,
    bulk,
    discover,
    next_records,
    rules,
    teachers,
    curate,
    train,
    compare,
    verdict,
    evaluate,
    retrain,
    serve,
    playground,
    gateway,
    gateway_calls,
    gateway_bounds,
    gateway_route,
    monitor,
    jobs,
    cost,
    cost_charges,
    cost_prices,
    cost_plan,
    govern,
    patterns,
)


@dataclass(frozen=True, kw_only=True)
class ProblemPage:
    """What went wrong, in one sentence, and a way back."""

    template: ClassVar[str] = "_frame/problem.html"
    title: str
    sentence: str
    request_id: str


def refuse(error: HomegrownError, scope: Scope) -> Response:
    """A refusal as a page; as JSON for a program that asked for JSON."""
    accept = next((v.decode("latin-1") for k, v in scope["headers"] if k == b"accept"), "")
    if "application/json" in accept and "text/html" not in accept:
        return refusal(error, Shape.API, scope["homegrown.request_id"])
    if isinstance(error, UnauthenticatedError):
        return RedirectResponse("/signin", 303)
    sentence = error.message if error.status < 500 else type(error)().message
    title = {403: "That is not yours to do", 404: "There is nothing here"}.get(error.status, "That did not work")
    page = ProblemPage(title=title, sentence=sentence, request_id=scope["homegrown.request_id"])
    return render.bare(page, error.status)


def _all() -> tuple[Route, ...]:
    pages = [replace(route, refuse=refuse) for room in _ROOMS for route in room.ROUTES]
    return (*pages, static_files(f"/static/{render.static_digest()}", render.STATIC), *_FIXED)


async def icon(_: Call) -> Response:
    """``GET /favicon.ico``: our mark, for pages that do not name it."""
    return _file("mark.svg", "image/svg+xml")


async def plain_style(_: Call) -> Response:
    """``GET /static/plain.css``: the style sheet under a name that never changes, for pages below the studio."""
    return _file("studio-style.css", "text/css")


def _file(name: str, media_type: str) -> Response:
    path = render.STATIC / name
    if not path.is_file():
        raise NotFoundError
    return Response(path.read_bytes(), media_type=media_type, headers={"Cache-Control": "max-age=3600"})


_FIXED = (
    Route("/favicon.ico", icon, Permission.PUBLIC, shape=Shape.PAGE),
    Route("/static/plain.css", plain_style, Permission.PUBLIC, shape=Shape.PAGE),
)


ROUTES: tuple[Route, ...] = _all()
PARTS: dict[str, Part] = {}
