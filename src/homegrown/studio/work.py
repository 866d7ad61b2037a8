"""Jobs as pages show them: how far, how long still, in which words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from homegrown.core.ids import now
from homegrown.errors import NotFoundError
from homegrown.jobs import Job, JobQueue
from homegrown.studio import words

if TYPE_CHECKING:
    from homegrown.core.access import Actor
    from homegrown.workspace import Workspace

_STATES = {"succeeded": "done"}
#: what a job is called, by its verb
_NAMES = {
    "grow": "Learn from",
    "ingest": "Import",
    "embed": "Embed",
    "train": "Train",
    "evaluate": "Measure",
    "retrain": "Retrain",
    "teach": "Ask",
    "model_votes": "Let our model vote",
    "issues": "Look for doubtful records and labels",
    "discover": "Find groups of like records",
    "rules": "Run rules",
    "find_tasks": "Find tasks in traffic",
    "accept_task": "Make a Task of traffic",
    "accept_tag": "Make a Task of tagged traffic",
    "bulk": "Label in bulk",
    "import_votes": "Bring in labels of",
    "index": "Index the words of all records",
    "switch_route": "Switch",
}
#: the stations of learning from a file, and the beginnings of the stage names that belong to each
STEPS = (
    ("Read", ("ingest", "read", "import", "store")),
    ("Understand", ("embed", "encode", "index")),
    ("Train", ("train", "fit", "ladder", "snapshot")),
    ("Measure", ("evaluate", "measure", "report", "register")),
)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One station of a job: waiting, running or done."""

    name: str
    state: str
    says: str


@dataclass(frozen=True, kw_only=True)
class Followed:
    """A job that a page waits for: `job_id` is empty once it has ended."""

    job_id: str
    words: str
    share: float | None
    problem: str
    is_done: bool


def follow(ws: Workspace, job_id: str, verb: str) -> tuple[Followed, dict[str, Any]] | None:
    """Where a job of *verb* stands, and its result once it is there; None where no job is named."""
    if not job_id:
        return None
    job = queue(ws).get(job_id)
    if job.verb != verb:
        raise NotFoundError(f"There is no such job of {verb}.")
    waits, failed = job.status in ("queued", "running"), job.status in ("failed", "cancelled")
    found = Followed(
        job_id=job.job_id if waits else "",
        words=said(job),
        share=share(job),
        problem=(job.error or "It was stopped.") if failed else "",
        is_done=job.status == "succeeded",
    )
    return found, job.result or {}


def queue(ws: Workspace) -> JobQueue:
    """The jobs of a workspace."""
    return JobQueue(ws.store.db)


def submit(ws: Workspace, actor: Actor, verb: str, arguments: dict[str, Any]) -> str:
    """Put a job into the queue; returns its id."""
    return queue(ws).submit(actor, verb, arguments)


def n_running(ws: Workspace) -> int:
    """How many jobs run or wait."""
    jobs = queue(ws)
    return len(jobs.list(status="running")) + len(jobs.list(status="queued"))


def state(job: Job) -> str:
    """The state as pages say it: queued, running, done, failed, cancelled."""
    return _STATES.get(job.status, job.status)


def title(job: Job) -> str:
    """What the job does, for a person."""
    subject = next((str(job.arguments[k]) for k in ("source", "name", "model", "upstream") if job.arguments.get(k)), "")
    return f"{_NAMES.get(job.verb, job.verb.capitalize())} {subject}".strip()


def share(job: Job) -> float | None:
    """How much of the stage in hand is done, 0 to 1; None when nobody can know."""
    progress = job.progress or {}
    return min(progress["done"] / progress["total"], 1.0) if progress.get("total") else None


def said(job: Job) -> str:
    """Where it stands, in words: ``Embedding: 6,180 of 10,003 records``."""
    progress = job.progress or {}
    if job.status == "queued":
        return "Waits for its turn"
    if not progress:
        return "Starting"
    total, unit = progress.get("total"), progress.get("unit", "")
    done = min(progress.get("done", 0), total or progress.get("done", 0))
    amount = f"{done:,} of {total:,} {unit}" if total else f"{done:,} {unit}" if done else ""
    return f"{str(progress.get('stage', '')).capitalize()}{': ' + amount if amount else ''}"


def left(job: Job) -> str:
    """Pace and time left, as far as known."""
    progress = job.progress or {}
    rate, seconds = progress.get("rate"), progress.get("left_s")
    pace = f"{rate:,.0f} a second" if rate and rate >= 1 else ""
    parts = [pace, f"{words.duration(max(seconds, 1))} left" if seconds else ""]
    return " · ".join(p for p in parts if p)


def took(job: Job) -> str:
    """How long it ran, or has been running."""
    if job.started_at is None:
        return ""
    end = datetime.fromisoformat(job.ended_at) if job.ended_at else now()
    return words.duration(max((end - datetime.fromisoformat(job.started_at)).total_seconds(), 0.0))


def stages(job: Job) -> list[dict[str, Any]]:
    """Every stage that was passed and the one in hand."""
    progress = job.progress or {}
    passed = list(progress.get("passed", ()))
    current = {k: v for k, v in progress.items() if k != "passed"}
    if current and (not passed or current.get("stage") != passed[-1].get("stage")):
        passed.append(current)
    return passed


def steps(job: Job) -> tuple[Step, ...]:
    """The stations of learning from a file, with what is done."""
    seen = [_station(str(stage.get("stage", ""))) + _is_over(stage) for stage in stages(job)]
    at = -1
    if job.status == "succeeded":
        at = len(STEPS)
    elif job.status == "running":
        at = min(max(seen, default=0), len(STEPS) - 1)
    return tuple(
        Step(name=name, state="done" if i < at else "running" if i == at else "waiting", says="")
        for i, (name, _) in enumerate(STEPS)
    )


def _is_over(stage: dict[str, Any]) -> bool:
    """A stage that has done all it had to do: the next one is getting ready, though it has not said so yet."""
    return bool(stage.get("total")) and stage.get("done", 0) >= stage["total"] and stage.get("stage") == "store"


def _station(stage: str) -> int:
    low = stage.lower()
    return next((i for i, (_, starts) in enumerate(STEPS) if low.startswith(starts)), 0)
