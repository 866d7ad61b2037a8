"""Routes of the gateway by name, and the limits of callers' keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from homegrown.core.ids import canonical_json, new_id, timestamp
from homegrown.core.routing import Exit, GatewayRoute, KeyLimits, RouteConfig, check_name
from homegrown.errors import NotFoundError
from homegrown.store import tables
from homegrown.store.events import DEFAULT_PROJECT, record_event

if TYPE_CHECKING:
    from homegrown.core.access import Actor
    from homegrown.store.database import Database

_R, _C, _U, _S = tables.routes, tables.captured, tables.upstreams, tables.settings
OFFLINE = "offline"
_LIMITS = "gateway.limits:"


class RouteStore:
    """Routes by name."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def put(self, actor: Actor, name: str, config: RouteConfig) -> GatewayRoute:
        """Make the route *name*, or change it.

        Raises:
            InputError: the name or a part of *config* cannot be used.
            NotFoundError: an upstream of it is not registered.
        """
        check_name("name of a route", name)
        config.check()
        stored = canonical_json(config).decode()
        with self._db.write() as connection:
            wanted = {t.upstream_id for t in config.targets}
            known = connection.execute(sa.select(_U.c.upstream_id).where(_U.c.upstream_id.in_(wanted))).scalars()
            if wanted - set(known):
                raise NotFoundError("An upstream of this route is not registered. See: homegrown govern upstream list")
            changed = connection.execute(sa.update(_R).where(_R.c.name == name).values(config=stored)).rowcount
            if not changed:
                row = {"route_id": new_id("route"), "project_id": DEFAULT_PROJECT, "name": name, "config": stored}
                connection.execute(sa.insert(_R).values(**row, created_at=timestamp()))
            facts = msgspec.to_builtins(msgspec.structs.replace(config, exit=None, earlier=()))
            record_event(connection, actor, "gateway.route_put", f"route:{name}", **facts)
        return self.get(name)

    def switch(
        self, actor: Actor, name: str, exit: Exit | None, *, earlier: tuple[Exit, ...] = (), **facts: Any
    ) -> GatewayRoute:
        """Have a model of ours answer calls of the route, or with None the upstreams alone again; *earlier* is kept."""
        found = self.get(name)
        stored = canonical_json(msgspec.structs.replace(found.config, exit=exit, earlier=earlier)).decode()
        with self._db.write() as connection:
            connection.execute(sa.update(_R).where(_R.c.name == name).values(config=stored))
            action = "gateway.switch" if exit is not None else "gateway.switch_off"
            record_event(connection, actor, action, f"route:{name}", **facts)
        return self.get(name)

    def find(self, name: str) -> GatewayRoute | None:
        """By name, or None."""
        row = self._db.one(sa.select(*_R.c).where(_R.c.name == name))
        return None if row is None else _route(row)

    def get(self, name: str) -> GatewayRoute:
        """``find``, or a ``NotFoundError`` that names those there are."""
        found = self.find(name)
        if found is None:
            known = ", ".join(r.name for r in self.list()) or "none yet"
            raise NotFoundError(f"There is no route {name[:100]!r}. Routes: {known}.")
        return found

    def list(self) -> list[GatewayRoute]:
        """All, by name."""
        return [_route(row) for row in self._db.all(sa.select(*_R.c).order_by(_R.c.name))]

    def remove(self, actor: Actor, name: str) -> GatewayRoute:
        """Remove a route; the calls that came by it stay."""
        found = self.get(name)
        with self._db.write() as connection:
            mine = found.route_id
            connection.execute(sa.update(_C).where(_C.c.route_id == mine).values(route_id=None))
            connection.execute(sa.delete(_R).where(_R.c.route_id == mine))
            record_event(connection, actor, "gateway.route_remove", f"route:{name}")
        return found

    def limits(self) -> dict[str, KeyLimits]:
        """What keys may use, by the id of their actor; those without limits are not there."""
        rows = self._db.all(sa.select(*_S.c).where(_S.c.name.like(f"{_LIMITS}%")))
        found = {r["name"].removeprefix(_LIMITS): msgspec.json.decode(r["value"], type=KeyLimits) for r in rows}
        return {actor_id: limits for actor_id, limits in found.items() if limits != KeyLimits()}

    def limit(self, actor: Actor, key: str, limits: KeyLimits) -> str:
        """Set what the key *key* (its name, or its actor's id) may use; ``KeyLimits()`` takes all limits away.

        Returns:
            The id of the key's actor.

        Raises:
            NotFoundError: there is no live key of that name.
        """
        limits.check()
        k, a = tables.api_keys, tables.actors
        wanted = sa.select(a.c.actor_id).join_from(k, a, a.c.actor_id == k.c.actor_id)
        named = sa.or_(a.c.name == key, a.c.actor_id == key)
        found = self._db.one(wanted.where(named, k.c.revoked_at.is_(None)))
        if found is None:
            raise NotFoundError(f"There is no live key {key[:100]!r}. See: homegrown govern key list")
        name, value = f"{_LIMITS}{found['actor_id']}", canonical_json(limits).decode()
        with self._db.write() as connection:
            connection.execute(sa.delete(_S).where(_S.c.name == name))
            connection.execute(sa.insert(_S).values(name=name, value=value))
            facts = msgspec.to_builtins(limits)
            record_event(connection, actor, "gateway.limit", f"actor:{found['actor_id']}", **facts)
        return str(found["actor_id"])

    def is_offline(self) -> bool:
        """Whether the owner closed every way out."""
        row = self._db.one(sa.select(_S.c.value).where(_S.c.name == OFFLINE))
        return row is not None and row["value"] == "true"


def _route(row: dict[str, Any]) -> GatewayRoute:
    config = msgspec.json.decode(row["config"], type=RouteConfig)
    return GatewayRoute(row["route_id"], row["name"], config, row["created_at"])
