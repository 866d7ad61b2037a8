"""Every route declares its permission; every role gets exactly what the table says (RELIABILITY T8, T21)."""

import re

import pytest
from starlette.routing import BaseRoute, Mount, WebSocketRoute
from starlette.routing import Route as StarletteRoute

from homegrown.core.access import ROLE_PERMISSIONS, Permission, Role
from homegrown.web.route import Declared


def walk(routes: list[BaseRoute]):
    """Every route below *routes*, mounted ones too."""
    for route in routes:
        if isinstance(route, Mount):
            assert route.routes, f"{route.path}: what is mounted there cannot be walked"
            yield from walk(route.routes)
        else:
            yield route


def undeclared(routes: list[BaseRoute]) -> list[str]:
    """Routes that do not go through the one helper."""
    found = []
    for route in walk(routes):
        endpoint = getattr(route, "app", None)
        is_ours = isinstance(route, StarletteRoute) and type(endpoint) is Declared and endpoint is route.endpoint
        if not is_ours or not isinstance(endpoint.route.permission, Permission):
            found.append(str(route))
    return found


def test_every_registered_route_declares_its_permission(served):
    routes = served.app.router.routes
    assert undeclared(routes) == []
    assert len(list(walk(routes))) >= 24


def test_the_walk_sees_what_was_not_declared(served):
    async def open_door(scope, receive, send): ...

    bad = [
        StarletteRoute("/open", open_door),
        WebSocketRoute("/socket", open_door),
        Mount("/below", routes=[StarletteRoute("/open", open_door)]),
    ]
    assert len(undeclared([*served.app.router.routes, *bad])) == 3


PUBLIC = {"/favicon.ico", "/healthz", "/signin", "/signout", "/api/v1/openapi.json", "/api/v1/me", "/{rest:path}"}


def test_what_is_public_is_a_short_list(served):
    public = {r.path for r in walk(served.app.router.routes) if r.endpoint.route.permission is Permission.PUBLIC}
    assert {p for p in public if not p.startswith("/static/")} == PUBLIC


@pytest.mark.parametrize("role", [None, *Role])
def test_each_role_on_each_route(served, role):
    """401 without a key, 403 outside the role, and neither of them inside it."""
    checked = 0
    with served.client(role) as client:
        for route in walk(served.app.router.routes):
            declared = route.endpoint.route
            if declared.permission is Permission.PUBLIC:
                continue
            path = re.sub(r"{[^}]*}", "nothing", declared.path)
            for method in declared.methods:
                # A body that fits nothing: what is let in is refused later, and nothing is changed.
                status = client.request(method, path, json={"nothing": 1} if method != "GET" else None).status_code
                checked += 1
                if role is None:
                    expected = status == 401 or (status == 303 and declared.shape == "page")
                elif declared.permission in ROLE_PERMISSIONS[role]:
                    expected = status not in (401, 403)
                else:
                    expected = status == 403
                assert expected, f"{role} {method} {path}: {status}"
    assert checked >= 20


def test_a_refusal_to_somebody_signed_in_is_in_the_log(served):
    from homegrown.store.events import read_events

    with served.client(Role.CALLER) as client:
        assert client.post("/api/v1/jobs", json={"verb": "embed"}).status_code == 403
    event = read_events(served.ws.store.db, limit=1)[0]
    assert event["action"] == "govern.refused"
    assert event["resource"] == "route:/api/v1/jobs"
