"""Rules of a task: build one as a sentence, see at once what it would do, let it vote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import msgspec
from starlette.responses import Response

from homegrown.core.access import Permission
from homegrown.core.rules import Rule
from homegrown.core.tasks import Task, TaskKind
from homegrown.errors import HomegrownError, InputError
from homegrown.label.rules.conditions import cost
from homegrown.label.rules.measure import Estimate
from homegrown.label.rules.preview import Beside, Preview, Shown
from homegrown.label.rules.sentence import OPS, sentence_of
from homegrown.store.fields import all_values
from homegrown.studio import words, work
from homegrown.studio.answer import asked, go, part, posted, show
from homegrown.studio.rule_form import RuleForm, form_of, form_of_rule
from homegrown.studio.view import AsCode, Done, Figure
from homegrown.web import Route, Shape

if TYPE_CHECKING:
    from homegrown.web import Call
    from homegrown.workspace import Workspace
    from homegrown.workspace.rules import StandingRule

_BASIS = {
    "people": "counted on records that people labelled",
    "sources": "estimated: how far the other sources, taken together, agree with it",
}
_INLINE_RECORDS = 500_000
_PATH = "/label/tasks/{task_id}/rules"


@dataclass(frozen=True, kw_only=True)
class RuleRow:
    """A standing rule."""

    name: str
    sentence: str
    source: str
    n_votes: int
    coverage: float
    n_conflict: int
    accuracy: Figure | None
    basis: str
    has_run: bool
    edit_href: str
    votes_href: str
    is_edited: bool


@dataclass(frozen=True, kw_only=True)
class RecordsToRead:
    """Records of one sort, to be read."""

    title: str
    says: str
    records: tuple[Shown, ...]


@dataclass(frozen=True, kw_only=True)
class PreviewView:
    """What a rule would do, in words."""

    sentence: str
    headline: str
    accuracy: Figure | None
    basis: str
    changes: str
    overlap: str
    beside: tuple[Beside, ...]
    lists: tuple[RecordsToRead, ...]
    judge: tuple[Shown, ...]
    threshold: str
    took: str


@dataclass(frozen=True, kw_only=True)
class PreviewPart:
    """The preview alone."""

    template: ClassVar[str] = "label/_rule_preview.html"
    form: RuleForm
    preview: PreviewView | None
    problem: str


@dataclass(frozen=True, kw_only=True)
class RulesPage:
    """The rules of a task, and one that is being built."""

    template: ClassVar[str] = "label/rules.html"
    task_id: str
    task: str
    classes: tuple[str, ...]
    takes_many: bool
    ops: tuple[tuple[str, str], ...]
    fields: tuple[str, ...]
    models: tuple[str, ...]
    rules: tuple[RuleRow, ...]
    form: RuleForm
    preview: PreviewView | None
    problem: str
    notes: tuple[str, ...]
    done: Done | None
    may_build: bool
    as_code: AsCode


def rules(call: Call) -> Response:
    """``GET /label/tasks/{task_id}/rules``; with a form's fields in the address, their preview too."""
    task = call.ws.store.tasks.get(call.path["task_id"])
    standing = call.ws.rules(task)
    edited = asked(call, "rule")
    form, notes = _form(call, standing, edited)
    found, problem = _try(call.ws, task, form)
    name = words.shell(task.name)
    page = RulesPage(
        task_id=task.task_id,
        task=task.name,
        classes=task.class_names,
        takes_many=task.kind is TaskKind.CLASSES,
        ops=tuple(OPS.items()),
        fields=_fields(call.ws),
        models=tuple(dict.fromkeys(v.model_name for v in call.ws.store.models.versions())),
        rules=tuple(_row(task, one, is_edited=one.name == edited) for one in standing),
        form=form,
        preview=found,
        problem=problem,
        notes=notes,
        done=_done(call, task, standing),
        may_build=call.actor.may(Permission.BUILD),
        as_code=AsCode(
            cli=f"homegrown label rules {name} --add rule.json\nhomegrown label rules {name} rules.py",
            python=_python(task, form, problem),
            sql=f"select label_source, class, count(*) as n from votes where task = {_quoted(task.name)} "
            "and kind = 'rule' group by all",
        ),
    )
    return show(call, page)


