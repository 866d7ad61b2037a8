"""Model bundles: a folder of safetensors and JSON under ``models/<version_id>/``, with a digest per file.

``manifest.json`` lists every file with its size and SHA-256; it is checked when the model is loaded, and a file
that it does not list is refused. Nothing here is ever unpickled.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import msgspec

from homegrown.core.ids import canonical_json
from homegrown.errors import CorruptDataError, NotFoundError, PluginError
from homegrown.store.files import disk_errors, file_digest, sync_tree, write_atomic

if TYPE_CHECKING:
    from pathlib import Path

ALLOWED_SUFFIXES = frozenset({".safetensors", ".json", ".txt", ".onnx", ".md"})
MANIFEST = "manifest.json"


class BundleStore:
    """Bundles by version id."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, version_id: str, built: Path, facts: dict[str, Any]) -> str:
        """Move the files of *built* under *version_id*; complete or absent, whenever the power fails.

        Returns:
            The digest of the manifest, which names the bundle.
        """
        files = sorted(p for p in built.rglob("*") if p.is_file())
        for path in files:
            if path.is_symlink() or path.suffix not in ALLOWED_SUFFIXES:
                raise PluginError(
                    f"The trainer wrote {path.name}; a bundle holds {', '.join(sorted(ALLOWED_SUFFIXES))} only."
                )
        listing = {str(p.relative_to(built)): {"sha256": file_digest(p), "size": p.stat().st_size} for p in files}
        target = self._folder / version_id
        staging = self._folder / f".{version_id}.part"
        with disk_errors():
            shutil.rmtree(staging, ignore_errors=True)
            shutil.copytree(built, staging)
            write_atomic(staging / MANIFEST, canonical_json({"files": listing, "facts": facts}))
            sync_tree(staging)
            staging.rename(target)
        return file_digest(target / MANIFEST)

    def open(self, version_id: str, bundle_digest: str | None = None) -> Path:
        """The folder of a bundle after every file was checked against the manifest.

        Raises:
            CorruptDataError: a file is missing, was changed, or is not listed.
        """
        folder = self._folder / version_id
        if not (folder / MANIFEST).is_file():
            raise NotFoundError(f"The model files of {version_id} are not in this workspace.")
        if bundle_digest is not None and file_digest(folder / MANIFEST) != bundle_digest:
            raise CorruptDataError(_corrupt(version_id, MANIFEST))
        try:
            listing = msgspec.json.decode((folder / MANIFEST).read_bytes())["files"]
        except (msgspec.DecodeError, KeyError, TypeError) as error:
            raise CorruptDataError(_corrupt(version_id, MANIFEST)) from error
        present = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()} - {MANIFEST}
        for name in sorted(present ^ set(listing)):
            raise CorruptDataError(_corrupt(version_id, name))
        for name, facts in listing.items():
            if file_digest(folder / name) != facts["sha256"]:
                raise CorruptDataError(_corrupt(version_id, name))
        return folder

    def remove(self, version_id: str) -> None:
        """Remove a bundle's files for good; its version stays registered and says that they are gone."""
        shutil.rmtree(self._folder / version_id, ignore_errors=True)

    def size(self, version_id: str) -> int:
        """Bytes of a bundle on disk."""
        return sum(p.stat().st_size for p in (self._folder / version_id).rglob("*") if p.is_file())


def _corrupt(version_id: str, name: str) -> str:
    return (
        f"The model {version_id} is damaged: {name} is not what was written. It will not be served. "
        "Restore it from a backup, or train it again from its run."
    )
