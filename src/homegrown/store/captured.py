"""Calls that passed the gateway, with what was said: begun, ended, read back, aged out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from homegrown.core.ids import now, timestamp
from homegrown.core.traces import CallState, Captured, Wire
from homegrown.store import tables
from homegrown.store.events import DEFAULT_PROJECT
from homegrown.store.repeats import Repeat, write_repeats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.store.database import Database

GATEWAY = "gateway"
_C = tables.captured
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Begun:
    """A call before its upstream is asked.

    Attributes:
        request: the body, JSON.
        tags: JSON.
        repeat: the caller's Idempotency-Key, where there is one.
    """

    trace_id: str
    route_id: str | None
    wire: str
    model: str
    actor_id: str
    upstream_id: str | None
    is_stream: int
    request: str
    tags: str
    created_at: str
    repeat: Repeat | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a call.

    Attributes:
        response: the body, JSON; of a stream what its pieces add up to.
        version_id: of ours that answered; None where an upstream did.
        repeat: what is answered to the same request under its Idempotency-Key, where it has one.
    """

    trace_id: str
    state: str
    status: int | None
    upstream_id: str | None
    response: str | None
    n_tokens_in: int | None
    n_tokens_out: int | None
    cost_usd: float | None
    latency_s: float | None
    first_token_s: float | None
    tags: str
    error: str | None
    ended_at: str
    version_id: str | None = None
    repeat: Repeat | None = None


_BEGUN = [f for f in Begun.__dataclass_fields__ if f != "repeat"]
_ENDED = [f for f in Ended.__dataclass_fields__ if f not in ("trace_id", "repeat")]
_UPDATE = (
    sa.update(_C)
    .where(_C.c.trace_id == sa.bindparam("b_trace_id"))
    .values({name: sa.bindparam(f"b_{name}") for name in _ENDED})
)


class CapturedStore:
    """The table of captured calls."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def write(self, begun: Sequence[Begun], ended: Sequence[Ended]) -> None:
        """Insert what began, then note what ended, in one transaction: when this returns it is on the disk."""
        with self._db.write() as connection:
            if begun:
                fixed = {"project_id": DEFAULT_PROJECT, "origin": GATEWAY, "state": CallState.OPEN.value}
                connection.execute(sa.insert(_C), [fixed | {n: getattr(b, n) for n in _BEGUN} for b in begun])
            if ended:
                connection.execute(_UPDATE, [{f"b_{n}": getattr(e, n) for n in (*_ENDED, "trace_id")} for e in ended])
            keyed = [(b.trace_id, b.repeat, b.created_at) for b in begun if b.repeat is not None]
            write_repeats(connection, keyed, [(e.trace_id, e.repeat) for e in ended if e.repeat is not None])

    def page(
        self,
        *,
        limit: int = 50,
        before: str | None = None,
        state: CallState | None = None,
        route_id: str | None = None,
        template_id: str | None = None,
        since: str | None = None,
    ) -> list[Captured]:
        """The newest calls first.

        Args:
            limit: how many at most.
            before: only those that came before this call (its trace's id), to page on.
            state: only those.
            route_id: only those.
            template_id: only those.
            since: only those that came at this time or later.
        """
        wanted: sa.Select[Any] = sa.select(*_C.c).where(_C.c.project_id == DEFAULT_PROJECT)
        if before is not None:
            at = sa.select(_C.c.created_at).where(_C.c.trace_id == before).scalar_subquery()
            older = sa.and_(_C.c.created_at == at, _C.c.trace_id < before)
            wanted = wanted.where(sa.or_(_C.c.created_at < at, older))
        only = {_C.c.state: state and state.value, _C.c.route_id: route_id, _C.c.template_id: template_id}
        for column, value in only.items():
            if value is not None:
                wanted = wanted.where(column == value)
        if since is not None:
            wanted = wanted.where(_C.c.created_at >= since)
        rows = self._db.all(wanted.order_by(_C.c.created_at.desc(), _C.c.trace_id.desc()).limit(limit))
        return [captured_of(row) for row in rows]

    def get(self, trace_id: str) -> Captured | None:
        """One call, or None."""
        row = self._db.one(sa.select(*_C.c).where(_C.c.trace_id == trace_id))
        return None if row is None else captured_of(row)

    def counts(self) -> dict[str, int]:
        """How many calls there are, by state."""
        wanted = sa.select(_C.c.state, sa.func.count().label("n")).group_by(_C.c.state)
        return {row["state"]: int(row["n"]) for row in self._db.all(wanted)}

    def spent_today(self, moment: datetime | None = None) -> dict[str, float]:
        """USD that the calls of this day (UTC) cost, by actor."""
        day = (moment or now()).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        total = sa.func.sum(_C.c.cost_usd).label("usd")
        wanted = sa.select(_C.c.actor_id, total).where(_C.c.created_at >= timestamp(day)).group_by(_C.c.actor_id)
        return {row["actor_id"]: float(row["usd"] or 0.0) for row in self._db.all(wanted) if row["actor_id"]}

    def age_out(self, route_id: str, keep_days: float, moment: datetime | None = None) -> int:
        """Delete calls of a route that are older than *keep_days*; returns how many went."""
        oldest = timestamp((moment or now()) - timedelta(days=keep_days))
        stale = _C.c.route_id == route_id, _C.c.created_at < oldest
        n_gone = 0
        while True:  # a few at a time: calls that come meanwhile wait for no long transaction
            with self._db.write() as connection:
                some = connection.execute(sa.select(_C.c.trace_id).where(*stale).limit(_PAGE)).scalars().all()
                drop_calls(connection, list(some))
            n_gone += len(some)
            if len(some) < _PAGE:
                return n_gone


def drop_calls(connection: sa.Connection, trace_ids: list[str]) -> None:
    """Delete calls with what was said of them (shadow answers, audits, answers under keys), in this transaction."""
    for table in (tables.shadow_answers, tables.audits, tables.repeats, _C):
        connection.execute(sa.delete(table).where(table.c.trace_id.in_(trace_ids)))


def captured_of(row: dict[str, Any]) -> Captured:
    """A row of the table as the noun."""
    fields = {name: row[name] for name in Captured.__dataclass_fields__}
    response = row["response"]
    request = msgspec.json.decode(row["request"])
    fields |= {
        "wire": Wire(row["wire"]),
        "state": CallState(row["state"]),
        "is_stream": bool(row["is_stream"]),
        "request": request if isinstance(request, dict) else {},
        "response": None if response is None else _object(response),
        "tags": msgspec.json.decode(row["tags"]),
    }
    return Captured(**fields)


def _object(stored: str) -> dict[str, Any] | None:
    found = msgspec.json.decode(stored)
    return found if isinstance(found, dict) else None
