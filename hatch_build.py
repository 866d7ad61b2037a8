"""Build hook: a wheel carries the studio's bundled browser code, or it is not built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

STATIC = Path("src/homegrown/studio/static")


def check_bundle(root: Path, version: str) -> None:
    """Raise when a real wheel (not an editable install) would go out without the studio's browser code."""
    if version != "editable" and not (root / STATIC / "studio.js").is_file():
        raise RuntimeError(f"{STATIC}/studio.js is missing. Run `make studio` first, then build the wheel again.")


class CustomBuildHook(BuildHookInterface):
    """Called by hatchling for each wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Refuse to build without the bundle."""
        check_bundle(Path(self.root), version)
