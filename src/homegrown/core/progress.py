"""A listener that hears nothing."""

from __future__ import annotations

from typing import Any


class Silent:
    """The default ``Progress``: ignores everything and never stops anybody."""

    def start(self, stage: str, total: int | None, unit: str = "rows") -> None:
        """Ignore."""

    def advance(self, n: int = 1, **facts: Any) -> None:
        """Ignore."""

    def finish(self) -> None:
        """Ignore."""
