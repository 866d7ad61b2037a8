"""Rules that fill fields: built line by line, with what they would mark in real records seen at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import msgspec
from starlette.responses import Response

from homegrown.core.access import Permission
from homegrown.core.rules import FieldRule
from homegrown.core.schema import FieldType
from homegrown.core.tasks import Task
from homegrown.errors import HomegrownError
from homegrown.label.rules.object_rules import field_sentence
from homegrown.label.rules.preview import Beside, Preview, Shown
from homegrown.label.rules.sentence import OPS
from homegrown.studio import words
from homegrown.studio.answer import asked, part, show
from homegrown.studio.field_rule_form import KINDS, WHICH, FieldRuleForm, field_form_of, form_of_field_rule
from homegrown.studio.marked_text import Piece, pieces
from homegrown.studio.rule_parts import BASIS, RuleRow, figure, quoted, record_fields, row_of, rule_done
from homegrown.studio.view import AsCode, Done, Figure

if TYPE_CHECKING:
    from homegrown.web import Call
    from homegrown.workspace import Workspace
    from homegrown.workspace.rules import StandingRule

MOST_BESIDE = 8


@dataclass(frozen=True, kw_only=True)
class MarkedRecord:
    """A record with what is marked in it, what the rule says, and what others say."""

    record_id: str
    pieces: tuple[Piece, ...]
    says: str
    others: str


@dataclass(frozen=True, kw_only=True)
class MarkedRecords:
    """Records of one sort, to be read."""

    title: str
    says: str
    records: tuple[MarkedRecord, ...]


@dataclass(frozen=True, kw_only=True)
class FieldFilled:
    """How often a rule fills a field, and how far people agree with it there."""

    name: str
    n_fills: int
    agreed: str


@dataclass(frozen=True, kw_only=True)
class FieldPreview:
    """What a rule would fill, in words."""

    sentence: str
    headline: str
    accuracy: Figure | None
    basis: str
    overlap: str
    note: str
    by_field: tuple[FieldFilled, ...]
    beside: tuple[Beside, ...]
    lists: tuple[MarkedRecords, ...]
    took: str


@dataclass(frozen=True, kw_only=True)
class FieldPreviewPart:
    """The preview alone."""

    template: ClassVar[str] = "label/_field_rule_preview.html"
    form: FieldRuleForm
    preview: FieldPreview | None
    problem: str


@dataclass(frozen=True, kw_only=True)
class FillLinePart:
    """One more line of the form."""

    template: ClassVar[str] = "label/_fill_line.html"
    targets: tuple[str, ...]
    kinds: tuple[tuple[str, str], ...]
    which: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class FieldRulesPage:
    """The rules of a task whose answer is an object, and one that is being built."""

    template: ClassVar[str] = "label/field_rules.html"
    task_id: str
    task: str
    targets: tuple[str, ...]
    kinds: tuple[tuple[str, str], ...]
    which: tuple[tuple[str, str], ...]
    ops: tuple[tuple[str, str], ...]
    fields: tuple[str, ...]
    models: tuple[str, ...]
    rules: tuple[RuleRow, ...]
    form: FieldRuleForm
    preview: FieldPreview | None
    problem: str
    notes: tuple[str, ...]
    done: Done | None
    may_build: bool
    as_code: AsCode


def page_of(call: Call, task: Task) -> Response:
    """The page of a task; with a form's fields in the address, their preview too."""
    standing, edited = call.ws.rules(task), asked(call, "rule")
    form, notes = _form(call, task, standing, edited)
    found, problem = _try(call.ws, task, form)
    name = words.shell(task.name)
    page = FieldRulesPage(
        task_id=task.task_id,
        task=task.name,
        targets=_targets(task),
        kinds=KINDS,
        which=WHICH,
        ops=tuple(OPS.items()),
        fields=record_fields(call.ws),
        models=tuple(dict.fromkeys(v.model_name for v in call.ws.store.models.versions() if not v.is_object)),
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
            sql=f"select label_source, value, count(*) as n from votes where task = {quoted(task.name)} "
            "and kind = 'rule' group by all",
        ),
    )
    return show(call, page)


