"""The registry. Built-ins come by the same road as yours: entry points of an installed distribution.

Groups: ``homegrown.finders``, ``homegrown.readers``, ``homegrown.trainers``.
A checkout that is not installed (or not re-installed since
its ``pyproject.toml`` changed) is read from that file, so that a plug-in under development is found at once.

Example:
    >>> load("homegrown.trainers", "linear").__name__
    'LinearTrainer'
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from homegrown.errors import PluginError

GROUPS = ("homegrown.finders", "homegrown.readers", "homegrown.trainers")


@cache
def _targets(group: str) -> dict[str, str]:
    found = {e.name: e.value for e in entry_points(group=group)}
    project = Path(__file__).parents[2] / "pyproject.toml"
    if project.is_file():
        declared = tomllib.loads(project.read_text(encoding="utf-8")).get("project", {})
        if declared.get("name") == "homegrown":
            found |= declared.get("entry-points", {}).get(group, {})
    return found


def names(group: str) -> list[str]:
    """Names registered in *group*, sorted."""
    if group not in GROUPS:
        raise PluginError(f"There is no plug-in group {group!r}. Groups: {', '.join(GROUPS)}.")
    return sorted(_targets(group))


def load(group: str, name: str) -> Any:
    """The object registered under *name*, imported now.

    Raises:
        PluginError: the name is unknown (the message lists the known ones) or its module cannot be imported.
    """
    if name not in names(group):
        raise PluginError(f"There is no {name!r} among {group}. Known: {', '.join(names(group))}.")
    module, _, attribute = _targets(group)[name].partition(":")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise PluginError(f"The plug-in {name!r} of {group} could not be loaded: {error}.") from error
