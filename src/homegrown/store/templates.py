"""Templates of prompts that calls share, and what became of them. Details hold the constant parts and ids of calls."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from homegrown.core.ids import timestamp
from homegrown.core.traffic import Template
from homegrown.errors import NotFoundError
from homegrown.store import tables
from homegrown.store.events import DEFAULT_PROJECT, record_event

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from homegrown.core.access import Actor
    from homegrown.store.database import Database

_T = tables.templates


class TemplateStore:
    """Templates by id."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def list(self) -> list[Template]:
        """All of them, the most used first."""
        found = [_decoded(row["details"]) for row in self._db.all(sa.select(_T.c.details))]
        return sorted(found, key=lambda t: (-t.volume.n_calls, t.template_id))

    def get(self, template_id: str) -> Template:
        """One of them.

        Raises:
            NotFoundError: there is none of this id.
        """
        row = self._db.one(sa.select(_T.c.details).where(_T.c.template_id == template_id))
        if row is None:
            raise NotFoundError("There is no such template here. See those that were found: homegrown monitor tasks")
        return _decoded(row["details"])

    def put(self, actor: Actor, found: Sequence[Template], *, n_calls: int) -> list[Template]:
        """Keep what was found in *n_calls* calls in place of what was known of the same templates.

        A proposal that no call is of any more goes; what somebody decided about stays.
        """
        at = timestamp()
        kept = [replace(t, created_at=t.created_at or at) for t in found]
        with self._db.write() as connection:
            here = {r["template_id"]: r for r in connection.execute(sa.select(*_T.c)).mappings().all()}
            for one in kept:
                _write(connection, one, is_new=one.template_id not in here)
            gone = [i for i, r in here.items() if r["state"] == "proposed" and i not in {t.template_id for t in kept}]
            connection.execute(sa.delete(_T).where(_T.c.template_id.in_(gone)))
            record_event(connection, actor, "monitor.find", "captured:all", n_calls=n_calls, n_templates=len(kept))
        return kept

    def point(self, actor: Actor, one: Template) -> Template:
        """Keep one that somebody pointed at, in place of what was known of it."""
        made = replace(one, created_at=one.created_at or timestamp())
        with self._db.write() as connection:
            _write(connection, made, is_new=not one.created_at)
            n_calls = made.volume.n_calls
            record_event(connection, actor, "monitor.point", f"template:{made.template_id}", n_calls=n_calls)
        return made

    def change(
        self, actor: Actor, template_id: str, change: Callable[[Template], Template], action: str, **details: object
    ) -> Template:
        """Change one, in one transaction with its event."""
        with self._db.write() as connection:
            wanted = sa.select(_T.c.details).where(_T.c.template_id == template_id)
            found = connection.execute(wanted).scalar()
            if found is None:
                raise NotFoundError("There is no such template here.")
            new = change(_decoded(found))
            _write(connection, new, is_new=False)
            record_event(connection, actor, action, f"template:{template_id}", **details)
        return new


def _write(connection: sa.Connection, one: Template, *, is_new: bool) -> None:
    row = {
        "task_id": next(iter(one.tasks.values()), None),
        "state": one.state.value,
        "details": msgspec.json.encode(one).decode(),
    }
    if is_new:
        fixed = {"template_id": one.template_id, "project_id": DEFAULT_PROJECT, "created_at": one.created_at}
        connection.execute(sa.insert(_T).values(**fixed, **row))
    else:
        connection.execute(sa.update(_T).where(_T.c.template_id == one.template_id).values(**row))


def _decoded(details: str) -> Template:
    return msgspec.json.decode(details, type=Template)
