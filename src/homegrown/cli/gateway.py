"""``homegrown gateway``: stand between programs and a model API."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from homegrown.cli.common import emit, json_option, workspace_option
from homegrown.cli.gateway_switch import switch
from homegrown.cli.govern_upstream import key_of
from homegrown.core.access import SYSTEM
from homegrown.core.routing import DEFAULT_ROUTE, CaptureMode, ExitMode, Leaves
from homegrown.core.traces import CallState, answer_of
from homegrown.errors import InputError
from homegrown.server import DEFAULT_PORT, Announcement, ServeOptions, serve
from homegrown.workspace import connect

if TYPE_CHECKING:
    from homegrown.core.routing import GatewayRoute
    from homegrown.core.traces import Captured
    from homegrown.workspace import Workspace

_LEAVES = click.Choice([x.value for x in Leaves])
_CAPTURE = click.Choice([x.value for x in CaptureMode])


@click.group("gateway", invoke_without_command=True)
@click.option("--upstream", help="Address of a model API (https://api.example.org/v1), or a registered one's name.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=DEFAULT_PORT, show_default=True, help="Port to listen on; 0 takes any free one.")
@click.option(
    "--capture",
    type=_CAPTURE,
    help="durable: no call without its row; synced: by a power cut too; fast: a kill loses a second.",
)
@click.option("--leaves", type=_LEAVES, help="What may leave.")
@click.option("--private", is_flag=True, help="The API stands in a network of your own: plain HTTP, local addresses.")
@click.option("--key-env", metavar="VARIABLE", help="Take the API's key from this environment variable.")
@click.option("--key-stdin", is_flag=True, help="Read the API's key from standard input.")
@click.option("--price-in", type=float, default=0.0, help="USD for a million tokens sent.")
@click.option("--price-out", type=float, default=0.0, help="USD for a million tokens answered.")
@click.option("--allow-host", multiple=True, help="A further host name that programs use for this server.")
@click.option("--log-requests", is_flag=True, help="One JSON line per request on standard error.")
@workspace_option
@click.pass_context
def command(ctx: click.Context, workspace: Path, **options: Any) -> None:
    """Pass calls on to a model API, keep each, and answer at home what can be. Runs until Ctrl-C."""
    if ctx.invoked_subcommand is not None:
        return
    with connect(workspace, actor=SYSTEM) as ws:
        if options["upstream"] is not None:
            _put_default(ws, options)
        elif not ws.routes():
            raise InputError("Say where calls go: homegrown gateway --upstream https://api.example.org/v1")
        chosen = {name: options[name] for name in ("host", "port", "log_requests")}
        wanted = ServeOptions(allow_hosts=options["allow_host"], gateway_alone=True, **chosen)
        serve(ws, wanted, lambda told: click.echo(_text(told, ws)))


def _put_default(ws: Workspace, options: dict[str, Any]) -> None:
    said, key = options["upstream"], key_of(options["key_env"], from_stdin=options["key_stdin"])
    if "://" in said:
        prices = {"price_in_usd": options["price_in"], "price_out_usd": options["price_out"]}
        name = ws.upstream_at(said, key=key, private=options["private"], **prices).name
    elif key is not None or options["private"]:
        raise InputError("A key is given with an address. Change a registered one: homegrown govern upstream add")
    else:
        name = ws.store.upstreams.get(said).name
    old = ws.store.routes.find(DEFAULT_ROUTE)
    kept = {"capture": old.config.capture, "leaves": old.config.leaves} if old is not None else {}
    chosen = {k: options[k] for k in ("capture", "leaves") if options[k] is not None}
    ws.put_route(DEFAULT_ROUTE, upstreams=[name], **{**kept, **chosen})


def _text(told: Announcement, ws: Workspace) -> str:
    lines = [f"The gateway answers on {told.origin}", *(_line(ws, r) for r in ws.routes())]
    if told.first_key is not None:
        lines.append(f"A key for callers, shown this once: {told.first_key.secret}")
    key = f'"{told.first_key.secret}"' if told.first_key else 'os.environ["HOMEGROWN_KEY"]'
    client = f'client = openai.OpenAI(base_url="{told.origin}/v1", api_key={key})'
    return "\n".join([*lines, "", client, "", "Another key: homegrown govern key add NAME     Stop: Ctrl-C"])


def _line(ws: Workspace, route: GatewayRoute) -> str:
    names = {u.upstream_id: u.name for u in ws.upstreams()}
    config = route.config
    to = ", else ".join(
        names.get(t.upstream_id, "?") + (f" as {t.model}" if t.model else "") for t in config.targets
    )  # fmt: skip
    kept = f"kept {config.capture.value}" + (f", {config.sample:.0%} of them" if config.sample < 1 else "")
    days = f", for {config.keep_days:g} days" if config.keep_days else ""
    how = {ExitMode.HOME: "; at home by", ExitMode.SHADOW: "; in the shadow:"}
    ours = f"{how[config.exit.mode]} {config.exit.model}" if config.exit is not None else ""
    ours += f", {config.exit.share:.0%} of the calls" if config.exit is not None and config.exit.share < 1 else ""
    again = f"; answers again for {config.cache_s:g} s" if config.cache_s else ""
    return f"{route.name} → {to or 'nowhere'}; leaves: {config.leaves.value}; {kept}{days}{again}{ours}"


@command.command("route")
@click.argument("name")
@click.option("--upstream", "upstreams", multiple=True, help="Registered name, or NAME=MODEL; repeat for fallbacks.")
@click.option("--model", help="Ask for this model in place of NAME.")
@click.option("--leaves", type=_LEAVES, default=Leaves.ALLOW.value, show_default=True, help="What may leave.")
@click.option("--capture", type=_CAPTURE, default=CaptureMode.DURABLE.value, show_default=True)
@click.option("--sample", type=float, default=1.0, show_default=True, help="Share of the calls that is kept.")
@click.option("--keep-days", type=float, help="Delete kept calls after so many days.")
@click.option("--mask-kept", is_flag=True, help="Mask personal data in what is kept.")
@click.option("--max-open", type=int, help="Calls under way at once.")
@click.option("--cache-s", type=float, help="Give the same request its answer again for so many seconds.")
@click.option("--cache-shared", is_flag=True, help="Callers get one another's answers.")
@click.option("--cache-any-temperature", is_flag=True, help="Also where the temperature is not 0.")
@workspace_option
@json_option
def route(name: str, workspace: Path, as_json: bool, **options: Any) -> None:
    """Say where calls of the model NAME go; the route "default" takes every name that has none."""
    with connect(workspace) as ws:
        made = ws.put_route(name, **options)
        emit(_fact(made), _line(ws, made), as_json=as_json)


@command.command("routes")
@workspace_option
@json_option
def routes(workspace: Path, as_json: bool) -> None:
    """Show all routes."""
    with connect(workspace) as ws:
        found = ws.routes()
        text = "\n".join(_line(ws, r) for r in found) or "No routes yet."
    emit({"routes": [_fact(r) for r in found]}, text, as_json=as_json)


@command.command("drop")
@click.argument("name")
@workspace_option
@json_option
def drop(name: str, workspace: Path, as_json: bool) -> None:
    """Remove the route NAME; the calls that came by it stay."""
    with connect(workspace) as ws:
        gone = ws.remove_route(name)
    emit({"route_id": gone.route_id, "removed": True}, f"Removed {gone.name}.", as_json=as_json)


@command.command("limit")
@click.argument("key")
@click.option("--per-minute", type=int, help="Calls that may begin in any minute.")
@click.option("--max-open", type=int, help="Calls under way at once.")
@click.option("--usd-per-day", type=float, help="What its calls may cost in a day.")
@workspace_option
@json_option
def limit(key: str, workspace: Path, as_json: bool, **limits: Any) -> None:
    """Limit the caller's key KEY (its name); without options all its limits go."""
    with connect(workspace) as ws:
        actor_id = ws.limit_key(key, **limits)
    said = ", ".join(f"{v:g} {k.replace('_', ' ')}" for k, v in limits.items() if v is not None) or "no limits"
    emit({"actor_id": actor_id, **limits}, f"{key}: {said}", as_json=as_json)


