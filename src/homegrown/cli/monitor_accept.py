"""``homegrown monitor accept``: a template of calls, or a tag, becomes a Task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from homegrown.cli.common import TerminalProgress, emit, json_option, workspace_option
from homegrown.core.plain import one_line
from homegrown.errors import InputError
from homegrown.workspace import connect

if TYPE_CHECKING:
    from homegrown.workspace.accepting import Accepted


@click.command("accept")
@click.argument("template", required=False)
@click.option("--tag", help="In place of TEMPLATE: all calls with this tag are one task: NAME=VALUE.")
@click.option("--name", help="Of the Task; default: the template's. A Task of that name gets the votes.")
@click.option("--field", help="Of JSON documents: a Task of classes of this field alone.")
@click.option("--rename", multiple=True, help="LABEL=CLASS: what a label is called in the Task. Repeatable.")
@click.option("--out-of-scope", multiple=True, help="A label that means none of the classes. Repeatable.")
@workspace_option
@json_option
def command(
    template: str | None,
    tag: str | None,
    name: str | None,
    field: str | None,
    rename: tuple[str, ...],
    out_of_scope: tuple[str, ...],
    workspace: Path,
    as_json: bool,
) -> None:
    """Make a Task of TEMPLATE (its id or name): what changes becomes records, what was answered votes.

    Again, with more traffic, only what is new is added.
    """
    if (template is None) == (tag is None):
        raise InputError("Name a template (homegrown monitor tasks lists them), or a tag with --tag NAME=VALUE.")
    names: dict[str, str | None] = dict(_pair(r, "--rename LABEL=CLASS") for r in rename)
    names |= dict.fromkeys(out_of_scope)
    with connect(workspace) as ws:
        if not as_json:
            ws.progress = TerminalProgress()
        if tag is not None:
            done = ws.accept_tag(*_pair(tag, "--tag NAME=VALUE"), name=name, field=field, names=names)
        else:
            done = ws.accept_template(template or "", name=name, field=field, names=names)
    task = one_line(done.task.name)
    of = f"{len(done.task.fields)} fields" if done.task.fields else f"{len(done.task.classes)} classes"
    lines = [
        f"{task}: {of}; {done.n_texts:,} texts of {done.n_calls:,} calls, "
        f"{done.n_added:,} of them new records of {one_line(done.source)!r}."
    ]
    lines += [f"  {one_line(who)}: {n:,} votes" for who, n in done.votes.items()]
    lines += [f"  {one_line(who)}: its answers are under the terms {one_line(t)!r}" for who, t in done.terms.items()]
    lines += [f"  {one_line(f)}: said of {n:,} texts{_left(done, f)}" for f, n in done.n_by_field.items()]
    lines += [f"  {one_line(f)} is not learnt: {why}." for f, why in done.not_learnt.items()]
    if done.n_outside:
        what = "are no JSON" if done.task.fields else "name none of the classes"
        lines.append(f"{done.n_outside:,} answers {what} and count as abstentions.")
    if done.n_almost:
        lines.append(f"{done.n_almost:,} answers are JSON but for some marks; they were read all the same.")
    lines.append(f"Next: homegrown curate freeze {task!r}, or look at doubtful labels first: homegrown curate issues")
    emit(msgspec.to_builtins(done), "\n".join(lines), as_json=as_json)


def _left(done: Accepted, field: str) -> str:
    n = done.n_missing.get(field, 0)
    return f"; {n:,} values do not stand in their text and are no votes" if n else ""


def _pair(text: str, form: str) -> tuple[str, str]:
    left, sign, right = text.partition("=")
    if not sign or not left:
        raise InputError(f"{text[:60]!r} is not understood; write {form}.")
    return left, right