def preview_of(call: Call, task: Task) -> Response:
    """The preview alone, while somebody builds."""
    form = field_form_of(call.form)
    found, problem = _try(call.ws, task, form)
    return part(call, FieldPreviewPart.template, FieldPreviewPart(form=form, preview=found, problem=problem))


def line(call: Call) -> Response:
    """``GET …/line``: one more line of the form."""
    task = call.ws.store.tasks.get(call.path["task_id"])
    return part(call, FillLinePart.template, FillLinePart(targets=_targets(task), kinds=KINDS, which=WHICH))


def _targets(task: Task) -> tuple[str, ...]:
    """Names of the fields that a rule without code can fill."""
    return tuple(f.name for f in task.fields if f.type is not FieldType.LIST)


def _form(call: Call, task: Task, standing: list[StandingRule], edited: str) -> tuple[FieldRuleForm, tuple[str, ...]]:
    if not edited:
        return field_form_of(call.request.query_params), ()
    one = next((r for r in standing if r.name == edited), None)
    if one is None or not isinstance(one.rule, FieldRule):
        return FieldRuleForm(), ("That rule cannot be edited here." if one else "There is no such rule any more.",)
    found = form_of_field_rule(one.rule)
    if found is None:
        return FieldRuleForm(), (f"The rule {one.name!r} says more than this form can show; change it as JSON.",)
    now = {before: f.name for f in task.fields for before in f.former}
    return replace(found, fills=tuple(replace(line, field=now.get(line.field, line.field)) for line in found.fills)), ()


def _try(ws: Workspace, task: Task, form: FieldRuleForm) -> tuple[FieldPreview | None, str]:
    try:
        if form.is_empty:
            return None, ""
        rule = form.rule()
        return _view(task, rule, ws.preview_rule(task, rule)), ""
    except HomegrownError as error:
        return None, error.message


def _view(task: Task, rule: FieldRule, p: Preview) -> FieldPreview:
    names, about = _targets(task), "about " if p.is_sample else ""
    lists = (
        _list(
            "What others say differently",
            "People first. The rule would say the first, they say the second.",
            p.conflicts,
            names,
        ),
        _list("What it misses", "Somebody says what stands there, and the rule says nothing.", p.misses, names),
        _list("What it fills", "Spread over all that it fills.", p.matches, names),
    )
    overlap = (
        f"On {p.n_overlap:,} somebody else speaks of these fields too, and on {p.n_conflict:,} says something else."
    )
    return FieldPreview(
        sentence=field_sentence(rule),
        headline=f"Fills {about}{p.n_matches:,} of {words.plural(p.n_records, 'record')} ({words.percent(p.coverage)})",
        accuracy=figure(p.accuracy),
        basis=BASIS[p.accuracy.basis] if p.accuracy else "",
        overlap=f"{words.plural(p.n_new, 'record')} would get a field of which nobody speaks yet."
        + (f" {overlap}" if p.n_overlap else ""),
        note=p.note,
        by_field=tuple(
            FieldFilled(name=f.name, n_fills=f.n_fills, agreed=f"{f.n_right:,} of {f.n_judged:,}" if f.n_judged else "")
            for f in p.by_field
        ),
        beside=p.beside[:MOST_BESIDE],
        lists=tuple(one for one in lists if one.records),
        took=words.duration(p.seconds),
    )


def _list(title: str, says: str, shown: tuple[Shown, ...], names: tuple[str, ...]) -> MarkedRecords:
    records = tuple(
        MarkedRecord(record_id=s.record_id, pieces=pieces(s.text, s.marks, names), says=s.label, others=s.would_be)
        for s in shown
    )
    return MarkedRecords(title=title, says=says, records=records)


def _python(task: Task, form: FieldRuleForm, problem: str) -> str:
    if problem or form.is_empty:
        name = next(iter(_targets(task)), "field")
        return (
            f"task = ws.task({task.name!r})\n\n@task.rule\ndef my_rule(record):\n"
            f"    return {{{name!r}: re.search('some words', record.text)}}\n\ntask.label()"
        )
    return f"ws.add_rule({task.name!r}, {msgspec.to_builtins(form.rule())!r})\nws.run_rules({task.name!r})"
