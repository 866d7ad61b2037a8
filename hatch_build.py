"""Build hook: a wheel has the studio's bundled browser code, or is not built; and the kernel, where it compiles."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

STATIC = Path("src/homegrown/studio/static")
NATIVE = Path("src/homegrown/inference/native")


def check_bundle(root: Path, version: str) -> None:
    """Raise when a real wheel (not an editable install) would go out without the studio's browser code."""
    if version != "editable" and not (root / STATIC / "studio.js").is_file():
        raise RuntimeError(f"{STATIC}/studio.js is missing. Run `make studio` first, then build the wheel again.")


def add_kernel(root: Path, build_data: dict[str, Any]) -> None:
    """Compile the encoder's kernel if this machine can, and make the wheel one for this platform then."""
    subprocess.run([sys.executable, str(root / "scripts" / "native")], check=True)
    found = sorted((root / NATIVE).glob("encoder-*.so"))
    if found:
        build_data["artifacts"] += [str(path.relative_to(root)) for path in found]
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"], build_data["tag"] = False, f"py3-none-{platform}"


class CustomBuildHook(BuildHookInterface):
    """Called by hatchling for each wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Refuse to build without the bundle; compile the kernel."""
        check_bundle(Path(self.root), version)
        add_kernel(Path(self.root), build_data)
