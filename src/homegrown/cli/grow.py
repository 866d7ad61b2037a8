"""``homegrown grow``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from homegrown.cli.common import TerminalProgress, emit, json_option, seconds, workspace_option
from homegrown.cli.label_fields import schema_said
from homegrown.workspace import connect
from homegrown.workspace.grow import GrowRequest, grow


@click.command("grow")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--text", required=True, help="Column that holds the text.")
@click.option("--label", help="Column that holds the answer: a class, or several.")
@click.option("--fields", metavar="COLUMN", help="Column that holds the answer as a JSON object, in place of --label.")
@click.option(
    "--field", "said", multiple=True, metavar="NAME=TYPE",
    help="A field of it, in place of what is guessed: span, number, date, money, boolean; span* for several; a|b|c. "
    "Without --fields each has a column of its own name.",
)  # fmt: skip
@click.option("--schema", type=click.Path(path_type=Path), help="A JSON Schema in place of --field.")
@click.option("--day-first/--month-first", default=None, help="How 03/04/2026 is meant, where no date tells.")
@click.option("--currency", help="Of amounts that name none, e.g. EUR.")
@click.option("--test", type=click.Path(path_type=Path), help="A file kept whole as the test split.")
@click.option("--unlabelled", type=click.Path(path_type=Path), help="A file of further texts without labels.")
@click.option("--name", help="Name of the task, the model and the endpoint.")
@click.option(
    "--recipe", default="auto", show_default=True, help="How to train: lexical, static, linear, views, finetune, auto."
)
@click.option("--budget", default="5m", show_default=True, help="Time for auto and finetune: 90s, 5m, 1h.")
@click.option("--seed", default=0, show_default=True)
@click.option("--out-of-scope", multiple=True, help="Label that means: belongs to none of the classes. Repeatable.")
@click.option("--merge", multiple=True, metavar="OLD=NEW", help="Count label OLD as NEW. Repeatable.")
@click.option("--separator", help="Parts a cell with several labels, e.g. ';'.")
@click.option("--group-by", help="Column whose equal values stay on one side of the split (a customer, a thread).")
@click.option("--time-by", help="Column with a date: the newest fifth becomes the test.")
@click.option("--serve", "then_serve", is_flag=True, help="Serve the model until Ctrl-C.")
@workspace_option
@json_option
def command(
    workspace: Path,
    as_json: bool,
    budget: str,
    then_serve: bool,
    said: tuple[str, ...],
    schema: Path | None,
    **options: object,
) -> None:
    """From FILE to an evaluated, deployed model."""
    fields = schema_said(said, schema) or None
    with connect(workspace) as ws:
        ws.progress = TerminalProgress()
        result = grow(ws, GrowRequest(budget_s=seconds(budget), schema=fields, **options))  # type: ignore[arg-type]
    emit(result, lambda: _lines(result, workspace), as_json=as_json)
    if then_serve:
        context = click.get_current_context()
        root = context.find_root().command
        serve = root.get_command(context, "serve") if isinstance(root, click.Group) else None
        if serve is not None:
            serve.main(["--workspace", str(workspace), result["endpoint"]], standalone_mode=False)


def _lines(result: dict[str, Any], workspace: Path) -> str:
    low, high = result["accuracy_ci95"]
    lines = [_rung(row) for row in result["ladder"]] if len(result["ladder"]) > 1 else []
    every = "in every field " if "fields" in result else ""
    lines.append(
        f"{result['task']}: {result['recipe']} is right {every}on {result['accuracy']:.1%} of {result['n_test']:,} "
        f"texts that it never saw (95% interval {low:.1%} to {high:.1%})."
    )
    for field in result.get("fields", ()):
        low, high = field["normalised_ci95"]
        lines.append(f"  {field['name']}: {field['normalised']:.1%} of {field['n']:,} ({low:.1%} to {high:.1%})")
    lines += [f"Note: {warning}" for warning in result["warnings"]]
    lines.append(f"Report: {result['report_path']}")
    lines.append(f'Try it: homegrown predict {result["endpoint"]} "…" --workspace {workspace}')
    return "\n".join(lines)


def _rung(row: dict[str, Any]) -> str:
    """One rung of the ladder, as validation rows judged it."""
    if "accuracy" not in row:
        return f"  {row['recipe']:9} {row['note']}"
    ms = f"{row['ms_per_text']:5.1f} ms" if "ms_per_text" in row else " " * 8
    facts = f"{row['accuracy']:6.1%} of {row['n']:,}  {ms}  {row['size_bytes'] / 1e6:6.1f} MB"
    return f"{'*' if row['chosen'] else ' '} {row['recipe']:9} {facts}  {row.get('note', '')}".rstrip()
