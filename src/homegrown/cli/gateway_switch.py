"""``homegrown gateway switch``: answer at home what a model of yours is sure of."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from homegrown.cli.common import emit, json_option, workspace_option
from homegrown.workspace import connect

if TYPE_CHECKING:
    from homegrown.evaluate import Bound


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
@click.option(
    "--by",
    type=click.Choice(["document", "field"]),
    default="document",
    show_default=True,
    help="Of JSON documents: what --alpha bounds, whole documents or the fields given.",
)
@click.option("--off", is_flag=True, help="The upstream answers everything again.")
@click.option("--back", is_flag=True, help="What answered before answers again.")
@workspace_option
@json_option
def switch(route: str, models: tuple[str, ...], workspace: Path, as_json: bool, **options: Any) -> None:
    """Let MODELS answer the calls of ROUTE that they are sure of, with a bound on how often they differ.

    Several of one Task are asked one after the other; those of several fields of a prompt give its documents together.
    """
    with connect(workspace) as ws:
        done = ws.switch_route(route, *models, **options)
    has_switched = done.bound is None or options["shadow"] or done.bound.threshold is not None
    exit = done.exit
    bound = None if done.bound is None else _facts(done.bound)
    document = {
        "route": route, "mode": exit.mode.value if exit else None, "model": exit.model if exit else None,
        "share": exit.share if exit else None,
        "exit_id": exit.exit_id if exit else None, "switched": has_switched,
        "sentence": done.sentence, **(bound or {}), "stages": [_facts(b) for b in done.bounds],
    }  # fmt: skip
    emit(document, done.sentence, as_json=as_json)


def _facts(bound: Bound) -> dict[str, Any]:
    return {k: v for k, v in asdict(bound).items() if k not in ("usual", "sentence")}
