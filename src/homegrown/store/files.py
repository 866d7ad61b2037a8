"""Writing files so that a kill leaves the old one or the new one, never half of either."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from homegrown.errors import DiskFullError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


@contextmanager
def disk_errors() -> Iterator[None]:
    """Turn "no space left" and a failing disk into a sentence; every writer of the workspace runs inside it.

    A flush that failed is never tried again: the kernel may have dropped the pages and would say that all is well.
    """
    try:
        yield
    except OSError as error:
        text = str(error).lower()
        if (
            error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
            or "no space left" in text
            or "file too large" in text
        ):
            raise DiskFullError from error
        if error.errno in (errno.EIO, errno.EROFS):
            raise StorageError(
                f"The disk failed ({error.strerror}). What was acknowledged before is kept, this is not. "
                "Check the disk before anything is written again."
            ) from error
        raise


def write_atomic(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write *content* beside *path*, flush it to the disk, then rename it into place."""
    write_pieces(path, (content,), mode)


def write_pieces(path: Path, pieces: Iterable[bytes], mode: int = 0o600) -> None:
    """``write_atomic`` for what is made while it is written."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with disk_errors():
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
            with os.fdopen(descriptor, "wb") as file:
                file.writelines(pieces)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename inside *folder* durable; of a file: its content."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Flush every file below *folder*, then the folders."""
    for path in sorted(folder.rglob("*"), reverse=True):
        sync_folder(path)
    sync_folder(folder)


def file_digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
