"""What people said, in the database: each vote is a row that is never edited; a change names the vote it supersedes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from homegrown.core.assignments import REVIEW
from homegrown.core.ids import canonical_json, new_id, timestamp
from homegrown.core.tasks import LabelSourceKind
from homegrown.errors import ConflictError, ForbiddenError, NotFoundError
from homegrown.store import tables
from homegrown.store.events import record_event

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from homegrown.core.access import Actor
    from homegrown.store.database import Database

_V = tables.votes


def standing(votes: sa.FromClause = _V) -> sa.ColumnElement[bool]:
    """Not superseded by a later vote, which is of the same task and record: so the index finds it."""
    later = tables.votes.alias()
    same = later.c.task_id == votes.c.task_id, later.c.record_id == votes.c.record_id
    return ~sa.exists(sa.select(later.c.vote_id).where(*same, later.c.supersedes == votes.c.vote_id))


def is_review(votes: sa.FromClause = _V) -> sa.ColumnElement[bool]:
    """Given by a reviewer to settle a record."""
    s = tables.label_sources
    marked = s.c.kind == LabelSourceKind.PERSON.value, s.c.config == canonical_json(REVIEW).decode()
    return votes.c.label_source_id.in_(sa.select(s.c.label_source_id).where(*marked))


def heard() -> sa.ColumnElement[bool]:
    """Stands, says something, and no reviewer has settled the record otherwise."""
    settling = tables.votes.alias()
    same = settling.c.task_id == _V.c.task_id, settling.c.record_id == _V.c.record_id
    settles = sa.select(settling.c.vote_id).where(
        *same, settling.c.value.is_not(None), is_review(settling), standing(settling)
    )
    return sa.and_(_V.c.value.is_not(None), standing(), sa.or_(is_review(), ~sa.exists(settles)))


class PersonVotes:
    """People's votes. One person has one standing vote on a record for a task; the older ones stay for lineage."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, actor: Actor, task_id: str, record_id: str, label_source_id: str, value: dict[str, Any]) -> str:
        """What *actor* now says of a record, in place of what they said before; the same again adds nothing.

        Args:
            actor: who says it.
            task_id: of the question.
            record_id: what it is said of.
            label_source_id: the person as a source of labels.
            value: ``{"class": id}`` or ``{"classes": [id, …]}``.

        Returns:
            The vote's id.
        """
        said = canonical_json(value).decode()
        with self._db.write() as connection:
            mine = _V.c.task_id == task_id, _V.c.record_id == record_id, _V.c.label_source_id == label_source_id
            mine = (*mine, _V.c.actor_id == actor.actor_id)
            old = connection.execute(sa.select(_V.c.vote_id, _V.c.value).where(*mine, standing())).first()
            if old is not None and old[1] == said:
                return str(old[0])
            row = {"task_id": task_id, "record_id": record_id, "label_source_id": label_source_id, "value": said}
            return put_vote(connection, actor, row, old[0] if old else None, "label.vote")

    def undo(self, actor: Actor, vote_id: str) -> str:
        """Take a vote back: what the same person said before it stands again, or nothing.

        Returns:
            The id of the vote that stands now; undoing that one brings the first back.

        Raises:
            NotFoundError: there is no such vote.
            ForbiddenError: somebody else gave it.
            ConflictError: it was changed since.
        """
        with self._db.write() as connection:
            found = connection.execute(sa.select(*_V.c).where(_V.c.vote_id == vote_id)).mappings().first()
            if found is None:
                raise NotFoundError("There is no such vote. Its record may have been forgotten.")
            if found["actor_id"] != actor.actor_id:
                raise ForbiddenError("Only who gave a vote can take it back.")
            if not connection.execute(sa.select(_V.c.vote_id).where(_V.c.vote_id == vote_id, standing())).first():
                raise ConflictError("This vote was changed since. Open the record to see what stands now.")
            return take_back(connection, actor, dict(found))

    def find(self, vote_id: str) -> dict[str, Any] | None:
        """One vote: ``vote_id, task_id, record_id, actor_id, value, supersedes …``; None when there is none."""
        return self._db.one(sa.select(*_V.c).where(_V.c.vote_id == vote_id))

    def get(self, vote_id: str) -> dict[str, Any]:
        """``find``, or a ``NotFoundError``."""
        found = self.find(vote_id)
        if found is None:
            raise NotFoundError("There is no such vote. Its record may have been forgotten.")
        return found

    def standing(self, task_id: str) -> list[tuple[str, str]]:
        """Record id and value (JSON) of every vote that counts, abstentions left out; in order of record and time.

        All that stand; where a reviewer settled a record, theirs alone.
        """
        wanted = sa.select(_V.c.record_id, _V.c.value).where(_V.c.task_id == task_id, heard())
        rows = self._db.all(wanted.order_by(_V.c.record_id, _V.c.created_at, _V.c.vote_id))
        return [(row["record_id"], row["value"]) for row in rows]

    def standing_by(self, task_id: str) -> list[tuple[str, str, str]]:
        """``standing``, with the name of who gave each vote."""
        a = tables.actors
        wanted = sa.select(_V.c.record_id, _V.c.value, a.c.name).outerjoin_from(_V, a, a.c.actor_id == _V.c.actor_id)
        wanted = wanted.where(_V.c.task_id == task_id, heard())
        rows = self._db.all(wanted.order_by(_V.c.record_id, _V.c.created_at, _V.c.vote_id))
        return [(row["record_id"], row["value"], row["name"] or "") for row in rows]

    def said(self, task_id: str) -> list[tuple[int, str]]:
        """Every distinct value (JSON) that people ever gave for a task, taken back or not, with how often it stands."""
        stands = sa.func.sum(sa.case((standing(), 1), else_=0)).label("n")
        wanted = sa.select(_V.c.value, stands).where(_V.c.task_id == task_id, _V.c.value.is_not(None))
        return [(int(row["n"]), row["value"]) for row in self._db.all(wanted.group_by(_V.c.value))]

    def n_given(self, task_id: str) -> int:
        """How many votes people ever gave for a task, taken back or not: grows whenever one of them says something."""
        row = self._db.one(sa.select(sa.func.count().label("n")).select_from(_V).where(_V.c.task_id == task_id))
        return int(row["n"]) if row else 0

    def given(self, task_id: str) -> tuple[int, str]:
        """``n_given``, and when the newest of them was given; empty where there is none."""
        n, newest = sa.func.count().label("n"), sa.func.max(_V.c.created_at).label("newest")
        row = self._db.one(sa.select(n, newest).where(_V.c.task_id == task_id)) or {}
        return int(row.get("n") or 0), row.get("newest") or ""

    def spoken_since(self, task_id: str, at: str) -> list[str]:
        """Records of which somebody said something, or took it back, at *at* or later, the longest waiting first."""
        wanted = sa.select(_V.c.record_id).where(_V.c.task_id == task_id, _V.c.created_at >= at)
        rows = self._db.all(wanted.group_by(_V.c.record_id).order_by(sa.func.max(_V.c.created_at)))
        return [row["record_id"] for row in rows]

    def n_since(self, task_id: str, at: str, *, without: Sequence[str] = ()) -> int:
        """How many votes of people that stand were given after *at*, those on the records *without* not counted."""
        n = sa.select(sa.func.count().label("n")).select_from(_V)
        if without:
            n = n.where(_V.c.record_id.not_in(list(without)))
        row = self._db.one(n.where(_V.c.task_id == task_id, _V.c.created_at > at, _V.c.value.is_not(None), standing()))
        return int(row["n"]) if row else 0

    def history(self, record_id: str) -> list[dict[str, Any]]:
        """Every vote of people on a record, the oldest first, superseded ones too."""
        return self._db.all(sa.select(*_V.c).where(_V.c.record_id == record_id).order_by(_V.c.created_at))

    def bases(self, actor: Actor, task_id: str, record_ids: list[str]) -> dict[str, str]:
        """The vote of *actor*'s own that stands on each of a page of records, by record id."""
        mine = _V.c.task_id == task_id, _V.c.actor_id == actor.actor_id, _V.c.record_id.in_(record_ids)
        wanted = sa.select(_V.c.record_id, _V.c.vote_id).where(*mine, standing(), _V.c.value.is_not(None), ~is_review())
        return {row["record_id"]: row["vote_id"] for row in self._db.all(wanted)}

    def n_of(self, actor: Actor, task_id: str) -> int:
        """On how many records *actor* has spoken."""
        mine = _V.c.task_id == task_id, _V.c.actor_id == actor.actor_id, _V.c.value.is_not(None)
        row = self._db.one(sa.select(sa.func.count(_V.c.record_id.distinct()).label("n")).where(*mine, standing()))
        return int(row["n"]) if row else 0

    def people(self, task_id: str, record_ids: list[str] | None = None) -> list[dict[str, Any]]:
        """Votes of people that stand, the oldest first: ``record_id, actor_id, name, value, settles`` (a reviewer's).

        Args:
            task_id: of the question.
            record_ids: a page of records; all where None.
        """
        a = tables.actors
        columns = (_V.c.record_id, _V.c.actor_id, _V.c.value, a.c.name, is_review().label("settles"))
        wanted = sa.select(*columns).join_from(_V, a, a.c.actor_id == _V.c.actor_id)
        wanted = wanted.where(_V.c.task_id == task_id, _V.c.value.is_not(None), standing())
        if record_ids is not None:
            wanted = wanted.where(_V.c.record_id.in_(record_ids))
        return [{**row, "settles": bool(row["settles"])} for row in self._db.all(wanted.order_by(_V.c.created_at))]

    def differing(self, task_id: str) -> list[str]:
        """Records on which people gave different values and which no reviewer settled, the longest waiting first."""
        wanted = sa.select(_V.c.record_id).where(_V.c.task_id == task_id, heard()).group_by(_V.c.record_id)
        wanted = wanted.having(sa.func.count(_V.c.value.distinct()) > 1)
        rows = self._db.all(wanted.order_by(sa.func.max(_V.c.created_at), _V.c.record_id))
        return [row["record_id"] for row in rows]

    def disagreeing(self, task_id: str) -> list[str]:
        """Records on which people gave different values, settled or not, the longest waiting first."""
        own = _V.c.task_id == task_id, _V.c.value.is_not(None), standing(), ~is_review()
        wanted = sa.select(_V.c.record_id).where(*own).group_by(_V.c.record_id)
        wanted = wanted.having(sa.func.count(_V.c.value.distinct()) > 1)
        rows = self._db.all(wanted.order_by(sa.func.max(_V.c.created_at), _V.c.record_id))
        return [row["record_id"] for row in rows]

    def settled_as(self, task_id: str, values: Iterable[str]) -> list[str]:
        """Records that a reviewer settled by one of *values* (JSON), the longest waiting first."""
        wanted = sa.select(_V.c.record_id).where(_V.c.task_id == task_id, _V.c.value.in_(list(values)))
        rows = self._db.all(wanted.where(is_review(), standing()).order_by(_V.c.created_at, _V.c.record_id))
        return [row["record_id"] for row in rows]

    def settling(self, task_id: str, record_ids: list[str]) -> dict[str, str]:
        """The vote by which a reviewer settled each of a page of records, by record id."""
        wanted = sa.select(_V.c.record_id, _V.c.vote_id).where(_V.c.task_id == task_id, _V.c.record_id.in_(record_ids))
        rows = self._db.all(wanted.where(is_review(), standing(), _V.c.value.is_not(None)))
        return {row["record_id"]: row["vote_id"] for row in rows}

    def mine(self, actor: Actor, task_id: str, limit: int, before: str | None = None) -> list[dict[str, Any]]:
        """*actor*'s own votes that stand, newest first, from before a time if one is given."""
        mine = _V.c.task_id == task_id, _V.c.actor_id == actor.actor_id, _V.c.value.is_not(None)
        wanted = sa.select(*_V.c).where(*mine, standing())
        if before is not None:
            wanted = wanted.where(_V.c.created_at < before)
        return self._db.all(wanted.order_by(_V.c.created_at.desc(), _V.c.vote_id).limit(limit))

    def of_records(self, record_ids: list[str]) -> list[dict[str, Any]]:
        """The votes that count on a page of records: ``vote_id, task_id, record_id, actor_id, value``."""
        columns = (_V.c.vote_id, _V.c.task_id, _V.c.record_id, _V.c.actor_id, _V.c.value)
        wanted = sa.select(*columns).where(_V.c.record_id.in_(record_ids), heard())
        return self._db.all(wanted.order_by(_V.c.created_at))


def put_vote(connection: sa.Connection, actor: Actor, row: dict[str, Any], supersedes: str | None, action: str) -> str:
    """Add a vote with its event; *row* has ``task_id, record_id, label_source_id, value``, and ``client_id`` if any."""
    vote_id = new_id("vote")
    more = {"vote_id": vote_id, "actor_id": actor.actor_id, "supersedes": supersedes, "created_at": timestamp()}
    connection.execute(sa.insert(_V).values(**row, **more))
    record_event(connection, actor, action, f"record:{row['record_id']}", vote_id=vote_id, task_id=row["task_id"])
    return vote_id


def take_back(connection: sa.Connection, actor: Actor, vote: dict[str, Any], client_id: str | None = None) -> str:
    """Add a vote in place of *vote* that says what stood before it, or nothing."""
    before = None
    if vote["supersedes"]:
        before = connection.execute(sa.select(_V.c.value).where(_V.c.vote_id == vote["supersedes"])).scalar()
    row = {k: vote[k] for k in ("task_id", "record_id", "label_source_id")} | {"value": before, "client_id": client_id}
    return put_vote(connection, actor, row, vote["vote_id"], "label.undo_vote")
