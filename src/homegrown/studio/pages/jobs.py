"""Jobs: what runs, how far, how long still; cancel, and run again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from starlette.responses import Response

from homegrown.core.access import Permission
from homegrown.errors import ForbiddenError
from homegrown.jobs import Job
from homegrown.studio import render, work
from homegrown.studio.answer import framed, go, part, show
from homegrown.studio.stream import live
from homegrown.studio.view import AsCode, NextStep
from homegrown.web import Route, Shape

if TYPE_CHECKING:
    from homegrown.web import Call


#: verbs whose work has a page of its own
_TRAININGS = ("grow", "train")
#: arguments that say nothing to a person: where a file lies, and lists of ids
_UNSAID = ("file", "upload_id", "checked", "actor_id")


@dataclass(frozen=True, kw_only=True)
class JobRow:
    """One line of the list."""

    job_id: str
    name: str
    state: str
    share: float | None
    words: str
    left: str
    at: str
    took: str


@dataclass(frozen=True, kw_only=True)
class JobsPage:
    """Every job, newest first."""

    template: ClassVar[str] = "jobs/jobs.html"
    jobs: tuple[JobRow, ...]
    n_running: int
    as_code: AsCode


@dataclass(frozen=True, kw_only=True)
class LiveJob:
    """The part of a job's page that changes while it runs."""

    state: str
    is_running: bool
    share: float | None
    words: str
    left: str
    took: str
    problem: str
    log: str
    can_cancel: bool
    can_resume: bool


@dataclass(frozen=True, kw_only=True)
class JobPage:
    """One job."""

    template: ClassVar[str] = "jobs/job.html"
    job_id: str
    name: str
    watch_href: str
    result: NextStep | None
    live: LiveJob
    facts: tuple[tuple[str, str], ...]
    as_code: AsCode

    @property
    def has_step(self) -> bool:
        """What a finished job made is looked at next, and nothing is done while it runs."""
        return self.result is not None or self.live.is_running


def listing(call: Call) -> Response:
    """``GET /jobs``."""
    jobs = tuple(_row(job) for job in work.queue(call.ws).list(limit=100))
    page = JobsPage(
        jobs=jobs,
        n_running=sum(job.state in ("running", "queued") for job in jobs),
        as_code=AsCode(
            cli="homegrown jobs",
            python="ws.jobs.list()",
            sql="select job_id, verb, status, started_at, ended_at from jobs order by created_at desc",
        ),
    )
    return show(call, page)


def _row(job: Job) -> JobRow:
    return JobRow(
        job_id=job.job_id,
        name=work.title(job),
        state=work.state(job),
        share=work.share(job),
        words=_said(job),
        left=work.left(job),
        at=job.created_at,
        took=work.took(job),
    )


def _said(job: Job) -> str:
    if job.error:
        return job.error
    return {"succeeded": "Finished", "cancelled": "Stopped; what was finished is kept"}.get(job.status, work.said(job))


def one(call: Call) -> Response:
    """``GET /jobs/{job_id}``."""
    return show(call, _page(call, call.path["job_id"]))


def _page(call: Call, job_id: str) -> JobPage:
    job = work.queue(call.ws).get(job_id)
    shown = {k: v for k, v in job.arguments.items() if v not in (None, "") and k not in _UNSAID}
    return JobPage(
        job_id=job.job_id,
        name=work.title(job),
        watch_href=f"/train/{job.job_id}" if job.verb in _TRAININGS else "",
        result=_result(job) if job.status == "succeeded" else None,
        live=_live(job),
        facts=(("Job", job.job_id), ("Verb", job.verb), *((k.replace("_", " "), str(v)) for k, v in shown.items())),
        as_code=AsCode(
            cli=f"homegrown jobs show {job.job_id}",
            python=f'ws.jobs.get("{job.job_id}")',
            sql=f"select * from jobs where job_id = '{job.job_id}'",
        ),
    )


