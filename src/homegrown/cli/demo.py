"""``homegrown demo``: what ``make demo`` runs."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from homegrown.cli.common import TerminalProgress
from homegrown.cli.demo_exit import command as exit_command
from homegrown.core.upstreams import origin_of
from homegrown.errors import InputError, UpstreamError
from homegrown.inference.in_loop import in_loop
from homegrown.inference.outbound import Outbound, Reply
from homegrown.server import RunningServer, ServerOptions, running_server
from homegrown.workspace import connect
from homegrown.workspace.grow import GrowRequest, grow
from homegrown.workspace.public_data import demo_data


@click.group("demo", invoke_without_command=True)
@click.option(
    "--workspace", type=click.Path(path_type=Path), help="Keep the demo's workspace here; default: a temporary one."
)
@click.option("--recipe", default="linear", show_default=True, help="How to train.")
@click.option("--port", default=0, help="Port of the server; default: a free one.")
@click.pass_context
def command(ctx: click.Context, workspace: Path | None, recipe: str, port: int) -> None:
    """The whole loop on real bank queries: from the CSV to a live answer and the studio's address."""
    if ctx.invoked_subcommand is not None:
        if any(ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in ctx.params):
            raise InputError(f"Options of the demo stand alone; those of {ctx.invoked_subcommand} come after it.")
        return
    root = workspace or Path(tempfile.mkdtemp(prefix="homegrown-demo-"))
    started = time.monotonic()
    with connect(root) as ws:
        data = demo_data(is_offline=ws.is_offline)
        click.echo(f"{data.credit}\n")
        ws.progress = TerminalProgress()
        result = grow(
            ws,
            GrowRequest(data.train, data.text, data.label, name=data.name, test=data.test, recipe=recipe),
        )
    low, high = result["accuracy_ci95"]
    click.echo(
        f"\nA model of your own: {result['recipe']}, right on {result['accuracy']:.1%} of {result['n_test']:,} texts "
        f"that it never saw (95% interval {low:.1%} to {high:.1%})."
    )
    with running_server(ServerOptions(root=root, port=port)) as server:
        best = _asked(server, data.name, data.question)
        said = f"{best['label'] or 'none of these'} ({best['prob']:.0%})"
        click.echo(f"Asked over HTTP: {data.question}\nAnswered:        {said}")
        click.echo(f"From the CSV to the served answer: {time.monotonic() - started:.0f} s.\n")
        click.echo(f"The studio:      {server.sign_in_link}")
        if sys.stdin.isatty() and sys.stdout.isatty():
            click.echo("It stays until you press Ctrl-C.")
            server.wait()
    if workspace is None:
        shutil.rmtree(root, ignore_errors=True)


def _asked(server: RunningServer, endpoint: str, text: str) -> dict[str, Any]:
    """The first answer of our own server, asked as any client would ask."""
    origin = origin_of(server.address, is_private=True)

    async def post() -> Reply:
        # To ourselves: nothing leaves, offline or not.
        async with Outbound((origin,), closed=lambda: False).open() as out:
            headers = {"authorization": f"Bearer {server.key}", "content-type": "application/json"}
            body = json.dumps({"text": text}).encode()
            return await out.send("POST", origin, f"/api/v1/endpoints/{endpoint}/predict", headers=headers, body=body)

    reply = in_loop(post)
    if reply.status != HTTPStatus.OK:
        raise UpstreamError(f"The server answered with status {reply.status}.", status_code=reply.status)
    return json.loads(reply.body)["answers"][0]


command.add_command(exit_command)
