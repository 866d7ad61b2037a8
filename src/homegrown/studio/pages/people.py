"""Who labels a task: invitations, agreement, what each person confuses, and what they ask."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from starlette.responses import Response

from homegrown.core.access import Permission
from homegrown.core.assignments import StationSettings
from homegrown.errors import InputError
from homegrown.govern.people import INVITED, Invitation, People
from homegrown.studio import words
from homegrown.studio.answer import go, posted, show
from homegrown.studio.view import AsCode, NextStep
from homegrown.web import Route, Shape

if TYPE_CHECKING:
    from homegrown.core.tasks import Task
    from homegrown.label.people import PersonReport
    from homegrown.metrics.agreement import Agreement
    from homegrown.web import Call
    from homegrown.workspace import Workspace
    from homegrown.workspace.people import Team

MOST_ROWS = 30
RELIABLE, DOUBTFUL = 0.8, 0.667  # Krippendorff 2004, Content Analysis, section 11.4


@dataclass(frozen=True, kw_only=True)
class PersonRow:
    """One person: what they may do, how much they said, how often it seems right, what they take for what."""

    actor_id: str
    name: str
    role: str
    n_votes: int
    accuracy: str
    confusions: tuple[str, ...]
    signed_in: str
    is_invited: bool


@dataclass(frozen=True, kw_only=True)
class AgreementRow:
    """How far people agree on one thing."""

    about: str
    alpha: str
    says: str
    n: int


@dataclass(frozen=True, kw_only=True)
class RemarkRow:
    """What somebody asked, flagged or remarked."""

    comment_id: str
    kind: str
    who: str
    text: str
    record_id: str
    at: str
    answer: str
    is_open: bool


@dataclass(frozen=True, kw_only=True)
class InvitedCard:
    """Somebody who was just invited, with what is shown this once."""

    name: str
    role: str
    link: str
    key: str


@dataclass(frozen=True, kw_only=True)
class FieldChoice:
    """A field of the records that may stand beside the text."""

    name: str
    is_chosen: bool


@dataclass(frozen=True, kw_only=True)
class PeoplePage:
    """The people of one task."""

    template: ClassVar[str] = "label/people.html"
    has_step: ClassVar[bool] = True
    task_id: str
    task: str
    lead: str
    step: NextStep
    may_invite: bool
    invited: InvitedCard | None
    people: tuple[PersonRow, ...]
    overall: AgreementRow | None
    by: str
    classes: tuple[AgreementRow, ...]
    pairs: tuple[AgreementRow, ...]
    remarks: tuple[RemarkRow, ...]
    overlap: int
    hides: bool
    fields: tuple[FieldChoice, ...]
    as_code: AsCode


def people(call: Call) -> Response:
    """``GET /label/tasks/{task_id}/people``."""
    return _page(call, None)


def invite(call: Call) -> Response:
    """``POST /label/tasks/{task_id}/invite``: the link is on the page that answers, and nowhere else."""
    made = call.ws.invite(_task(call), posted(call, "name"), posted(call, "role", "annotator"))
    return _page(call, _card(call, made))


def relink(call: Call) -> Response:
    """``POST /label/tasks/{task_id}/people/link``: another link for somebody who lost theirs; admits them here too."""
    actor_id, task = posted(call, "actor_id"), _task(call)
    known = People(call.ws.store.db)
    link = known.new_link(call.actor, actor_id)
    call.ws.admit(task, actor_id)
    row = next(r for r in known.list() if r["actor_id"] == actor_id)
    address = f"{call.doors.origin}/signin?link={link}"
    return _page(call, InvitedCard(name=row["name"], role=row["role"], link=address, key=""))


def remove(call: Call) -> Response:
    """``POST /label/tasks/{task_id}/people/remove``: let somebody in no more."""
    People(call.ws.store.db).remove(call.actor, posted(call, "actor_id"))
    call.doors.identity.forget()
    return go(f"/label/tasks/{_task(call).task_id}/people")


def answer(call: Call) -> Response:
    """``POST /label/tasks/{task_id}/people/answer``: answer a question, or mark a remark as seen."""
    call.ws.answer(posted(call, "comment_id"), posted(call, "answer")[:5000])
    return go(f"/label/tasks/{_task(call).task_id}/people#remarks")


def settings(call: Call) -> Response:
    """``POST /label/tasks/{task_id}/people/settings``: how the task is labelled."""
    task, overlap = _task(call), posted(call, "overlap", "1")
    if not overlap.isascii() or not overlap.isdigit():
        raise InputError("How many people see each record is a whole number, 1 or more.")
    chosen = tuple(f for f in call.form.getlist("field") if isinstance(f, str))
    hides = posted(call, "hides") == "on"
    call.ws.set_station(task, StationSettings(overlap=int(overlap[:4]), fields=chosen, hides_suggestions=hides))
    return go(f"/label/tasks/{task.task_id}/people")


def _task(call: Call) -> Task:
    return call.ws.store.tasks.get(call.path["task_id"])


def _card(call: Call, made: Invitation) -> InvitedCard:
    link = f"{call.doors.origin}/signin?link={made.link}"
    return InvitedCard(name=made.name, role=made.role.value, link=link, key=made.key)


def _page(call: Call, invited: InvitedCard | None) -> Response:
    ws, task = call.ws, _task(call)
    team, now = ws.team(task), ws.station_settings(task)
    overall = _agreement("everything", team.report.alpha)
    name = words.shell(task.name)
    page = PeoplePage(
        task_id=task.task_id,
        task=task.name,
        lead=_lead(team, overall),
        step=_step(task, team),
        may_invite=call.actor.may(Permission.BUILD),
        invited=invited,
        people=_people(ws, task, team),
        overall=overall,
        by="field" if task.fields else "class",
        classes=_worst_first((n, a) for n, a in team.report.by_class) or _by_field(team),
        pairs=_worst_first((f"{team.names[a]} and {team.names[b]}", k) for a, b, k in team.report.by_pair),
        remarks=_remarks(ws, task),
        overlap=now.overlap,
        hides=now.hides_suggestions,
        fields=_fields(ws, now),
        as_code=AsCode(
            cli=f"homegrown label people {name}\nhomegrown label invite {name} NAME --role {INVITED[0].value}",
            python=f'ws.team({task.name!r})\nws.invite({task.name!r}, "Anna").link',
            sql=f"select record_id, actor_id, class from votes where task = '{task.name}' and vote_id is not null",
        ),
    )
    return show(call, page)


def _by_field(team: Team) -> tuple[AgreementRow, ...]:
    """Of spans with the F1 of each two people beside."""
    found = []
    for one in team.report.by_field:
        f1 = "" if one.f1 is None else f" (F1 of two people: {one.f1:.2f})"
        found.append((f"{one.name}{f1}", one.agreement))
    return _worst_first(found)


def _lead(team: Team, overall: AgreementRow | None) -> str:
    n = len(team.report.people)
    if not n:
        return "Nobody has labelled this yet. Invite somebody, or open the station yourself."
    said = sum(p.n_votes for p in team.report.people)
    voices = f"{words.plural(n, 'person', 'people')} gave {words.plural(said, 'vote')}."
    if overall is None:
        return f"{voices} No record was seen by two of them, so nobody can say how far they agree."
    return f"{voices} {overall.says}"


def _step(task: Task, team: Team) -> NextStep:
    if team.n_conflicts:
        return NextStep(
            title=f"Settle {words.plural(team.n_conflicts, 'conflict')}",
            reason="People disagree on these records; a reviewer's word decides what models learn.",
            action="Settle them",
            href=f"/label/tasks/{task.task_id}/review",
        )
    if team.n_questions:
        return NextStep(
            title=f"Answer {words.plural(team.n_questions, 'question')}",
            reason="Somebody is unsure how to decide; the answer belongs into the guidelines.",
            action="See them",
            href="#remarks",
        )
    return NextStep(
        title="Label what waits",
        reason="Every record that a person has seen makes the next model surer.",
        action="Open the station",
        href=f"/label/tasks/{task.task_id}/station",
    )


def _agreement(about: str, found: Agreement) -> AgreementRow | None:
    if not found.n or math.isnan(found.value):
        return None
    low, high = found.ci95
    if low >= RELIABLE:
        says = "They agree well enough to rely on it."
    elif low >= DOUBTFUL:
        says = "They agree well enough for careful conclusions."
    elif high < DOUBTFUL:
        says = "They agree too little: look at the conflicts, then write clearer guidelines."
    else:
        says = "Too few shared records to say whether they agree well enough."
    return AgreementRow(about=about, alpha=f"{found.value:.2f} ({low:.2f} to {high:.2f})", says=says, n=found.n)


def _worst_first(found: Any) -> tuple[AgreementRow, ...]:
    ordered = sorted(((n, a) for n, a in found if not math.isnan(a.value)), key=lambda pair: pair[1].value)
    rows = [_agreement(name, agreement) for name, agreement in ordered[:MOST_ROWS]]
    return tuple(row for row in rows if row is not None)


def _people(ws: Workspace, task: Task, team: Team) -> tuple[PersonRow, ...]:
    reports = {p.actor_id: p for p in team.report.people}
    invited = {row["actor_id"]: row for row in People(ws.store.db).list()}
    here = {i for i in invited if task.task_id in ws.admitted(i)}
    names = {**{i: str(invited[i]["name"]) for i in here}, **team.names}
    return tuple(
        _person(actor_id, names[actor_id], invited.get(actor_id), reports.get(actor_id))
        for actor_id in sorted(names, key=lambda i: names[i].lower())
    )


def _person(actor_id: str, name: str, invited: dict[str, Any] | None, report: PersonReport | None) -> PersonRow:
    accuracy = ""
    if report is not None and report.accuracy is not None:
        how = "measured" if report.is_measured else "estimated"
        low, high = (words.percent(x, 0) for x in report.ci95)
        accuracy = f"{words.percent(report.accuracy, 0)} ({low} to {high}), {how}"
    return PersonRow(
        actor_id=actor_id,
        name=name,
        role=invited["role"] if invited else "",
        n_votes=report.n_votes if report else 0,
        accuracy=accuracy,
        confusions=tuple(
            f"{c.truth} → {c.said}: {words.percent(c.share, 0)} of about {c.n:.0f}"
            for c in (report.confusions if report else ())
        ),
        signed_in=(invited["signed_in_at"] or "") if invited else "",
        is_invited=invited is not None,
    )


def _remarks(ws: Workspace, task: Task) -> tuple[RemarkRow, ...]:
    return tuple(
        RemarkRow(
            comment_id=row["comment_id"],
            kind=row["kind"],
            who=row["actor"],
            text=row["text"],
            record_id=row["record_id"],
            at=row["created_at"],
            answer=row["answer"] or "",
            is_open=row["resolved_at"] is None,
        )
        for row in ws.store.comments.of_task(task.task_id, limit=MOST_ROWS)
    )


def _fields(ws: Workspace, now: StationSettings) -> tuple[FieldChoice, ...]:
    seen = dict.fromkeys(now.fields)
    for record in ws.store.records.page(limit=20).records:
        # A column that is the text itself stands there already.
        seen |= dict.fromkeys(name for name, value in record.fields.items() if value != record.text)
    return tuple(FieldChoice(name=n, is_chosen=n in now.fields) for n in list(seen)[:MOST_ROWS])


_PATH = "/label/tasks/{task_id}"
ROUTES = (
    Route(f"{_PATH}/people", people, Permission.REVIEW, shape=Shape.PAGE),
    Route(f"{_PATH}/invite", invite, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
    Route(f"{_PATH}/people/link", relink, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
    Route(f"{_PATH}/people/remove", remove, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
    Route(f"{_PATH}/people/settings", settings, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
    Route(f"{_PATH}/people/answer", answer, Permission.REVIEW, methods=("POST",), shape=Shape.PAGE, form=True),
)
