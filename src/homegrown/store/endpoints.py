"""Endpoints and deployments. The pointer from an endpoint to its version switches in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from homegrown.core.ids import canonical_json, keyed_id, new_id, timestamp
from homegrown.errors import NotFoundError, ReusedKeyError
from homegrown.store import tables
from homegrown.store.events import DEFAULT_PROJECT, record_event

if TYPE_CHECKING:
    from homegrown.core.access import Actor
    from homegrown.core.models import ModelVersion
    from homegrown.store.database import Database


NO_TRACE = "There is no such trace. Traces are written within a second of their answer."


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The stable name that clients call, and what answers behind it now."""

    endpoint_id: str
    name: str
    task_id: str
    keep_text: bool
    version_id: str
    deployment_id: str
    deployed_at: str


class EndpointStore:
    """Endpoints by name."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def list(self) -> list[Endpoint]:
        """All endpoints with their live deployment, in order of name."""
        e, d = tables.endpoints, tables.deployments
        rows = self._db.all(
            sa.select(
                e.c.endpoint_id, e.c.name, e.c.task_id, e.c.keep_text, d.c.version_id, d.c.deployment_id,
                d.c.created_at.label("deployed_at"),
            )
            .join_from(e, d, e.c.endpoint_id == d.c.endpoint_id)
            .where(d.c.state == "live")
            .order_by(e.c.name)
        )  # fmt: skip
        return [Endpoint(**{**row, "keep_text": bool(row["keep_text"])}) for row in rows]

    def get(self, name: str) -> Endpoint:
        """One endpoint by name."""
        found = [e for e in self.list() if e.name == name]
        if not found:
            known = ", ".join(e.name for e in self.list()) or "none yet"
            raise NotFoundError(f"There is no endpoint {name!r}. Endpoints here: {known}.")
        return found[0]

    def deploy(
        self,
        actor: Actor,
        name: str,
        version: ModelVersion,
        *,
        keep_text: bool | None = None,
        action: str = "serve.deploy",
    ) -> Endpoint:
        """Let *version* answer for the endpoint *name*, created if need be; one transaction."""
        e = tables.endpoints
        with self._db.write() as connection:
            row = connection.execute(sa.select(e.c.endpoint_id).where(e.c.name == name)).first()
            endpoint_id = row[0] if row else new_id("ep")
            if row is None:
                connection.execute(
                    sa.insert(e).values(
                        endpoint_id=endpoint_id,
                        project_id=DEFAULT_PROJECT,
                        name=name,
                        task_id=version.task_id,
                        keep_text=int(bool(keep_text)),
                        config=canonical_json({}).decode(),
                        created_at=timestamp(),
                    )
                )
            elif keep_text is not None:
                connection.execute(sa.update(e).where(e.c.endpoint_id == endpoint_id).values(keep_text=int(keep_text)))
            put_live(connection, actor, endpoint_id, name, version.version_id, action)
        return self.get(name)

    def history(self, endpoint_id: str) -> list[dict[str, Any]]:
        """Deployments of an endpoint, newest first."""
        d = tables.deployments
        return self._db.all(sa.select(*d.c).where(d.c.endpoint_id == endpoint_id).order_by(d.c.created_at.desc()))

    def add_traces(self, rows: list[dict[str, Any]]) -> None:
        """Append traces (columns of ``traces``); ``answer`` may be any JSON value."""
        ready = [{**r, "answer": canonical_json(r["answer"]).decode()} for r in rows]
        if ready:
            with self._db.write() as connection:
                connection.execute(sa.insert(tables.traces), ready)

    def traces(self, endpoint_id: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
        """The newest traces, ``answer`` parsed."""
        t = tables.traces
        statement = sa.select(*t.c)
        if endpoint_id is not None:
            statement = statement.where(t.c.endpoint_id == endpoint_id)
        rows = self._db.all(statement.order_by(t.c.created_at.desc()).limit(limit))
        return [{**r, "answer": msgspec.json.decode(r["answer"]) if r["answer"] else None} for r in rows]

    def trace(self, trace_id: str) -> dict[str, Any]:
        """One trace, as it is stored.

        Raises:
            NotFoundError: there is none.
        """
        found = self._db.one(sa.select(*tables.traces.c).where(tables.traces.c.trace_id == trace_id))
        if found is None:
            raise NotFoundError(NO_TRACE)
        return found

    def add_feedback(self, actor: Actor, trace_id: str, value: dict[str, Any], *, key: str | None = None) -> str:
        """Keep what somebody said of an answer; returns the feedback's id.

        Args:
            actor: who says it.
            trace_id: of the answer.
            value: what was said.
            key: an idempotency key of the actor's: the same one again keeps nothing more.

        Raises:
            NotFoundError: there is no such trace.
            ReusedKeyError: *key* came with another trace or value before.
        """
        t, f = tables.traces, tables.feedback
        feedback_id = new_id("fb") if key is None else keyed_id("fb", actor.actor_id, key)
        with self._db.write() as connection:
            before = connection.execute(
                sa.select(f.c.trace_id, f.c.value).where(f.c.feedback_id == feedback_id)
            ).first()
            if before is not None:
                if tuple(before) != (trace_id, canonical_json(value).decode()):
                    raise ReusedKeyError
                return feedback_id
            if connection.execute(sa.select(t.c.trace_id).where(t.c.trace_id == trace_id)).first() is None:
                raise NotFoundError(NO_TRACE)
            connection.execute(
                sa.insert(tables.feedback).values(
                    feedback_id=feedback_id,
                    trace_id=trace_id,
                    actor_id=actor.actor_id,
                    value=canonical_json(value).decode(),
                    created_at=timestamp(),
                )
            )
            record_event(connection, actor, "serve.feedback", f"trace:{trace_id}", feedback_id=feedback_id)
        return feedback_id


def put_live(
    connection: sa.Connection,
    actor: Actor,
    endpoint_id: str,
    name: str,
    version_id: str,
    action: str = "serve.deploy",
) -> None:
    """Let a version answer for the endpoint *name* in place of the one that does."""
    d, at = tables.deployments, timestamp()
    old = d.c.endpoint_id == endpoint_id, d.c.state == "live"
    connection.execute(sa.update(d).where(*old).values(state="replaced", ended_at=at))
    new = {"deployment_id": new_id("dep"), "endpoint_id": endpoint_id, "version_id": version_id}
    connection.execute(sa.insert(d).values(**new, state="live", created_at=at))
    record_event(connection, actor, action, f"endpoint:{endpoint_id}", name=name, version_id=version_id)
