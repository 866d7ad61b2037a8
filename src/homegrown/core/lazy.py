"""Rooms whose parts are heavy give them out at first use (ADR 0002)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def on_demand(room: str, parts: dict[str, str]) -> Callable[[str], Any]:
    """A module ``__getattr__`` that imports a part when it is first asked for.

    Args:
        room: ``__name__`` of the room.
        parts: public name → module that defines it. A name must differ from every module of the room, for an
            imported module takes its own name in the package.

    Example:
        >>> __getattr__ = on_demand(__name__, {"train": "homegrown.train.run"})
    """

    def __getattr__(name: str) -> Any:  # noqa: N807  # it becomes the room's own
        if name not in parts:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        return getattr(import_module(parts[name]), name)

    return __getattr__
