"""The JSON API below ``/api/v1``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from homegrown.core.access import Permission
from homegrown.web.answers import json_response
from homegrown.web.call import Part
from homegrown.web.route import Route

if TYPE_CHECKING:
    from starlette.responses import Response

    from homegrown.web.call import Call


class Me(msgspec.Struct):
    """Who the credentials belong to."""

    actor_id: str
    kind: str
    name: str
    role: str


async def me(call: Call) -> Response:
    """Who asks."""
    actor = call.actor
    return json_response(Me(actor.actor_id, actor.kind, actor.name, actor.role.value))


ROUTES: tuple[Route, ...] = (Route("/api/v1/me", me, Permission.CALL, answer=Me, summary="Who these credentials are."),)
PARTS: dict[str, Part] = {}