def _result(job: Job) -> NextStep | None:
    """Where what the job made is looked at; None where that is nowhere in particular."""
    made = job.result or {}
    if job.verb == "issues":
        return NextStep(title="Look at what was found", action="To Curate", href="/curate",
                        reason="Each doubtful case has its reason, and one key decides it.")  # fmt: skip
    if job.verb == "discover" and made.get("discovery_id"):
        return NextStep(title="Look at the groups", action="See them", href=f"/label/discover/{made['discovery_id']}",
                        reason="Each becomes a class once you have read ten of its texts.")  # fmt: skip
    if job.verb == "bulk" and made.get("task_id"):
        return NextStep(title="See what is labelled", action="See it", href=f"/label/tasks/{made['task_id']}/bulk",
                        reason="One press takes all of it back.")  # fmt: skip
    if job.verb == "import_votes" and made.get("task_id"):
        return NextStep(title="See the task", action="See it", href=f"/label/tasks/{made['task_id']}",
                        reason="How many votes each class has now.")  # fmt: skip
    if job.verb in ("grow", "train", "evaluate", "retrain") and made.get("model_id"):
        return NextStep(title="Read the report", action="Read it", href=f"/evaluate/{made['model_id']}",
                        reason="How often it is right, on what, and what it mixes up.")  # fmt: skip
    return None


def _live(job: Job) -> LiveJob:
    running = job.status in ("running", "queued")
    return LiveJob(
        state=work.state(job),
        is_running=running,
        share=work.share(job),
        words=_said(job) + (" · stopping at the next safe point" if running and job.cancel_requested_at else ""),
        left=work.left(job),
        took=work.took(job),
        problem=(job.error or "") if job.status == "failed" else "",
        log="\n".join(_line(stage) for stage in work.stages(job)),
        can_cancel=running and not job.cancel_requested_at,
        can_resume=job.status in ("failed", "cancelled"),
    )


def _line(stage: dict[str, Any]) -> str:
    known = {"stage", "done", "total", "unit", "seconds", "rate", "left_s"}
    facts = "".join(f"  {k} {_short(v)}" for k, v in stage.items() if k not in known)
    amount = f"{stage.get('done', 0):,} {stage.get('unit', '')}"
    return f"{stage.get('seconds') or 0:8.1f} s  {stage.get('stage', '')}  {amount}{facts}"


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True, kw_only=True)
class JobsNow:
    """How many jobs run, in the bar of every page; all that it shows stands in the frame."""

    template: ClassVar[str] = "_frame/_jobs.html"


def running_now(call: Call) -> Response:
    """``GET /jobs/now``: the count in the bar, asked for again while a page is open."""
    return part(call, JobsNow.template, JobsNow())


def watch(call: Call) -> Response:
    """``GET /jobs/{job_id}/stream``: the live part, sent again as it changes."""
    job_id = call.path["job_id"]
    frame = framed(call)

    def fragment() -> tuple[str, bool]:
        page = _page(call, job_id)
        return render.html("jobs/_live.html", page, frame), not page.live.is_running

    return live(fragment)


def cancel(call: Call) -> Response:
    """``POST /jobs/{job_id}/cancel``."""
    work.queue(call.ws).cancel(call.actor, call.path["job_id"])
    return go(f"/jobs/{call.path['job_id']}")


def again(call: Call) -> Response:
    """``POST /jobs/{job_id}/resume``: the same work as a new job; it goes on from what was finished."""
    job = work.queue(call.ws).get(call.path["job_id"])
    if job.verb == "switch_route" and not call.actor.may(Permission.GOVERN):
        raise ForbiddenError("Only an owner may say who answers the calls of a route.")
    job_id = work.submit(call.ws, call.actor, job.verb, job.arguments)
    return go(f"/train/{job_id}" if job.verb in _TRAININGS else f"/jobs/{job_id}")


ROUTES = (
    Route("/jobs", listing, Permission.READ, shape=Shape.PAGE),
    Route("/jobs/now", running_now, Permission.READ, shape=Shape.PAGE),
    Route("/jobs/{job_id}", one, Permission.READ, shape=Shape.PAGE),
    Route("/jobs/{job_id}/stream", watch, Permission.READ, shape=Shape.PAGE),
    Route("/jobs/{job_id}/cancel", cancel, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
    Route("/jobs/{job_id}/resume", again, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
)
