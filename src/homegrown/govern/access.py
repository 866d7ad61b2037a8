"""Keys, one-time sign-in links and sessions.

All three are opaque random strings of 256 bits; the database holds their SHA-256 only, and they are looked up by
that digest, so that a stolen database signs nobody in and no guess can be compared byte by byte.

Example:
    >>> access = Access(store.db)  # doctest: +SKIP
    >>> key = access.add_key(TERMINAL, "ci", Role.CALLER)  # doctest: +SKIP
    >>> access.actor_of_key(key.secret).role  # doctest: +SKIP
    <Role.CALLER: 'caller'>
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from homegrown.core.access import Actor, Role
from homegrown.core.ids import new_id, now, timestamp
from homegrown.errors import ConflictError, InputError, NotFoundError, UnauthenticatedError
from homegrown.store import tables
from homegrown.store.events import DEFAULT_PROJECT, record_event

if TYPE_CHECKING:
    from homegrown.store.database import Database

KEY_MARK = "hg_"
MAX_SECRET_CHARS = 200
LINK_LIFE = timedelta(hours=1)
SESSION_LIFE = timedelta(days=14)
OWNER_NAME = "owner"
_PREFIX_CHARS = 8


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made; ``secret`` is shown this once and stored nowhere."""

    key_id: str
    name: str
    role: Role
    secret: str

    def __repr__(self) -> str:
        return f"NewKey({self.key_id!r}, {self.name!r}, {self.role.value!r}, '***')"


def secret_digest(secret: str) -> str:
    """SHA-256 of a key, link or session, as it is stored.

    Example:
        >>> len(secret_digest("hg_x"))
        64
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


class Access:
    """Who may come in, and as whom."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add_key(self, by: Actor, name: str, role: Role, *, days: float | None = None) -> NewKey:
        """Make a key for programs.

        Args:
            by: who makes it.
            name: what to call it; a live key of the same name is refused.
            role: what it may do.
            days: after how many days it stops working; None for never.
        """
        name = name.strip()
        if not 0 < len(name) <= 100 or not name.isprintable():
            raise InputError("A key needs a name of 1 to 100 printable characters, such as: support-bot")
        if any(row["name"] == name and not row["revoked_at"] for row in self.keys()):
            raise ConflictError(f"There is a key named {name!r} already. Revoke it first, or choose another name.")
        with self._db.write() as connection:
            key_id, secret = put_key(connection, put_actor(connection, "key", name, role), days)
            record_event(connection, by, "govern.key_add", f"key:{key_id}", name=name, role=role.value)
        return NewKey(key_id, name, role, secret)

    def keys(self) -> list[dict[str, Any]]:
        """All keys, newest first: never a secret, only its first characters."""
        k, a, g = tables.api_keys, tables.actors, tables.grants
        return self._db.all(
            sa.select(
                k.c.key_id, a.c.name, g.c.role, k.c.prefix, k.c.created_at, k.c.expires_at, k.c.revoked_at
            )
            .join_from(k, a, a.c.actor_id == k.c.actor_id)
            .join(g, g.c.actor_id == a.c.actor_id)
            .order_by(k.c.created_at.desc())
        )  # fmt: skip

    def revoke_key(self, by: Actor, reference: str) -> str:
        """End a key by its id or name; it stops working within a second.

        Returns:
            The key's id.
        """
        found = [r for r in self.keys() if reference in (r["key_id"], r["name"]) and not r["revoked_at"]]
        if not found:
            raise NotFoundError(f"There is no live key {reference!r}. See: homegrown govern key list")
        key_id = str(found[0]["key_id"])
        with self._db.write() as connection:
            connection.execute(
                sa.update(tables.api_keys)
                .where(tables.api_keys.c.key_id == key_id, tables.api_keys.c.revoked_at.is_(None))
                .values(revoked_at=timestamp())
            )
            record_event(connection, by, "govern.key_revoke", f"key:{key_id}", name=found[0]["name"])
        return key_id

    def actor(self, actor_id: str) -> Actor:
        """Who has this id, as a job that somebody submitted acts for them.

        Raises:
            NotFoundError: there is nobody, or they may come in no more.
        """
        a, g = tables.actors, tables.grants
        wanted = sa.select(a.c.actor_id, a.c.kind, a.c.name, g.c.role).join_from(a, g, g.c.actor_id == a.c.actor_id)
        row = self._db.one(wanted.where(a.c.actor_id == actor_id, a.c.disabled_at.is_(None)))
        if row is None:
            raise NotFoundError("Who asked for this may come in no more.")
        return Actor(row["actor_id"], row["kind"], row["name"], Role(row["role"]))

    def actor_of_key(self, secret: str) -> Actor | None:
        """Whose key this is, or None when it is unknown, revoked or expired."""
        k = tables.api_keys
        live = sa.and_(k.c.revoked_at.is_(None), sa.or_(k.c.expires_at.is_(None), k.c.expires_at > timestamp()))
        return self._actor(k, secret, live)

    def add_link(self, by: Actor, actor_id: str | None = None) -> str:
        """A one-time sign-in link's secret; for the workspace's owner when no actor is named.

        Valid for an hour and one use.
        """
        with self._db.write() as connection:
            target = actor_id or _owner(connection)
            secret = put_link(connection, target, LINK_LIFE)
            record_event(connection, by, "govern.link_add", f"actor:{target}")
        return secret

    def open_session(self, link_secret: str) -> str:
        """Use up a sign-in link; returns the session's secret for the cookie.

        Raises:
            UnauthenticatedError: the link is unknown, was used, or is too old.
        """
        link, moment = tables.login_links, now()
        secret = secrets.token_urlsafe(32)
        usable = sa.and_(
            link.c.digest == secret_digest(link_secret[:MAX_SECRET_CHARS]),
            link.c.used_at.is_(None),
            link.c.expires_at > timestamp(moment),
        )
        with self._db.write() as connection:
            row = connection.execute(sa.select(link.c.digest, link.c.actor_id).where(usable)).first()
            if row is None:
                raise UnauthenticatedError(
                    "This sign-in link was used already or is too old. Make a new one: homegrown govern link"
                )
            connection.execute(sa.update(link).where(link.c.digest == row[0]).values(used_at=timestamp(moment)))
            connection.execute(
                sa.insert(tables.sessions).values(
                    digest=secret_digest(secret),
                    actor_id=row[1],
                    created_at=timestamp(moment),
                    expires_at=timestamp(moment + SESSION_LIFE),
                )
            )
            actor = self._of(connection, row[1])
            record_event(connection, actor, "govern.sign_in", f"actor:{actor.actor_id}")
        return secret

    def actor_of_session(self, secret: str) -> Actor | None:
        """Whose session this is, or None when it has ended."""
        s = tables.sessions
        return self._actor(s, secret, sa.and_(s.c.ended_at.is_(None), s.c.expires_at > timestamp()))

    def end_session(self, secret: str) -> None:
        """Sign out."""
        s = tables.sessions
        with self._db.write() as connection:
            connection.execute(
                sa.update(s)
                .where(s.c.digest == secret_digest(secret), s.c.ended_at.is_(None))
                .values(ended_at=timestamp())
            )

    def refused(self, actor: Actor, permission: str, route: str) -> None:
        """Note that somebody who is signed in asked for what their role does not allow."""
        with self._db.write() as connection:
            record_event(connection, actor, "govern.refused", f"route:{route}", permission=permission)

    def _actor(self, table: sa.TableClause, secret: str, live: sa.ColumnElement[bool]) -> Actor | None:
        if not secret or len(secret) > MAX_SECRET_CHARS:
            return None
        a, g = tables.actors, tables.grants
        row = self._db.one(
            sa.select(a.c.actor_id, a.c.kind, a.c.name, g.c.role)
            .join_from(table, a, a.c.actor_id == table.c.actor_id)
            .join(g, g.c.actor_id == a.c.actor_id)
            .where(table.c.digest == secret_digest(secret), live, a.c.disabled_at.is_(None))
        )
        return None if row is None else Actor(row["actor_id"], row["kind"], row["name"], Role(row["role"]))

    @staticmethod
    def _of(connection: sa.Connection, actor_id: str) -> Actor:
        a, g = tables.actors, tables.grants
        row = connection.execute(
            sa.select(a.c.actor_id, a.c.kind, a.c.name, g.c.role)
            .join_from(a, g, g.c.actor_id == a.c.actor_id)
            .where(a.c.actor_id == actor_id)
        ).one()
        return Actor(row[0], row[1], row[2], Role(row[3]))


