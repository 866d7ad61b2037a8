"""homegrown: turn the data a team already has into small models that it owns.

Example:
    >>> import homegrown as hg
    >>> ws = hg.connect("./work")  # doctest: +SKIP
    >>> ws.ingest("tickets.csv", text="body")  # doctest: +SKIP
    >>> task = ws.task("intent", column="category")  # doctest: +SKIP
    >>> model = task.train(task.snapshot())  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from homegrown.core.models import Recipe, Snapshot
    from homegrown.core.records import Record
    from homegrown.core.rules import ABSTAIN
    from homegrown.errors import HomegrownError
    from homegrown.workspace import Evaluation, Model, Task, Workspace, connect

__version__ = "0.1.0"

_WHERE = {
    "ABSTAIN": "homegrown.core.rules",
    "Evaluation": "homegrown.workspace",
    "HomegrownError": "homegrown.errors",
    "Model": "homegrown.workspace",
    "Recipe": "homegrown.core.models",
    "Record": "homegrown.core.records",
    "Snapshot": "homegrown.core.models",
    "Task": "homegrown.workspace",
    "Workspace": "homegrown.workspace",
    "connect": "homegrown.workspace",
}

__all__ = [
    "ABSTAIN",
    "Evaluation",
    "HomegrownError",
    "Model",
    "Recipe",
    "Record",
    "Snapshot",
    "Task",
    "Workspace",
    "__version__",
    "connect",
]


def __getattr__(name: str) -> Any:
    """Import a public name at its first use, so that ``import homegrown`` costs nothing."""
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'homegrown' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
