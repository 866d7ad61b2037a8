"""Checkpoints of a run: written beside, flushed, renamed; checked when read; the last two are kept.

A kill at any moment leaves the newest whole one; a damaged one is passed over for the one before.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import msgspec
from safetensors.torch import load_file, save_file

from homegrown.core.ids import canonical_json
from homegrown.store.files import disk_errors, file_digest, sync_folder, sync_tree

if TYPE_CHECKING:
    from pathlib import Path

    import torch

KEPT = 2
TENSORS, MANIFEST = "state.safetensors", "manifest.json"


class Checkpoints:
    """The checkpoints of one phase of a run.

    Args:
        folder: created when first written to; nothing else may lie in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, step: int, tensors: dict[str, torch.Tensor], facts: dict[str, Any]) -> None:
        """Write the state after *step* steps."""
        part = self.folder / ".part"
        with disk_errors():
            self.folder.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            save_file(tensors, part / TENSORS)
            manifest = {"step": step, "facts": facts, "sha256": file_digest(part / TENSORS)}
            (part / MANIFEST).write_bytes(canonical_json(manifest))
            sync_tree(part)
            target = self.folder / f"{step:09d}"
            shutil.rmtree(target, ignore_errors=True)
            part.rename(target)
            sync_folder(self.folder)
        for old in self._steps()[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)

    def load(self) -> tuple[int, dict[str, torch.Tensor], dict[str, Any]] | None:
        """The newest whole checkpoint: (step, tensors, facts); None when there is none."""
        for path in reversed(self._steps()):
            try:
                manifest = msgspec.json.decode((path / MANIFEST).read_bytes())
                if file_digest(path / TENSORS) == manifest["sha256"]:
                    return manifest["step"], load_file(path / TENSORS), manifest["facts"]
            except (OSError, KeyError, msgspec.DecodeError):
                continue
        return None

    def drop(self) -> None:
        """Remove them all: the phase is over."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _steps(self) -> list[Path]:
        return sorted(p for p in self.folder.glob("[0-9]*") if p.is_dir()) if self.folder.is_dir() else []
