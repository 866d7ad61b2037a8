"""Monitor: tasks found in captured calls, what they cost, and making a Task of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from starlette.responses import Response

from homegrown.core.access import Permission
from homegrown.core.traffic import OBJECT, AnswerKind
from homegrown.errors import HomegrownError, InputError
from homegrown.monitor import Suits
from homegrown.monitor.proposals import suitability
from homegrown.studio import words, work
from homegrown.studio.answer import asked, go, posted, posted_file, show
from homegrown.studio.field_form import TYPES
from homegrown.studio.view import AsCode, NextStep
from homegrown.web import Route, Shape
from homegrown.workspace.accepting import field_of
from homegrown.workspace.uploads import MAX_BYTES

if TYPE_CHECKING:
    from homegrown.core.traffic import FieldShape, ObjectField, Template
    from homegrown.jobs import Job
    from homegrown.monitor import Bill, Proposal
    from homegrown.web import Call

_CLASSES = 5
_CALLS = 5
_ASIDE = 20
_WORDINGS = 6
_BADGES = {Suits.READY: "good", Suits.SOON: "live", Suits.PART: "doubt", Suits.NOT: ""}
_SAID = {Suits.READY: "can be learned", Suits.SOON: "soon", Suits.PART: "in part", Suits.NOT: "not here"}
_OF = {"cost": "of what is paid", "tokens": "of the tokens", "calls": "of the calls"}


@dataclass(frozen=True, kw_only=True)
class ProposalRow:
    """A template in the list."""

    href: str
    name: str
    task_href: str
    badge: str
    says: str
    reason: str
    answers: str
    n_calls: int
    month: str
    cost: str
    share: float


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What came of a file."""

    sentence: str
    aside: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class MonitorPage:
    """What is in the traffic."""

    template: ClassVar[str] = "monitor/monitor.html"
    n_calls: int
    bill_words: str
    learnable: float
    unlearnable: float
    loose: float
    of: str
    proposals: tuple[ProposalRow, ...]
    others: tuple[ProposalRow, ...]
    imported: Imported | None
    problem: str
    may_build: bool
    job_id: str
    job_words: str
    job_share: float | None
    job_problem: str
    done_href: str
    done_words: str
    as_code: AsCode


@dataclass(frozen=True, kw_only=True)
class CallRow:
    """A call with the part that changes told from the rest."""

    parts: tuple[tuple[str, bool], ...]
    answer: str


@dataclass(frozen=True, kw_only=True)
class TemplatePage:
    """One template: its wordings, real calls, its classes under names that can be changed."""

    template: ClassVar[str] = "monitor/template.html"
    template_id: str
    name: str
    task_href: str
    badge: str
    says: str
    reason: str
    facts: tuple[tuple[str, str], ...]
    wordings: tuple[str, ...]
    n_wordings: int
    calls: tuple[CallRow, ...]
    field: str
    fields: tuple[str, ...]
    classes: tuple[tuple[str, str], ...]
    is_several: bool
    object_fields: tuple[tuple[str, str, str], ...]
    may_build: bool
    problem: str
    as_code: AsCode


def monitor(call: Call) -> Response:
    """``GET /monitor``."""
    return show(call, _page(call), step=_step(call))


def _step(call: Call) -> NextStep | None:
    """The Task that saves most of those that are not made yet."""
    found = call.ws.traffic().proposals
    best = next((p for p in found if p.suits == Suits.READY and not p.template.tasks), None)
    if best is None:
        return None
    saves = best.savings_month_usd
    more = "" if not saves else f" Answered at home, it saves up to {_usd(saves)} a month."
    return NextStep(
        title=f"Make “{best.template.name}” a Task", reason=best.reason + more, action="Look at it",
        href=f"/monitor/{best.template.template_id}",
    )  # fmt: skip


def _page(call: Call, *, imported: Imported | None = None, problem: str = "") -> MonitorPage:
    ws = call.ws
    found = ws.traffic()
    job = _job(call)
    waits = job is not None and job.status in ("queued", "running")
    done_href, done_words = _came_of(job)
    rows = [_row(p) for p in found.proposals]
    return MonitorPage(
        n_calls=ws.store.captured_imports.count(),
        bill_words=_bill(found.bill),
        learnable=found.bill.learnable,
        unlearnable=found.bill.unlearnable,
        loose=found.bill.loose,
        of=_OF[found.bill.by],
        proposals=tuple(r for r, p in zip(rows, found.proposals, strict=True) if _can(p)),
        others=tuple(r for r, p in zip(rows, found.proposals, strict=True) if not _can(p)),
        imported=imported,
        problem=problem,
        may_build=call.actor.may(Permission.BUILD),
        job_id=job.job_id if job and waits else "",
        job_words=work.said(job) if job else "",
        job_share=work.share(job) if job else None,
        job_problem=(job.error or "It was stopped.") if job and job.status in ("failed", "cancelled") else "",
        done_href=done_href,
        done_words=done_words,
        as_code=AsCode(
            cli="homegrown monitor import FILE\nhomegrown monitor tasks",
            python='ws.import_calls("calls.jsonl")\nws.find_tasks().proposals',
        ),
    )


