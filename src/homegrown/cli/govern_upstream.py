"""``homegrown govern upstream``: the model APIs that may be called."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from homegrown.cli.common import emit, json_option, workspace_option
from homegrown.errors import InputError
from homegrown.workspace import connect

if TYPE_CHECKING:
    from homegrown.core.upstreams import Upstream


@click.group("upstream")
def command() -> None:
    """Model APIs outside that may be called: teachers. Nothing else ever is."""


@command.command("add")
@click.argument("name")
@click.argument("base_url")
@click.option("--model", required=True, help="What the API calls the model.")
@click.option("--key-env", metavar="VARIABLE", help="Take the key from this environment variable.")
@click.option("--key-stdin", is_flag=True, help="Read the key from standard input.")
@click.option("--price-in", type=float, help="USD for a million tokens sent.")
@click.option("--price-out", type=float, help="USD for a million tokens answered.")
@click.option("--terms", default="", help="Terms of use of its answers, in a word or two.")
@click.option("--private", is_flag=True, help="It stands in a network of your own: plain HTTP and local addresses.")
@workspace_option
@json_option
def add(
    name: str,
    base_url: str,
    model: str,
    key_env: str | None,
    key_stdin: bool,
    price_in: float | None,
    price_out: float | None,
    terms: str,
    private: bool,
    workspace: Path,
    as_json: bool,
) -> None:
    """Register NAME at BASE_URL (such as https://api.example.org/v1), or change it; another address drops its key."""
    key = key_of(key_env, from_stdin=key_stdin)
    with connect(workspace) as ws:
        made = ws.add_upstream(
            name, base_url, model=model, key=key, price_in_usd=price_in, price_out_usd=price_out, terms=terms,
            private=private,
        )  # fmt: skip
    emit(asdict(made), _line(made), as_json=as_json)


def key_of(variable: str | None, *, from_stdin: bool) -> str | None:
    """A key from the environment or standard input. Never as an argument: the list of processes shows those."""
    if variable is not None and from_stdin:
        raise InputError("Give the key one way: --key-env or --key-stdin.")
    if variable is not None:
        if not os.environ.get(variable):
            raise InputError(f"The environment variable {variable} is not set, or empty.")
        return os.environ[variable].strip()
    if from_stdin:
        return sys.stdin.readline().strip() or None
    return None


@command.command("list")
@workspace_option
@json_option
def list_upstreams(workspace: Path, as_json: bool) -> None:
    """Show all, without their keys."""
    with connect(workspace) as ws:
        found = ws.upstreams()
    lines = "\n".join(map(_line, found)) or "No upstreams yet."
    emit({"upstreams": [asdict(u) for u in found]}, lines, as_json=as_json)


@command.command("remove")
@click.argument("name")
@workspace_option
@json_option
def remove(name: str, workspace: Path, as_json: bool) -> None:
    """Remove NAME with its key and its kept answers; its votes stay."""
    with connect(workspace) as ws:
        gone = ws.remove_upstream(name)
    emit({"upstream_id": gone.upstream_id, "removed": True}, f"Removed {gone.name}.", as_json=as_json)


def _line(u: Upstream) -> str:
    price = f"{u.price_in_usd:g} / {u.price_out_usd:g} USD per million tokens"
    facts = [u.base_url, u.model, price, "key kept" if u.has_key else "no key"]
    return f"{u.name}: " + ", ".join([*facts, *(["private"] if u.is_private else []), *([u.terms] if u.terms else [])])
