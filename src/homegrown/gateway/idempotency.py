"""The same request again under the same Idempotency-Key gets the answer that there was, and nothing is asked twice.

Answers are kept in memory for a day, the oldest dropped first when they are too many: a key is a help against a
client that repeats itself, not an archive.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass

from homegrown.core.ids import digest
from homegrown.errors import ConflictError, ReusedKeyError

KEEP_S = 24 * 3600.0
MOST_BYTES = 64 << 20
MOST_KEYS = 10_000


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as it went out."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


@dataclass(slots=True)
class _Entry:
    digest: str
    at: float
    answer: Kept | None = None


class Promise:
    """A key that is in use; its answer is kept, or the key is free again."""

    def __init__(self, keys: Keys, name: tuple[str, str]) -> None:
        self._keys, self._name = keys, name

    def keep(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """This was the answer; one that may be another the next time is not kept."""
        if status < 500 and status not in (408, 409, 425, 429):
            self._keys.keep(self._name, Kept(status, headers, body))

    def drop(self) -> None:
        """The call is over: without an answer the key is free."""
        self._keys.free(self._name)


class Keys:
    """Keys of all callers.

    Example:
        >>> keys = Keys()
        >>> keys.begin("actor_a", "k", b"body").keep(200, [], b"answer")
        >>> keys.begin("actor_a", "k", b"body").body
        b'answer'
    """

    def __init__(self) -> None:
        self._entries: OrderedDict[tuple[str, str], _Entry] = OrderedDict()
        self._n_bytes = 0

    def begin(self, actor_id: str, key: str, *request: bytes) -> Promise | Kept:
        """Take a key, or get what was answered under it.

        Raises:
            ReusedKeyError: another request came under it before.
            ConflictError: the same request is under way.
        """
        self._age()
        name, said = (actor_id, key), digest(*request)
        found = self._entries.get(name)
        if found is None:
            self._entries[name] = _Entry(said, time.monotonic())
            return Promise(self, name)
        if found.digest != said:
            raise ReusedKeyError
        if found.answer is None:
            raise ConflictError("The same request with this Idempotency-Key is under way still.")
        return found.answer

    def keep(self, name: tuple[str, str], answer: Kept) -> None:
        """The answer to the request under *name*."""
        entry = self._entries.get(name)
        if entry is not None and entry.answer is None:
            entry.answer = answer
            self._n_bytes += len(answer.body)

    def free(self, name: tuple[str, str]) -> None:
        """Forget *name*, unless its answer is kept."""
        entry = self._entries.get(name)
        if entry is not None and entry.answer is None:
            del self._entries[name]

    def _age(self) -> None:
        now = time.monotonic()
        for name, entry in list(self._entries.items())[:64]:
            is_full = self._n_bytes > MOST_BYTES or len(self._entries) > MOST_KEYS
            if entry.answer is not None and (is_full or now - entry.at > KEEP_S):
                del self._entries[name]
                self._n_bytes -= len(entry.answer.body)
