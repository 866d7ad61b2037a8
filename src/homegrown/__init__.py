"""homegrown: turn the data a team already has into small models that it owns.

Example:
    >>> import homegrown as hg
    >>> ws = hg.connect("./work")  # doctest: +SKIP
    >>> ws.ingest("tickets.csv", text="body")  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_WHERE = {
    "HomegrownError": "homegrown.errors",
    "Record": "homegrown.core.records",
    "Recipe": "homegrown.core.models",
    "Workspace": "homegrown.workspace",
    "connect": "homegrown.workspace",
}

__all__ = ["HomegrownError", "Recipe", "Record", "Workspace", "__version__", "connect"]


def __getattr__(name: str) -> Any:
    """Import a public name at its first use, so that ``import homegrown`` costs nothing."""
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'homegrown' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
