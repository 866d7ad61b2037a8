"""Registered model APIs and their keys. A key is bound to the origin that it was given for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from homegrown.core.ids import canonical_json, new_id, timestamp
from homegrown.core.upstreams import Origin, Upstream, origin_of
from homegrown.errors import ConflictError, InputError, NotFoundError
from homegrown.store import tables
from homegrown.store.events import DEFAULT_PROJECT, record_event
from homegrown.store.secret_box import Place, SecretBox

if TYPE_CHECKING:
    from pathlib import Path

    from homegrown.core.access import Actor
    from homegrown.store.database import Database

MAX_KEY_CHARS = 4000
MAX_PRICE_USD = 1e6
_PURPOSE = "upstream keys"
_U, _K, _A = tables.upstreams, tables.upstream_keys, tables.upstream_answers


class UpstreamSettings(msgspec.Struct, frozen=True):
    """What is stored beside name and address."""

    model: str
    price_in_usd: float = 0.0
    price_out_usd: float = 0.0
    terms: str = ""
    is_private: bool = False


class UpstreamStore:
    """Upstreams by name.

    Args:
        database: of the workspace.
        secrets_folder: where the key lies by which keys are sealed.
    """

    def __init__(self, database: Database, secrets_folder: Path) -> None:
        self._db = database
        self._box = SecretBox(secrets_folder / "workspace.key", _PURPOSE)

    def put(
        self, actor: Actor, name: str, base_url: str, settings: UpstreamSettings, *, key: str | None = None
    ) -> Upstream:
        """Register *name*, or change it; the key that is there stays only with the origin that it was given for.

        Raises:
            InputError: a part of it cannot be used, with the reason.
        """
        base_url = base_url.rstrip("/")
        _check(name, settings, key)
        origin = origin_of(base_url, is_private=settings.is_private)
        config = canonical_json(settings).decode()
        with self._db.write() as connection:
            old = connection.execute(sa.select(*_U.c).where(_U.c.name == name)).mappings().first()
            if old is None:
                upstream_id = new_id("up")
                row = {"project_id": DEFAULT_PROJECT, "name": name, "base_url": base_url, "config": config}
                connection.execute(sa.insert(_U).values(upstream_id=upstream_id, created_at=timestamp(), **row))
                moved = False
            else:
                upstream_id = str(old["upstream_id"])
                moved = not _same_origin(dict(old), origin)
                where = _U.c.upstream_id == upstream_id
                connection.execute(sa.update(_U).where(where).values(base_url=base_url, config=config))
            dropped = 0
            if moved or key is not None:
                dropped = connection.execute(sa.delete(_K).where(_K.c.upstream_id == upstream_id)).rowcount
            if key is not None:
                sealed = self._box.seal(key, _place(upstream_id))
                connection.execute(sa.insert(_K).values(upstream_id=upstream_id, sealed=sealed, created_at=timestamp()))
            resource, what = f"upstream:{upstream_id}", "change" if old else "add"
            facts = {"name": name, "origin": str(origin), "model": settings.model, "is_private": settings.is_private}
            record_event(connection, actor, f"govern.upstream_{what}", resource, **facts, has_new_key=key is not None)
            if moved and dropped:
                record_event(connection, actor, "govern.upstream_key_drop", resource, name=name, origin=str(origin))
        return self.get(name)

    def find(self, name: str) -> Upstream | None:
        """By name or id, or None."""
        found = self._db.one(_select().where(sa.or_(_U.c.name == name, _U.c.upstream_id == name)))
        return None if found is None else _upstream(found)

    def get(self, name: str) -> Upstream:
        """``find``, or a ``NotFoundError`` that names those there are."""
        found = self.find(name)
        if found is None:
            known = ", ".join(u.name for u in self.list()) or "none yet"
            raise NotFoundError(f"There is no upstream {name[:100]!r}. Upstreams: {known}.")
        return found

    def list(self) -> list[Upstream]:
        """All, by name."""
        return [_upstream(row) for row in self._db.all(_select().order_by(_U.c.name))]

    def key(self, upstream: Upstream) -> str | None:
        """The key of *upstream*, opened; None where it needs none.

        Raises:
            ConflictError: the upstream was moved since it was read: its key is not for the old address.
        """
        with self._db.read() as connection:
            where = _U.c.upstream_id == upstream.upstream_id
            now = connection.execute(sa.select(*_U.c).where(where)).mappings().first()
            sealed = connection.execute(sa.select(_K.c.sealed).where(_K.c.upstream_id == upstream.upstream_id)).scalar()
        if now is None or not _same_origin(dict(now), upstream.origin):
            raise ConflictError(f"The upstream {upstream.name!r} was changed meanwhile; begin again.")
        return None if sealed is None else self._box.open(sealed, _place(upstream.upstream_id))

    def remove(self, actor: Actor, name: str) -> Upstream:
        """Remove an upstream with its key and its cached answers; votes that came of them stay."""
        found = self.get(name)
        with self._db.write() as connection:
            for table in (_K, _A, _U):
                connection.execute(sa.delete(table).where(table.c.upstream_id == found.upstream_id))
            record_event(connection, actor, "govern.upstream_remove", f"upstream:{found.upstream_id}", name=found.name)
        return found


def _place(upstream_id: str) -> Place:
    return Place("upstream_keys", upstream_id, "sealed")


def _select() -> sa.Select[Any]:
    has_key = sa.exists(sa.select(_K.c.upstream_id).where(_K.c.upstream_id == _U.c.upstream_id)).label("has_key")
    return sa.select(*_U.c, has_key)


def _upstream(row: dict[str, Any]) -> Upstream:
    s = msgspec.json.decode(row["config"], type=UpstreamSettings)
    return Upstream(
        row["upstream_id"], row["name"], row["base_url"], s.model, s.price_in_usd, s.price_out_usd, s.terms,
        s.is_private, bool(row["has_key"]), row["created_at"],
    )  # fmt: skip


def _same_origin(row: dict[str, Any], origin: Origin) -> bool:
    settings = msgspec.json.decode(row["config"], type=UpstreamSettings)
    return origin_of(row["base_url"], is_private=settings.is_private) == origin


def _check(name: str, settings: UpstreamSettings, key: str | None) -> None:
    for what, value in (("name", name), ("model", settings.model)):
        if not 0 < len(value) <= 100 or not value.isprintable() or value != value.strip():
            raise InputError(f"The {what} of an upstream has 1 to 100 printable characters.")
    if len(settings.terms) > 100 or not settings.terms.isprintable():
        raise InputError("The terms of an upstream are a word or two, such as no-training or apache-2.0.")
    for price in (settings.price_in_usd, settings.price_out_usd):
        if not (math.isfinite(price) and 0 <= price <= MAX_PRICE_USD):
            raise InputError("A price is in USD for a million tokens, 0 or more.")
    # A header of HTTP: anything else could begin another header.
    if key is not None and not (
        0 < len(key) <= MAX_KEY_CHARS and key.isascii() and key.isprintable() and " " not in key
    ):
        raise InputError("A key is printable ASCII without spaces.")
