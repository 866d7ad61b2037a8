"""The ``jobs`` table: submit, look, cancel; and, for the worker, begin and end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from homegrown.core.ids import canonical_json, keyed_id, new_id, timestamp
from homegrown.errors import ConflictError, NotFoundError, ReusedKeyError
from homegrown.store import tables
from homegrown.store.events import DEFAULT_PROJECT, record_event
from homegrown.store.layout import Layout
from homegrown.store.reserve import refuse_if_in_use

if TYPE_CHECKING:
    from collections.abc import Collection

    from homegrown.core.access import Actor
    from homegrown.store.database import Database

MAX_ATTEMPTS = 5
FINAL = frozenset({"succeeded", "failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class Job:
    """One scheduled piece of work.

    Attributes:
        verb: a name of ``workspace.verbs.VERBS``.
        status: ``queued``, ``running``, ``succeeded``, ``failed``, ``cancelled``.
        progress: ``stage, done, total, unit, rate, left_s`` and facts of the stage; None before the start.
        attempts: how often a worker began it; more than one means that a worker was killed on the way.
    """

    job_id: str
    verb: str
    arguments: dict[str, Any]
    status: str
    actor_id: str
    created_at: str
    progress: dict[str, Any] | None = None
    result: dict[str, Any] | None = None
    error: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    cancel_requested_at: str | None = None
    attempts: int = 0


class JobQueue:
    """Jobs of one workspace.

    Example:
        >>> job_id = JobQueue(store.db).submit(actor, "embed", {})  # doctest: +SKIP
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    def submit(self, actor: Actor, verb: str, arguments: dict[str, Any], *, key: str | None = None) -> str:
        """Put a job at the end of the queue; when this returns it is durable.

        Args:
            actor: who asks.
            verb: what to do.
            arguments: with what.
            key: an idempotency key of the actor's: the same one again queues nothing, and returns the first job's id.

        Raises:
            ReusedKeyError: *key* came with another verb or other arguments before.
            DiskFullError: there is no room for what the job would write.
        """
        refuse_if_in_use(Layout(self._db.path.parent).folder("locks"))
        job_id = new_id("job") if key is None else keyed_id("job", actor.actor_id, key)
        j = tables.jobs
        with self._db.write() as connection:
            before = connection.execute(sa.select(j.c.verb, j.c.arguments).where(j.c.job_id == job_id)).first()
            if before is not None:
                if tuple(before) != (verb, canonical_json(arguments).decode()):
                    raise ReusedKeyError
                return job_id
            connection.execute(
                sa.insert(tables.jobs).values(
                    job_id=job_id,
                    project_id=DEFAULT_PROJECT,
                    verb=verb,
                    arguments=canonical_json(arguments).decode(),
                    status="queued",
                    actor_id=actor.actor_id,
                    created_at=timestamp(),
                    attempts=0,
                )
            )
            record_event(connection, actor, "jobs.submit", f"job:{job_id}", verb=verb)
        return job_id

    def get(self, job_id: str) -> Job:
        """One job."""
        row = self._db.one(sa.select(*tables.jobs.c).where(tables.jobs.c.job_id == job_id))
        if row is None:
            raise NotFoundError(f"There is no job {job_id!r} in this workspace.")
        return _job(row)

    def list(self, limit: int = 100, status: str | None = None, verbs: Collection[str] | None = None) -> list[Job]:
        """Jobs, newest first; of one status or any, of some verbs or all."""
        statement = sa.select(*tables.jobs.c)
        if status is not None:
            statement = statement.where(tables.jobs.c.status == status)
        if verbs is not None:
            statement = statement.where(tables.jobs.c.verb.in_(verbs))
        return [_job(row) for row in self._db.all(statement.order_by(tables.jobs.c.created_at.desc()).limit(limit))]

    def cancel(self, actor: Actor, job_id: str) -> None:
        """Ask for a stop: a queued job ends at once, a running one at its next checkpoint."""
        job = self.get(job_id)
        if job.status in FINAL:
            raise ConflictError(f"The job {job_id} has ended already ({job.status}).")
        j = tables.jobs
        at = timestamp()
        with self._db.write() as connection:
            connection.execute(
                sa.update(j).where(j.c.job_id == job_id, j.c.status == "queued").values(status="cancelled", ended_at=at)
            )
            connection.execute(sa.update(j).where(j.c.job_id == job_id).values(cancel_requested_at=at))
            record_event(connection, actor, "jobs.cancel", f"job:{job_id}")

    def next_queued(self) -> Job | None:
        """The oldest job that waits, unless one is running."""
        j = tables.jobs
        if self._db.one(sa.select(j.c.job_id).where(j.c.status == "running").limit(1)):
            return None
        row = self._db.one(sa.select(*j.c).where(j.c.status == "queued").order_by(j.c.created_at).limit(1))
        return None if row is None else _job(row)

    def begin(self, actor: Actor, job_id: str) -> Job:
        """Mark a job as running and count the attempt.

        Raises:
            ConflictError: it stopped its worker too often; it is marked as failed.
        """
        job = self.get(job_id)
        if job.status in FINAL:
            raise ConflictError(f"The job {job_id} has ended already ({job.status}).")
        if job.attempts >= MAX_ATTEMPTS:
            reason = f"It stopped its worker {job.attempts} times, perhaps for want of memory; it is not tried again."
            self.end(actor, job_id, "failed", error=reason)
            raise ConflictError(reason)
        j = tables.jobs
        with self._db.write() as connection:
            connection.execute(
                sa.update(j)
                .where(j.c.job_id == job_id)
                .values(status="running", attempts=j.c.attempts + 1, started_at=job.started_at or timestamp())
            )
        return self.get(job_id)

    def end(
        self,
        actor: Actor,
        job_id: str,
        status: str,
        *,
        result: dict[str, Any] | None = None,
        error: str | None = None,
    ) -> None:
        """Record how a job ended."""
        j = tables.jobs
        with self._db.write() as connection:
            connection.execute(
                sa.update(j)
                .where(j.c.job_id == job_id)
                .values(
                    status=status,
                    result=None if result is None else canonical_json(result).decode(),
                    error=error,
                    ended_at=timestamp(),
                )
            )
            record_event(connection, actor, "jobs.end", f"job:{job_id}", status=status)

    def requeue(self, job_id: str) -> None:
        """Put a job back that was marked as running and is not."""
        j = tables.jobs
        with self._db.write() as connection:
            connection.execute(
                sa.update(j).where(j.c.job_id == job_id, j.c.status == "running").values(status="queued")
            )

    def report(self, job_id: str, progress: dict[str, Any]) -> bool:
        """Store how far a job is; True when somebody asked for a stop."""
        j = tables.jobs
        with self._db.write() as connection:
            connection.execute(
                sa.update(j).where(j.c.job_id == job_id).values(progress=canonical_json(progress).decode())
            )
            asked = connection.execute(sa.select(j.c.cancel_requested_at).where(j.c.job_id == job_id)).scalar()
        return asked is not None


def _job(row: dict[str, Any]) -> Job:
    facts: dict[str, Any] = {k: v for k, v in row.items() if k != "project_id"}
    for name in ("arguments", "progress", "result"):
        facts[name] = msgspec.json.decode(row[name]) if row[name] else None
    return Job(**facts)
