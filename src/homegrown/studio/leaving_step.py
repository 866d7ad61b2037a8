"""The next step on the way out of a model API: find tasks, make one, train, shadow, judge. Cheap, for every page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from homegrown.core.routing import ExitMode
from homegrown.core.traces import CallState
from homegrown.monitor import Suits
from homegrown.monitor.proposals import suitability
from homegrown.store import tables
from homegrown.studio import scores, words
from homegrown.studio.view import NextStep
from homegrown.studio.words import route_page
from homegrown.workspace.leaving import stage_reports

if TYPE_CHECKING:
    from homegrown.core.routing import GatewayRoute
    from homegrown.core.traffic import Template
    from homegrown.workspace import Workspace

FEWEST_CALLS = 50
FEWEST_HEARD = 50
_C, _S = tables.captured, tables.shadow_answers


def answering(ws: Workspace) -> set[str]:
    """Versions that answer calls of a route, at home or silently."""
    exits = [r.config.exit for r in ws.routes() if r.config.exit is not None]
    return {part.version_id for exit in exits for stage in exit.stages for part in stage.parts}


def leaving_step(ws: Workspace) -> NextStep | None:
    """What to do now with the calls that were captured; None where there are none, or nothing is to be done."""
    routes = ws.routes()
    for route in routes:
        found = _of_route(ws, route)
        if found is not None:
            return found
    templates = ws.store.templates.list()
    if not templates:
        return _look(ws)
    ready = [t for t in templates if suitability(t)[0] is Suits.READY]
    made = [t for t in ready if t.tasks]
    busy = {ws.store.models.version(v).task_id for v in answering(ws)}
    for template in made:
        step = _of_task(ws, template, routes, busy)
        if step is not None:
            return step
    fresh = max((t for t in ready if not t.tasks), key=lambda t: t.volume.cost_usd, default=None)
    if fresh is None or busy:
        return None
    said = "the same fields" if fresh.is_object else "a closed set of labels"
    return NextStep(
        title=f"Make “{fresh.name}” a Task",
        reason=f"{words.plural(fresh.volume.n_calls, 'call')} share its prompt and are answered with {said}: a small "
        "model of your own can learn them.",
        action="Look at it",
        href=f"/monitor/{fresh.template_id}",
    )


def _of_route(ws: Workspace, route: GatewayRoute) -> NextStep | None:
    exit = route.config.exit
    if exit is None:
        return None
    here = route_page(route.name)
    if fell := [s.model for s in stage_reports(ws.store, exit) if s.fallen]:
        return NextStep(
            title=f"See why {' and '.join(fell)} answers no more", action="See why", href=here,
            reason=f"Calls of {route.name} go to the upstream again by themselves; it needs recent calls with labels.",
        )  # fmt: skip
    return _judge(ws, exit.version_id, exit.model) if exit.mode is ExitMode.SHADOW else None


def _judge(ws: Workspace, version_id: str, name: str) -> NextStep | None:
    """Read the verdict, where the model has answered enough calls silently."""
    n = _at_least(ws, _S.c.version_id == version_id, FEWEST_HEARD)
    if not n:
        return None
    return NextStep(
        title=f"See whether {name} may take over", action="See the verdict", href=f"/evaluate/verdict/{version_id}",
        reason=f"It answered {n:,} live calls and more silently, beside the upstream. Say who is right where they "
        "differ, then switch.",
    )  # fmt: skip


def _look(ws: Workspace) -> NextStep | None:
    if not _at_least(ws, _C.c.state == CallState.WHOLE.value, FEWEST_CALLS):
        return None
    return NextStep(
        title="Find the tasks in your calls", action="Find tasks", href="/monitor",
        reason="Calls passed the gateway or were brought in. Those that share a prompt are one task, and some of "
        "these a small model of your own can learn.",
    )  # fmt: skip


def _of_task(ws: Workspace, template: Template, routes: list[GatewayRoute], busy: set[str]) -> NextStep | None:
    task_id = next(iter(template.tasks.values()))
    name = next((r.name for r in routes if r.route_id == _route_of(ws, template)), None)
    if name is None or task_id in busy:
        return None
    champion = ws.store.models.champion(task_id)
    if champion is None:
        return NextStep(
            title=f"Train a model on “{ws.store.tasks.get(task_id).name}”", action="Train", href=route_page(name),
            reason="The upstream's answers are votes by now; a small model learns from them in minutes.",
        )  # fmt: skip
    heard = _judge(ws, champion.version_id, scores.title(champion))
    return heard or NextStep(
        title=f"Let {scores.title(champion)} answer silently", action="To the route", href=route_page(name),
        reason=f"It learned from calls of {name}. In the shadow nobody waits for it, and you see how often it says the "
        "same as the upstream.",
    )  # fmt: skip


def _route_of(ws: Workspace, template: Template) -> str | None:
    """By which route its calls came, as an example shows; None for calls that were brought in."""
    calls = ws.store.captured_imports.get(template.examples[:3])
    return next((c.route_id for c in calls if c.route_id is not None), None)


def _at_least(ws: Workspace, wanted: sa.ColumnElement[bool], n: int) -> int:
    """*n* where there are so many rows, else 0; reads no more than that."""
    some = sa.select(sa.literal(1).label("one")).where(wanted).limit(n).subquery()
    row = ws.store.db.one(sa.select(sa.func.count().label("n")).select_from(some))
    return n if row is not None and int(row["n"]) >= n else 0
