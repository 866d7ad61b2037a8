"""Curate: what is doubtful about records and labels, as counts per kind and as one queue that keys decide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import msgspec
from starlette.responses import Response

from homegrown.core.access import Permission
from homegrown.core.issues import KINDS, OPEN, Decision, Issue
from homegrown.core.schema import FieldType
from homegrown.core.spans import stretches
from homegrown.studio import search, words, work
from homegrown.studio.answer import asked, go, posted, show
from homegrown.studio.view import AsCode, Done, NextStep
from homegrown.web import Route, Shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.core.tasks import Task
    from homegrown.web import Call
    from homegrown.workspace import Workspace

_SHOWN = 12
_MAX_TEXT = 20_000
#: decision → key, what the button says, what it does
_KEYS = {
    Decision.RELABEL: ("r", "Relabel", "your vote for the class that was suggested"),
    Decision.MASK: ("m", "Mask", "models learn from a copy without it"),
    Decision.MERGE: ("g", "Merge", "the other record stands for both"),
    Decision.DROP: ("d", "Drop", "left out of later snapshots"),
    Decision.KEEP: ("k", "Keep", "it is right as it is"),
}
_DONE = {"kept": "Kept.", "relabelled": "Relabelled.", "dropped": "Dropped.", "masked": "Masked.", "merged": "Merged."}


@dataclass(frozen=True, kw_only=True)
class KindRow:
    """How much of one kind waits and was decided."""

    title: str
    n_open: int
    n_decided: int
    href: str


@dataclass(frozen=True, kw_only=True)
class CuratePage:
    """What was found, kind by kind, and where to begin."""

    template: ClassVar[str] = "curate/curate.html"
    kinds: tuple[KindRow, ...]
    tasks: tuple[str, ...]
    step: NextStep | None
    as_code: AsCode

    @property
    def has_step(self) -> bool:
        """Whether this page ends in a next step of its own; else it is the workspace's."""
        return self.step is not None


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A stretch of a text; `kind` says what a marked one holds."""

    text: str
    kind: str


@dataclass(frozen=True, kw_only=True)
class Side:
    """One record as evidence."""

    title: str
    record_id: str
    label: str
    pieces: tuple[Piece, ...]
    is_cut: bool


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One decision, its key and what it does."""

    decision: str
    key: str
    name: str
    says: str


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """One line of the queue."""

    title: str
    reason: str
    href: str


@dataclass(frozen=True, kw_only=True)
class Case:
    """The issue that is to be decided now."""

    issue_id: str
    title: str
    reason: str
    sides: tuple[Side, ...]
    choices: tuple[Choice, ...]
    classes: tuple[str, ...]
    takes_many: bool


@dataclass(frozen=True, kw_only=True)
class IssuesPage:
    """The queue: one case, what comes after it, and the way back."""

    template: ClassVar[str] = "curate/issues.html"
    kind: str
    n_open: int
    was_looked_for: bool
    filters: tuple[KindRow, ...]
    case: Case | None
    skip_href: str
    queue: tuple[Waiting, ...]
    done: Done | None
    as_code: AsCode


def overview(call: Call) -> Response:
    """``GET /curate``."""
    rows = _rows(call.ws)
    n_open = sum(row.n_open for row in rows)
    names = tuple(call.ws.store.tasks.names())
    page = CuratePage(
        kinds=rows,
        tasks=names,
        step=_step(n_open, rows),
        as_code=AsCode(
            cli=f"homegrown curate issues {words.shell(names[0]) if names else ''}".rstrip(),
            python=f"ws.find_issues({names[0]!r})\nws.issues()" if names else "ws.find_issues()\nws.issues()",
            sql="select kind, state, count(*) as n from issues group by all order by n desc",
        ),
    )
    return show(call, page)


def _rows(ws: Workspace) -> tuple[KindRow, ...]:
    counts = ws.store.issues.counts()
    found = []
    for kind in sorted(KINDS.values(), key=lambda k: -k.harm):
        states = counts.get(kind.name, {})
        if states:
            decided = sum(n for state, n in states.items() if state != OPEN)
            found.append(
                KindRow(title=kind.title, n_open=states.get(OPEN, 0), n_decided=decided,
                        href="/curate/issues?" + words.query_string(kind=kind.name))
            )  # fmt: skip
    return tuple(found)


