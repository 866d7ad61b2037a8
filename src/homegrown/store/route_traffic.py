"""What passed each route of the gateway: counts, money, which prompts, who answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from homegrown.core.traces import AT_HOME, CallState
from homegrown.store import tables
from homegrown.store.captured import GATEWAY
from homegrown.store.events import DEFAULT_PROJECT

if TYPE_CHECKING:
    from homegrown.store.database import Database

_C = tables.captured
_HERE = _C.c.project_id == DEFAULT_PROJECT  # what the index by time begins with
OUTCOMES = (
    "home", "part", "unsure", "shadow", "audit", "rest", "spare", "out_of_scope", "no_bound", "breach", "drift",
    "fallen", "problem",
)  # fmt: skip
"""What may become of a call of a prompt that a model of ours learned; see ``core.traces.AT_HOME``."""
_MOST_TIMES = 2000


@dataclass(frozen=True, slots=True)
class RouteCounts:
    """Calls of a route in some time.

    Attributes:
        n_home: answered by a model of ours.
        n_bad: failed, broke off, or the caller left.
        cost_usd: of those with a price.
        last_at: when the newest came; None where none did.
    """

    n: int = 0
    n_home: int = 0
    n_bad: int = 0
    cost_usd: float = 0.0
    last_at: str | None = None


class RouteTraffic:
    """Reads only."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def by_route(self, since: str) -> dict[str | None, RouteCounts]:
        """Calls that came after *since*, by the id of their route."""
        bad = [CallState.FAILED.value, CallState.TRUNCATED.value, CallState.CANCELLED.value]
        wanted = sa.select(
            _C.c.route_id, sa.func.count().label("n"), sa.func.count(_C.c.version_id).label("n_home"),
            sa.func.sum(sa.case((_C.c.state.in_(bad), 1), else_=0)).label("n_bad"),
            sa.func.sum(_C.c.cost_usd).label("usd"), sa.func.max(_C.c.created_at).label("last_at"),
        ).where(_HERE, _C.c.created_at >= since, _C.c.origin == GATEWAY)  # fmt: skip
        return {
            row["route_id"]: RouteCounts(
                int(row["n"]), int(row["n_home"]), int(row["n_bad"] or 0), float(row["usd"] or 0.0), row["last_at"]
            )
            for row in self._db.all(wanted.group_by(_C.c.route_id))
        }

    def by_template(self, route_id: str) -> dict[str | None, int]:
        """Whole calls of a route by the prompt that they are of, the most frequent first; None: of none."""
        n = sa.func.count().label("n")
        wanted = sa.select(_C.c.template_id, n).where(_C.c.route_id == route_id, _C.c.state == CallState.WHOLE.value)
        rows = self._db.all(wanted.group_by(_C.c.template_id).order_by(n.desc(), _C.c.template_id))
        return {row["template_id"]: int(row["n"]) for row in rows}

    def outcomes(self, route_id: str, since: str) -> dict[str, int]:
        """What became of a route's calls after *since* that a model of ours had a say in, by their tag."""
        said = [(_C.c.tags.like(f'%"{AT_HOME}":"{name}"%'), name) for name in OUTCOMES]
        what = sa.case(*said, else_="other").label("what")
        mine = _HERE, _C.c.route_id == route_id, _C.c.created_at >= since, _C.c.tags.like(f'%"{AT_HOME}":"%')
        rows = self._db.all(sa.select(what, sa.func.count().label("n")).where(*mine).group_by(what))
        counts = {row["what"]: int(row["n"]) for row in rows}
        return {name: counts[name] for name in (*OUTCOMES, "other") if name in counts}

    def times(self, route_id: str, since: str, *, home: bool) -> list[float]:
        """Seconds that the newest answers took, at most 2,000: of models of ours, or of the upstreams."""
        who = _C.c.version_id.is_not(None) if home else _C.c.version_id.is_(None)
        wanted = sa.select(_C.c.latency_s).where(
            _HERE, _C.c.route_id == route_id, _C.c.created_at >= since, _C.c.state == CallState.WHOLE.value, who,
            _C.c.latency_s.is_not(None),
        )  # fmt: skip
        rows = self._db.all(wanted.order_by(_C.c.created_at.desc()).limit(_MOST_TIMES))
        return [float(row["latency_s"]) for row in rows]

    def usd_per_call(self, route_id: str, template_id: str | None) -> float | None:
        """What a call costs that an upstream answers, on average of the newest 2,000; None where no price is known."""
        mine = [_HERE, _C.c.route_id == route_id, _C.c.version_id.is_(None), _C.c.state == CallState.WHOLE.value]
        if template_id is not None:
            mine.append(_C.c.template_id == template_id)
        newest = sa.select(_C.c.cost_usd).where(*mine).order_by(_C.c.created_at.desc()).limit(_MOST_TIMES).subquery()
        row = self._db.one(sa.select(sa.func.avg(newest.c.cost_usd).label("usd")))
        return None if row is None or row["usd"] is None else float(row["usd"])

    def caller(self, actor_id: str | None) -> str:
        """The name of who called; empty where it is not known."""
        a = tables.actors
        row = self._db.one(sa.select(a.c.name).where(a.c.actor_id == actor_id)) if actor_id else None
        return str(row["name"]) if row else ""
