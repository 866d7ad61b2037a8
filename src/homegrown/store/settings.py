"""Small settings in the database: one JSON value per name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from homegrown.core.ids import canonical_json
from homegrown.store import tables
from homegrown.store.events import record_event

if TYPE_CHECKING:
    from homegrown.core.access import Actor
    from homegrown.store.database import Database

_S = tables.settings


class Settings:
    """Settings by name.

    Example:
        >>> store.settings.put(actor, "station:task_1", {"overlap": 2}, "label.station")  # doctest: +SKIP
        >>> store.settings.get("station:task_1")  # doctest: +SKIP
        {'overlap': 2}
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    def get(self, name: str) -> Any:
        """The value, or None where it was never put."""
        row = self._db.one(sa.select(_S.c.value).where(_S.c.name == name))
        return None if row is None else msgspec.json.decode(row["value"])

    def put(self, actor: Actor, name: str, value: Any, action: str) -> None:
        """Put *value* in place of what was there; *action* is the event's."""
        text = canonical_json(value).decode()
        with self._db.write() as connection:
            changed = connection.execute(sa.update(_S).where(_S.c.name == name).values(value=text)).rowcount
            if not changed:
                connection.execute(sa.insert(_S).values(name=name, value=text))
            record_event(connection, actor, action, f"setting:{name}")
