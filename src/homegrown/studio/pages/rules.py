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
from homegrown.label.rules.preview import Beside, Preview, Shown
from homegrown.label.rules.sentence import OPS, sentence_of
from homegrown.studio import words, work
from homegrown.studio.answer import asked, go, part, posted, show
from homegrown.studio.field_rule_form import field_form_of
from homegrown.studio.pages import field_rules
from homegrown.studio.rule_form import RuleForm, form_of, form_of_rule
from homegrown.studio.rule_parts import BASIS, PATH, RuleRow, figure, here, quoted, record_fields, row_of, rule_done
from homegrown.studio.view import AsCode, Done, Figure
from homegrown.web import Route, Shape

if TYPE_CHECKING:
    from homegrown.web import Call
    from homegrown.workspace import Workspace
    from homegrown.workspace.rules import StandingRule

_INLINE_RECORDS = 500_000


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
    if task.fields:
        return field_rules.page_of(call, task)
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
        fields=record_fields(call.ws),
        models=tuple(dict.fromkeys(v.model_name for v in call.ws.store.models.versions())),
        rules=tuple(row_of(task, one, is_edited=one.name == edited) for one in standing),
        form=form,
        preview=found,
        problem=problem,
        notes=notes,
        done=rule_done(call, task, standing),
        may_build=call.actor.may(Permission.BUILD),
        as_code=AsCode(
            cli=f"homegrown label rules {name} --add rule.json\nhomegrown label rules {name} rules.py",
            python=_python(task, form, problem),
            sql=f"select label_source, class, count(*) as n from votes where task = {quoted(task.name)} "
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
    if task.fields:
        return field_rules.preview_of(call, task)
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
        accuracy=figure(p.accuracy),
        basis=BASIS[p.accuracy.basis] if p.accuracy else "",
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


def _python(task: Task, form: RuleForm, problem: str) -> str:
    if problem or form.is_empty:
        says = next(iter(task.class_names), "a class")
        return (
            f"task = ws.task({task.name!r})\n\n@task.rule\ndef my_rule(record):\n"
            f"    return {says!r} if 'some words' in record.text else hg.ABSTAIN\n\ntask.label()"
        )
    return f"ws.add_rule({task.name!r}, {msgspec.to_builtins(form.rule())!r})\nws.run_rules({task.name!r})"


def save(call: Call) -> Response:
    """``POST …/rules``: keep a rule and let it vote; a dear one votes in a job."""
    ws = call.ws
    task = ws.store.tasks.get(call.path["task_id"])
    form = field_form_of(call.form) if task.fields else form_of(call.form)
    if form.is_empty:
        raise InputError(
            "A rule needs a field and what fills it."
            if task.fields
            else "A rule needs a class to vote for and at least one condition."
        )
    rule = form.rule()
    before = {r["name"]: r["label_source_id"] for r in ws.store.rules.list(task.task_id)}.get(rule.name, "")
    new = ws.add_rule(task, rule)
    told = {"saved": rule.name, "before": before if before != new else ""}
    if max(map(cost, rule.when), default=0) > 1 or ws.store.records.table.count() > _INLINE_RECORDS:
        job_id = work.queue(ws).submit(call.actor, "rules", {"task_id": task.task_id, "names": [rule.name]})
        return go(here(task.task_id, **told, job=job_id))
    ws.run_rules(task, names=[rule.name])
    return go(here(task.task_id, **told))


def run(call: Call) -> Response:
    """``POST …/run``: all rules over what they have not seen, in a job."""
    task = call.ws.store.tasks.get(call.path["task_id"])
    job_id = work.queue(call.ws).submit(call.actor, "rules", {"task_id": task.task_id})
    return go(f"/jobs/{job_id}")


def remove(call: Call) -> Response:
    """``POST …/remove``: a rule votes no more; undone by ``restore``."""
    task = call.ws.store.tasks.get(call.path["task_id"])
    name = posted(call, "name")
    return go(here(task.task_id, removed=call.ws.remove_rule(task, name), name=name))


def restore(call: Call) -> Response:
    """``POST …/restore``: a version of a rule counts again."""
    task = call.ws.store.tasks.get(call.path["task_id"])
    call.ws.restore_rule(task, posted(call, "label_source_id"))
    return go(here(task.task_id, restored=posted(call, "name")))


ROUTES: tuple[Route, ...] = (
    Route(PATH, rules, Permission.READ, shape=Shape.PAGE),
    Route(PATH, save, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
    Route(f"{PATH}/line", field_rules.line, Permission.BUILD, shape=Shape.PAGE),
    Route(f"{PATH}/preview", preview, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
    Route(f"{PATH}/run", run, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
    Route(f"{PATH}/remove", remove, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
    Route(f"{PATH}/restore", restore, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
)
