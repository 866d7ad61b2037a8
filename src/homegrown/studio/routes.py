"""The studio's routes, and what it holds while the server runs."""

from __future__ import annotations

from homegrown.web import Part, Route

ROUTES: tuple[Route, ...] = ()
PARTS: dict[str, Part] = {}