def _step(n_open: int, rows: tuple[KindRow, ...]) -> NextStep | None:
    if n_open:
        worst = next(row for row in rows if row.n_open)
        return NextStep(
            title=f"Review {words.plural(n_open, 'doubtful case')}",
            reason=f"The most harmful stand first: {worst.title} ({worst.n_open:,}). "
            "One key decides each, and each decision can be taken back.",
            action="Begin",
            href="/curate/issues",
        )
    if rows:
        return NextStep(title="Train with what was decided", reason="Nothing doubtful waits any more.",
                        action="Train", href="/train")  # fmt: skip
    return None


def find(call: Call) -> Response:
    """``POST /curate/find``: look for issues, as a job."""
    task = posted(call, "task")
    job_id = work.submit(call.ws, call.actor, "issues", {"task": task} if task else {})
    return go(f"/jobs/{job_id}")


def issues(call: Call) -> Response:
    """``GET /curate/issues``: `kind` narrows the queue, `after` skips, `issue` shows one, `done` was decided last."""
    ws, kind, rows = call.ws, asked(call, "kind"), _rows(call.ws)
    kind = kind if kind in KINDS else ""
    skipped = asked(call, "after")
    after = int(skipped) if skipped.isdecimal() and len(skipped) < 7 else 0
    found = ws.issues(kind=kind or None, limit=_SHOWN, offset=after)
    if asked(call, "issue"):
        chosen = ws.store.issues.get(asked(call, "issue"))
        rest = [i for i in found if i.issue_id != chosen.issue_id]
        found = [chosen, *rest] if chosen.state == OPEN else rest
    rows = _rows(ws)
    case = _case(ws, found[0]) if found else None
    page = IssuesPage(
        kind=kind,
        n_open=sum(row.n_open for row in rows if not kind or row.title == KINDS[kind].title),
        was_looked_for=bool(rows) or ws.store.issues.was_looked_for(),
        filters=tuple(row for row in rows if row.n_open),
        case=case,
        skip_href="/curate/issues?" + words.query_string(kind=kind, after=after + 1) if len(found) > 1 else "",
        queue=tuple(_waiting(i, kind) for i in found[1:]),
        done=_done(ws, asked(call, "done"), kind),
        as_code=AsCode(
            cli="homegrown curate issues --list" + (f" --kind {kind}" if kind else ""),
            python=f"issue = ws.issues({f'kind={kind!r}' if kind else ''})[0]\n"
            f'ws.decide(issue.issue_id, "{case.choices[0].decision if case else "keep"}")',
            sql="select * from issues where state = 'open'" + (f" and kind = '{kind}'" if kind else ""),
        ),
    )
    return show(call, page)


def _waiting(issue: Issue, kind: str) -> Waiting:
    href = "/curate/issues?" + words.query_string(kind=kind, issue=issue.issue_id)
    return Waiting(title=issue.title, reason=issue.reason, href=href)


def _case(ws: Workspace, issue: Issue) -> Case:
    task = ws.store.tasks.get(issue.task_id) if issue.task_id else None
    said = _suggested(ws, issue, task)
    choices = []
    for decision in issue.decisions:
        key, name, says = _KEYS[decision]
        if decision is Decision.RELABEL:
            if not said:
                continue
            name = f"Relabel as {said}"
        choices.append(Choice(decision=decision.value, key=key, name=name, says=says))
    return Case(
        issue_id=issue.issue_id,
        title=issue.title,
        reason=issue.reason,
        sides=_sides(ws, issue),
        choices=tuple(choices),
        classes=task.class_names if task and Decision.RELABEL in issue.decisions else (),
        takes_many=task is not None and task.kind.value == "classes",
    )


def _suggested(ws: Workspace, issue: Issue, task: Task | None) -> str:
    if task is not None and "field_id" in issue.details:
        return _field_said(ws, issue, task, "answer")
    wanted = issue.details.get("class_id")
    return next((c.name for c in task.classes if c.class_id == wanted), "") if task else ""


