"""Work that repeats: a line in the settings says what and when, and becomes a job when it is due."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from homegrown.core.access import SYSTEM
from homegrown.core.ids import canonical_json, now, timestamp
from homegrown.errors import InputError
from homegrown.store import tables
from homegrown.store.events import record_event

if TYPE_CHECKING:
    from homegrown.core.access import Actor
    from homegrown.jobs.queue import JobQueue
    from homegrown.store.database import Database

PREFIX = "schedule:"
LEAST_S, MOST_S = 60.0, 366 * 86400.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """A job that repeats.

    Attributes:
        verb: of the job.
        subject: what it is about, a model's name; one schedule per verb and subject.
        next_at: when it is due.
    """

    verb: str
    subject: str
    arguments: dict[str, Any]
    every_s: float
    next_at: str


class Schedules:
    """The schedules of a workspace.

    Example:
        >>> Schedules(store.db).set(actor, "retrain", "intent", 7 * 86400, {"name": "intent"})  # doctest: +SKIP
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    def list(self) -> list[Schedule]:
        """All of them, the next one first."""
        s = tables.settings
        rows = self._db.all(sa.select(s.c.value).where(s.c.name.like(f"{PREFIX}%")))
        return sorted((msgspec.json.decode(r["value"], type=Schedule) for r in rows), key=lambda found: found.next_at)

    def get(self, verb: str, subject: str) -> Schedule | None:
        """One of them, or None."""
        return next((s for s in self.list() if (s.verb, s.subject) == (verb, subject)), None)

    def set(self, actor: Actor, verb: str, subject: str, every_s: float, arguments: dict[str, Any]) -> Schedule:
        """Repeat a job from now on, for the first time after one period; in place of an earlier schedule of the same.

        Raises:
            InputError: the period is shorter than a minute or longer than a year.
        """
        if not LEAST_S <= every_s <= MOST_S:
            raise InputError("A schedule repeats at most once a minute and at least once a year: write 12h or 7d.")
        found = Schedule(verb, subject, arguments, every_s, timestamp(now() + timedelta(seconds=every_s)))
        with self._db.write() as connection:
            _put(connection, found)
            record_event(connection, actor, "jobs.schedule", f"schedule:{verb}", name=subject, every_s=every_s)
        return found

    def remove(self, actor: Actor, verb: str, subject: str) -> bool:
        """Repeat it no more; False when it was not repeated."""
        if self.get(verb, subject) is None:
            return False
        with self._db.write() as connection:
            connection.execute(sa.delete(tables.settings).where(tables.settings.c.name == _name(verb, subject)))
            record_event(connection, actor, "jobs.unschedule", f"schedule:{verb}", name=subject)
        return True

    def is_due(self, at: datetime | None = None) -> bool:
        """Whether any waits to become a job."""
        return any(s.next_at <= timestamp(at or now()) for s in self.list())

    def submit_due(self, queue: JobQueue, at: datetime | None = None) -> list[str]:
        """Make a job of each that is due, once, however often this is called or killed; returns the jobs' ids.

        What was missed while nothing ran is made up for once, not once per period.
        """
        moment = at or now()
        jobs = []
        for due in [s for s in self.list() if s.next_at <= timestamp(moment)]:
            # The key is the moment that was due: a kill before the next line leaves one job, not two.
            key = f"{_name(due.verb, due.subject)[:120]}@{due.next_at}".encode("ascii", "replace").decode()
            jobs.append(queue.submit(SYSTEM, due.verb, due.arguments, key=key))
            with self._db.write() as connection:
                s = tables.settings.c
                row = connection.execute(sa.select(s.value).where(s.name == _name(due.verb, due.subject))).scalar()
                # Somebody may have changed or removed it meanwhile: theirs stands.
                if row is not None and msgspec.json.decode(row, type=Schedule) == due:
                    _put(connection, replace(due, next_at=timestamp(moment + timedelta(seconds=due.every_s))))
        return jobs


def _name(verb: str, subject: str) -> str:
    return f"{PREFIX}{verb}:{subject}"


def _put(connection: sa.Connection, schedule: Schedule) -> None:
    s, name = tables.settings, _name(schedule.verb, schedule.subject)
    connection.execute(sa.delete(s).where(s.c.name == name))
    connection.execute(sa.insert(s).values(name=name, value=canonical_json(asdict(schedule)).decode()))
