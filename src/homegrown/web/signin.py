"""Signing in by the one-time link, and out again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from starlette.responses import HTMLResponse, RedirectResponse, Response

from homegrown.core.access import Permission
from homegrown.govern.access import SESSION_LIFE
from homegrown.web.answers import Shape, plain_page
from homegrown.web.route import Route

if TYPE_CHECKING:
    from starlette.types import Scope

    from homegrown.errors import HomegrownError
    from homegrown.web.call import Call


class LinkQuery(msgspec.Struct):
    """The query string of a sign-in link."""

    link: str = ""


def sign_in(call: Call) -> Response:
    """Open a session by a link; without one, say how to get one."""
    if not call.query.link:
        return HTMLResponse(
            plain_page(
                "Sign in", "Open the link that the server printed when it started.", "New one: homegrown govern link"
            )
        )
    if call.request.headers.get("sec-purpose", "").startswith("prefetch"):
        return Response(status_code=204)
    secret = call.doors.access.open_session(call.query.link)
    # Not a redirect: after one that began on another site (a chat, a mail) a Strict cookie would not be sent.
    refresh = '<meta http-equiv="refresh" content="0;url=/">'
    response = HTMLResponse(plain_page("You are signed in", "The studio opens now.", "", refresh))
    response.set_cookie(
        call.doors.identity.cookie,
        secret,
        max_age=int(SESSION_LIFE.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=call.doors.is_https,
    )
    return response


def sign_out(call: Call) -> Response:
    """End the session at once."""
    call.doors.access.end_session(call.doors.identity.session_secret(call.request.scope))
    call.doors.identity.forget()
    response = RedirectResponse("/signin", 303)
    response.delete_cookie(call.doors.identity.cookie)
    return response


def not_signed_in(error: HomegrownError, scope: Scope) -> Response:
    """A link that does not work is said here, not sent round in a circle."""
    return HTMLResponse(plain_page("Not signed in", error.message, scope["homegrown.request_id"]), error.status)


ROUTES = (
    Route("/signin", sign_in, Permission.PUBLIC, shape=Shape.PAGE, query=LinkQuery, refuse=not_signed_in),
    Route("/signout", sign_out, Permission.PUBLIC, methods=("POST",), shape=Shape.PAGE),
)
