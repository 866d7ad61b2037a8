"""The one append-only event log. ``govern`` reads it as an audit trail, ``cost`` as charges.

Details hold ids, names and counts, never a record's content: forgetting must not have to rewrite history.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from homegrown.core.ids import canonical_json, new_id, timestamp
from homegrown.store import tables

if TYPE_CHECKING:
    from homegrown.core.access import Actor
    from homegrown.store.database import Database

DEFAULT_PROJECT = "project_default"


def record_event(connection: sa.Connection, actor: Actor, action: str, resource: str, **details: Any) -> str:
    """Append one event inside the caller's transaction, so that the act and its record are one.

    Args:
        connection: the transaction of the act itself.
        actor: who acts.
        action: ``room.verb``, e.g. ``ingest.import``.
        resource: what it was done to, e.g. ``source:src_…``.
        details: ids, names, counts.

    Returns:
        The event's id.
    """
    event_id = new_id("evt")
    connection.execute(
        sa.insert(tables.events).values(
            event_id=event_id,
            project_id=DEFAULT_PROJECT,
            actor_id=actor.actor_id,
            action=action,
            resource=resource,
            details=canonical_json(details).decode(),
            created_at=timestamp(),
        )
    )
    return event_id


def read_events(
    database: Database, *, limit: int = 100, before_seq: int | None = None, action: str | None = None
) -> list[dict[str, Any]]:
    """The newest events first, with ``details`` parsed; page on with the last row's ``seq``."""
    events = tables.events
    statement = sa.select(*events.c, tables.actors.c.name.label("actor")).outerjoin_from(
        events, tables.actors, tables.actors.c.actor_id == events.c.actor_id
    )
    if before_seq is not None:
        statement = statement.where(events.c.seq < before_seq)
    if action is not None:
        statement = statement.where(events.c.action == action)
    rows = database.all(statement.order_by(events.c.seq.desc()).limit(limit))
    return [{**row, "details": msgspec.json.decode(row["details"])} for row in rows]
