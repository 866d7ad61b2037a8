"""Teachers: models that vote on the records of a task, what they cost, and files from and for other software."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from starlette.responses import Response, StreamingResponse

from homegrown.core.access import Permission
from homegrown.core.tasks import LabelSourceKind
from homegrown.errors import EmptyDataError, HomegrownError, InputError, NotFoundError
from homegrown.jobs import Job
from homegrown.label.span_files import JSON_FORMATS
from homegrown.studio import render, words, work
from homegrown.studio.answer import asked, framed, go, posted, posted_file, show
from homegrown.studio.stream import live
from homegrown.studio.view import AsCode
from homegrown.web import Route, Shape
from homegrown.workspace.exchange import suffix_of
from homegrown.workspace.uploads import MAX_BYTES

if TYPE_CHECKING:
    from homegrown.core.tasks import Task
    from homegrown.core.upstreams import Upstream
    from homegrown.web import Call
    from homegrown.workspace import Workspace

_VERBS = ("teach", "model_votes")
_SHOWN_ASIDE = 20
#: a larger file is read by a job, which a page can wait for and which outlives it
_JOB_ABOVE_BYTES = 1_000_000
_TITLES = {"label-studio": "Label Studio", "argilla": "Argilla", "prodigy": "Prodigy", "doccano": "doccano",
           "openai": "OpenAI fine-tuning"}  # fmt: skip
#: of spans; brat's are folders of files, which a form cannot send
_SPAN_TITLES = {"conll": "CoNLL", **{name: _TITLES[name] for name in JSON_FORMATS}}


@dataclass(frozen=True, kw_only=True)
class UpstreamRow:
    """One registered model API."""

    name: str
    address: str
    model: str
    price: str
    terms: str
    has_key: bool


@dataclass(frozen=True, kw_only=True)
class Voter:
    """A model that has voted."""

    name: str
    says: str
    terms: str
    n_votes: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A dry run in words, with the first calls as they would be sent."""

    sentence: str
    cost: str
    doubt: str
    budget: str
    is_enough: bool
    masked: str
    prompts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Asking:
    """What the form asks: which upstream, for how much, about how many."""

    upstream: str = ""
    budget: str = "1.00"
    limit: str = ""


@dataclass(frozen=True, kw_only=True)
class NewUpstream:
    """The form by which one is registered, as it was filled in; never a key."""

    name: str = ""
    base_url: str = ""
    model: str = ""
    price_in: str = ""
    price_out: str = ""
    terms: str = ""
    is_private: bool = False


