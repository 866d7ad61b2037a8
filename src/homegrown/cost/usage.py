"""Charges: what calls of model APIs cost, by call, caller, task, model or day, added up by the database.

A call's cost is what was noted with it; where nothing was, its tokens at the price that held on its day, looked up by
the name of the upstream that answered and then by the model's name. Calls without either are counted, not guessed.
Texts are never read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from homegrown.core.ids import now, timestamp
from homegrown.core.traces import CallState
from homegrown.cost.price_list import PriceKind, UpstreamPrice
from homegrown.errors import InputError
from homegrown.store import tables
from homegrown.store.events import DEFAULT_PROJECT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.cost.price_list import PriceList
    from homegrown.store.database import Database

_C, _T, _U = tables.captured, tables.templates, tables.upstreams
GROUPS = ("day", "key", "task", "model", "trace")
MOST_TRACES = 1000
_ANSWERED = (CallState.WHOLE.value, CallState.TRUNCATED.value)
_NO_TASK = "no task"


@dataclass(slots=True)
class Charge:
    """What one group of calls cost.

    Attributes:
        group: its day, or an id.
        name: for a person.
        n_at_home: calls that a model of ours answered; an API was paid for none of them.
        n_unpriced: answered calls whose cost is not known: neither noted, nor is there a price for their model.
    """

    group: str
    name: str
    n_calls: int = 0
    n_tokens_in: int = 0
    n_tokens_out: int = 0
    cost_usd: float = 0.0
    n_at_home: int = 0
    n_unpriced: int = 0


@dataclass(frozen=True, slots=True)
class Traffic:
    """The calls of the last days that hold any: how many a day, how long, to which upstream and model most go.

    Attributes:
        n_since_home: calls since a model of ours answered the first of them.
        n_at_home: of them, those that a model of ours answered.
    """

    n_calls: int
    days: float
    n_tokens_in: float
    n_tokens_out: float
    upstream: str | None
    model: str | None = None
    n_since_home: int = 0
    n_at_home: int = 0

    @property
    def calls_per_day(self) -> float:
        """Calls a day on average, from the first to the last; less than a day counts as one."""
        return self.n_calls / self.days


def charges(
    database: Database, prices: PriceList, by: str = "day", *, since: str | None = None, until: str | None = None
) -> list[Charge]:
    """Charges by group: days newest first, all others dearest first; of single traces the newest thousand.

    Args:
        database: of the workspace.
        prices: for calls whose cost was not noted.
        by: ``day``, ``key`` (the caller's), ``task``, ``model`` or ``trace``.
        since: from this time on, ``2026-11-01``.
        until: before this time.

    Raises:
        InputError: there is no such group.
    """
    if by not in GROUPS:
        raise InputError(f"Charges are added up by {', '.join(GROUPS)}, not by {by[:40]!r}.")
    found: dict[str, Charge] = {}
    with database.read() as connection:
        for row in connection.execute(_statement(by, since, until)).mappings():
            group = str(row["grp"] or "")
            one = found.setdefault(group, Charge(group, str(row["name"] or group or _missing(by))))
            one.n_calls += row["n"]
            one.n_tokens_in += int(row["n_tokens_in"] or 0)
            one.n_tokens_out += int(row["n_tokens_out"] or 0)
            one.n_at_home += int(row["n_at_home"])
            one.cost_usd += row["cost_usd"] or 0.0
            _price(one, row, prices)
    for one in found.values():
        one.cost_usd = round(one.cost_usd, 9)
    if by == "trace":
        return list(found.values())
    return sorted(found.values(), key=(lambda c: c.group) if by == "day" else (lambda c: c.cost_usd), reverse=True)


def traffic(database: Database, *, days: int = 30) -> Traffic | None:
    """What was captured in the *days* up to the last call; None where nothing was answered yet."""
    answered = sa.and_(_C.c.project_id == DEFAULT_PROJECT, _C.c.state.in_(_ANSWERED))
    last = database.one(sa.select(sa.func.max(_C.c.created_at).label("at")).where(answered))
    if last is None or last["at"] is None:
        return None
    newest = datetime.fromisoformat(last["at"])
    recent = sa.and_(answered, _C.c.created_at > timestamp(newest - timedelta(days=days)))
    row = database.one(
        sa.select(
            sa.func.count().label("n"), sa.func.min(_C.c.created_at).label("first"),
            _usual(_C.c.n_tokens_in).label("sent"), _usual(_C.c.n_tokens_out).label("answered"),
        ).where(recent)
    )  # fmt: skip
    upstream, model = (_most_used(database, recent, column) for column in (_U.c.name, _C.c.model))
    if row is None:
        return None
    # A clock that jumped leaves a call in the future; the span is then what lies between, never less than a day.
    span = (min(newest, now()) - datetime.fromisoformat(row["first"])).total_seconds() / 86400
    return Traffic(
        row["n"], max(span, 1.0), float(row["sent"] or 0), float(row["answered"] or 0), upstream, model,
        *_at_home(database, recent),
    )  # fmt: skip


def _usual(column: Any) -> Any:
    """Its mean over the calls that an API answered: of those at home words were counted, no tokens."""
    return sa.func.coalesce(sa.func.avg(sa.case((_C.c.version_id.is_(None), column))), sa.func.avg(column))


def _at_home(database: Database, recent: Any) -> tuple[int, int]:
    """Calls since the first that a model of ours answered, and how many of them it did."""
    is_home = sa.and_(recent, _C.c.version_id.is_not(None))
    first = database.one(sa.select(sa.func.min(_C.c.created_at).label("at")).where(is_home))
    if first is None or first["at"] is None:
        return 0, 0
    since = sa.select(sa.func.count().label("n"), sa.func.count(_C.c.version_id).label("home")).where(
        recent, _C.c.created_at >= first["at"]
    )
    row = database.one(since)
    return (row["n"], row["home"]) if row else (0, 0)


def _most_used(database: Database, where: Any, column: Any) -> str | None:
    source = _C.join(_U, _U.c.upstream_id == _C.c.upstream_id) if column is _U.c.name else _C
    counted = sa.select(column.label("name")).select_from(source).where(where).group_by(column)
    top = database.one(counted.order_by(sa.func.count().desc(), column).limit(1))
    return str(top["name"]) if top else None


def _missing(by: str) -> str:
    return {"task": _NO_TASK, "key": "nobody known", "model": "no model"}.get(by, "")


def _statement(by: str, since: str | None, until: str | None) -> sa.Executable:
    day = sa.func.substr(_C.c.created_at, 1, 10)
    whose = tables.actors.c.name
    tasks = tables.tasks
    group, name = {
        "day": (day, day),
        "key": (_C.c.actor_id, whose),
        "task": (tasks.c.task_id, tasks.c.name),
        "model": (_C.c.model, _C.c.model),
        "trace": (_C.c.trace_id, _C.c.created_at),
    }[by]
    at_home = _C.c.version_id.is_not(None)
    # Answered outside, at a cost that nobody noted.
    open_ = sa.and_(_C.c.cost_usd.is_(None), _C.c.version_id.is_(None), _C.c.state.in_(_ANSWERED))
    countable = sa.and_(open_, _C.c.n_tokens_in.is_not(None), _C.c.n_tokens_out.is_not(None))

    def summed(value: Any, when: Any) -> Any:
        return sa.func.coalesce(sa.func.sum(sa.case((when, value), else_=0)), 0)

    source = (
        _C.outerjoin(_U, _U.c.upstream_id == _C.c.upstream_id)
        .outerjoin(tables.actors, tables.actors.c.actor_id == _C.c.actor_id)
        .outerjoin(_T, _T.c.template_id == _C.c.template_id)
        .outerjoin(tasks, tasks.c.task_id == _T.c.task_id)
    )
    groups = (group, name, day, _C.c.model, _U.c.name)
    statement = (
        sa.select(
            group.label("grp"), name.label("name"), day.label("day"), _C.c.model.label("model"),
            _U.c.name.label("upstream"), sa.func.count().label("n"),
            sa.func.sum(_C.c.n_tokens_in).label("n_tokens_in"), sa.func.sum(_C.c.n_tokens_out).label("n_tokens_out"),
            sa.func.sum(_C.c.cost_usd).label("cost_usd"), summed(1, at_home).label("n_at_home"),
            summed(1, open_).label("n_open"), summed(1, countable).label("n_countable"),
            summed(_C.c.n_tokens_in, countable).label("open_in"),
            summed(_C.c.n_tokens_out, countable).label("open_out"),
        )
        .select_from(source)
        .where(_C.c.project_id == DEFAULT_PROJECT)
        .group_by(*dict.fromkeys(groups))
    )  # fmt: skip
    if since:
        statement = statement.where(_C.c.created_at >= _moment(since))
    if until:
        statement = statement.where(_C.c.created_at < _moment(until))
    return statement.order_by(_C.c.created_at.desc()).limit(MOST_TRACES) if by == "trace" else statement


def _moment(text: str) -> str:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"The time {text[:40]!r} is not understood; write it as 2026-11-01.") from error
    return timestamp(found if found.tzinfo else found.replace(tzinfo=UTC))


def call_cost(
    prices: PriceList, day: str, names: Sequence[str | None], n_tokens_in: int, n_tokens_out: int
) -> tuple[float, bool] | None:
    """What tokens cost in USD at the price that held on a day, and whether that price is simulated.

    Args:
        prices: where it is looked up.
        day: ``2026-11-25``.
        names: of the upstream and then of the model; the first that has a price counts.
        n_tokens_in: sent.
        n_tokens_out: answered.

    Returns:
        None where none of the names has a price.
    """
    found = next((p for n in names if n and (p := prices.find(PriceKind.UPSTREAM, n, day))), None)
    if found is None or not isinstance(found.details, UpstreamPrice):
        return None
    p = found.details
    return (n_tokens_in * p.price_in_usd + n_tokens_out * p.price_out_usd) / 1e6, found.is_simulated


def _price(charge: Charge, row: Any, prices: PriceList) -> None:
    """Add what the calls without a noted cost come to."""
    if not row["n_open"]:
        return
    n_in, n_out = int(row["open_in"]), int(row["open_out"])
    found = call_cost(prices, row["day"], (row["upstream"], row["model"]), n_in, n_out)
    if found is None:
        charge.n_unpriced += int(row["n_open"])
        return
    charge.cost_usd += found[0]
    charge.n_unpriced += int(row["n_open"]) - int(row["n_countable"])
