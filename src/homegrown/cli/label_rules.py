"""``homegrown label rules``: rules without code and in Python."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from homegrown.cli.common import TerminalProgress, emit, json_option, workspace_option
from homegrown.core.plain import one_line
from homegrown.core.rules import FieldRule, Rule
from homegrown.errors import InputError
from homegrown.label.rules.object_rules import field_rule_of_json
from homegrown.label.rules.stored import rule_of_json
from homegrown.workspace import connect

if TYPE_CHECKING:
    from homegrown.label.rules.measure import Estimate
    from homegrown.label.rules.preview import Preview
    from homegrown.label.rules.run import RulesRun
    from homegrown.workspace import Workspace
    from homegrown.workspace.rules import StandingRule


@click.command("rules")
@click.argument("task")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--add",
    "added",
    type=click.Path(path_type=Path),
    help="Keep the rule of a JSON file (- for standard input), and run it.",
)
@click.option(
    "--preview",
    "tried",
    type=click.Path(path_type=Path),
    help="What the rule of a JSON file would do; nothing is kept.",
)
@click.option("--run", "runs", is_flag=True, help="Let every rule without code vote on what it has not seen.")
@click.option("--again", is_flag=True, help="With a run: ask of every record, though a rule did not change.")
@click.option("--remove", "removed", metavar="NAME", help="Let a rule vote no more.")
@click.option("--restore", "restored", metavar="ID", help="Bring back what --remove took away.")
@workspace_option
@json_option
def command(
    task: str,
    file: Path | None,
    added: Path | None,
    tried: Path | None,
    runs: bool,
    again: bool,
    removed: str | None,
    restored: str | None,
    workspace: Path,
    as_json: bool,
) -> None:
    """List the rules of TASK; or run them, those of the Python file FILE too."""
    if sum(bool(x) for x in (added, tried, removed, restored)) > 1:
        raise InputError("Name one of --add, --preview, --remove and --restore.")
    with connect(workspace) as ws:
        ws.progress = TerminalProgress()
        if tried is not None:
            _preview(ws, task, _read(ws, task, tried), as_json=as_json)
        elif removed is not None or restored is not None:
            _change(ws, task, removed, restored, as_json=as_json)
        else:
            _run_or_list(ws, task, file, added, runs=runs, again=again, as_json=as_json)


def _read(ws: Workspace, task: str, path: Path) -> Rule | FieldRule:
    asked = ws.store.tasks.find(task)
    read = field_rule_of_json if asked is not None and asked.fields else rule_of_json
    try:
        return read(sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}.") from error


def _change(ws: Workspace, task: str, removed: str | None, restored: str | None, *, as_json: bool) -> None:
    if removed is not None:
        stood = ws.remove_rule(task, removed)
        text = f"The rule {removed!r} votes no more. To bring it back: homegrown label rules {task} --restore {stood}"
        emit({"removed": stood}, text, as_json=as_json)
    elif restored is not None:
        emit({"restored": ws.restore_rule(task, restored)}, "The rule votes as it did.", as_json=as_json)


def _run_or_list(
    ws: Workspace, task: str, file: Path | None, added: Path | None, *, runs: bool, again: bool, as_json: bool
) -> None:
    names = None
    if added is not None:
        rule = _read(ws, task, added)
        ws.add_rule(task, rule)
        names = [rule.name.strip()]
    if added is None and file is None and not runs and not again:
        rules = ws.rules(task)
        emit({"rules": [_document(r) for r in rules]}, lambda: _table(rules), as_json=as_json)
        return
    done = ws.run_rules(task, path=file, names=names if file is None else None, again=again)
    emit({**asdict(done), "problems": list(done.problems)}, lambda: _told(done), as_json=as_json)
    if done.problems:
        sys.exit(2)


def _told(done: RulesRun) -> str:
    lines = [f"{len(done.rules):,} rules in {done.seconds:.1f} s"]
    lines += [f"  {r.name[:40]:40} {r.n_votes:9,} votes on {r.n_asked:,} records it had not seen" for r in done.rules]
    lines += [f"  {r.name}: {r.note}" for r in done.rules if r.note]
    return "\n".join([*lines, *(f"problem: {p}" for p in done.problems)])


def _document(rule: StandingRule) -> dict[str, Any]:
    return msgspec.to_builtins(rule)


def _table(rules: list[StandingRule]) -> str:
    if not rules:
        return "No rules yet. Add one with --add RULE.json, or run a Python file of them."
    lines = []
    for r in rules:
        f = r.figures
        said = (
            "has not voted yet"
            if not r.has_run
            else (f"votes on {f.coverage:.1%} ({f.n_votes:,}), conflicts on {f.n_conflict:,}, {_accuracy(f.accuracy)}")
        )
        lines += [f"{r.name}: {r.sentence}", f"  {said}"]
    return "\n".join(lines)


def _accuracy(found: Estimate | None) -> str:
    if found is None:
        return "accuracy not known: nobody else votes there"
    how = "by people's votes" if found.basis == "people" else "estimated from the other sources"
    return f"right {found.value:.1%} ({found.low:.1%} to {found.high:.1%}, n = {found.n:,}, {how})"


def _preview(ws: Workspace, task: str, rule: Rule | FieldRule, *, as_json: bool) -> None:
    found = ws.preview_rule(task, rule)
    emit({**msgspec.to_builtins(found), "coverage": found.coverage}, lambda: _shown(found), as_json=as_json)


def _shown(p: Preview) -> str:
    about = "about " if p.is_sample else ""
    lines = [
        f"votes on {about}{p.n_matches:,} of {p.n_records:,} records ({p.coverage:.1%})",
        f"beside others on {p.n_overlap:,}, against them on {p.n_conflict:,}; {_accuracy(p.accuracy)}",
        f"{p.n_new:,} records would get their first label, about {p.n_changed:,} another one",
    ]
    parts = (("matches", p.matches), ("conflicts", p.conflicts), ("misses", p.misses), ("would change", p.changes))
    for title, rows in parts:
        if rows:
            lines.append(f"{title}:")
            lines += [f"  {one_line(r.text, 90)}{f'  [{one_line(r.label, 90)}]' if r.label else ''}" for r in rows]
    lines += [p.note] if p.note else []
    return "\n".join(lines)
