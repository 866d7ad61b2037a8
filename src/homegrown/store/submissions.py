"""What people send from the station: votes, undos and skips in batches, each kept once however often it comes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from homegrown.core.assignments import Outcome, Submission
from homegrown.core.ids import canonical_json
from homegrown.store import tables
from homegrown.store.assignments import close_assignment
from homegrown.store.events import record_event
from homegrown.store.person_votes import is_review, put_vote, standing, take_back
from homegrown.store.tasks import hold_task

if TYPE_CHECKING:
    from homegrown.core.access import Actor
    from homegrown.store.database import Database

_V = tables.votes
_GONE = "There is no vote of yours to take back: its record may have been forgotten."
_REUSED = "Its id was sent with something else before."


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends, on which task, and as which label source.

    Attributes:
        settles: whether the votes settle records (a reviewer's), or the fields that they name. They then stand for all
            reviewers together: a second one who has not seen the first one's is told.
    """

    actor: Actor
    task_id: str
    label_source_id: str
    settles: bool = False


class Submissions:
    """Keeps submissions in the order in which they come, each batch in one transaction."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def keep(self, sender: Sender, submissions: list[Submission]) -> list[Outcome]:
        """Keep what can be kept; when this returns it is on the disk.

        Returns:
            One outcome per submission, in order. A refused or stale one does not hold up the others.
        """
        acts = {"vote": _vote, "undo": _undo, "skip": _skip}
        with self._db.write() as connection:
            hold_task(connection, sender.task_id)
            return [acts[one.act](connection, sender, one) for one in submissions]


def _vote(connection: sa.Connection, sender: Sender, one: Submission) -> Outcome:
    said = canonical_json(one.value).decode()
    known = _known(connection, one.client_id)
    if known is not None:
        same = known["actor_id"], known["task_id"], known["record_id"]
        if same == (sender.actor.actor_id, sender.task_id, one.record_id) and _holds(sender, known["value"], one.value):
            return Outcome(one.client_id, "kept", known["vote_id"])
        return Outcome(one.client_id, "refused", reason=_REUSED)
    stands = _standing_vote(connection, sender, one.record_id)
    if stands is not None and not _is_base(stands, one.base):
        if _holds(sender, stands["value"], one.value):
            return Outcome(one.client_id, "kept", stands["vote_id"])
        if not sender.settles or _clashes(stands["value"], one.value):
            return Outcome(one.client_id, "stale", stands=_told(stands))
    if stands is not None and sender.settles:
        said = _added(stands["value"], one.value)
    row = {"task_id": sender.task_id, "record_id": one.record_id, "label_source_id": sender.label_source_id}
    row |= {"value": said, "client_id": one.client_id}
    vote_id = put_vote(connection, sender.actor, row, stands["vote_id"] if stands else None, "label.vote")
    close_assignment(connection, sender.actor, sender.task_id, one.record_id, "voted")
    return Outcome(one.client_id, "kept", vote_id)


def _undo(connection: sa.Connection, sender: Sender, one: Submission) -> Outcome:
    known = _known(connection, one.client_id)
    if known is not None:
        same = known["actor_id"] == sender.actor.actor_id and known["task_id"] == sender.task_id
        return Outcome(one.client_id, "kept" if same else "refused", known["vote_id"], reason="" if same else _REUSED)
    meant = sa.or_(_V.c.vote_id == one.undoes, _V.c.client_id == one.undoes)
    mine = _V.c.task_id == sender.task_id, _V.c.actor_id == sender.actor.actor_id
    found = connection.execute(sa.select(*_V.c).where(meant, *mine)).mappings().first()
    if found is None:
        return Outcome(one.client_id, "refused", reason=_GONE)
    later = _later(connection, found["vote_id"], found["record_id"], sender.task_id)
    if later is not None:
        return Outcome(one.client_id, "stale", stands=_told(later))
    return Outcome(one.client_id, "kept", take_back(connection, sender.actor, dict(found), one.client_id))


def _skip(connection: sa.Connection, sender: Sender, one: Submission) -> Outcome:
    close_assignment(connection, sender.actor, sender.task_id, one.record_id, "skipped")
    record_event(connection, sender.actor, "label.skip", f"record:{one.record_id}", task_id=sender.task_id)
    return Outcome(one.client_id, "kept")


def _fields(value: Any) -> dict[str, Any] | None:
    """Answers by field of a value that has them."""
    found = msgspec.json.decode(value) if isinstance(value, str) else value
    return None if found is None else found.get("fields")


def _holds(sender: Sender, value: str | None, said: dict[str, Any] | None) -> bool:
    """Whether a vote says all of what is said; a reviewer's word on some fields stands beside that on others."""
    mine, there = _fields(said), _fields(value)
    if not sender.settles or mine is None or there is None:
        return value == canonical_json(said).decode()
    return all(i in there and canonical_json(there[i]) == canonical_json(a) for i, a in mine.items())


def _clashes(value: str | None, said: dict[str, Any] | None) -> bool:
    """Whether a reviewer's word that stands says something else of what is said."""
    mine, there = _fields(said), _fields(value)
    return mine is None or there is None or bool(mine.keys() & there.keys())


def _added(value: str | None, said: dict[str, Any] | None) -> str:
    """What is said, and what reviewers said of other fields before."""
    mine, there = _fields(said), _fields(value)
    return canonical_json(said if mine is None or there is None else {"fields": {**there, **mine}}).decode()


def _known(connection: sa.Connection, client_id: str) -> dict[str, Any] | None:
    found = connection.execute(sa.select(*_V.c).where(_V.c.client_id == client_id)).mappings().first()
    return None if found is None else dict(found)


def _standing_vote(connection: sa.Connection, sender: Sender, record_id: str) -> dict[str, Any] | None:
    """What stands where this sender's vote would go: their own vote, or the one by which a reviewer settled it."""
    place = is_review() if sender.settles else _V.c.actor_id == sender.actor.actor_id
    if not sender.settles:
        place = sa.and_(place, _V.c.label_source_id == sender.label_source_id)
    wanted = sa.select(*_V.c).where(_V.c.task_id == sender.task_id, _V.c.record_id == record_id, place, standing())
    found = connection.execute(wanted.order_by(_V.c.created_at.desc())).mappings().first()
    return None if found is None else dict(found)


def _later(connection: sa.Connection, vote_id: str, record_id: str, task_id: str) -> dict[str, Any] | None:
    """The vote that stands now, where *vote_id* was superseded."""
    place = _V.c.task_id == task_id, _V.c.record_id == record_id
    found: dict[str, Any] | None = None
    following = vote_id
    while row := connection.execute(sa.select(*_V.c).where(*place, _V.c.supersedes == following)).mappings().first():
        found, following = dict(row), row["vote_id"]
    return found


def _is_base(stands: dict[str, Any], base: str | None) -> bool:
    if base is None:
        return stands["value"] is None
    return base in (stands["vote_id"], stands["client_id"])


def _told(vote: dict[str, Any]) -> dict[str, Any]:
    value = None if vote["value"] is None else msgspec.json.decode(vote["value"])
    return {"vote_id": vote["vote_id"], "value": value, "actor_id": vote["actor_id"], "created_at": vote["created_at"]}