def _field_said(ws: Workspace, issue: Issue, task: Task, part: str) -> str:
    """What a field of the record holds by its label (``given``), or should (``answer``); empty where it is gone."""
    one = next((f for f in task.fields if f.field_id == issue.details["field_id"]), None)
    text = ws.store.records.texts([issue.record_id]).get(issue.record_id)
    if one is None or text is None:
        return ""
    said = {"fields": {one.field_id: issue.details[part]}}
    words_of_it = [text[a:b] for a, b in (issue.details[part] or {}).get("spans", ())]
    if one.type is FieldType.SPAN and words_of_it:
        return f"{one.name}: {', '.join(f'“{w[:80]}”' for w in words_of_it[:5])}"
    return search.names_of(task, msgspec.json.encode(said).decode())


def _field_spans(issue: Issue) -> list[tuple[int, int, str]]:
    """Where in the text a field stands by its label, and where it should."""
    return [(start, end, name) for part, name in (("given", "labelled"), ("answer", "suggested"))
            for start, end in (issue.details.get(part) or {}).get("spans", ())]  # fmt: skip


def _sides(ws: Workspace, issue: Issue) -> tuple[Side, ...]:
    ids = [issue.record_id, *([issue.other_id] if issue.other_id else [])]
    texts, labels = ws.store.records.texts(ids), search.labels(ws, ids, issue.task_id)
    titles = ("This record", "The other one") if len(ids) > 1 else ("The record",)
    spans = issue.details.get("spans", [])
    if issue.task_id and "field_id" in issue.details:
        spans = _field_spans(issue)
        labels = {issue.record_id: _field_said(ws, issue, ws.store.tasks.get(issue.task_id), "given")}
    return tuple(
        Side(
            title=title,
            record_id=record_id,
            label=labels.get(record_id, ""),
            pieces=_pieces(texts.get(record_id, ""), spans if record_id == issue.record_id else []),
            is_cut=len(texts.get(record_id, "")) > _MAX_TEXT,
        )
        for title, record_id in zip(titles, ids, strict=True)
    )


def _pieces(text: str, spans: Sequence[tuple[int, int, str]]) -> tuple[Piece, ...]:
    """The text in stretches, marked where *spans* say what stands there, all of it where they overlap."""
    text = text[:_MAX_TEXT]
    return tuple(
        Piece(text=text[start:end], kind=", ".join(dict.fromkeys(spans[i][2].replace("_", " ") for i in over)))
        for start, end, over in stretches(len(text), [(start, end) for start, end, _ in spans])
    )


def _done(ws: Workspace, issue_id: str, kind: str) -> Done | None:
    if not issue_id:
        return None
    issue = ws.store.issues.get(issue_id)
    if issue.state == OPEN:
        return Done(sentence="Taken back: it waits again.")
    fields = (("issue_id", issue_id), ("kind", kind))
    return Done(sentence=_DONE.get(issue.state, "Decided."), more=issue.reason, undo="/curate/undo", fields=fields)


def decide(call: Call) -> Response:
    """``POST /curate/decide``: one decision, then the next case."""
    issue_id, kind = posted(call, "issue_id"), posted(call, "kind")
    said = [v for v in call.form.getlist("class") if isinstance(v, str) and v]
    chosen = None if not said else said[0] if len(said) == 1 else said
    if chosen == " ":  # "none of these": no class at all
        chosen = []
    call.ws.decide(issue_id, posted(call, "decision"), said=chosen)
    return go("/curate/issues?" + words.query_string(kind=kind if kind in KINDS else "", done=issue_id))


def undo(call: Call) -> Response:
    """``POST /curate/undo``: take a decision back; its case is shown again."""
    issue_id, kind = posted(call, "issue_id"), posted(call, "kind")
    call.ws.undo_decision(issue_id)
    shown = words.query_string(kind=kind if kind in KINDS else "", issue=issue_id, done=issue_id)
    return go("/curate/issues?" + shown)


ROUTES: tuple[Route, ...] = (
    Route("/curate", overview, Permission.READ, shape=Shape.PAGE),
    Route("/curate/find", find, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
    Route("/curate/issues", issues, Permission.READ, shape=Shape.PAGE),
    Route("/curate/decide", decide, Permission.REVIEW, methods=("POST",), shape=Shape.PAGE, form=True),
    Route("/curate/undo", undo, Permission.REVIEW, methods=("POST",), shape=Shape.PAGE, form=True),
)