def _can(p: Proposal) -> bool:
    return p.suits != Suits.NOT and bool(p.learnable or p.template.learnable)


def _job(call: Call) -> Job | None:
    job_id = asked(call, "job")
    return work.queue(call.ws).get(job_id) if job_id else None


def _came_of(job: Job | None) -> tuple[str, str]:
    if job is None or job.status != "succeeded" or not job.result:
        return "", ""
    if "task_id" in job.result:
        r = job.result
        votes, records = words.plural(r["n_votes"], "vote"), words.plural(r["n_added"], "new record")
        return f"/label/tasks/{r['task_id']}", f"“{r['task']}” is a Task: {votes}, {records}."
    return "", f"{words.plural(job.result.get('n_templates', 0), 'prompt')} shared by calls."


def _bill(bill: Bill) -> str:
    if not bill.n_calls:
        return ""
    over = "" if bill.days is None else f" over {bill.days:,.1f} days" if bill.days > 1 else " within a day"
    made_up = " (at simulated prices)" if bill.is_simulated else ""
    cost = f", {_usd(bill.cost_usd)} in all{made_up}" if bill.n_priced and bill.cost_usd else ""
    return f"{words.plural(bill.n_calls, 'call')}{over}{cost}."


def _usd(amount: float) -> str:
    return f"{amount:,.2f} USD" if amount >= 0.1 else f"{amount:.4f} USD"


def _row(p: Proposal) -> ProposalRow:
    t = p.template
    return ProposalRow(
        href=f"/monitor/{t.template_id}",
        name=t.name,
        task_href=_task_href(t),
        badge=_BADGES[p.suits],
        says=_SAID[p.suits],
        reason=p.reason,
        answers=_documents(t) if t.is_object else "; ".join(map(_answers, t.shape.fields)) or "no answers",
        n_calls=t.volume.n_calls,
        month="" if p.calls_month is None else f"{p.calls_month:,.0f} a month",
        cost="" if not p.cost_month_usd else _usd(p.cost_month_usd),
        share=p.share,
    )


def _task_href(t: Template) -> str:
    return next((f"/label/tasks/{task_id}" for task_id in t.tasks.values()), "")


def _documents(t: Template) -> str:
    return "JSON documents: " + ", ".join(f"{f.name} ({f.field.said_type if f.field else 'free'})" for f in t.fields)


def _answers(one: FieldShape) -> str:
    lead = f"{one.name}: " if one.name else ""
    if not one.classes:
        return lead + ("free text" if one.kind == AnswerKind.TEXT else one.kind.value)
    some = ", ".join(one.classes[:_CLASSES]) + (", …" if len(one.classes) > _CLASSES else "")
    several = "several of " if one.kind == AnswerKind.CLASSES else ""
    return f"{lead}{several}{words.plural(len(one.classes), 'class', 'classes')} ({some})"


def find(call: Call) -> Response:
    """``POST /monitor/find``: look through all calls, as a job."""
    return go(f"/monitor?job={work.submit(call.ws, call.actor, 'find_tasks', {})}")


def bring(call: Call) -> Response:
    """``POST /monitor/import``: files of calls."""
    try:
        files = [f for f in (posted_file(call, "file"), posted_file(call, "other")) if f is not None]
        if not files:
            raise InputError("No file was chosen.")
        uploads = [call.ws.uploads.add(f.file, f.filename or "file") for f in files]
        done = call.ws.import_calls(*(u.path for u in uploads), name=uploads[0].name)
    except HomegrownError as error:
        if error.status >= 500:
            raise
        return show(call, _page(call, problem=error.message), error.status)
    shown = {u.path.name: u.name for u in uploads}
    aside = [f"{shown.get(a.file, a.file)}, line {a.line}: {a.reason}" for a in done.aside[:_ASIDE]]
    if done.n_aside > _ASIDE:
        aside.append(f"and {done.n_aside - _ASIDE:,} more")
    formats = ", ".join(sorted(set(done.formats)))
    sentence = f"{words.plural(done.n_calls, 'call')} ({formats}), {done.n_added:,} of them new."
    return show(call, _page(call, imported=Imported(sentence=sentence, aside=tuple(aside))))


def point(call: Call) -> Response:
    """``POST /monitor/tag``: make a Task of the calls with a tag, as a job."""
    tag, sign, value = posted(call, "tag").partition("=")
    if not sign or not tag.strip() or not value.strip():
        return show(call, _page(call, problem="Write the tag as NAME=VALUE, such as feature=triage."), 422)
    arguments = {"tag": tag.strip(), "value": value.strip(), "name": posted(call, "name").strip() or None}
    return go(f"/monitor?job={work.submit(call.ws, call.actor, 'accept_tag', arguments)}")


def template(call: Call) -> Response:
    """``GET /monitor/{template_id}``."""
    return show(call, _template_page(call, asked(call, "field"), ""))


