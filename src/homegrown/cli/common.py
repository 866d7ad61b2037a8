"""Options and output that verbs share: one JSON document on stdout with ``--json``, progress on stderr."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from homegrown.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable


def _default_workspace() -> Path:
    return Path(os.environ.get("HOMEGROWN_WORKSPACE", "work"))


workspace_option = click.option(
    "--workspace",
    "workspace",
    type=click.Path(path_type=Path),
    default=_default_workspace,
    show_default="work, or HOMEGROWN_WORKSPACE",
    help="Folder of the workspace.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")


def emit(document: Any, text: str | Callable[[], str], *, as_json: bool) -> None:
    """Print *document* as JSON, or *text* for a person."""
    if as_json:
        click.echo(json.dumps(document, ensure_ascii=False, default=str))
    else:
        click.echo(text if isinstance(text, str) else text())


def seconds(text: str) -> float:
    """A length of time as people type it: ``90``, ``90s``, ``5m``, ``1h``, ``7d``.

    Example:
        >>> seconds("5m")
        300.0
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhd]?)\s*", text)
    if found is None or float(found[1]) <= 0:
        raise InputError(f"The time {text!r} is not understood; write it as 90s, 5m, 1h or 7d.")
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]]


class TerminalProgress:
    """Shows stage, rate and time left on standard error: one live line on a terminal, a line per stage elsewhere."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._stage, self._unit = "", "rows"
        self._total: int | None = None
        self._done, self._started, self._shown = 0, 0.0, 0.0
        self._around: list[tuple[str, int | None, str, int, float]] = []

    def start(self, stage: str, total: int | None, unit: str = "rows") -> None:
        """A stage begins."""
        self._around.append((self._stage, self._total, self._unit, self._done, self._started))
        self._stage, self._total, self._unit = stage, total, unit
        self._done, self._started, self._shown = 0, time.monotonic(), 0.0

    def advance(self, n: int = 1, **facts: Any) -> None:
        """Work was done."""
        self._done += n
        now = time.monotonic()
        if self._live and now - self._shown > 0.1:
            self._shown = now
            click.echo(f"\r\x1b[2K{self._line(now)}", err=True, nl=False)

    def finish(self) -> None:
        """The stage ended."""
        start = "\r\x1b[2K" if self._live else ""
        click.echo(f"{start}{self._line(time.monotonic())}", err=True)
        around = self._around.pop()
        if self._around:  # it began inside of another stage, which goes on
            self._stage, self._total, self._unit, self._done, self._started = around

    def _line(self, now: float) -> str:
        spent = max(now - self._started, 1e-6)
        rate = self._done / spent
        total = f"/{self._total:,}" if self._total else ""
        left = (
            f", {(self._total - self._done) / rate:.0f} s left"
            if self._total and rate and self._done < self._total
            else ""
        )
        return f"{self._stage}: {self._done:,}{total} {self._unit}, {rate:,.0f}/s, {spent:.1f} s{left}"
