"""``homegrown demo exit``: the whole way out of a model API, on real texts, in one command."""

from __future__ import annotations

import shutil
import sys
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import click

from homegrown.cli.common import TerminalProgress, emit
from homegrown.cli.demo_fields import FieldsStory
from homegrown.cli.demo_receipts import FEWEST, Receipts, demo_receipts, receipts_book
from homegrown.cli.demo_script import existing_script
from homegrown.cli.demo_story import Plan, Story
from homegrown.cli.demo_texts import FEWEST_CALLS, Texts, book, demo_texts
from homegrown.cli.demo_upstream import local_upstream
from homegrown.errors import InputError
from homegrown.inference.outbound import OFFLINE_VARIABLE, offline_by_environment
from homegrown.server import ServerOptions, running_server
from homegrown.workspace import connect

CALLS, RECEIPTS = 7500, 300
ALPHA, RECEIPTS_ALPHA = 0.02, 0.05
"""So few receipts can hardly vouch for less."""
LATENCY_S = 0.1
RECIPES = ("lexical", "static", "linear")
"""Those that are done within the minutes that a demo has."""


@click.command("exit")
@click.option(
    "--workspace", type=click.Path(path_type=Path), help="Keep the demo's workspace here; default: a temporary one."
)
@click.option("--fields", is_flag=True, help="An API that reads receipts: documents of fields in place of labels.")
@click.option("--calls", type=click.IntRange(FEWEST), help=f"Before the switch; default: {CALLS}, of receipts 300.")
@click.option("--alpha", type=float, help="Disagreement with the API that you bear; default: 0.02, of fields 0.05.")
@click.option("--delta", type=float, default=0.05, show_default=True, help="Chance that this promise is wrong.")
@click.option("--recipe", type=click.Choice(RECIPES), help="How to train; default: linear.")
@click.option(
    "--by",
    type=click.Choice(["document", "field"]),
    default="field",
    show_default=True,
    help="With --fields: the bound.",
)
@click.option("--seed", default=0, show_default=True, help="Draws the messages, splits and trains.")
@click.option("--port", default=0, help="Port of the server; default: a free one.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output; the story on the other.")
def command(
    workspace: Path | None,
    fields: bool,
    calls: int | None,
    alpha: float | None,
    delta: float,
    recipe: str | None,
    by: str,
    seed: int,
    port: int,
    as_json: bool,
) -> None:
    """Out of a model API: capture, find the task, train, shadow, judge, switch, count, and stop the API."""
    calls, alpha = _defaults(fields, calls, alpha, recipe)
    for name, share in (("--alpha", alpha), ("--delta", delta)):
        if not 0 < share < 1:
            raise InputError(f"{name} lies between 0 and 1, such as 0.02; {share:g} does not.")
    if offline_by_environment():
        raise InputError(f"{OFFLINE_VARIABLE} closes every way out, that to the demo's own API too. Unset it.")
    say = partial(click.echo, err=as_json)
    with ExitStack() as stack:
        root = workspace or Path(tempfile.mkdtemp(prefix="homegrown-demo-"))
        if workspace is None:
            stack.callback(shutil.rmtree, root, ignore_errors=True)
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="homegrown-demo-")))
        server = stack.enter_context(running_server(ServerOptions(root=root, port=port)))
        ws = stack.enter_context(connect(root))
        if ws.store.captured.counts():
            raise InputError(f"There are calls in {root} already; give the demo a folder of its own.")
        if ws.is_offline:
            raise InputError(f"{root} is offline: every way out is closed, that to the demo's own API too.")
        ws.progress = TerminalProgress()
        texts: Texts | Receipts = demo_receipts(calls, seed) if fields else demo_texts(calls, seed)
        said = receipts_book(texts, LATENCY_S) if isinstance(texts, Receipts) else book(texts, seed, LATENCY_S)
        upstream = stack.enter_context(local_upstream(said, scratch))
        script = stack.enter_context(existing_script(scratch))
        say(texts.credit)
        plan = Plan(alpha, delta, seed, recipe or "linear", by)
        kind = FieldsStory if fields else Story
        found = kind(ws, server, upstream, script, texts, said, plan, say).play()
        say(f"\nIt took {found['seconds']['all']:.0f} s.")
        if as_json:
            emit(found, "", as_json=True)
        say(f"The studio:      {server.sign_in_link}")
        if sys.stdin.isatty() and sys.stdout.isatty():
            say("It stays until you press Ctrl-C.")
            server.wait()


def _defaults(fields: bool, calls: int | None, alpha: float | None, recipe: str | None) -> tuple[int, float]:
    """Calls before the switch, and the disagreement that is borne."""
    if fields and recipe is not None:
        raise InputError("--recipe is of labels; documents have one recipe, fields.")
    if not fields and calls is not None and calls < FEWEST_CALLS:
        raise InputError(f"The demo needs {FEWEST_CALLS} calls before the switch or more.")
    usual = (RECEIPTS, RECEIPTS_ALPHA) if fields else (CALLS, ALPHA)
    return usual[0] if calls is None else calls, usual[1] if alpha is None else alpha
