"""Exams of models: captured calls that were drawn for a person, each with the record that the person answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from homegrown.core.ids import canonical_json, timestamp
from homegrown.store import tables
from homegrown.store.events import record_event

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from homegrown.core.access import Actor
    from homegrown.store.database import Database

#: the ``kind`` of an audit that a person settles
GOLD = "gold"
_A, _SET = tables.audits, tables.settings
_EXAM = "exam:"


class DrawnCall(msgspec.Struct, frozen=True):
    """A call that was drawn.

    Attributes:
        record_id: of its text; None where nobody can be asked, and the call is left out.
        weight: one over the chance with which it was drawn.
        answer: the class that the model said; None for none of them. Of documents what it says by field.
        upstream: the class that the upstream said, empty for none of them, None for something that is no class. Of
            documents what it says by field.
    """

    trace_id: str
    record_id: str | None
    weight: float
    answer: str | None
    upstream: str | None


class _Exam(msgspec.Struct):
    task_id: str
    records: list[tuple[str, str]]


class ExamStore:
    """Draws and settles; the audits of kind ``gold`` and which record stands for which call."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def draw(self, actor: Actor, version_id: str, task_id: str, calls: Sequence[DrawnCall]) -> None:
        """Note that calls were drawn, each once; one transaction."""
        name, at = _EXAM + version_id, timestamp()
        with self._db.write() as connection:
            mine = _A.c.version_id == version_id, _A.c.kind == GOLD
            known = set(connection.execute(sa.select(_A.c.trace_id).where(*mine)).scalars())
            fresh = [c for c in calls if c.trace_id not in known]
            if not fresh:
                return
            rows = [
                {
                    "trace_id": c.trace_id, "version_id": version_id, "kind": GOLD,
                    "weight": c.weight if c.record_id is not None else 0.0, "home": c.answer, "upstream": c.upstream,
                    "created_at": at,
                }
                for c in fresh
            ]  # fmt: skip
            connection.execute(sa.insert(_A), rows)
            stored = connection.execute(sa.select(_SET.c.value).where(_SET.c.name == name)).scalar()
            exam = _Exam(task_id, []) if stored is None else msgspec.json.decode(stored, type=_Exam)
            exam.records += [(c.trace_id, c.record_id) for c in fresh if c.record_id is not None]
            value = canonical_json(exam).decode()
            if stored is None:
                connection.execute(sa.insert(_SET).values(name=name, value=value))
            else:
                connection.execute(sa.update(_SET).where(_SET.c.name == name).values(value=value))
            record_event(connection, actor, "evaluate.draw_gold", f"model_version:{version_id}", n=len(fresh))

    def records(self, version_id: str) -> dict[str, str]:
        """The record that stands for each call that was drawn for a version, by the call's id, in their order."""
        row = self._db.one(sa.select(_SET.c.value).where(_SET.c.name == _EXAM + version_id))
        return {} if row is None else dict(msgspec.json.decode(row["value"], type=_Exam).records)

    def said(self, version_id: str) -> dict[str, tuple[str | None, str | None]]:
        """What the version, and the upstream, said of each call that was drawn, by the call's id."""
        mine = _A.c.version_id == version_id, _A.c.kind == GOLD
        return {r["trace_id"]: (r["home"], r["upstream"]) for r in
                self._db.all(sa.select(_A.c.trace_id, _A.c.home, _A.c.upstream).where(*mine))}  # fmt: skip

    def of_task(self, task_id: str) -> list[str]:
        """The records of every exam of a task, the longest waiting first."""
        rows = self._db.all(sa.select(_SET.c.value).where(_SET.c.name.startswith(_EXAM, autoescape=True)))
        exams = [msgspec.json.decode(row["value"], type=_Exam) for row in rows]
        return list(dict.fromkeys(i for e in exams if e.task_id == task_id for _, i in e.records))

    def settle(self, version_id: str, gold: Mapping[str, str | None]) -> int:
        """Note what people say of the calls of an exam now; how many of the notes are new.

        Args:
            version_id: whose exam it is.
            gold: by the call's id; None where nobody says anything (any more).
        """
        mine = _A.c.version_id == version_id, _A.c.kind == GOLD
        before = {r["trace_id"]: r["gold"] for r in self._db.all(sa.select(_A.c.trace_id, _A.c.gold).where(*mine))}
        news: list[dict[str, Any]] = [
            {"b_trace_id": t, "b_gold": said, "b_settled_at": None if said is None else timestamp()}
            for t, said in gold.items()
            if t in before and before[t] != said
        ]
        if news:
            change = sa.update(_A).where(*mine, _A.c.trace_id == sa.bindparam("b_trace_id"))
            values = {name: sa.bindparam(f"b_{name}") for name in ("gold", "settled_at")}
            with self._db.write() as connection:
                connection.execute(change.values(values), news)
        return len(news)
