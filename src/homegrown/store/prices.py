"""Prices that a workspace keeps: rows with a date and the name of who noted them in the event log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from homegrown.core.ids import canonical_json, new_id, timestamp
from homegrown.errors import NotFoundError
from homegrown.store import tables
from homegrown.store.events import DEFAULT_PROJECT, record_event

if TYPE_CHECKING:
    from homegrown.core.access import Actor
    from homegrown.store.database import Database

_P = tables.prices


class PriceStore:
    """Prices by kind, subject and the day from which they hold.

    Args:
        database: of the workspace.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    def put(
        self, actor: Actor, kind: str, subject: str, details: dict[str, Any], *, valid_from: str, is_simulated: bool
    ) -> str:
        """Note a price; one of the same kind, subject and day is replaced. Returns its id.

        Args:
            actor: who says so.
            kind: what it is of.
            subject: the name of what it is of.
            details: the numbers, checked already.
            valid_from: the first day on which it holds, ``2026-11-25``.
            is_simulated: a guess, or made up.
        """
        same = sa.and_(
            _P.c.project_id == DEFAULT_PROJECT, _P.c.kind == kind, _P.c.subject == subject,
            _P.c.valid_from == valid_from,
        )  # fmt: skip
        row = {"details": canonical_json(details).decode(), "is_simulated": int(is_simulated), "noted_at": timestamp()}
        with self._db.write() as connection:
            old = connection.execute(sa.select(_P.c.price_id).where(same)).scalar()
            price_id = str(old) if old else new_id("price")
            if old:
                connection.execute(sa.update(_P).where(_P.c.price_id == price_id).values(**row))
            else:
                named = {"project_id": DEFAULT_PROJECT, "kind": kind, "subject": subject, "valid_from": valid_from}
                connection.execute(sa.insert(_P).values(price_id=price_id, **named, **row))
            record_event(
                connection, actor, "cost.set_price", f"price:{price_id}", kind=kind, name=subject,
                valid_from=valid_from, is_simulated=is_simulated,
            )  # fmt: skip
        return price_id

    def list(self) -> list[dict[str, Any]]:
        """All, by kind, subject and day, with ``details`` parsed."""
        rows = self._db.all(
            sa.select(*_P.c)
            .where(_P.c.project_id == DEFAULT_PROJECT)
            .order_by(_P.c.kind, _P.c.subject, _P.c.valid_from)
        )
        return [
            {**row, "details": msgspec.json.decode(row["details"]), "is_simulated": bool(row["is_simulated"])}
            for row in rows
        ]

    def remove(self, actor: Actor, price_id: str) -> dict[str, Any]:
        """Take a price out; returns what it was.

        Raises:
            NotFoundError: there is none of that id.
        """
        with self._db.write() as connection:
            where = sa.and_(_P.c.project_id == DEFAULT_PROJECT, _P.c.price_id == price_id)
            found = connection.execute(sa.select(*_P.c).where(where)).mappings().first()
            if found is None:
                raise NotFoundError(f"There is no price {price_id[:100]!r} of this workspace's own.")
            connection.execute(sa.delete(_P).where(where))
            record_event(
                connection, actor, "cost.remove_price", f"price:{price_id}", kind=found["kind"], name=found["subject"]
            )
        return {**found, "details": msgspec.json.decode(found["details"]), "is_simulated": bool(found["is_simulated"])}