def _template_page(call: Call, wanted: str, problem: str) -> TemplatePage:
    ws = call.ws
    t = ws.store.templates.get(call.path["template_id"])
    proposal = next((p for p in ws.traffic().proposals if p.template.template_id == t.template_id), None)
    suits, reason = suitability(t)
    closed = t.shape.closed()
    whole = t.is_object and wanted in ("", OBJECT)
    one = None if whole else next((f for f in closed if f.name == wanted), closed[0] if closed else None)
    names = t.names.get(one.name, {}) if one else {}
    return TemplatePage(
        template_id=t.template_id,
        name=t.name,
        task_href=_task_href(t),
        badge=_BADGES[suits],
        says=_SAID[suits],
        reason=reason,
        facts=_facts(t, proposal, one),
        wordings=tuple(_wording(v.system.constants, v.user.constants) for v in t.variants[:_WORDINGS]),
        n_wordings=len(t.variants),
        calls=tuple(CallRow(parts=c.parts, answer=c.answer) for c in ws.template_calls(t.template_id, _CALLS)),
        field=one.name if one else OBJECT if whole else "",
        fields=(*((OBJECT,) if t.is_object else ()), *(f.name for f in closed)),
        classes=tuple((c, names.get(c, c) or "") for c in one.classes) if one else (),
        is_several=bool(one) and one.kind == AnswerKind.CLASSES,
        object_fields=tuple(map(_field_row, t.fields)) if whole else (),
        may_build=call.actor.may(Permission.BUILD),
        problem=problem,
        as_code=AsCode(
            cli=f"homegrown monitor accept {t.template_id} --name {words.shell(t.name)}",
            python=f"ws.accept_template({t.template_id!r}, name={t.name!r})",
            sql="select label_source, class, count(*) as n from votes where kind = 'model' group by all",
        ),
    )


def _field_row(one: ObjectField) -> tuple[str, str, str]:
    """Name, type, and how much of it can be learnt."""
    if one.field is None:
        return one.name, "not learnt here", f"{one.why}."
    kind = one.field.type.value
    holds = dict(TYPES).get(kind + ("*" if one.field.takes_many else ""), one.field.said_type)
    return one.name, holds, f"stands in the text in {one.share:.0%} of {one.n:,} answers"


def _wording(system: tuple[str, ...], user: tuple[str, ...]) -> str:
    said = [" … ".join(c for c in part) for part in (system, user)]
    return "\n\n".join(s for s in said if s.strip(" …"))


def _facts(t: Template, p: Proposal | None, one: FieldShape | None) -> tuple[tuple[str, str], ...]:
    v = t.volume
    found = [("Calls", f"{v.n_calls:,}"), ("Wordings", f"{len(t.variants):,}")]
    if p is not None and p.calls_month is not None:
        found.append(("A month", f"{p.calls_month:,.0f} calls"))
    if p is not None and p.cost_month_usd:
        found.append(("Cost a month", _usd(p.cost_month_usd)))
    if p is not None and p.savings_month_usd:
        found.append(("Could save at most", f"{_usd(p.savings_month_usd)} a month"))
    found.append(("Models", ", ".join(f"{m} ({n:,})" for m, n in t.models.items())))
    a = t.agreement.get(one.name) if one else None
    if a is not None:
        found.append(("Single words alone say", words.with_doubt(a.value, a.low, a.high, a.n)))
    if v.n_history:
        found.append(("With earlier turns", f"{v.n_history:,}"))
    return tuple(found)


def accept(call: Call) -> Response:
    """``POST /monitor/accept``: make a Task of a template, as a job; an emptied name means none of the classes."""
    ws = call.ws
    t = ws.store.templates.get(posted(call, "template_id"))
    if t.is_object and posted(call, "field") == OBJECT:
        whole = {"template_id": t.template_id, "name": posted(call, "name").strip() or None, "field": OBJECT}
        return go(f"/monitor?job={work.submit(ws, call.actor, 'accept_task', whole)}")
    one = field_of(t, posted(call, "field") if len(t.shape.closed()) > 1 else None)
    names: dict[str, str | None] = {}
    for number, label in enumerate(one.classes):
        said = posted(call, f"class_{number}", label).strip()
        if said != label:
            names[label] = said or None
    arguments = {
        "template_id": t.template_id, "name": posted(call, "name").strip() or None, "field": one.name, "names": names,
    }  # fmt: skip
    return go(f"/monitor?job={work.submit(ws, call.actor, 'accept_task', arguments)}")


def _posts(path: str, handler: object, **more: int) -> Route:
    how = {"methods": ("POST",), "shape": Shape.PAGE, "form": True, **more}
    return Route(path, handler, Permission.BUILD, **how)  # type: ignore[arg-type]


ROUTES: tuple[Route, ...] = (
    Route("/monitor", monitor, Permission.READ, shape=Shape.PAGE),
    _posts("/monitor/find", find),
    _posts("/monitor/import", bring, max_body=MAX_BYTES),
    _posts("/monitor/tag", point),
    _posts("/monitor/accept", accept),
    Route("/monitor/{template_id}", template, Permission.READ, shape=Shape.PAGE),
)