@dataclass(frozen=True, kw_only=True)
class LiveAsking:
    """The job in hand, or the last one."""

    is_running: bool
    state: str
    name: str
    share: float | None
    words: str
    left: str
    spent: str
    problem: str
    sentence: str
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class LivePart:
    """What of the page is sent again as it changes."""

    template: ClassVar[str] = "label/_teachers_live.html"
    job_id: str
    live: LiveAsking | None


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What came of a file."""

    sentence: str
    aside: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TeachersPage:
    """Models that vote for one task."""

    template: ClassVar[str] = "label/teachers.html"
    task_id: str
    task: str
    upstreams: tuple[UpstreamRow, ...]
    voters: tuple[Voter, ...]
    asking: Asking
    plan: Plan | None
    job_id: str
    live: LiveAsking | None
    new: NewUpstream
    may_govern: bool
    problem: str
    imported: Imported | None
    importing: work.Followed | None
    has_model: bool
    formats: tuple[tuple[str, str], ...]
    as_code: AsCode


@dataclass(frozen=True, kw_only=True)
class _More:
    """What a form adds to the page."""

    asking: Asking = field(default_factory=Asking)
    new: NewUpstream = field(default_factory=NewUpstream)
    plan: Plan | None = None
    problem: str = ""
    imported: Imported | None = None


def teachers(call: Call) -> Response:
    """``GET /label/tasks/{task_id}/teachers``; with ``plan=1`` a dry run is on it."""
    form = Asking(upstream=asked(call, "upstream"), budget=asked(call, "budget", "1.00"), limit=asked(call, "limit"))
    if not asked(call, "plan") or not call.actor.may(Permission.BUILD):
        return show(call, _page(call, _More(asking=form)))
    try:
        return show(call, _page(call, _More(asking=form, plan=_plan(call, form))))
    except (InputError, NotFoundError, EmptyDataError) as error:
        return show(call, _page(call, _More(asking=form, problem=error.message)), error.status)


def _page(call: Call, more: _More) -> TeachersPage:
    ws, task = call.ws, call.ws.store.tasks.get(call.path["task_id"])
    part, followed = _part(ws, task), work.follow(ws, asked(call, "job"), "import_votes")
    upstreams = ws.upstreams()
    name = more.asking.upstream or (upstreams[0].name if upstreams else "NAME")
    quoted = words.shell(task.name)
    return TeachersPage(
        task_id=task.task_id,
        task=task.name,
        upstreams=tuple(_row(u) for u in upstreams) if call.actor.may(Permission.BUILD) else (),
        voters=_voters(ws, task),
        asking=more.asking,
        plan=more.plan,
        job_id=part.job_id,
        live=part.live,
        new=more.new,
        may_govern=call.actor.may(Permission.GOVERN),
        problem=more.problem,
        imported=more.imported or (_imported(followed[1]) if followed and followed[0].is_done else None),
        importing=followed[0] if followed else None,
        has_model=not task.fields and ws.store.models.champion(task.task_id) is not None,
        formats=tuple((_SPAN_TITLES if task.fields else _TITLES).items()),
        as_code=AsCode(
            cli=f"homegrown label teach {quoted} --upstream {words.shell(name)} --budget 1.00 --dry-run",
            python=f"ws.task({task.name!r}).ask({name!r}, budget_usd=1.0, dry_run=True)",
            sql="select label_source, class, count(*) as n, avg(confidence) as sure from votes\n"
            "where kind = 'model' group by all order by n desc",
        ),
    )


def _row(u: Upstream) -> UpstreamRow:
    price = f"{u.price_in_usd:g} / {u.price_out_usd:g}" if u.price_in_usd or u.price_out_usd else "free"
    return UpstreamRow(name=u.name, address=str(u.origin), model=u.model, price=price, terms=u.terms, has_key=u.has_key)


def _voters(ws: Workspace, task: Task) -> tuple[Voter, ...]:
    sources = [s for s in ws.store.tasks.label_sources(task.task_id) if s["kind"] == LabelSourceKind.MODEL.value]
    n_votes = ws.store.votes.n_by_source([s["label_source_id"] for s in sources])
    return tuple(
        Voter(
            name=s["name"],
            says=str(s["config"].get("model", "")),
            terms=str(s["config"].get("terms", "")),
            n_votes=n_votes.get(s["label_source_id"], 0),
        )
        for s in sources
    )


def _numbers(form: Asking) -> tuple[float, int | None]:
    try:
        budget, limit = float(form.budget), int(form.limit) if form.limit.strip() else None
    except ValueError as error:
        raise InputError("The budget is an amount in USD such as 1.50, the limit a whole number or empty.") from error
    if not math.isfinite(budget):
        raise InputError("The budget is an amount in USD such as 1.50.")
    return budget, limit


def _plan(call: Call, form: Asking) -> Plan:
    budget, limit = _numbers(form)
    task = call.ws.store.tasks.get(call.path["task_id"])
    run = call.ws.ask(task, form.upstream, budget_usd=budget, limit=limit, dry_run=True)
    known = f" {run.n_known:,} of {run.n_records:,} records are answered already." if run.n_known else ""
    masked = ", ".join(f"{n:,} × {kind}" for kind, n in run.n_masked.items())
    return Plan(
        sentence=f"{words.plural(run.n_asked, 'text')} in {words.plural(run.n_calls, 'call')} to {run.model}.{known}",
        cost=_usd(run.cost_usd),
        doubt=f"{_usd(run.cost_usd_low)} to {_usd(run.cost_usd_high)}; {_usd(run.spent_usd)} spent so far",
        budget=_usd(run.budget_usd),
        is_enough=run.is_enough,
        masked=masked or "nothing was found in these texts",
        prompts=tuple((p["system"], p["user"]) for p in run.prompts),
    )


def _usd(amount: float) -> str:
    return f"{amount:.2f} USD" if amount >= 1 or not amount else f"{amount:.4f} USD"


def start(call: Call) -> Response:
    """``POST /label/tasks/{task_id}/teachers``: ask, as a job."""
    task = call.ws.store.tasks.get(call.path["task_id"])
    form = Asking(upstream=posted(call, "upstream"), budget=posted(call, "budget"), limit=posted(call, "limit"))
    try:
        budget, limit = _numbers(form)
        upstream = call.ws.store.upstreams.get(form.upstream)
    except (InputError, NotFoundError) as error:
        return show(call, _page(call, _More(asking=form, problem=error.message)), error.status)
    arguments = {"task": task.task_id, "upstream": upstream.name, "budget_usd": budget, "limit": limit}
    work.submit(call.ws, call.actor, "teach", arguments)
    return _back(task)


def ours(call: Call) -> Response:
    """``POST /label/tasks/{task_id}/teachers/model``: let a model of ours vote, as a job."""
    task = call.ws.store.tasks.get(call.path["task_id"])
    work.submit(call.ws, call.actor, "model_votes", {"task": task.task_id})
    return _back(task)


def _back(task: Task) -> Response:
    return go(f"/label/tasks/{task.task_id}/teachers")


def add(call: Call) -> Response:
    """``POST /label/tasks/{task_id}/teachers/upstreams``: register a model API."""
    task = call.ws.store.tasks.get(call.path["task_id"])
    names = ("name", "base_url", "model", "price_in", "price_out", "terms")
    new = NewUpstream(**{n: posted(call, n).strip() for n in names}, is_private=posted(call, "private") == "1")
    try:
        call.ws.add_upstream(
            new.name, new.base_url, model=new.model, key=posted(call, "key").strip() or None,
            price_in_usd=_price(new.price_in), price_out_usd=_price(new.price_out), terms=new.terms,
            private=new.is_private,
        )  # fmt: skip
    except InputError as error:
        return show(call, _page(call, _More(new=new, problem=error.message)), error.status)
    return _back(task)


def _price(text: str) -> float | None:
    try:
        return float(text) if text else None
    except ValueError as error:
        raise InputError("A price is a number: USD for a million tokens, such as 0.15.") from error


def remove(call: Call) -> Response:
    """``POST /label/tasks/{task_id}/teachers/remove``: remove a model API with its key."""
    task = call.ws.store.tasks.get(call.path["task_id"])
    call.ws.remove_upstream(posted(call, "name"))
    return _back(task)


def stream(call: Call) -> Response:
    """``GET /label/tasks/{task_id}/teachers/stream``: the live part, sent again as it changes."""
    frame, task = framed(call), call.ws.store.tasks.get(call.path["task_id"])

    def fragment() -> tuple[str, bool]:
        part = _part(call.ws, task)
        return render.html(part.template, part, frame), not (part.live and part.live.is_running)

    return live(fragment)


def _part(ws: Workspace, task: Task) -> LivePart:
    job = _job(ws, task)
    return LivePart(job_id=job.job_id if job else "", live=_live(job) if job else None)


def _job(ws: Workspace, task: Task) -> Job | None:
    jobs = work.queue(ws).list(limit=200, verbs=_VERBS)
    return next((job for job in jobs if job.arguments.get("task") in (task.task_id, task.name)), None)


def _live(job: Job) -> LiveAsking:
    result: dict[str, Any] = job.result or {}
    spent = (job.progress or {}).get("cost_usd")
    return LiveAsking(
        is_running=job.status in ("queued", "running"),
        state=work.state(job),
        name=work.title(job),
        share=work.share(job),
        words=work.said(job),
        left=work.left(job),
        spent=f"{_usd(float(spent))} spent" if spent is not None else "",
        problem=(job.error or "It failed.") if job.status == "failed" else "",
        sentence=_sentence(result) if job.status == "succeeded" else "",
        notes=tuple(f"{n:,} × {what}" for what, n in result.get("problems", {}).items()),
    )


def _sentence(result: dict[str, Any]) -> str:
    n_votes, n_abstained = result.get("n_votes", 0), result.get("n_abstained", 0)
    parts = [f"{words.plural(n_votes, 'vote')} stand; on {words.plural(n_abstained, 'record')} it could not tell."]
    if "cost_usd" in result:
        parts.append(f"This run cost {_usd(result['cost_usd'])}; {_usd(result['spent_usd'])} in all.")
    if result.get("n_left"):
        parts.append(f"{words.plural(result['n_left'], 'text')} without an answer still.")
    return " ".join([*parts, str(result.get("stopped", ""))]).strip()


def bring(call: Call) -> Response:
    """``POST /label/tasks/{task_id}/import``: a file of other labelling software."""
    task = call.ws.store.tasks.get(call.path["task_id"])
    file = posted_file(call, "file")
    try:
        if file is None:
            raise InputError("No file was chosen.")
        upload = call.ws.uploads.add(file.file, file.filename or "file")
        chosen = posted(call, "format") or None
        if upload.n_bytes > _JOB_ABOVE_BYTES:
            arguments = {"task_id": task.task_id, "upload_id": upload.upload_id, "name": upload.name, "format": chosen}
            job_id = work.submit(call.ws, call.actor, "import_votes", arguments | {"actor_id": call.actor.actor_id})
            return go(f"/label/tasks/{task.task_id}/teachers?job={job_id}")
        done = call.ws.import_votes(task.name, upload.path, format=chosen, name=upload.name)
    except HomegrownError as error:
        if error.status >= 500:
            raise
        return show(call, _page(call, _More(problem=error.message)), error.status)
    return show(call, _page(call, _More(imported=_imported(asdict(done)))))


def _imported(done: dict[str, Any]) -> Imported:
    """What came of a file, from what ``import_votes`` or a job of it answered."""
    aside = [f"line {line}: {reason}" for line, reason in done["aside"][:_SHOWN_ASIDE]]
    if done["n_aside"] > _SHOWN_ASIDE:
        aside.append(f"and {done['n_aside'] - _SHOWN_ASIDE:,} more")
    votes, new = words.plural(done["n_votes"], "vote"), words.plural(done["n_added"], "new record")
    title = (_TITLES | _SPAN_TITLES).get(done["format"], done["format"])
    sentence = f"{votes} of {title} came in, with {new}."
    return Imported(sentence=sentence, aside=tuple(aside))


def export(call: Call) -> Response:
    """``GET /label/tasks/{task_id}/export``: all records with their labels, for other software."""
    task, format = call.ws.store.tasks.get(call.path["task_id"]), asked(call, "format")
    content = call.ws.stream_labels(task, format=format)
    headers = {"Content-Disposition": f'attachment; filename="labels-{format}.{suffix_of(format)}"'}
    return StreamingResponse(content, media_type="application/octet-stream", headers=headers)


_AT = "/label/tasks/{task_id}"
ROUTES: tuple[Route, ...] = (
    Route(f"{_AT}/teachers", teachers, Permission.READ, shape=Shape.PAGE),
    Route(f"{_AT}/teachers", start, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
    Route(f"{_AT}/teachers/model", ours, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
    Route(f"{_AT}/teachers/stream", stream, Permission.READ, shape=Shape.PAGE),
    Route(f"{_AT}/teachers/upstreams", add, Permission.GOVERN, methods=("POST",), shape=Shape.PAGE, form=True),
    Route(f"{_AT}/teachers/remove", remove, Permission.GOVERN, methods=("POST",), shape=Shape.PAGE, form=True),
    Route(f"{_AT}/import", bring, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True, max_body=MAX_BYTES),
    Route(f"{_AT}/export", export, Permission.READ, shape=Shape.PAGE),
)
