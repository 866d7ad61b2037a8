"""``homegrown serve``."""

from __future__ import annotations

from pathlib import Path

import click

from homegrown.cli.common import workspace_option
from homegrown.core.access import SYSTEM
from homegrown.server import DEFAULT_PORT, Announcement, ServeOptions, serve
from homegrown.workspace import connect


@click.command("serve")
@click.argument("name", required=False)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=DEFAULT_PORT, show_default=True, help="Port to listen on; 0 takes any free one.")
@click.option("--allow-host", multiple=True, help="A further host name that people use for this server.")
@click.option("--public-url", help="The address that people open when a TLS proxy stands in front.")
@click.option("--log-requests", is_flag=True, help="One JSON line per request on standard error.")
@workspace_option
def command(name: str | None, workspace: Path, allow_host: tuple[str, ...], **options: object) -> None:
    """Answer over HTTP until Ctrl-C. NAME is the endpoint shown in the examples (default: the first)."""
    with connect(workspace, actor=SYSTEM) as ws:
        known = [e.name for e in ws.store.endpoints.list()]
        if name is not None:
            ws.store.endpoints.get(name)
        shown = name or (known[0] if known else None)
        serve(ws, ServeOptions(allow_hosts=allow_host, **options), lambda a: click.echo(_text(a, shown)))  # type: ignore[arg-type]


def _text(told: Announcement, endpoint: str | None) -> str:
    lines = [f"Serving on {told.origin}", f"Sign in (once, within an hour): {told.sign_in_url}"]
    if told.first_key is not None:
        lines.append(f"A key for callers, shown this once: {told.first_key.secret}")
    key = told.first_key.secret if told.first_key else "$HOMEGROWN_KEY"
    if endpoint is None:
        return "\n".join([*lines, "Nothing is deployed yet: homegrown grow FILE --text COL --label COL"])
    python_key = f'"{key}"' if told.first_key else 'os.environ["HOMEGROWN_KEY"]'
    return "\n".join(
        [
            *lines,
            "",
            f"curl {told.origin}/api/v1/endpoints/{endpoint}/predict -H 'Authorization: Bearer {key}' \\",
            """  -H 'Content-Type: application/json' -d '{"text": "…"}'""",
            "",
            f'client = openai.OpenAI(base_url="{told.origin}/v1", api_key={python_key})',
            f'client.chat.completions.create(model="{endpoint}", messages=[{{"role": "user", "content": "…"}}])',
            "",
            "Another key: homegrown govern key add NAME     Stop: Ctrl-C",
        ]
    )
