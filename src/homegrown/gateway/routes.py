"""Routes below ``/v1``, as OpenAI's clients call them."""

from __future__ import annotations

from homegrown.web import Part, Route

ROUTES: tuple[Route, ...] = ()
PARTS: dict[str, Part] = {}
