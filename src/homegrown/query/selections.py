"""Selections: queries saved under a name, which other verbs and other queries take."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from homegrown.core.ids import new_id, timestamp
from homegrown.errors import InputError, NotFoundError
from homegrown.query.plan import TABLE_FUNCTIONS
from homegrown.query.views import VIEWS
from homegrown.store import tables
from homegrown.store.events import DEFAULT_PROJECT, record_event

if TYPE_CHECKING:
    from homegrown.core.access import Actor
    from homegrown.store import Store


@dataclass(frozen=True, slots=True)
class Selection:
    """A saved, named query; it is run anew whenever it is used."""

    selection_id: str
    name: str
    sql: str
    created_at: str


def save_selection(store: Store, actor: Actor, name: str, sql: str) -> Selection:
    """Save *sql* under *name*, in place of what the name stood for before."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name):
        raise InputError(
            "A selection's name has lower-case letters, digits and underscores, at most 63, and begins with a letter."
        )
    if name in VIEWS or name in TABLE_FUNCTIONS:
        raise InputError(f"{name!r} is a table already. Choose another name for the selection.")
    s = tables.selections
    with store.db.write() as connection:
        old = connection.execute(sa.select(s.c.selection_id).where(s.c.name == name)).first()
        selection_id = str(old[0]) if old else new_id("sel")
        values = {"name": name, "sql": sql, "created_at": timestamp()}
        if old:
            connection.execute(sa.update(s).where(s.c.selection_id == selection_id).values(**values))
        else:
            connection.execute(sa.insert(s).values(selection_id=selection_id, project_id=DEFAULT_PROJECT, **values))
        record_event(connection, actor, "query.save_selection", f"selection:{selection_id}", name=name)
    return Selection(selection_id, **values)


def delete_selection(store: Store, actor: Actor, name: str) -> None:
    """Forget the name; what it selected stays."""
    found = get_selection(store, name)
    s = tables.selections
    with store.db.write() as connection:
        connection.execute(sa.delete(s).where(s.c.selection_id == found.selection_id))
        record_event(connection, actor, "query.delete_selection", f"selection:{found.selection_id}", name=name)


def list_selections(store: Store) -> list[Selection]:
    """All selections, in order of name."""
    s = tables.selections
    rows = store.db.all(sa.select(s.c.selection_id, s.c.name, s.c.sql, s.c.created_at).order_by(s.c.name))
    return [Selection(**row) for row in rows]


def find_selection(store: Store, name: str) -> Selection | None:
    """One selection by name, or None."""
    return next((s for s in list_selections(store) if s.name == name), None)


def get_selection(store: Store, name: str) -> Selection:
    """One selection by name."""
    found = find_selection(store, name)
    if found is None:
        known = ", ".join(s.name for s in list_selections(store)) or "none yet"
        raise NotFoundError(f"There is no selection {name!r}. Selections here: {known}.")
    return found
