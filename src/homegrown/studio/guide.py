"""The one most useful thing to do now, with its reason; every page ends in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from homegrown.store import tables
from homegrown.studio import scores, words, work
from homegrown.studio.leaving_step import answering, leaving_step
from homegrown.studio.view import NextStep

if TYPE_CHECKING:
    from homegrown.core.models import ModelVersion
    from homegrown.workspace import Workspace
    from homegrown.workspace.counts import Counts

_LOOKED_AT = 20
FEW = 5
FEW_VOTES = 20
FEW_TESTED = 20
WORTH = 0.001


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A version and the newest result on its test records; None when it was not measured."""

    version: ModelVersion
    result: dict[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class Situation:
    """Where a workspace stands: what there is, what is best, what answers, what waits; the newest task.

    `leaving` is the next step on the way out of a model API; `has_route`: calls may come through the gateway.
    """

    counts: Counts
    best: Measured | None
    served: Measured | None
    running_job: str
    n_new_votes: int
    task_id: str = ""
    leaving: NextStep | None = None
    has_route: bool = False


def situation(ws: Workspace) -> Situation:
    """Look at a workspace; reads no record."""
    versions = ws.store.models.versions()[:_LOOKED_AT]
    found = [Measured(version=v, result=scores.evaluation(ws, v.version_id)) for v in versions]
    best = _best(found)
    task_id = best.version.task_id if best else None
    live = {e.version_id for e in ws.store.endpoints.list() if e.task_id == task_id} | answering(ws)
    running = [job for job in work.queue(ws).list(status="running") if job.verb in ("grow", "train")]
    return Situation(
        counts=ws.counts(),
        best=best,
        served=next((m for m in found if m.version.version_id in live), None),
        running_job=running[0].job_id if running else "",
        n_new_votes=_new_votes(ws, task_id) if task_id else 0,
        task_id=_newest_task(ws),
        leaving=leaving_step(ws),
        has_route=bool(ws.routes()),
    )


def _newest_task(ws: Workspace) -> str:
    t = tables.tasks
    row = ws.store.db.one(sa.select(t.c.task_id).order_by(t.c.created_at.desc(), t.c.task_id).limit(1))
    return str(row["task_id"]) if row else ""


def _best(found: list[Measured]) -> Measured | None:
    """The most accurate version of the task that was measured last; else the newest version."""
    measured = [m for m in found if m.result]
    if not measured:
        return found[0] if found else None
    newest = measured[0].version.task_id
    return max((m for m in measured if m.version.task_id == newest), key=lambda m: (m.result or {})["accuracy"])


def _new_votes(ws: Workspace, task_id: str) -> int:
    """How many of the votes that stand people gave since the newest snapshot of the task, without those of exams."""
    s = tables.snapshots
    frozen = ws.store.db.one(sa.select(sa.func.max(s.c.created_at).label("at")).where(s.c.task_id == task_id))
    if not frozen or not frozen["at"]:
        return 0
    return ws.store.person_votes.n_since(task_id, frozen["at"], without=ws.store.exams.of_task(task_id))


def step(now: Situation) -> NextStep:
    """The next step for a workspace that stands so."""
    if now.running_job:
        return NextStep(title="Watch the model being made", reason="A training runs. You may leave: the work goes on.",
                        action="Watch it", href=f"/train/{now.running_job}")  # fmt: skip
    if now.leaving is not None:
        return now.leaving
    if not now.counts.n_records and now.has_route:
        return NextStep(
            title="Point a program at the gateway",
            reason="A model API stands behind it, and few calls or none have passed. The address and the key change, "
            "nothing else.",
            action="See how",
            href="/gateway",
        )
    if not now.counts.n_records:
        return NextStep(
            title="Drop a file of your own cases",
            reason="Tickets, messages, clauses, notes: with a column that says what each is, a model comes out of it.",
            action="Add data",
            href="/ingest",
        )
    if now.best is None:
        return _begin(now.counts, now.task_id)
    if now.served is None:
        return NextStep(
            title=f"Read the report on {scores.title(now.best.version)} and deploy it",
            reason="It is trained but nobody can ask it yet. One press on its report lets it answer.",
            action="Read the report",
            href=f"/evaluate/{now.best.version.version_id}",
        )
    if now.n_new_votes:
        return NextStep(
            title="Train again with what people said",
            reason=f"{words.plural(now.n_new_votes, 'vote')} came in since the last training and "
            f"{'has' if now.n_new_votes == 1 else 'have'} taught no model yet.",
            action="Train",
            href="/train",
        )
    return _better(now.best, now.served) or _surer(now.best, now.counts) or _improve(now.served.result)


def _begin(counts: Counts, task_id: str) -> NextStep:
    reason = f"{words.plural(counts.n_records, 'record')} are here and nothing has learned from them yet."
    if counts.n_votes >= FEW_VOTES:
        reason = f"{words.plural(counts.n_votes, 'vote')} say what records are, and no model has learned from them yet."
        return NextStep(title="Train a first model", reason=reason, action="Train", href="/train")
    if task_id:
        enough = " Half an hour of keys gives a first model something to learn from."
        if counts.n_votes:
            enough = f" People and models gave {words.plural(counts.n_votes, 'vote')} so far; {FEW_VOTES} are a start."
        return NextStep(
            title="Say of some records what they are",
            reason=reason + enough,
            action="Open the station",
            href=f"/label/tasks/{task_id}/station",
        )
    return NextStep(
        title="Find the groups in your records",
        reason=reason + " Like records are put together; each group that you check becomes a class.",
        action="Find groups",
        href="/label/discover",
    )


def label_more(task_id: str, n_records: int) -> NextStep:
    """The next step of a task with *n_records* of which nobody has said anything."""
    return NextStep(
        title="Say what the next records are",
        reason=f"Of {words.plural(n_records, 'record')} nobody has said anything yet. Those that teach the most come "
        "first.",
        action="Open the station",
        href=f"/label/tasks/{task_id}/station",
    )


def _better(best: Measured, served: Measured) -> NextStep | None:
    """Let the best answer, where it is surely better than what answers now on the same test records."""
    if not best.result or not served.result or best.version.snapshot_id != served.version.snapshot_id:
        return None
    if best.result["accuracy_ci95"][0] <= served.result["accuracy"]:
        return None
    theirs, ours = words.percent(served.result["accuracy"]), words.percent(best.result["accuracy"])
    return NextStep(
        title=f"Let {scores.title(best.version)} answer instead of {scores.title(served.version)}",
        reason=f"{ours} against {theirs} right on the same {best.result['n']:,} records it had never seen.",
        action="Read its report",
        href=f"/evaluate/{best.version.version_id}",
    )


def _surer(best: Measured, counts: Counts) -> NextStep | None:
    """More labels, where so few records could be kept back that the figure says little."""
    result = best.result
    if not result or result["n"] >= FEW_TESTED or counts.n_votes >= counts.n_records:
        return None
    low, high = (words.percent(x, 0) for x in result["accuracy_ci95"])
    return NextStep(
        title="Say what more records are",
        reason=f"{scores.title(best.version)} was tested on {words.plural(result['n'], 'record')}: how often it is "
        f"right may lie anywhere from {low} to {high}. More answers of yours make it better, and the figure surer.",
        action="Open the station",
        href=f"/label/tasks/{best.version.task_id}/station",
    )


def _improve(result: dict[str, Any] | None) -> NextStep:
    """More of the class that costs most; something never seen where no class is worse than the rest."""
    weak = [c for c in (result or {}).get("classes", []) if c["n"] >= FEW]
    worst = max(weak, key=lambda c: c["n"] * (1 - c["recall"]), default=None)
    gain = 0.0
    if result and worst:
        gain = worst["n"] * max(result["accuracy"] - worst["recall"], 0.0) / result["n"]
    if not result or not worst or gain < WORTH:
        return _probe(result)
    found, overall = words.percent(worst["recall"], 0), words.percent(result["accuracy"], 0)
    now, then = words.percent(result["accuracy"]), words.percent(result["accuracy"] + gain)
    return NextStep(
        title=f"Add more examples of “{worst['name']}”",
        reason=f"The model finds {found} of them (n = {worst['n']:,}), against {overall} of all. Level with the rest, "
        f"{now} right would become about {then}.",
        action="Add data",
        href="/ingest",
    )


def _probe(result: dict[str, Any] | None) -> NextStep:
    reason = (
        "A minute with your own odd cases shows more than any average. Say what a wrong answer should be: it learns."
    )
    if result and result["accuracy"] >= 1:
        low = words.percent(result["accuracy_ci95"][0], 0)
        reason = (
            f"It was right on all {result['n']:,} test records, so the true figure lies above {low}. "
            "Only cases that it finds hard can say more."
        )
    return NextStep(title="Ask the model something it has never seen", reason=reason, action="Open the playground",
                    href="/serve/playground")  # fmt: skip


def after(now: Situation, path: str) -> NextStep | None:
    """What a page ends in: the next step, unless the page itself is where it is taken."""
    found = step(now)
    return None if found.href.partition("?")[0] == path else found
