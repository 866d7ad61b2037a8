"""What the gateway knows of routes, upstreams and limits, kept at what the database says."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from homegrown.core.routing import DEFAULT_ROUTE, GatewayRoute
from homegrown.errors import HomegrownError
from homegrown.gateway.breaker import Breaker, RetryBudget
from homegrown.gateway.idempotency import KEEP_S
from homegrown.inference.outbound import Outbound, offline_by_environment
from homegrown.store.events import read_events

if TYPE_CHECKING:
    from homegrown.core.upstreams import Origin, Upstream
    from homegrown.gateway.limits import Admission
    from homegrown.inference.outbound import Door
    from homegrown.store import Store

LOOK_EVERY_S = 0.4
AGE_EVERY_S = 60.0


@dataclass(frozen=True)
class Table:
    """One state of the database, whole.

    Attributes:
        routes: by name.
        upstreams: by id.
        keys: of upstreams, opened, by their id.
        is_offline: every way out is closed.
        endpoints: names that are answered at home.
    """

    routes: dict[str, GatewayRoute] = field(default_factory=dict)
    upstreams: dict[str, Upstream] = field(default_factory=dict)
    keys: dict[str, str | None] = field(default_factory=dict, repr=False)
    is_offline: bool = False
    endpoints: frozenset[str] = frozenset()


class Switchboard:
    """Routes by name, and open ways out to their upstreams.

    Args:
        store: the workspace.
        admission: told of limits of keys.
    """

    def __init__(self, store: Store, admission: Admission) -> None:
        self._store, self._admission = store, admission
        self.table = Table()
        self.budget = RetryBudget()
        self._breakers: dict[tuple[str, str], Breaker] = {}
        self._doors: dict[Origin, Door] = {}
        self._stack = contextlib.AsyncExitStack()
        self._seen = -1
        self._looking = threading.Lock()  # or a slow look would put an older state over a newer one

    def look(self) -> None:
        """Read the database, if anything was done there since the last time."""
        with self._looking:
            self._look()

    def _look(self) -> None:
        newest = read_events(self._store.db, limit=1)
        seq = int(newest[0]["seq"]) if newest else 0
        if seq == self._seen:
            return
        upstreams = {u.upstream_id: u for u in self._store.upstreams.list()}
        routes = {r.name: r for r in self._store.routes.list()}
        used = {t.upstream_id for r in routes.values() for t in r.config.targets} & upstreams.keys()
        keys = {u: self._store.upstreams.key(upstreams[u]) for u in used}
        self._admission.limits = self._store.routes.limits()
        endpoints = frozenset(e.name for e in self._store.endpoints.list())
        self.table = Table(routes, upstreams, keys, self._store.routes.is_offline(), endpoints)
        self._seen = seq

    async def keep_up(self) -> None:
        """Look for ever; a database that cannot be read leaves all as it was."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self._admission.turn(self._admission.clock.today())
            with contextlib.suppress(HomegrownError):
                await asyncio.to_thread(self.look)

    async def age_out(self) -> None:
        """Delete what routes keep no longer, for ever."""
        while True:
            moment = self._admission.clock.now()
            for route in self.table.routes.values():
                days = route.config.keep_days
                if days is not None:
                    with contextlib.suppress(HomegrownError):
                        await asyncio.to_thread(self._store.captured.age_out, route.route_id, days, moment)
            with contextlib.suppress(HomegrownError):
                await asyncio.to_thread(self._store.repeats.age_out, KEEP_S, moment)
            await asyncio.sleep(AGE_EVERY_S)

    def find(self, model: str) -> GatewayRoute | None:
        """The route of that name, else the default route, else None."""
        routes = self.table.routes
        return routes.get(model) or routes.get(DEFAULT_ROUTE)

    async def door(self, origin: Origin) -> Door:
        """An open way out to *origin*; connections are kept for the next call."""
        found = self._doors.get(origin)
        if found is None:
            out = Outbound((origin,), n_connections=2 * self._admission.most_open, closed=self.is_closed)
            found = await self._stack.enter_async_context(out.open())
            found = self._doors.setdefault(origin, found)
        return found

    def is_closed(self) -> bool:
        """Whether nothing may leave now."""
        return self.table.is_offline or offline_by_environment()

    def breaker(self, upstream_id: str, model: str) -> Breaker:
        """Of one upstream and model."""
        return self._breakers.setdefault((upstream_id, model), Breaker())

    def broken(self) -> dict[str, str]:
        """Upstreams that are left alone now, by name and model."""
        names = {u: self.table.upstreams[u].name for u in self.table.upstreams}
        found = {f"{names.get(u, u)} {m}".strip(): b.state for (u, m), b in self._breakers.items()}
        return {name: state for name, state in found.items() if state != "closed"}

    async def close(self) -> None:
        """Close all connections."""
        await self._stack.aclose()
