"""The event log read as an audit trail: who did what to what, and when."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from homegrown.core.ids import timestamp
from homegrown.errors import InputError
from homegrown.store import tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from homegrown.store import Store

PAGE = 1000
COLUMNS = ("seq", "event_id", "created_at", "actor_id", "actor", "action", "resource", "details")


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One event, with the name of who acted beside the id.

    Attributes:
        details: ids, names and counts; never the content of a record.
    """

    seq: int
    event_id: str
    created_at: str
    actor_id: str
    actor: str | None
    action: str
    resource: str
    details: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which events. Times are ISO 8601 (``2026-11-01`` or with a time); no zone means UTC.

    Attributes:
        actor: a name or an id.
        action: whole (``serve.deploy``) or a room (``serve``).
        resource: whole (``endpoint:ep_…``) or a kind (``endpoint``).
    """

    since: str | None = None
    until: str | None = None
    actor: str | None = None
    action: str | None = None
    resource: str | None = None


def read_audit(
    store: Store, wanted: AuditFilter, *, before_seq: int | None = None, limit: int | None = None
) -> Iterator[AuditEntry]:
    """Events that match, newest first, a page of the database at a time.

    Args:
        store: the workspace.
        wanted: which.
        before_seq: only those older than this one: the ``seq`` of the last entry of the page before.
        limit: at most so many; None for all.
    """
    e, a = tables.events, tables.actors
    statement = sa.select(*(e.c[c] for c in COLUMNS if c != "actor"), a.c.name.label("actor")).outerjoin_from(
        e, a, a.c.actor_id == e.c.actor_id
    )
    return _pages(store, statement.where(*_conditions(wanted)).order_by(e.c.seq.desc()), before_seq, limit)


def _pages(store: Store, statement: sa.Select[Any], before: int | None, limit: int | None) -> Iterator[AuditEntry]:
    left = limit
    while left is None or left > 0:
        page = statement if before is None else statement.where(tables.events.c.seq < before)
        size = PAGE if left is None else min(PAGE, left)
        rows = store.db.all(page.limit(size))
        for row in rows:
            yield AuditEntry(**{**row, "details": msgspec.json.decode(row["details"])})
        if len(rows) < size:
            return
        before = rows[-1]["seq"]
        left = None if left is None else left - len(rows)


def _conditions(wanted: AuditFilter) -> list[sa.ColumnElement[bool]]:
    e, a = tables.events, tables.actors
    found: list[sa.ColumnElement[bool]] = []
    if wanted.since:
        found.append(e.c.created_at >= _moment(wanted.since))
    if wanted.until:
        found.append(e.c.created_at < _moment(wanted.until))
    if wanted.actor:
        found.append(sa.or_(e.c.actor_id == wanted.actor, a.c.name == wanted.actor))
    if wanted.action:
        found.append(_whole_or_kind(e.c.action, wanted.action, "."))
    if wanted.resource:
        found.append(_whole_or_kind(e.c.resource, wanted.resource, ":"))
    return found


def _whole_or_kind(column: sa.ColumnElement[str], text: str, separator: str) -> sa.ColumnElement[bool]:
    return sa.or_(column == text, column.startswith(text + separator, autoescape=True))


def _moment(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{text!r} is no time. Write 2026-11-01 or 2026-11-01T08:00.") from error
    return timestamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
