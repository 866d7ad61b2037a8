"""Assignments: which record waits for whom. Two people never hold the same one unless its task wants that."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from homegrown.core.assignments import Assignment, Choice
from homegrown.core.ids import new_id, now, timestamp
from homegrown.store import tables
from homegrown.store.events import record_event
from homegrown.store.person_votes import is_review, standing
from homegrown.store.tasks import hold_task

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from homegrown.core.access import Actor
    from homegrown.store.database import Database

LEASE_S = 600.0
MOST_LOOKED_AT = 4000  # candidates in one transaction: others wait meanwhile
_PIECE = 100
_A, _V = tables.assignments, tables.votes


@dataclass(frozen=True, slots=True)
class Handed:
    """What came of handing out.

    Attributes:
        assignments: what the person holds now, the oldest first.
        full: records that nobody need be given any more: as many people answered as the task wants.
        passed: records that this person has answered or skipped.
        looked_at_all: whether the candidates came to an end.
    """

    assignments: list[Assignment]
    full: set[str]
    passed: set[str]
    looked_at_all: bool


class AssignmentStore:
    """Assignments with leases.

    A lease that this process gave ends by this process's monotonic clock, so that a clock which is set does not end
    it; one of another process ends by the time that is stored.
    """

    def __init__(self, database: Database) -> None:
        self._db = database
        self._ends: dict[str, float] = {}

    def hand_out(
        self,
        actor: Actor,
        task_id: str,
        candidates: Iterable[Choice],
        n: int,
        *,
        overlap: int = 1,
        lease_s: float = LEASE_S,
        undecided: Collection[str] = (),
    ) -> Handed:
        """Give *actor* up to *n* records in all: those they hold already, then the first free ones of *candidates*.

        Args:
            actor: whom to give them to.
            task_id: of the question.
            candidates: in the order in which they should be labelled.
            n: how many the person shall hold.
            overlap: how many people shall answer each record.
            lease_s: after how many seconds a record goes to somebody else; asking again begins them anew.
            undecided: values (JSON) of votes that answer nothing any more, as of a class that was split since: who gave
                one may be given the record again. A reviewer's still settles it.
        """
        with self._db.write() as connection:
            hold_task(connection, task_id)
            busy_with = partial(self._busy, connection, actor, task_id, undecided)
            held = self._renewed(connection, actor, task_id, overlap, lease_s, busy_with)
            given, full, passed = [], set[str](), set[str]()
            source = iter(candidates)
            looked, wanted = 0, n - len(held)
            while wanted > 0 and looked < MOST_LOOKED_AT:
                piece = list(islice(source, _PIECE))
                if not piece:
                    break
                looked += len(piece)
                busy = busy_with([c.record_id for c in piece])
                free = list(busy.free(piece, overlap))[:wanted]
                given += [self._give(connection, actor, task_id, choice, lease_s) for choice in free]
                full |= busy.full(overlap)
                passed |= busy.mine
                wanted -= len(free)
            if given:
                record_event(connection, actor, "label.assign", f"task:{task_id}", n=len(given))
        return Handed([*held, *given], full, passed, wanted > 0 and looked < MOST_LOOKED_AT)

    def _renewed(
        self,
        connection: sa.Connection,
        actor: Actor,
        task_id: str,
        overlap: int,
        lease_s: float,
        busy_with: Callable[[list[str]], _Busy],
    ) -> list[Assignment]:
        """What *actor* holds and still has to answer, its lease begun anew where half of it is over.

        A record that somebody else took after the lease, or that was answered elsewhere, is given up.
        """
        mine = sa.select(*_A.c).where(
            _A.c.actor_id == actor.actor_id, _A.c.task_id == task_id, _A.c.closed_at.is_(None)
        )
        rows = [dict(r) for r in connection.execute(mine.order_by(_A.c.created_at)).mappings()]
        busy = busy_with([r["record_id"] for r in rows])
        answered = {r["assignment_id"] for r in rows if busy.is_answered(r["record_id"])}
        late = [r for r in rows if not self._is_live(r)]
        taken = {r["assignment_id"] for r in late if len(busy.people(r["record_id"])) >= overlap}
        self._close(connection, list(answered), "answered")
        self._close(connection, list(taken - answered), "expired")
        kept = [r for r in rows if r["assignment_id"] not in answered | taken]
        soon = timestamp(now() + timedelta(seconds=lease_s / 2))
        half_over = [r["assignment_id"] for r in kept if r["expires_at"] < soon]
        ends = timestamp(now() + timedelta(seconds=lease_s))
        if half_over:
            connection.execute(sa.update(_A).where(_A.c.assignment_id.in_(half_over)).values(expires_at=ends))
        for row in kept:
            self._ends[row["assignment_id"]] = time.monotonic() + lease_s
        return [Assignment(r["assignment_id"], r["record_id"], r["reason"], r["expires_at"]) for r in kept]

    def _give(
        self, connection: sa.Connection, actor: Actor, task_id: str, choice: Choice, lease_s: float
    ) -> Assignment:
        moment = now()
        ends = timestamp(moment + timedelta(seconds=lease_s))
        made = Assignment(new_id("asg"), choice.record_id, choice.reason, ends)
        connection.execute(
            sa.insert(_A).values(
                assignment_id=made.assignment_id, task_id=task_id, record_id=made.record_id, actor_id=actor.actor_id,
                reason=made.reason, created_at=timestamp(moment), expires_at=ends,
            )
        )  # fmt: skip
        if len(self._ends) > 100_000:
            self._ends = {k: v for k, v in self._ends.items() if v > time.monotonic()}
        self._ends[made.assignment_id] = time.monotonic() + lease_s
        return made

    def _is_live(self, row: dict[str, Any]) -> bool:
        ends = self._ends.get(row["assignment_id"])
        return row["expires_at"] > timestamp() if ends is None else time.monotonic() < ends

    def _busy(
        self,
        connection: sa.Connection,
        actor: Actor,
        task_id: str,
        undecided: Collection[str],
        record_ids: list[str],
    ) -> _Busy:
        """Who holds, answered or skipped some records."""
        busy = _Busy(actor.actor_id)
        if not record_ids:
            return busy
        held = _A.c.task_id == task_id, _A.c.record_id.in_(record_ids)
        open_or_mine = sa.or_(_A.c.closed_at.is_(None), _A.c.actor_id == actor.actor_id)
        for row in connection.execute(sa.select(*_A.c).where(*held, open_or_mine)).mappings():
            busy.add_assignment(dict(row), is_live=self._is_live(dict(row)))
        said = sa.select(_V.c.record_id, _V.c.actor_id, is_review().label("settles"))
        for row in connection.execute(said.where(*_answers(task_id, undecided), _V.c.record_id.in_(record_ids))):
            busy.add_vote(row.record_id, row.actor_id, settles=bool(row.settles))
        return busy

    def full(
        self, task_id: str, record_ids: list[str] | None = None, *, overlap: int = 1, undecided: Collection[str] = ()
    ) -> set[str]:
        """Records that nobody need be given any more, of *record_ids* or of all; the rest as ``hand_out`` has it."""
        wanted = sa.select(_V.c.record_id).where(*_answers(task_id, undecided)).group_by(_V.c.record_id)
        if record_ids is not None:
            wanted = wanted.where(_V.c.record_id.in_(record_ids))
        settled = sa.func.max(sa.case((is_review(), 1), else_=0)) == 1
        rows = self._db.all(wanted.having(sa.or_(sa.func.count(_V.c.actor_id.distinct()) >= overlap, settled)))
        return {row["record_id"] for row in rows}

    def given(self, task_id: str) -> set[str]:
        """Records that wait for somebody."""
        is_open = _A.c.closed_at.is_(None), _A.c.expires_at > timestamp()
        rows = self._db.all(sa.select(_A.c.record_id).where(_A.c.task_id == task_id, *is_open))
        return {row["record_id"] for row in rows}

    def because(self, task_id: str, reason: str, *, answered: bool = False) -> list[str]:
        """Records that were given to somebody for a reason that begins so; with *answered* those they voted on."""
        wanted = _A.c.task_id == task_id, _A.c.reason.startswith(reason, autoescape=True)
        if answered:
            wanted = (*wanted, _A.c.outcome == "voted")
        return [row["record_id"] for row in self._db.all(sa.select(_A.c.record_id).where(*wanted))]

    def release(self, actor: Actor, task_id: str, record_ids: list[str] | None = None) -> int:
        """Give back what *actor* holds, or *record_ids* of it, for others to take; returns how many."""
        with self._db.write() as connection:
            mine = _A.c.actor_id == actor.actor_id, _A.c.task_id == task_id, _A.c.closed_at.is_(None)
            if record_ids is not None:
                mine = (*mine, _A.c.record_id.in_(record_ids))
            held = connection.execute(sa.select(_A.c.assignment_id).where(*mine)).scalars().all()
            self._close(connection, list(held), "released")
            if held:
                record_event(connection, actor, "label.release", f"task:{task_id}", n=len(held))
        return len(held)

    @staticmethod
    def _close(connection: sa.Connection, assignment_ids: list[str], outcome: str) -> None:
        if assignment_ids:
            done = sa.update(_A).where(_A.c.assignment_id.in_(assignment_ids))
            connection.execute(done.values(closed_at=timestamp(), outcome=outcome))


def _answers(task_id: str, undecided: Collection[str]) -> list[sa.ColumnElement[bool]]:
    """That a vote answers something: it stands, and its value is none that decides nothing any more."""
    holds = [_V.c.task_id == task_id, _V.c.value.is_not(None), standing()]
    return [*holds, sa.or_(_V.c.value.not_in(list(undecided)), is_review())] if undecided else holds


class _Busy:
    """Who holds or answered the records of one piece."""

    def __init__(self, actor_id: str) -> None:
        self._actor_id = actor_id
        self._holders: dict[str, set[str]] = {}
        self._voters: dict[str, set[str]] = {}
        self._settled: set[str] = set()
        self.mine: set[str] = set()

    def add_assignment(self, row: dict[str, Any], *, is_live: bool) -> None:
        if row["actor_id"] != self._actor_id:
            if is_live:
                self._holders.setdefault(row["record_id"], set()).add(row["actor_id"])
        elif row["closed_at"] is None or row["outcome"] == "skipped":
            self.mine.add(row["record_id"])

    def add_vote(self, record_id: str, actor_id: str, *, settles: bool) -> None:
        self._voters.setdefault(record_id, set()).add(actor_id)
        if settles:
            self._settled.add(record_id)
        if actor_id == self._actor_id:
            self.mine.add(record_id)

    def people(self, record_id: str) -> set[str]:
        """Others who hold or answered a record."""
        found = self._holders.get(record_id, set()) | self._voters.get(record_id, set())
        return found - {self._actor_id}

    def is_answered(self, record_id: str) -> bool:
        """Whether this person has answered a record, or a reviewer settled it."""
        return record_id in self._settled or self._actor_id in self._voters.get(record_id, ())

    def free(self, piece: list[Choice], overlap: int) -> Iterator[Choice]:
        for choice in piece:
            known = choice.record_id in self.mine or choice.record_id in self._settled
            if not known and len(self.people(choice.record_id)) < overlap:
                yield choice

    def full(self, overlap: int) -> set[str]:
        answered = {record_id for record_id, people in self._voters.items() if len(people) >= overlap}
        return answered | self._settled


def close_assignment(connection: sa.Connection, actor: Actor, task_id: str, record_id: str, outcome: str) -> None:
    """End what *actor* holds of a record; a skip is kept also where they hold nothing, lest it comes back."""
    mine = _A.c.actor_id == actor.actor_id, _A.c.task_id == task_id, _A.c.record_id == record_id
    at = timestamp()
    ended = sa.update(_A).where(*mine, _A.c.closed_at.is_(None)).values(closed_at=at, outcome=outcome)
    if connection.execute(ended).rowcount or outcome != "skipped":
        return
    if connection.execute(sa.select(_A.c.assignment_id).where(*mine, _A.c.outcome == "skipped")).first():
        return
    connection.execute(
        sa.insert(_A).values(
            assignment_id=new_id("asg"), task_id=task_id, record_id=record_id, actor_id=actor.actor_id, reason="",
            created_at=at, expires_at=at, closed_at=at, outcome=outcome,
        )
    )  # fmt: skip
