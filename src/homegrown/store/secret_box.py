"""Secrets at rest: sealed by a random key of the workspace, each for the one place in the database where it lies.

The master key never encrypts anything itself: each purpose has a sub-key of its own (HKDF, RFC 5869, section 2), and a
sealed value names table, row and column as associated data, so that it opens nowhere else (RELIABILITY T20).
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from homegrown.core.ids import canonical_json
from homegrown.errors import CorruptDataError, StorageError
from homegrown.store.files import disk_errors, sync_folder

KEY_BYTES = 32
_NONCE_BYTES = 12
_VERSION = "v1"


class Place(NamedTuple):
    """Where a secret lies in the database."""

    table: str
    row: str
    column: str


class SecretBox:
    """Seals and opens text.

    Args:
        path: the file of the workspace's master key; made at the first seal, readable by its owner alone.
        purpose: names the sub-key; what one purpose sealed, no other opens.

    Example:
        >>> box = SecretBox(folder / "workspace.key", "upstream keys")  # doctest: +SKIP
        >>> box.open(box.seal("sk-1", place), place)  # doctest: +SKIP
        'sk-1'
    """

    def __init__(self, path: Path, purpose: str) -> None:
        self._path, self._purpose = path, purpose

    def seal(self, text: str, place: Place) -> str:
        """*text*, encrypted and authenticated for *place*."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._cipher(create=True).encrypt(nonce, text.encode("utf-8", "surrogatepass"), _bound(place))
        return f"{_VERSION}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, place: Place) -> str:
        """What ``seal`` was given.

        Raises:
            CorruptDataError: it was sealed for another place, purpose or workspace, or was changed.
        """
        version, _, body = sealed.partition(".")
        try:
            raw = base64.urlsafe_b64decode(body.encode())
            # Base64 has several spellings of the same bytes; only the one that was written is read.
            if base64.urlsafe_b64encode(raw).decode() != body:
                raise InvalidTag
            if version != _VERSION or len(raw) <= _NONCE_BYTES:
                raise InvalidTag
            text = self._cipher(create=False).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _bound(place))
        except (InvalidTag, binascii.Error, UnicodeError) as error:
            raise CorruptDataError(
                "A stored key cannot be opened: it was not sealed here, or the file secrets/workspace.key is another "
                "one now. Enter the key again."
            ) from error
        return text.decode("utf-8", "surrogatepass")

    def _cipher(self, *, create: bool) -> AESGCM:
        info = canonical_json(["homegrown", _VERSION, self._purpose])
        return AESGCM(HKDF(SHA256(), KEY_BYTES, salt=None, info=info).derive(self._master(create=create)))

    def _master(self, *, create: bool) -> bytes:
        try:
            return self._read()
        except FileNotFoundError:
            if not create:
                raise CorruptDataError(
                    "The file secrets/workspace.key of this workspace is missing, so stored keys cannot be opened. "
                    "Bring it back from a copy, or enter the keys again."
                ) from None
        self._make()
        return self._read()

    def _make(self) -> None:
        """Whole or not at all, and never over one that another process made meanwhile."""
        fresh = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
        with disk_errors():
            try:
                descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(secrets.token_bytes(KEY_BYTES))
                    file.flush()
                    os.fsync(file.fileno())
                os.link(fresh, self._path)
            except FileExistsError:
                pass
            finally:
                fresh.unlink(missing_ok=True)
        sync_folder(self._path.parent)

    def _read(self) -> bytes:
        descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as file:
            facts = os.fstat(file.fileno())
            if facts.st_uid != os.getuid() or facts.st_mode & 0o077:
                raise StorageError(
                    "The file secrets/workspace.key can be read by others, or is not yours. "
                    "Run: chmod 600 on it, and change the keys that it protects."
                )
            found = file.read(KEY_BYTES + 1)
        if len(found) != KEY_BYTES:
            raise CorruptDataError("The file secrets/workspace.key is damaged. Bring it back from a copy.")
        return found


def _bound(place: Place) -> bytes:
    return canonical_json(list(place))
