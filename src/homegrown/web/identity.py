"""Who is behind a request: a key in the Authorization header, or a session in the cookie."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING

import anyio.to_thread
from starlette.requests import cookie_parser

from homegrown.errors import UnauthenticatedError
from homegrown.govern.access import secret_digest
from homegrown.web.call import header_values

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Scope

    from homegrown.core.access import Actor
    from homegrown.govern.access import Access

REMEMBER_S = 0.5
MOST_REMEMBERED = 4096


class Identity:
    """Finds the actor of a request; remembers a good credential for half a second, by its whole digest.

    Args:
        access: the keys and sessions.
        cookie: name of the session cookie; it carries the workspace, so that two servers on one host do not
            sign each other out (cookies ignore ports).
    """

    def __init__(self, access: Access, cookie: str) -> None:
        self._access = access
        self.cookie = cookie
        self._known: dict[str, tuple[float, Actor]] = {}
        self._asked: dict[str, asyncio.Task[Actor | None]] = {}
        self._generation = 0

    async def of(self, scope: Scope) -> Actor | None:
        """The actor, or None when nothing was presented.

        Raises:
            UnauthenticatedError: a key was presented that is not good.
        """
        sent = list(header_values(scope["headers"], b"authorization"))
        if not sent:  # as Anthropic's clients send it
            sent = [f"Bearer {key}" for key in header_values(scope["headers"], b"x-api-key")]
        if sent:
            kind, _, secret = sent[0].partition(" ")
            actor = None
            if len(sent) == 1 and kind.lower() == "bearer":
                actor = await self._look_up("key", secret.strip(), self._access.actor_of_key)
            if actor is None:
                raise UnauthenticatedError("This key is not known here, was revoked, or has expired.")
            return actor
        secret = self.session_secret(scope)
        return await self._look_up("session", secret, self._access.actor_of_session) if secret else None

    def session_secret(self, scope: Scope) -> str:
        """The session's secret from the cookie; empty when there is none."""
        for value in header_values(scope["headers"], b"cookie"):
            found = cookie_parser(value).get(self.cookie)
            if found:
                return found
        return ""

    async def _look_up(self, kind: str, secret: str, find: Callable[[str], Actor | None]) -> Actor | None:
        digest = f"{kind}:{secret_digest(secret)}"
        known = self._known.get(digest)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        # Who comes with the same key meanwhile waits for the same answer: else thirty threads ask at once.
        asking = self._asked.get(digest)
        if asking is None:
            asking = self._asked[digest] = asyncio.create_task(anyio.to_thread.run_sync(find, secret))
            asking.add_done_callback(partial(self._was_told, digest))
        generation = self._generation
        actor = await asyncio.shield(asking)
        if actor is None:
            self._known.pop(digest, None)
            return None
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        if generation == self._generation:
            self._known[digest] = (time.monotonic() + REMEMBER_S, actor)
        return actor

    def _was_told(self, digest: str, asked: asyncio.Task[Actor | None]) -> None:
        if self._asked.get(digest) is asked:
            del self._asked[digest]
        if not asked.cancelled():
            asked.exception()  # whoever waits has it; where all of them left, nobody is told

    def forget(self) -> None:
        """Ask the database again for everybody: somebody signed out, or a key was revoked here."""
        self._known.clear()
        self._asked.clear()
        self._generation += 1
