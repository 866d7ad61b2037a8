"""What is observed of models that answer in an upstream's place: shadow answers, audits, the state of their stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from homegrown.core.access import SYSTEM
from homegrown.core.ids import canonical_json, timestamp
from homegrown.store import tables
from homegrown.store.events import record_event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.core.routing import ExitStage
    from homegrown.store.database import Database

_S, _A, _SET = tables.shadow_answers, tables.audits, tables.settings
_STATE = "gateway.exit:"
UPSTREAM = "upstream"
"""The ``kind`` of an audit that the upstream's own answer settles."""


class Observed(msgspec.Struct, frozen=True):
    """What a model of ours said of a call that the upstream answered.

    Attributes:
        answer: what it said (``ExitPart.class_of``); empty for none of these.
        said: what the upstream said; None where that is nothing that the model can say.
        prob: its confidence.
        weight: one over the chance with which the call was drawn to be audited; None where it was not drawn.
        agrees: whether both say the same, where that is told otherwise than by their words: of documents, whose words
            are not kept here, *answer* says by field whether they agree, and how sure the model was.
    """

    trace_id: str
    version_id: str
    answer: str
    said: str | None
    prob: float
    latency_s: float
    weight: float | None = None
    agrees: bool | None = None


class ExitStore:
    """Writes and reads them."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def note(self, rows: Sequence[Observed]) -> None:
        """Keep what was observed; one transaction."""
        at = timestamp()
        shadow = [
            {
                "trace_id": r.trace_id, "version_id": r.version_id, "answer": r.answer or None, "prob": r.prob,
                "agrees": int(r.answer == r.said if r.agrees is None else r.agrees), "latency_s": r.latency_s,
                "created_at": at,
            }
            for r in rows
        ]  # fmt: skip
        audits = [
            {
                "trace_id": r.trace_id, "version_id": r.version_id, "kind": UPSTREAM, "weight": r.weight,
                "home": r.answer or None, "upstream": r.said or None, "created_at": at, "settled_at": at,
            }
            for r in rows
            if r.weight is not None
        ]  # fmt: skip
        with self._db.write() as connection:
            if shadow:
                connection.execute(sa.insert(_S), shadow)
            if audits:
                connection.execute(sa.insert(_A), audits)

    def state(self, stage_id: str) -> dict[str, Any] | None:
        """The state of a stage, as it was kept last."""
        row = self._db.one(sa.select(_SET.c.value).where(_SET.c.name == _STATE + stage_id))
        return None if row is None else msgspec.json.decode(row["value"])

    def keep(self, route: str, stage: ExitStage, state: dict[str, Any], fallen: str | None = None) -> None:
        """Keep the state of a stage.

        Args:
            route: its name.
            stage: whose state it is.
            state: plain values.
            fallen: why it answers no more, where that is news: an event.
        """
        name, value = _STATE + stage.stage_id, canonical_json(state).decode()
        with self._db.write() as connection:
            if not connection.execute(sa.update(_SET).where(_SET.c.name == name).values(value=value)).rowcount:
                connection.execute(sa.insert(_SET).values(name=name, value=value))
            if fallen is not None:
                facts = {"version_id": stage.version_id, "exit_id": stage.stage_id, "reason": fallen}
                facts |= {"n_home": state["n_home"], "n_audits": state["watch"].get("n")}
                record_event(connection, SYSTEM, "gateway.exit_fell", f"route:{route}", **facts)

    def drop(self, *stage_ids: str) -> None:
        """Forget the state of stages that answer no more, and to which nobody goes back."""
        if not stage_ids:
            return
        with self._db.write() as connection:
            connection.execute(sa.delete(_SET).where(_SET.c.name.in_([_STATE + s for s in stage_ids])))
