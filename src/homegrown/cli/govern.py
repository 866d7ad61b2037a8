"""``homegrown govern``: keys and sign-in links."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from homegrown.cli.common import emit, json_option, workspace_option
from homegrown.core.access import Role
from homegrown.govern.access import Access
from homegrown.workspace import connect


@click.group("govern")
def command() -> None:
    """Who may do what."""


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