def _form(call: Call, standing: list[StandingRule], edited: str) -> tuple[RuleForm, tuple[str, ...]]:
    if not edited:
        return form_of(call.request.query_params), ()
    one = next((r for r in standing if r.name == edited), None)
    if one is None or not isinstance(one.rule, Rule):
        return RuleForm(), ("That rule cannot be edited here." if one else "There is no such rule any more.",)
    found = form_of_rule(one.rule)
    if found is None:
        return RuleForm(), (f"The rule {one.name!r} says more than this form can show; change it as JSON.",)
    return found, ()


def preview(call: Call) -> Response:
    """``POST …/preview``: the preview alone, while somebody builds."""
    task = call.ws.store.tasks.get(call.path["task_id"])
    form = form_of(call.form)
    found, problem = _try(call.ws, task, form)
    return part(call, PreviewPart.template, PreviewPart(form=form, preview=found, problem=problem))


def _try(ws: Workspace, task: Task, form: RuleForm) -> tuple[PreviewView | None, str]:
    try:
        if form.is_empty:
            return None, ""
        rule = form.rule()
        return _view(rule, ws.preview_rule(task, rule)), ""
    except HomegrownError as error:
        return None, error.message


def _view(rule: Rule, p: Preview) -> PreviewView:
    about = "about " if p.is_sample else ""
    share = words.percent(p.coverage)
    lists = (
        RecordsToRead(title="What others say differently", says="The surest first.", records=p.conflicts),
        RecordsToRead(
            title="What it misses", says="Labelled so already, and the rule is silent on them.", records=p.misses
        ),
        RecordsToRead(title="What it finds", says="Spread over all that match.", records=p.matches),
        RecordsToRead(title="Labels that would change", says="", records=p.changes),
    )
    return PreviewView(
        sentence=sentence_of(rule),
        headline=f"Votes on {about}{p.n_matches:,} of {words.plural(p.n_records, 'record')} ({share})",
        accuracy=_figure(p.accuracy),
        basis=_BASIS[p.accuracy.basis] if p.accuracy else "",
        changes=f"{words.plural(p.n_new, 'record')} would get a first label, about {p.n_changed:,} another one.",
        overlap=(
            f"On {p.n_overlap:,} somebody else has an opinion too, and on {p.n_conflict:,} another one."
            if p.n_overlap
            else ""
        ),
        beside=p.beside[:8],
        lists=tuple(one for one in lists if one.records),
        judge=p.judge,
        threshold=f"{p.thresholds[0]:.2f}" if p.thresholds else "",
        took=words.duration(p.seconds),
    )


def _figure(found: Estimate | None) -> Figure | None:
    return None if found is None else Figure(value=found.value, low=found.low, high=found.high, n=found.n)


def _row(task: Task, one: StandingRule, *, is_edited: bool) -> RuleRow:
    f = one.figures
    sql = (
        "select r.text, v.class, v.confidence from votes v join records r using (record_id) "
        f"where v.label_source_id = '{one.label_source_id}'"
    )
    return RuleRow(
        name=one.name,
        sentence=one.sentence,
        source=one.source,
        n_votes=f.n_votes,
        coverage=f.coverage,
        n_conflict=f.n_conflict,
        accuracy=_figure(f.accuracy),
        basis=_BASIS[f.accuracy.basis] if f.accuracy else "",
        has_run=one.has_run,
        edit_href=_here(task.task_id, rule=one.name) if one.rule else "",
        votes_href="/query?" + words.query_string(sql=sql),
        is_edited=is_edited,
    )


def _here(task_id: str, **values: str | int | None) -> str:
    query = words.query_string(**values)
    return _PATH.format(task_id=task_id) + (f"?{query}" if query else "")


def _fields(ws: Workspace) -> tuple[str, ...]:
    """Names of the fields that the first records have."""
    batch = next(ws.store.records.batches(["fields"], rows=200), None)
    return tuple(all_values(batch["fields"]))[:100] if batch is not None else ()