def put_actor(connection: sa.Connection, kind: str, name: str, role: Role) -> str:
    """Add somebody or something that acts, with its role; returns its id."""
    actor_id = new_id("actor")
    connection.execute(sa.insert(tables.actors).values(actor_id=actor_id, kind=kind, name=name, created_at=timestamp()))
    connection.execute(sa.insert(tables.grants).values(actor_id=actor_id, project_id=DEFAULT_PROJECT, role=role.value))
    return actor_id


def put_key(connection: sa.Connection, actor_id: str, days: float | None = None) -> tuple[str, str]:
    """Add a key of an actor; returns its id and its secret."""
    key_id, secret, moment = new_id("key"), KEY_MARK + secrets.token_urlsafe(32), now()
    connection.execute(
        sa.insert(tables.api_keys).values(
            key_id=key_id,
            actor_id=actor_id,
            digest=secret_digest(secret),
            prefix=secret[:_PREFIX_CHARS],
            created_at=timestamp(moment),
            expires_at=timestamp(moment + timedelta(days=days)) if days is not None else None,
        )
    )
    return key_id, secret


def put_link(connection: sa.Connection, actor_id: str, life: timedelta) -> str:
    """Add a sign-in link of an actor that works once; returns its secret."""
    secret, moment = secrets.token_urlsafe(32), now()
    connection.execute(
        sa.insert(tables.login_links).values(
            digest=secret_digest(secret),
            actor_id=actor_id,
            created_at=timestamp(moment),
            expires_at=timestamp(moment + life),
        )
    )
    return secret


def _owner(connection: sa.Connection) -> str:
    """The person who owns the workspace, created when the first link is made."""
    a, g = tables.actors, tables.grants
    row = connection.execute(
        sa.select(a.c.actor_id)
        .join_from(a, g, g.c.actor_id == a.c.actor_id)
        .where(a.c.kind == "person", a.c.name == OWNER_NAME, g.c.role == Role.OWNER.value)
        .order_by(a.c.created_at)
    ).first()
    return str(row[0]) if row else put_actor(connection, "person", OWNER_NAME, Role.OWNER)
