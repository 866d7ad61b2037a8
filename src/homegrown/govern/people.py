"""People who label: invited by a link, each with a name, a role and a key of their own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from homegrown.core.access import Actor, Permission, Role
from homegrown.core.ids import timestamp
from homegrown.errors import ConflictError, ForbiddenError, InputError, NotFoundError
from homegrown.govern.access import put_actor, put_key, put_link
from homegrown.store import tables
from homegrown.store.events import record_event

if TYPE_CHECKING:
    from homegrown.store.database import Database

INVITED = (Role.ANNOTATOR, Role.REVIEWER)
LINK_LIFE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Invitation:
    """Somebody who was just invited; *link* and *key* are secrets, shown this once and stored nowhere."""

    actor_id: str
    name: str
    role: Role
    link: str
    key: str

    def __repr__(self) -> str:
        return f"Invitation({self.name!r}, {self.role.value!r}, '***')"


class People:
    """People and their invitations."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def invite(self, by: Actor, name: str, role: Role) -> Invitation:
        """Let somebody in: a sign-in link that works once within a week, and a key for their programs.

        Args:
            by: who invites; a builder or an owner.
            name: of the person; no two who may come in have the same, since votes are told apart by it.
            role: annotator or reviewer.

        Raises:
            ForbiddenError: *by* may not invite.
            ConflictError: there is somebody of that name.
        """
        name = name.strip()
        may_invite(by)
        if role not in INVITED:
            raise InputError("People are invited as annotator or reviewer; other roles have keys.")
        if not 0 < len(name) <= 100 or not name.isprintable():
            raise InputError("A person needs a name of 1 to 100 printable characters.")
        a = tables.actors
        with self._db.write() as connection:
            here = connection.execute(sa.select(a.c.name).where(a.c.disabled_at.is_(None))).scalars()
            if name.casefold() in {other.casefold() for other in here}:  # SQLite folds ASCII alone
                raise ConflictError(f"There is somebody called {name!r} here already. Add a second name or a number.")
            actor_id = put_actor(connection, "person", name, role)
            _, key = put_key(connection, actor_id)
            link = put_link(connection, actor_id, LINK_LIFE)
            record_event(connection, by, "label.invite", f"actor:{actor_id}", name=name, role=role.value)
        return Invitation(actor_id, name, role, link, key)

    def new_link(self, by: Actor, actor_id: str) -> str:
        """Another link for somebody who lost theirs; earlier ones that were not used stop working."""
        may_invite(by)
        row = self._get(actor_id)
        unused = tables.login_links.c.actor_id == actor_id, tables.login_links.c.used_at.is_(None)
        with self._db.write() as connection:
            connection.execute(sa.update(tables.login_links).where(*unused).values(expires_at=timestamp()))
            link = put_link(connection, actor_id, LINK_LIFE)
            record_event(connection, by, "govern.link_add", f"actor:{actor_id}", name=row["name"])
        return link

    def remove(self, by: Actor, actor_id: str) -> None:
        """Let somebody in no more: their sessions, links and keys end; what they said stays."""
        may_invite(by)
        row = self._get(actor_id)
        at, k = timestamp(), tables.api_keys
        with self._db.write() as connection:
            connection.execute(
                sa.update(tables.actors).where(tables.actors.c.actor_id == actor_id).values(disabled_at=at)
            )
            mine = k.c.actor_id == actor_id, k.c.revoked_at.is_(None)
            connection.execute(sa.update(k).where(*mine).values(revoked_at=at))
            record_event(connection, by, "label.remove_person", f"actor:{actor_id}", name=row["name"])

    def list(self) -> list[dict[str, Any]]:
        """Those who were invited and may come in, in the order of their names.

        Returns:
            ``actor_id``, ``name``, ``role``, ``created_at``, ``signed_in_at`` (None before the first time).
        """
        a, g, s = tables.actors, tables.grants, tables.sessions
        seen = sa.select(sa.func.max(s.c.created_at)).where(s.c.actor_id == a.c.actor_id).scalar_subquery()
        roles = [role.value for role in INVITED]
        return self._db.all(
            sa.select(a.c.actor_id, a.c.name, g.c.role, a.c.created_at, seen.label("signed_in_at"))
            .join_from(a, g, g.c.actor_id == a.c.actor_id)
            .where(a.c.kind == "person", a.c.disabled_at.is_(None), g.c.role.in_(roles))
            .order_by(a.c.name)
        )

    def _get(self, actor_id: str) -> dict[str, Any]:
        found = next((row for row in self.list() if row["actor_id"] == actor_id), None)
        if found is None:
            raise NotFoundError("There is nobody like that who was invited here.")
        return found


def may_invite(by: Actor) -> None:
    """Refuse who may not invite people."""
    if not by.may(Permission.BUILD):
        raise ForbiddenError(f"Your role ({by.role.value}) does not allow to invite people.")