@command.command("calls")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.option("--state", type=click.Choice([x.value for x in CallState]))
@workspace_option
@json_option
def calls(limit: int, state: str | None, workspace: Path, as_json: bool) -> None:
    """Show the newest calls that were kept, and how many there are."""
    with connect(workspace) as ws:
        found = ws.calls(limit=limit, state=CallState(state) if state else None)
        counts = ws.store.captured.counts()
    total = ", ".join(f"{n:,} {state}" for state, n in sorted(counts.items())) or "none yet"
    text = "\n".join([*map(_call, found), f"Calls: {total}"])
    emit({"counts": counts, "calls": [asdict(c) for c in found]}, text, as_json=as_json)


def _call(call: Captured) -> str:
    said = (answer_of(call) or call.error or "").replace("\n", " ")[:60]
    cost = f"{call.cost_usd:.6f} USD" if call.cost_usd is not None else "no price"
    took = f"{call.latency_s:.2f} s" if call.latency_s is not None else "under way"
    who = "  at home" if call.version_id else ""
    return f"{call.created_at[:19]}  {call.state.value:<9}  {call.model}{who}  {took}  {cost}  {said}"


def _fact(found: GatewayRoute) -> dict[str, Any]:
    config = msgspec.to_builtins(found.config)
    return {"route_id": found.route_id, "name": found.name, **config, "created_at": found.created_at}


command.add_command(switch)
