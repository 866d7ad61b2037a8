"""What people say of a record beside their vote: comments, flags, and questions about the guidelines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from homegrown.core.ids import new_id, timestamp
from homegrown.errors import NotFoundError, ReusedKeyError
from homegrown.store import tables
from homegrown.store.events import record_event
from homegrown.store.tasks import hold_task

if TYPE_CHECKING:
    from homegrown.core.access import Actor
    from homegrown.store.database import Database

KINDS = ("comment", "flag", "question")
_C = tables.comments


class Comments:
    """Comments of a task. Each is open until somebody who reviews resolves it, with an answer or without."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(
        self, actor: Actor, task_id: str, record_id: str, kind: str, text: str, client_id: str | None = None
    ) -> str:
        """Keep one; the same *client_id* again adds nothing.

        Returns:
            The comment's id.

        Raises:
            ReusedKeyError: the client id came with something else before.
        """
        with self._db.write() as connection:
            hold_task(connection, task_id)
            if client_id is not None:
                found = connection.execute(sa.select(*_C.c).where(_C.c.client_id == client_id)).mappings().first()
                if found is not None:
                    mine = (actor.actor_id, task_id, record_id, kind, text)
                    if tuple(found[k] for k in ("actor_id", "task_id", "record_id", "kind", "text")) != mine:
                        raise ReusedKeyError
                    return str(found["comment_id"])
            comment_id = new_id("cmt")
            connection.execute(
                sa.insert(_C).values(
                    comment_id=comment_id, task_id=task_id, record_id=record_id, actor_id=actor.actor_id, kind=kind,
                    text=text, client_id=client_id, created_at=timestamp(),
                )
            )  # fmt: skip
            record_event(connection, actor, f"label.{kind}", f"record:{record_id}", task_id=task_id)
        return comment_id

    def resolve(self, actor: Actor, comment_id: str, answer: str = "") -> None:
        """Close a comment with an answer; a later answer takes the place of an earlier one."""
        with self._db.write() as connection:
            done = sa.update(_C).where(_C.c.comment_id == comment_id)
            if not connection.execute(done.values(resolved_at=timestamp(), answer=answer)).rowcount:
                raise NotFoundError("There is no such comment. Its record may have been forgotten.")
            record_event(connection, actor, "label.answer", f"comment:{comment_id}")

    def of_task(self, task_id: str, *, kind: str | None = None, limit: int = 200) -> list[dict[str, Any]]:
        """Open ones first, then the newest, each with the name of who wrote it as ``actor``."""
        a = tables.actors
        wanted = sa.select(*_C.c, a.c.name.label("actor")).join_from(_C, a, a.c.actor_id == _C.c.actor_id)
        wanted = wanted.where(_C.c.task_id == task_id)
        if kind is not None:
            wanted = wanted.where(_C.c.kind == kind)
        return self._db.all(wanted.order_by(_C.c.resolved_at.is_not(None), _C.c.created_at.desc()).limit(limit))

    def n_open(self, task_id: str, kind: str) -> int:
        """How many of a kind nobody has answered yet."""
        n = sa.select(sa.func.count().label("n")).select_from(_C)
        row = self._db.one(n.where(_C.c.task_id == task_id, _C.c.kind == kind, _C.c.resolved_at.is_(None)))
        return int(row["n"]) if row else 0
