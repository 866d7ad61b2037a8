"""``homegrown monitor tasks``: the tasks in captured calls, best savings first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from homegrown.cli.common import TerminalProgress, emit, json_option, workspace_option
from homegrown.core.plain import one_line
from homegrown.workspace import connect

if TYPE_CHECKING:
    from homegrown.core.traffic import AnswerShape, Template
    from homegrown.monitor import Traffic

_CLASSES = 6


@click.command("tasks")
@click.option("--last", is_flag=True, help="Show what was found the last time; look at no calls.")
@workspace_option
@json_option
def command(last: bool, workspace: Path, as_json: bool) -> None:
    """Find prompts that captured calls share, and say which of them a small model of yours could answer."""
    with connect(workspace) as ws:
        if not as_json:
            ws.progress = TerminalProgress()
        found = ws.traffic() if last else ws.find_tasks()
    emit(msgspec.to_builtins(found), lambda: _table(found), as_json=as_json)


def _table(found: Traffic) -> str:
    bill = found.bill
    of = {"cost": "of what is paid", "tokens": "of the tokens", "calls": "of the calls"}[bill.by]
    over = f" over {bill.days:,.1f} days" if bill.days else ""
    lines = [
        f"{bill.n_calls:,} calls{over}. {_share(bill.learnable)} {of} can be learned here, "
        f"{_share(bill.unlearnable)} cannot, {_share(bill.loose)} share their prompt with none."
    ]
    if bill.is_simulated:
        lines.append("Some of the prices are simulated: homegrown cost prices list")
    for p in found.proposals:
        t = p.template
        month = f", {p.calls_month:,.0f} a month" if p.calls_month is not None else ""
        cost = f", {p.cost_month_usd:,.2f} USD a month" if p.cost_month_usd is not None else ""
        made = "  (a task)" if t.tasks else ""
        lines += [
            f"{p.suits:6} {one_line(t.name)}{made}  [{t.template_id}]",
            f"       {t.volume.n_calls:,} calls{month}{cost}, {_share(p.share)} {of}; {said_answers(t)}",
            f"       {p.reason}",
        ]
    able = [p for p in found.proposals if (p.learnable or p.template.learnable) and not p.template.tasks]
    ready = next(iter(able), None)
    if ready is not None:
        lines.append(f"Next: homegrown monitor accept {ready.template.template_id}")
    return "\n".join(lines)


def said_answers(template: Template) -> str:
    """What the answers of a template look like, in words."""
    if not template.is_object:
        return said_shape(template.shape)
    found = [
        f"{one_line(f.name)}: {one_line(f.field.said_type) if f.field else 'not learnt here'}" for f in template.fields
    ]
    return f"JSON documents ({', '.join(found)})"


def said_shape(shape: AnswerShape) -> str:
    """The answers' shape in words."""
    said = []
    for one in shape.fields:
        lead = f"{one_line(one.name)}: " if one.name else ""
        if one.classes:
            some = ", ".join(one_line(c) for c in one.classes[:_CLASSES])
            more = ", …" if len(one.classes) > _CLASSES else ""
            several = "several of " if one.kind == "classes" else ""
            said.append(f"{lead}{several}{len(one.classes)} classes ({some}{more})")
        else:
            said.append(f"{lead}{'free text' if one.kind == 'text' else one.kind}")
    return "; ".join(said) or "no answers"


def _share(share: float) -> str:
    return f"{100 * share:.0f}%"
