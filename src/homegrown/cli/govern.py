"""``homegrown govern``: keys, sign-in links, audit, forgetting, upstreams."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from homegrown.cli.common import emit, json_option, workspace_option
from homegrown.cli.forget import command as forget_command
from homegrown.cli.govern_declare import apply, declare
from homegrown.cli.govern_upstream import command as upstream_command
from homegrown.core.access import Role
from homegrown.govern.access import Access
from homegrown.govern.audit import COLUMNS
from homegrown.store.spreadsheets import write_csv
from homegrown.workspace import connect


@click.group("govern")
def command() -> None:
    """Who may do what, and who did what."""


@command.group("key")
def key() -> None:
    """Keys by which programs call."""


@key.command("add")
@click.argument("name")
@click.option("--role", type=click.Choice([r.value for r in Role]), default="caller", show_default=True)
@click.option("--days", type=click.FloatRange(min=0), help="Stop working after so many days.")
@workspace_option
@json_option
def add(name: str, role: str, days: float | None, workspace: Path, as_json: bool) -> None:
    """Make a key NAME and print it, this once."""
    with connect(workspace) as ws:
        made = Access(ws.store.db).add_key(ws.store.actor, name, Role(role), days=days)
    document = {"key_id": made.key_id, "name": made.name, "role": made.role.value, "key": made.secret}
    emit(document, f"{made.secret}\nKeep it: it is not shown again. Role: {role}.", as_json=as_json)


@key.command("list")
@workspace_option
@json_option
def list_keys(workspace: Path, as_json: bool) -> None:
    """Show all keys, without their secrets."""
    with connect(workspace) as ws:
        rows = Access(ws.store.db).keys()
    emit({"keys": rows}, "\n".join(_line(r) for r in rows) or "No keys yet.", as_json=as_json)


def _line(row: dict[str, Any]) -> str:
    state = f"revoked {row['revoked_at'][:10]}" if row["revoked_at"] else f"since {row['created_at'][:10]}"
    return f"{row['prefix']}…  {row['name']}  {row['role']}  {state}  {row['key_id']}"


@key.command("revoke")
@click.argument("name")
@workspace_option
@json_option
def revoke(name: str, workspace: Path, as_json: bool) -> None:
    """End the key NAME (or its id); it stops working within a second."""
    with connect(workspace) as ws:
        key_id = Access(ws.store.db).revoke_key(ws.store.actor, name)
    emit({"key_id": key_id, "revoked": True}, f"Revoked {key_id}.", as_json=as_json)


@command.command("link")
@click.option("--url", default="http://127.0.0.1:8700", show_default=True, help="Address of the running server.")
@workspace_option
@json_option
def link(url: str, workspace: Path, as_json: bool) -> None:
    """Print a one-time link that signs the owner in to the studio."""
    with connect(workspace) as ws:
        secret = Access(ws.store.db).add_link(ws.store.actor)
    address = f"{url.rstrip('/')}/signin?link={secret}"
    emit({"url": address}, f"{address}\nValid for one hour and one use.", as_json=as_json)


@command.command("offline")
@click.argument("state", type=click.Choice(["on", "off"]), required=False)
@workspace_option
@json_option
def offline(state: str | None, workspace: Path, as_json: bool) -> None:
    """Close every way out of the workspace (on), or open it again (off); without a word, say how it is."""
    with connect(workspace) as ws:
        if state is not None:
            ws.set_offline(state == "on")
        closed = ws.is_offline
    said = "Offline: nothing leaves." if closed else "Online: registered upstreams may be called."
    emit({"offline": closed}, said, as_json=as_json)


@command.command("audit")
@click.option("--since", help="From this time on, e.g. 2026-11-01.")
@click.option("--until", help="Before this time.")
@click.option("--actor", help="Name or id of who acted.")
@click.option("--action", help="Whole (serve.deploy) or a room (serve).")
@click.option("--resource", help="Whole (endpoint:ep_…) or a kind (endpoint).")
@click.option(
    "--limit", type=click.IntRange(min=1), help="At most so many, newest first.  [default: 50; all for files]"
)
@click.option("--csv", type=click.Path(path_type=Path), help="Write to this CSV file.")
@workspace_option
@json_option
def audit(
    since: str | None,
    until: str | None,
    actor: str | None,
    action: str | None,
    resource: str | None,
    limit: int | None,
    csv: Path | None,
    workspace: Path,
    as_json: bool,
) -> None:
    """Show who did what to what, newest first."""
    asked = limit if limit or csv or as_json else 50
    with connect(workspace) as ws:
        entries = ws.audit(since=since, until=until, actor=actor, action=action, resource=resource, limit=asked)
        if csv:
            n = write_csv(csv, COLUMNS, (e.as_dict().values() for e in entries))
            emit({"path": str(csv), "n_rows": n}, f"{csv}: {n:,} events.", as_json=as_json)
            return
        rows = [e.as_dict() for e in entries]
    lines = [f"{r['created_at'][:19]}  {r['actor'] or r['actor_id']}  {r['action']}  {r['resource']}" for r in rows]
    emit({"events": rows}, "\n".join(lines) or "No events match.", as_json=as_json)


command.add_command(forget_command)
command.add_command(apply)
command.add_command(declare)
command.add_command(upstream_command)
