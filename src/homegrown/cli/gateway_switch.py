"""``homegrown gateway switch``: answer at home what a model of yours is sure of."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from homegrown.cli.common import emit, json_option, workspace_option
from homegrown.workspace import connect


@click.command("switch")
@click.argument("route")
@click.argument("models", nargs=-1)
@click.option("--alpha", type=float, default=0.02, show_default=True, help="Disagreement with the upstream you bear.")
@click.option("--delta", type=float, default=0.05, show_default=True, help="Chance that this promise is wrong.")
@click.option(
    "--audit", "audit_share", type=float, default=0.02, show_default=True, help="Share of its answers that is checked."
)
@click.option("--template", help="Which prompt, where several became the model's task.")
@click.option("--shadow", is_flag=True, help="The model answers silently; the upstream answers everybody.")
@click.option("--share", type=float, help="Share of the calls that it answers at all; alone it changes nothing else.")
@click.option("--off", is_flag=True, help="The upstream answers everything again.")
@click.option("--back", is_flag=True, help="What answered before answers again.")
@workspace_option
@json_option
def switch(route: str, models: tuple[str, ...], workspace: Path, as_json: bool, **options: Any) -> None:
    """Let MODEL answer the calls of ROUTE that it is sure of, with a bound on how often it differs."""
    with connect(workspace) as ws:
        done = ws.switch_route(route, *models, **options)
    has_switched = done.bound is None or options["shadow"] or done.bound.threshold is not None
    bound = None
    if done.bound is not None:
        bound = {k: v for k, v in asdict(done.bound).items() if k not in ("usual", "sentence")}
    exit = done.exit
    document = {
        "route": route, "mode": exit.mode.value if exit else None, "model": exit.model if exit else None,
        "share": exit.share if exit else None,
        "exit_id": exit.exit_id if exit else None, "switched": has_switched,
        "sentence": done.sentence, **(bound or {}),
    }  # fmt: skip
    emit(document, done.sentence, as_json=as_json)
