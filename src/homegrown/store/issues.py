"""Issues in the database: found again they are updated, decided they stay decided, and a decision can be taken back."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from homegrown.core.ids import canonical_json, timestamp
from homegrown.core.issues import (
    KINDS,
    MASKING,
    OPEN,
    STATES,
    UNKNOWN_HARM,
    UNMASKED,
    Decision,
    Found,
    Issue,
    issue_id,
)
from homegrown.errors import ConflictError, NotFoundError
from homegrown.store import tables
from homegrown.store.events import record_event

if TYPE_CHECKING:
    from homegrown.core.access import Actor
    from homegrown.store.database import Database

_I = tables.issues
MAX_OF_KIND = 100_000
FIND = "curate.find_issues"
_PIECE, _INSERTED = 400, 5000


@dataclass(frozen=True, slots=True)
class Rulings:
    """What snapshots honour.

    Attributes:
        dropped: ids of records that are left out.
        merged: record → the record that stands for it.
        masked: record → the record made from it whose text stands in its place.
    """

    dropped: frozenset[str]
    merged: dict[str, str]
    masked: dict[str, str]


class IssueStore:
    """Issues by id, in order of the harm that is to be expected."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def put(
        self, actor: Actor, about: Mapping[str, str | None], found: Iterable[Found], *, replace: bool = True
    ) -> dict[str, int]:
        """Make *found* the open issues of some kinds: new ones join, known ones are updated.

        Decided ones stay as they are. Of each kind the ``MAX_OF_KIND`` with the highest score are kept.

        Args:
            actor: who had them looked for.
            about: kind → the task that it is asked of, or None; every kind that was looked for.
            found: what finders say.
            replace: whether open issues of these kinds that were not found again leave.

        Returns:
            How many of *found* are open now, by kind.
        """
        rows = _rows(about, found)
        with self._db.write() as connection:
            of_kind = [sa.and_(_I.c.kind == k, _I.c.task_id.is_not_distinct_from(t)) for k, t in about.items()]
            wanted = sa.select(_I.c.issue_id, _I.c.state).where(sa.or_(*of_kind))
            known = {str(key): str(state) for key, state in connection.execute(wanted)}
            gone = [i for i, state in known.items() if state == OPEN and i not in rows] if replace else []
            for start in range(0, len(gone), _PIECE):
                connection.execute(sa.delete(_I).where(_I.c.issue_id.in_(gone[start : start + _PIECE])))
            new = [row for i, row in rows.items() if i not in known]
            for start in range(0, len(new), _INSERTED):
                connection.execute(sa.insert(_I), new[start : start + _INSERTED])
            again = [row for i, row in rows.items() if known.get(i) == OPEN]
            _update(connection, again)
            task_id = next((t for t in about.values() if t), None)
            record_event(
                connection, actor, FIND, f"task:{task_id}" if task_id else "records:all",
                n_new=len(new), n_updated=len(again), n_gone=len(gone), kinds=sorted(about),
            )  # fmt: skip
        counts = Counter(row["kind"] for row in (*new, *again))
        return {kind: counts[kind] for kind in about}

    def get(self, issue: str) -> Issue:
        """One issue, or a ``NotFoundError``."""
        return _issue(_found(self._db.one(_by_id(issue))))

    def list(
        self,
        *,
        state: str | None = OPEN,
        kind: str | None = None,
        task_id: str | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> list[Issue]:
        """Issues, the most harmful first; of *task_id* and of no task where one is named."""
        harm = sa.case({k.name: k.harm for k in KINDS.values()}, value=_I.c.kind, else_=UNKNOWN_HARM) * _I.c.score
        # Ids alone are sorted: a hundred thousand reasons need not be carried along.
        first = sa.select(_I.c.issue_id).where(*_conditions(state, kind, task_id))
        first = first.order_by(harm.desc(), _I.c.issue_id).limit(limit).offset(offset).subquery()
        wanted = sa.select(*_I.c).join(first, first.c.issue_id == _I.c.issue_id)
        return [_issue(row) for row in self._db.all(wanted.order_by(harm.desc(), _I.c.issue_id))]

    def counts(self, task_id: str | None = None) -> dict[str, dict[str, int]]:
        """How many issues there are: kind → state → n."""
        n = sa.func.count().label("n")
        wanted = sa.select(_I.c.kind, _I.c.state, n).where(*_conditions(None, None, task_id))
        found: dict[str, dict[str, int]] = {}
        for row in self._db.all(wanted.group_by(_I.c.kind, _I.c.state)):
            found.setdefault(row["kind"], {})[row["state"]] = int(row["n"])
        return found

    def was_looked_for(self) -> bool:
        """Whether anybody ever had them looked for."""
        e = tables.events
        return self._db.one(sa.select(e.c.seq).where(e.c.action == FIND).limit(1)) is not None

    def n_open(self) -> int:
        """How many wait for a decision."""
        row = self._db.one(sa.select(sa.func.count().label("n")).where(_I.c.state == OPEN))
        return int(row["n"]) if row else 0

    def decide(self, actor: Actor, issue: str, decision: Decision, **facts: Any) -> Issue:
        """Keep what *actor* decided; *facts* (ids of what was made for it) join the details.

        For ``mask`` the fact ``masked_id`` names the record (``made``) that stands for the issue's own from now on.

        Raises:
            ConflictError: somebody has decided already.
        """
        with self._db.write() as connection:
            row = _found(connection.execute(_by_id(issue)).mappings().first())
            if row["state"] != OPEN:
                raise ConflictError("This issue was decided meanwhile. Undo that decision first.")
            details = canonical_json({**msgspec.json.decode(row["details"]), **facts}).decode()
            changed = {
                "state": STATES[decision], "decided_by": actor.actor_id, "decided_at": timestamp(), "details": details,
            }  # fmt: skip
            connection.execute(sa.update(_I).where(_I.c.issue_id == issue, _I.c.state == OPEN).values(**changed))
            if decision is Decision.MASK:
                _link(connection, actor, str(facts["masked_id"]), row["record_id"])
            record_event(
                connection, actor, "curate.decide_issue", f"issue:{issue}", decision=decision.value, kind=row["kind"]
            )
        return _issue({**row, **changed})

    def reopen(self, actor: Actor, issue: str) -> Issue:
        """Take a decision back; the issue waits again, its record unmasked unless another one asks for it.

        Raises:
            ConflictError: it is open.
        """
        with self._db.write() as connection:
            row = _found(connection.execute(_by_id(issue)).mappings().first())
            if row["state"] == OPEN:
                raise ConflictError("This issue is open: there is nothing to take back.")
            changed = {"state": OPEN, "decided_by": None, "decided_at": None}
            connection.execute(sa.update(_I).where(_I.c.issue_id == issue).values(**changed))
            if row["state"] == STATES[Decision.MASK]:
                _unlink(connection, actor, row["record_id"])
            record_event(connection, actor, "curate.undo_decision", f"issue:{issue}", was=row["state"])
        return _issue({**row, **changed})

    def made(self, record_id: str, from_record_id: str) -> None:
        """Keep that a record is being made from another by masking, so that forgetting takes both, decided or not."""
        d = tables.derivations
        mine = sa.select(d.c.kind).where(d.c.record_id == record_id, d.c.from_record_id == from_record_id)
        row = {"record_id": record_id, "from_record_id": from_record_id, "kind": UNMASKED, "created_at": timestamp()}
        with self._db.write() as connection:
            if connection.execute(mine).first() is None:
                connection.execute(sa.insert(d).values(**row))

    def derived(self, kind: str) -> dict[str, str]:
        """Original → the record made from it."""
        d = tables.derivations
        rows = self._db.all(sa.select(d.c.from_record_id, d.c.record_id).where(d.c.kind == kind))
        return {row["from_record_id"]: row["record_id"] for row in rows}

    def originals(self) -> dict[str, str]:
        """Record → the one that it was made from, whether or not it still stands for it."""
        d = tables.derivations
        rows = self._db.all(sa.select(d.c.record_id, d.c.from_record_id))
        return {row["record_id"]: row["from_record_id"] for row in rows}

    def rulings(self, task_id: str) -> Rulings:
        """What was decided about records, for snapshots of a task: its own issues and those of no task."""
        wanted = sa.select(_I.c.record_id, _I.c.other_id, _I.c.state).where(
            _I.c.state.in_([STATES[Decision.DROP], STATES[Decision.MERGE]]),
            sa.or_(_I.c.task_id.is_(None), _I.c.task_id == task_id),
        )
        rows = self._db.all(wanted)
        dropped = frozenset(r["record_id"] for r in rows if r["state"] == STATES[Decision.DROP])
        merged = {r["record_id"]: r["other_id"] for r in rows if r["state"] != STATES[Decision.DROP] and r["other_id"]}
        return Rulings(dropped, merged, self.derived(MASKING))


def _by_id(issue: str) -> sa.Select[Any]:
    return sa.select(*_I.c).where(_I.c.issue_id == issue)


def _found(row: Any) -> Any:
    if row is None:
        raise NotFoundError("There is no such issue. Its record may have been forgotten.")
    return row


def _link(connection: sa.Connection, actor: Actor, record_id: str, from_record_id: str) -> None:
    """Let a record that was made by masking stand for its original; one that did before does so no more."""
    d = tables.derivations
    of_it = d.c.from_record_id == from_record_id
    standing = connection.execute(sa.select(d.c.record_id).where(of_it, d.c.kind == MASKING)).scalar()
    if standing != record_id:
        kind = sa.case((d.c.record_id == record_id, MASKING), else_=UNMASKED)
        connection.execute(sa.update(d).where(of_it, d.c.kind.in_([MASKING, UNMASKED])).values(kind=kind))
        record_event(connection, actor, "curate.derive", f"record:{record_id}", kind=MASKING, source=from_record_id)


def _unlink(connection: sa.Connection, actor: Actor, from_record_id: str) -> None:
    """Let a record stand for itself again, unless an issue is still decided so; what was made from it stays known."""
    d = tables.derivations
    asked = sa.select(_I.c.issue_id).where(_I.c.record_id == from_record_id, _I.c.state == STATES[Decision.MASK])
    if connection.execute(asked).first() is None:
        mine = d.c.from_record_id == from_record_id, d.c.kind == MASKING
        connection.execute(sa.update(d).where(*mine).values(kind=UNMASKED))
        record_event(connection, actor, "curate.undo_derive", f"record:{from_record_id}", kind=MASKING)


def _rows(about: Mapping[str, str | None], found: Iterable[Found]) -> dict[str, dict[str, Any]]:
    """As they are stored, by id; of the same issue found twice, the surer."""
    at = timestamp()
    rows: dict[str, dict[str, Any]] = {}
    for one in _highest(found):
        task_id = about[one.kind]
        key = issue_id(task_id, one)
        details = canonical_json({**one.details, "reason": one.reason}).decode()
        rows[key] = {
            "issue_id": key, "task_id": task_id, "record_id": one.record_id, "other_id": one.other_id,
            "kind": one.kind, "score": min(max(float(one.score), 0.0), 1.0), "details": details, "state": OPEN,
            "created_at": at, "decided_by": None, "decided_at": None,
        }  # fmt: skip
    return rows


def _update(connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        values = {"score": sa.bindparam("new_score"), "details": sa.bindparam("new_details")}
        wanted = sa.update(_I).where(_I.c.issue_id == sa.bindparam("key")).values(**values)
        given = [{"key": r["issue_id"], "new_score": r["score"], "new_details": r["details"]} for r in rows]
        connection.execute(wanted, given)


def _highest(found: Iterable[Found]) -> list[Found]:
    """Of each kind those with the highest scores, at most ``MAX_OF_KIND``; of the same issue found twice, the surer."""
    heaps: dict[str, list[tuple[float, int, Found]]] = {}
    number = count()
    for one in found:
        heap = heaps.setdefault(one.kind, [])
        push: Callable[..., object] = heapq.heappush if len(heap) < MAX_OF_KIND else heapq.heappushpop
        push(heap, (one.score, -next(number), one))
    return [one for heap in heaps.values() for _, _, one in sorted(heap, key=lambda e: e[:2])]


def _conditions(state: str | None, kind: str | None, task_id: str | None) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if state is not None:
        found.append(_I.c.state == state)
    if kind is not None:
        found.append(_I.c.kind == kind)
    if task_id is not None:
        found.append(sa.or_(_I.c.task_id.is_(None), _I.c.task_id == task_id))
    return found


def _issue(row: Any) -> Issue:
    details = msgspec.json.decode(row["details"])
    reason = str(details.pop("reason", ""))
    return Issue(reason=reason, details=details, **{n: v for n, v in row.items() if n != "details"})
