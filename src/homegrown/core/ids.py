"""Identity: what content is fixed is named by its hash; what is made gets an opaque id.

A record's identity is ``H(content + all fields, k)`` with *k* counting identical rows inside one import,
or ``H(source, id)`` when the source names its rows by a column. Fields enter the hash as text (``identity``), so the
same table saved as CSV, Excel or Parquet names the same records, and a cell that turns a column of numbers into one of
words changes the id of its own row only.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime
from typing import Any

import msgspec

_ENCODER = msgspec.json.Encoder(order="sorted")
_SEPARATOR = b"\x1f"


def now() -> datetime:
    """The current time, UTC-aware."""
    return datetime.now(UTC)


def timestamp(moment: datetime | None = None) -> str:
    """*moment* (default: now) as it is stored: ISO 8601, UTC, microseconds, so that text order is time order.

    Example:
        >>> timestamp(datetime(2026, 1, 2, tzinfo=UTC))
        '2026-01-02T00:00:00.000000+00:00'
    """
    return (moment or now()).astimezone(UTC).isoformat(timespec="microseconds")


def new_id(prefix: str) -> str:
    """A fresh opaque id, e.g. ``run_5f0c…``: 80 random bits behind a readable prefix."""
    return f"{prefix}_{secrets.token_hex(10)}"


def keyed_id(prefix: str, owner: str, key: str) -> str:
    """The id of what *owner* creates under an idempotency *key*: the same again for the same key.

    Example:
        >>> keyed_id("job", "actor_a", "k") == keyed_id("job", "actor_a", "k") != keyed_id("job", "actor_b", "k")
        True
    """
    digest = hashlib.blake2b(canonical_json([prefix, owner, key]), digest_size=10)
    return f"{prefix}_{digest.hexdigest()}"


class IdPool:
    """As ``new_id`` for paths that make many: asks the system for randomness once in several hundred ids.

    Example:
        >>> len(IdPool("req").new())
        24
    """

    _BYTES = 10
    _AT_ONCE = 400

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._ready: list[str] = []

    def new(self) -> str:
        """A fresh id."""
        try:
            return f"{self._prefix}_{self._ready.pop()}"
        except IndexError:
            text = secrets.token_hex(self._BYTES * self._AT_ONCE)
            step = 2 * self._BYTES
            self._ready.extend(text[i : i + step] for i in range(0, len(text), step))
            return f"{self._prefix}_{self._ready.pop()}"


def digest(*parts: bytes) -> str:
    """BLAKE2b-128 of *parts* as 32 hex characters; parts are separated, so ``(ab, c)`` differs from ``(a, bc)``.

    Example:
        >>> digest(b"a", b"b") == digest(b"ab")
        False
    """
    return hashlib.blake2b(_SEPARATOR.join(parts), digest_size=16).hexdigest()


def text_hash(text: str) -> str:
    """The key of vectors and caches: the hash of the text alone."""
    return digest(text.encode("utf-8", "surrogatepass"))


def canonical_json(value: Any) -> bytes:
    """*value* as JSON with sorted keys and no spaces, the one form that is hashed and stored.

    Example:
        >>> canonical_json({"b": 1, "a": [True, None]})
        b'{"a":[true,null],"b":1}'
    """
    return _ENCODER.encode(value)


def identity(fields: dict[str, Any]) -> bytes:
    """The form of *fields* that is hashed: numbers, booleans and null as the text that a CSV would show.

    Example:
        >>> identity({"n": 12, "ok": True, "none": None}) == identity({"n": "12", "ok": "true", "none": ""})
        True
    """
    return canonical_json({name: _as_text(value) for name, value in fields.items()})


def _as_text(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return canonical_json(value).decode() if isinstance(value, (bool, int, float)) else value


def record_id(content_hash: str, fields_json: bytes, k: int = 0) -> str:
    """Identity of a record by content: its text hash, all its fields, and the k-th twin within one import.

    Args:
        content_hash: ``text_hash`` of the text.
        fields_json: ``identity`` of all fields.
        k: 0 for the first identical row of an import, 1 for the second, ...
    """
    return digest(content_hash.encode(), fields_json, str(k).encode())


def record_ids(texts: list[bytes], fields_json: list[bytes]) -> tuple[bytes, bytes]:
    """``text_hash`` and ``record_id`` (k = 0) of many rows at once, as raw bytes, 16 per row, joined.

    Example:
        >>> hashes, ids = record_ids([b"hello"], [b"{}"])
        >>> (hashes.hex(), ids.hex()) == (text_hash("hello"), record_id(text_hash("hello"), b"{}"))
        True
    """
    blake = hashlib.blake2b
    hashes = b"".join([blake(text, digest_size=16).digest() for text in texts])
    in_hex = hashes.hex().encode()
    ids = [
        blake(in_hex[32 * i : 32 * i + 32] + b"\x1f" + fields + b"\x1f0", digest_size=16).digest()
        for i, fields in enumerate(fields_json)
    ]
    return hashes, b"".join(ids)


def record_id_by_key(source_id: str, external_id: str) -> str:
    """Identity of a record whose source names its rows: the same id in the same source is the same record."""
    return digest(b"key", source_id.encode(), external_id.encode("utf-8", "surrogatepass"))
