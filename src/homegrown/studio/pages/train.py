"""Train: start from labelled records, watch the ladder fill, go on to the report or straight to deploy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from starlette.responses import Response

from homegrown.core.access import Permission
from homegrown.core.models import Recipe
from homegrown.jobs import Job
from homegrown.studio import render, scores, words, work
from homegrown.studio.answer import framed, go, posted, show
from homegrown.studio.stream import live
from homegrown.studio.view import AsCode, RecipeChoice, Rung, default_recipe, ladder_floor, recipe_choices
from homegrown.web import Route, Shape

if TYPE_CHECKING:
    from homegrown.core.tasks import Task
    from homegrown.web import Call
    from homegrown.workspace import Workspace

#: recipes for answers that are objects; the others learn classes
OBJECTS = ("auto", "fields")
SECONDS = {"1m": 60.0, "5m": 300.0, "10m": 600.0, "30m": 1800.0}


@dataclass(frozen=True, kw_only=True)
class TaskChoice:
    """A task that has labels."""

    task_id: str
    name: str
    n_labels: int
    answers: str


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """A training job."""

    name: str
    recipe: str
    state: str
    at: str
    took: str
    href: str


@dataclass(frozen=True, kw_only=True)
class TrainPage:
    """What can be trained, and what was."""

    template: ClassVar[str] = "train/train.html"
    tasks: tuple[TaskChoice, ...]
    recipes: tuple[RecipeChoice, ...]
    runs: tuple[RunRow, ...]
    as_code: AsCode


@dataclass(frozen=True, kw_only=True)
class LiveTraining:
    """The part that changes while a model is made. `headline` and what follows it stand when it is done."""

    is_running: bool
    is_done: bool
    was_stopped: bool
    problem: str
    steps: tuple[work.Step, ...]
    share: float | None
    words: str
    left: str
    rungs: tuple[Rung, ...]
    floor: float
    headline: str = ""
    sentence: str = ""
    model_id: str = ""
    report_href: str = ""


@dataclass(frozen=True, kw_only=True)
class LivePage:
    """One training, live."""

    template: ClassVar[str] = "train/live.html"
    job_id: str
    task: str
    live: LiveTraining
    as_code: AsCode

    @property
    def has_step(self) -> bool:
        """While it runs there is nothing to do, and when it is done its own step stands on top."""
        return self.live.is_running or self.live.is_done


def choose(call: Call) -> Response:
    """``GET /train``."""
    tasks = tuple(_task(call.ws, task) for task in call.ws.store.tasks.all())
    jobs = work.queue(call.ws).list(limit=50, verbs=("grow", "train"))
    page = TrainPage(
        tasks=tasks,
        recipes=recipe_choices(),
        runs=tuple(_run(job) for job in jobs),
        as_code=AsCode(
            cli=f"homegrown train {tasks[0].name if tasks else 'TASK'} --recipe auto --budget 5m",
            python='model = ws.train(ws.snapshot(task), hg.Recipe("auto"), task.name)',
            sql="select * from runs order by started_at desc",
        ),
    )
    return show(call, page)


def _task(ws: Workspace, task: Task) -> TaskChoice:
    n_labels = ws.task_counts(task).n_voted
    answers = words.plural(len(task.fields), "field") if task.fields else f"{len(task.classes)} classes"
    return TaskChoice(task_id=task.task_id, name=task.name, n_labels=n_labels, answers=answers)


def _run(job: Job) -> RunRow:
    recipe = job.arguments.get("recipe", "")
    return RunRow(
        name=work.title(job),
        recipe=str(recipe.get("trainer", "") if isinstance(recipe, dict) else recipe),
        state=work.state(job),
        at=job.created_at,
        took=work.took(job),
        href=f"/train/{job.job_id}",
    )


def start(call: Call) -> Response:
    """``POST /train``: freeze what is labelled now and train on it, as one job."""
    task = call.ws.store.tasks.get(posted(call, "task_id"))
    snapshot = call.ws.snapshot(task)
    trainer = posted(call, "recipe") or default_recipe()
    if task.fields and trainer not in OBJECTS:
        trainer = OBJECTS[0]
    options = {"budget_s": SECONDS.get(posted(call, "budget"), 300.0)} if trainer == "auto" else {}
    recipe = Recipe(trainer, options)
    arguments = {
        "snapshot_id": snapshot.snapshot_id,
        "name": task.name,
        "recipe": {"trainer": recipe.trainer, "options": recipe.options, "seed": recipe.seed},
    }
    return go(f"/train/{work.submit(call.ws, call.actor, 'train', arguments)}")


def watched(call: Call) -> Response:
    """``GET /train/{job_id}``."""
    return show(call, _page(call))


def stream(call: Call) -> Response:
    """``GET /train/{job_id}/stream``: the live part, sent again as it changes."""
    frame = framed(call)

    def fragment() -> tuple[str, bool]:
        page = _page(call)
        return render.html("train/_live.html", page, frame), not page.live.is_running

    return live(fragment)


def _page(call: Call) -> LivePage:
    job = work.queue(call.ws).get(call.path["job_id"])
    source, name = job.arguments.get("source"), str(job.arguments.get("name") or "model")
    text, label = (words.shell(str(job.arguments.get(column))) for column in ("text", "label"))
    columns = f"--text {text} --label {label}"
    cli = f"homegrown grow {words.shell(str(source))} {columns} --name {name}" if source else f"homegrown train {name}"
    return LivePage(
        job_id=job.job_id,
        task=name,
        live=_live(call.ws, job),
        as_code=AsCode(cli=cli, python=f'ws.jobs.get("{job.job_id}").progress', sql="select * from runs"),
    )


def _live(ws: Workspace, job: Job) -> LiveTraining:
    done = job.status == "succeeded" and bool(job.result)
    finished = _finished(ws, job.result or {}) if done else {}
    ladder = (job.result or {}).get("ladder") or _ladder_so_far(job)
    chosen = (job.result or {}).get("recipe")
    rungs = scores.rungs(ladder, chosen)
    return LiveTraining(
        is_running=job.status in ("queued", "running"),
        is_done=done,
        was_stopped=job.status == "cancelled",
        problem=(job.error or "It failed.") if job.status == "failed" else "",
        steps=work.steps(job),
        share=work.share(job),
        words=work.said(job),
        left=work.left(job),
        rungs=rungs,
        floor=ladder_floor(rungs),
        **finished,
    )


def _ladder_so_far(job: Job) -> list[dict[str, Any]]:
    """The rungs that a running job has told of: those measured, and the one being trained."""
    rows: dict[str, dict[str, Any]] = {}
    for stage in work.stages(job):
        name = str(stage.get("stage", ""))
        if name.startswith("train "):
            rung = name.removeprefix("train ")
            known = rows.get(rung, {})
            seconds = known.get("seconds") if stage.get("unit") == "measured" else stage.get("seconds")
            rows[rung] = {**known, **stage, "recipe": rung, "seconds": seconds, "n": stage.get("n_valid")}
    for rung, row in rows.items():
        row["state"] = "done" if row.get("accuracy") is not None or rung != list(rows)[-1] else "running"
    return list(rows.values())


def _finished(ws: Workspace, result: dict[str, Any]) -> dict[str, Any]:
    model_id = str(result["model_id"])
    measured = result if result.get("accuracy_ci95") else scores.evaluation(ws, model_id)
    facts = {"model_id": model_id, "report_href": f"/evaluate/{model_id}", "headline": "It is trained."}
    if not measured:
        return facts | {"sentence": "It was not measured yet; the report will say how often it is right."}
    n = int(result.get("n_test") or measured.get("n") or 0)
    low, high = measured["accuracy_ci95"]
    if scores.is_guess({"n": n, **measured}):
        return facts | {
            "headline": f"Agrees with the votes on {words.percent(measured['accuracy'])} of {n:,} records it had never "
            "seen",
            "sentence": f"Most of these votes are what rules, groups and models say; people labelled "
            f"{measured['n_checked']:,} of the records. "
            + (
                "The report says how often it is right on those."
                if measured["n_checked"]
                else "How often it is right nobody can say yet."
            ),
        }
    return facts | {
        "headline": f"Right on {words.percent(measured['accuracy'])} of {n:,} records it had never seen",
        "sentence": f"{words.one_in(1 - measured['accuracy'])} "
        f"The true figure lies between {words.percent(low)} and {words.percent(high)} (95% interval).",
    }


ROUTES = (
    Route("/train", choose, Permission.READ, shape=Shape.PAGE),
    Route("/train", start, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
    Route("/train/{job_id}", watched, Permission.READ, shape=Shape.PAGE),
    Route("/train/{job_id}/stream", stream, Permission.READ, shape=Shape.PAGE),
)
