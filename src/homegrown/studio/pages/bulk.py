"""Label everything under a filter: choose it, look at a sample, then decide."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from starlette.responses import Response

from homegrown.core.access import Permission
from homegrown.core.tasks import TaskKind
from homegrown.errors import HomegrownError, InputError
from homegrown.studio import words, work
from homegrown.studio.answer import asked, go, posted, show
from homegrown.studio.search import names_of
from homegrown.studio.view import AsCode, Figure
from homegrown.web import Route, Shape
from homegrown.workspace.bulk import SAMPLE, Checked, Filter, ready_value

if TYPE_CHECKING:
    from homegrown.core.tasks import Task
    from homegrown.web import Call

RIGHT, WRONG = "right", "wrong"
#: more records than this are labelled by a job, which a page can wait for and which outlives it
JOB_ABOVE = 2_000
#: what the choice "none of these" posts
_NONE_VALUE = " "


@dataclass(frozen=True, kw_only=True)
class SampleRow:
    """A record of the sample; `verdict` is right, wrong or empty."""

    record_id: str
    text: str
    verdict: str


@dataclass(frozen=True, kw_only=True)
class StandingRow:
    """A bulk label that stands."""

    label_source_id: str
    name: str
    says: str
    n: int
    checked: str


@dataclass(frozen=True, kw_only=True)
class BulkPage:
    """One of three steps: nothing is sampled yet, a sample is to be looked at, or `found` says what came of it."""

    template: ClassVar[str] = "label/bulk.html"
    task_id: str
    task: str
    classes: tuple[str, ...]
    takes_many: bool
    selections: tuple[str, ...]
    selection: str
    words: str
    said: tuple[str, ...]
    n: int
    sample: tuple[SampleRow, ...]
    found: Figure | None
    sentence: str
    problem: str
    job: work.Followed | None
    standing: tuple[StandingRow, ...]
    as_code: AsCode


def bulk(call: Call) -> Response:
    """``GET /label/tasks/{task_id}/bulk``: choose, then look at a sample."""
    wanted = Filter(asked(call, "selection"), asked(call, "words").strip())
    said = tuple(call.request.query_params.getlist("class"))
    if not (wanted.selection or wanted.words):
        return _page(call, wanted, said)
    try:
        drawn = call.ws.bulk_sample(_task(call), wanted, n=SAMPLE)
    except HomegrownError as error:
        return _page(call, wanted, said, problem=error.message)
    rows = tuple(SampleRow(record_id=r.record_id, text=r.text, verdict="") for r in drawn.records)
    return _page(call, wanted, said, n=drawn.n, sample=rows)


def check(call: Call) -> Response:
    """``POST /label/tasks/{task_id}/bulk/check``: what the sample says of the rest."""
    wanted, checked = _posted(call)
    said = _said(call)
    n = call.ws.bulk_sample(_task(call), wanted, n=0).n
    verdicts = dict.fromkeys(checked.right, RIGHT) | dict.fromkeys(checked.wrong, WRONG)
    records = call.ws.store.records.get(list(verdicts))
    rows = tuple(SampleRow(record_id=r.record_id, text=r.text, verdict=verdicts[r.record_id]) for r in records)
    if not rows:
        return _page(call, wanted, said, n=n, problem="Say of at least one record whether it is right.")
    low, high = checked.ci95
    figure = Figure(value=checked.share, low=low, high=high, n=len(rows))
    return _page(call, wanted, said, n=n, sample=rows, found=figure)


def apply(call: Call) -> Response:
    """``POST /label/tasks/{task_id}/bulk``: label all of it; a job does where it is much."""
    wanted, checked = _posted(call)
    task, named = _task(call), [v for v in _said(call) if v != _NONE_VALUE]
    said = named[0] if len(named) == 1 else named
    ready_value(task, said, checked)
    if call.ws.bulk_sample(task, wanted, n=0).n <= JOB_ABOVE:
        call.ws.bulk_label(task, said, wanted, checked)
        return go(f"/label/tasks/{task.task_id}/bulk")
    arguments = {"task_id": task.task_id, "said": named, "wanted": asdict(wanted), "checked": asdict(checked)}
    job_id = work.submit(call.ws, call.actor, "bulk", arguments | {"actor_id": call.actor.actor_id})
    return go(f"/label/tasks/{task.task_id}/bulk?job={job_id}")


def undo(call: Call) -> Response:
    """``POST /label/tasks/{task_id}/bulk/undo``: take a bulk label back."""
    task = _task(call)
    call.ws.undo_bulk(task, posted(call, "label_source_id"))
    return go(f"/label/tasks/{task.task_id}/bulk")


def _task(call: Call) -> Task:
    return call.ws.store.tasks.get(call.path["task_id"])


def _said(call: Call) -> tuple[str, ...]:
    said = tuple(v for v in call.form.getlist("class") if isinstance(v, str) and v)
    if not said:
        raise InputError("Choose what they are, then press the button.")
    return said


def _posted(call: Call) -> tuple[Filter, Checked]:
    verdicts = {
        key.removeprefix("record-"): value for key, value in call.form.multi_items() if key.startswith("record-")
    }
    chosen = [tuple(i for i, v in verdicts.items() if v == wanted) for wanted in (RIGHT, WRONG)]
    return Filter(posted(call, "selection"), posted(call, "words").strip()), Checked(*chosen)


def _page(call: Call, wanted: Filter, said: tuple[str, ...], problem: str = "", **more: Any) -> Response:
    ws, task = call.ws, _task(call)
    figure, followed = more.get("found"), work.follow(ws, asked(call, "job"), "bulk")
    page = BulkPage(
        task_id=task.task_id,
        task=task.name,
        classes=task.class_names,
        takes_many=task.kind is TaskKind.CLASSES,
        selections=tuple(s.name for s in ws.selections()),
        selection=wanted.selection,
        words=wanted.words,
        said=said,
        n=more.get("n", 0),
        sample=more.get("sample", ()),
        found=figure,
        sentence=words.one_in(1 - figure.value) if figure else "",
        problem=problem,
        job=followed[0] if followed else None,
        standing=tuple(_standing(task, source) for source in ws.bulk_labels(task)),
        as_code=AsCode(
            cli=_command(task, wanted, said),
            python=f"ws.bulk_label({task.name!r}, CLASS, Filter(selection=NAME), Checked(right=(…), wrong=(…)))",
            sql="select * from label_sources where config->>'bulk' = 'true'",
        ),
    )
    return show(call, page)


def _command(task: Task, wanted: Filter, said: tuple[str, ...]) -> str:
    chosen = (
        f"--selection {wanted.selection}" if wanted.selection else f"--words {words.shell(wanted.words or 'WORDS')}"
    )
    named = [words.shell(name) for name in said if name != _NONE_VALUE] or ["--none" if said else "CLASS"]
    return f"homegrown label bulk {words.shell(task.name)} {' '.join(named)} {chosen} --dry-run"


def _standing(task: Task, source: dict[str, Any]) -> StandingRow:
    facts = source["config"]
    return StandingRow(
        label_source_id=source["label_source_id"],
        name=source["name"],
        says=names_of(task, msgspec.json.encode(facts["value"]).decode()),
        n=facts["n"],
        checked=f"{facts['sample']['n_right']} of {facts['sample']['n']} looked at were right",
    )


_PATH = "/label/tasks/{task_id}/bulk"
ROUTES = (
    Route(_PATH, bulk, Permission.REVIEW, shape=Shape.PAGE),
    Route(f"{_PATH}/check", check, Permission.REVIEW, methods=("POST",), shape=Shape.PAGE, form=True),
    Route(_PATH, apply, Permission.REVIEW, methods=("POST",), shape=Shape.PAGE, form=True),
    Route(f"{_PATH}/undo", undo, Permission.REVIEW, methods=("POST",), shape=Shape.PAGE, form=True),
)