def _python(task: Task, form: RuleForm, problem: str) -> str:
    if problem or form.is_empty:
        says = next(iter(task.class_names), "a class")
        return (
            f"task = ws.task({task.name!r})\n\n@task.rule\ndef my_rule(record):\n"
            f"    return {says!r} if 'some words' in record.text else hg.ABSTAIN\n\ntask.label()"
        )
    return f"ws.add_rule({task.name!r}, {msgspec.to_builtins(form.rule())!r})\nws.run_rules({task.name!r})"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def save(call: Call) -> Response:
    """``POST …/rules``: keep a rule and let it vote; a dear one votes in a job."""
    ws = call.ws
    task = ws.store.tasks.get(call.path["task_id"])
    form = form_of(call.form)
    if form.is_empty:
        raise InputError("A rule needs a class to vote for and at least one condition.")
    rule = form.rule()
    before = {r["name"]: r["label_source_id"] for r in ws.store.rules.list(task.task_id)}.get(rule.name, "")
    new = ws.add_rule(task, rule)
    told = {"saved": rule.name, "before": before if before != new else ""}
    if max(map(cost, rule.when)) > 1 or ws.store.records.table.count() > _INLINE_RECORDS:
        job_id = work.queue(ws).submit(call.actor, "rules", {"task_id": task.task_id, "names": [rule.name]})
        return go(_here(task.task_id, **told, job=job_id))
    ws.run_rules(task, names=[rule.name])
    return go(_here(task.task_id, **told))


def run(call: Call) -> Response:
    """``POST …/run``: all rules over what they have not seen, in a job."""
    task = call.ws.store.tasks.get(call.path["task_id"])
    job_id = work.queue(call.ws).submit(call.actor, "rules", {"task_id": task.task_id})
    return go(f"/jobs/{job_id}")


def remove(call: Call) -> Response:
    """``POST …/remove``: a rule votes no more; undone by ``restore``."""
    task = call.ws.store.tasks.get(call.path["task_id"])
    name = posted(call, "name")
    return go(_here(task.task_id, removed=call.ws.remove_rule(task, name), name=name))


def restore(call: Call) -> Response:
    """``POST …/restore``: a version of a rule counts again."""
    task = call.ws.store.tasks.get(call.path["task_id"])
    call.ws.restore_rule(task, posted(call, "label_source_id"))
    return go(_here(task.task_id, restored=posted(call, "name")))


def _done(call: Call, task: Task, standing: list[StandingRule]) -> Done | None:
    """What was just done, with the way back."""
    here, names = _PATH.format(task_id=task.task_id), {r.name: r for r in standing}
    saved, before = asked(call, "saved"), asked(call, "before")
    if saved in names:
        n = names[saved].figures.n_votes
        votes = f"It votes on {words.plural(n, 'record')}." if names[saved].has_run else "It votes in a job now."
        undo, fields = (f"{here}/remove", (("name", saved),))
        if before:
            undo, fields = (f"{here}/restore", (("label_source_id", before), ("name", saved)))
        return Done(sentence=f"The rule {saved} is kept.", more=votes, undo=undo, fields=fields)
    removed, name = asked(call, "removed"), asked(call, "name")
    if removed and name not in names:
        fields = (("label_source_id", removed), ("name", name))
        return Done(sentence=f"The rule {name} votes no more.", undo=f"{here}/restore", fields=fields)
    restored = asked(call, "restored")
    if restored in names:
        return Done(
            sentence=f"The rule {restored} votes as it did.", undo=f"{here}/remove", fields=(("name", restored),)
        )
    return None


ROUTES: tuple[Route, ...] = (
    Route(_PATH, rules, Permission.READ, shape=Shape.PAGE),
    Route(_PATH, save, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
    Route(f"{_PATH}/preview", preview, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
    Route(f"{_PATH}/run", run, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
    Route(f"{_PATH}/remove", remove, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
    Route(f"{_PATH}/restore", restore, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
)
