"""The same request again under the same Idempotency-Key gets the answer that there was, and nothing is asked twice.

Answers are kept for a day. They stand in the database beside the rows of their calls (``store.repeats``), so a
restart knows them as far as it knows the rows; the newest lie in memory too. A call that was under way when the
server was killed may have been answered by its upstream: its key is refused from then on, and never asked again.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio.to_thread
from starlette.responses import Response

from homegrown.core.ids import digest
from homegrown.errors import ConflictError, ReusedKeyError
from homegrown.store.repeats import Repeat, packed
from homegrown.web.answers import Shape, refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import Receive, Scope, Send

    from homegrown.store.repeats import Known, RepeatStore

KEEP_S = 24 * 3600.0
MOST_BYTES = 64 << 20
MOST_KEYS = 50_000
LARGEST_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as it went out."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


@dataclass(frozen=True, slots=True)
class OnDisk:
    """An answer that has to be read first."""

    key_digest: str


@dataclass(slots=True)
class _Entry:
    """Of one key.

    Attributes:
        answer: in memory.
        is_on_disk: whether it stands in the database too.
        is_unknown: a kill cut the call off, and nobody knows what became of it.
    """

    digest: str
    at: float
    answer: Kept | None = None
    is_on_disk: bool = False
    is_unknown: bool = False

    @property
    def is_settled(self) -> bool:
        return self.answer is not None or self.is_on_disk or self.is_unknown


class Promise:
    """A key that is in use; its answer is kept, or the key is free again.

    Attributes:
        repeat: what the call's row says of it while the call is under way.
    """

    def __init__(self, keys: Keys, name: str, request_digest: str) -> None:
        self._keys, self._name = keys, name
        self.repeat = Repeat(name, request_digest)

    def answered(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes | None) -> Repeat:
        """What the call's row says once this is the answer; None for a body that is longer than is kept."""
        if not _is_final(status):
            return self.repeat
        kept = body if body is None or len(body) <= LARGEST_BYTES else None
        return packed(self._name, self.repeat.request_digest, status, headers, kept)

    def keep(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes | None, *, is_on_disk: bool) -> None:
        """This was the answer; one that may be another the next time is not kept."""
        if _is_final(status) and body is not None:
            self._keys.keep(self._name, Kept(status, headers, body), is_on_disk=is_on_disk)
        elif _is_final(status):
            self._keys.keep(self._name, None, is_on_disk=True)

    def drop(self) -> None:
        """The call is over: without an answer the key is free."""
        self._keys.free(self._name)


def _is_final(status: int) -> bool:
    return status < 500 and status not in (408, 409, 425, 429)


class Keys:
    """Keys of all callers.

    Args:
        known: from before a restart, oldest first.

    Example:
        >>> keys = Keys()
        >>> keys.begin("actor_a", "k", b"body").keep(200, [], b"answer", is_on_disk=False)
        >>> keys.begin("actor_a", "k", b"body").body
        b'answer'
    """

    def __init__(self, known: Iterable[Known] = ()) -> None:
        now = time.monotonic()
        self._entries: OrderedDict[str, _Entry] = OrderedDict(
            (k.key_digest, _Entry(k.request_digest, now - k.age_s, None, k.is_answered, not k.is_answered))
            for k in known
        )
        self._n_bytes = 0

    def begin(self, actor_id: str, key: str, *request: bytes) -> Promise | Kept | OnDisk:
        """Take a key, or get what was answered under it.

        Raises:
            ReusedKeyError: another request came under it before.
            ConflictError: the same request is under way, or a kill cut it off.
        """
        self._age()
        name, said = digest(actor_id.encode(), key.encode()), digest(*request)
        found = self._entries.get(name)
        if found is not None and found.is_settled and time.monotonic() - found.at > KEEP_S:
            self._forget(name, found)
            found = None
        if found is None:
            self._entries[name] = _Entry(said, time.monotonic())
            return Promise(self, name, said)
        if found.digest != said:
            raise ReusedKeyError
        if found.is_unknown:
            raise ConflictError(
                "The server was stopped while the request with this Idempotency-Key was under way: whether it was "
                "answered is not known. Ask again with another key."
            )
        if found.answer is None and found.is_on_disk:
            return OnDisk(name)
        if found.answer is None:
            raise ConflictError("The same request with this Idempotency-Key is under way still.")
        return found.answer

    def keep(self, name: str, answer: Kept | None, *, is_on_disk: bool) -> None:
        """The answer to the request of *name*; None where it is too long to be kept: it is not asked again either."""
        entry = self._entries.get(name)
        if entry is not None and not entry.is_settled:
            entry.answer, entry.is_on_disk = answer, is_on_disk
            self._n_bytes += len(answer.body) if answer is not None else 0

    def free(self, name: str) -> None:
        """Forget *name*, unless its answer is kept."""
        entry = self._entries.get(name)
        if entry is not None and not entry.is_settled:
            del self._entries[name]

    def _age(self) -> None:
        now = time.monotonic()
        for name, entry in list(self._entries.items())[:64]:
            is_old = now - entry.at > KEEP_S or len(self._entries) > MOST_KEYS
            if not entry.is_settled or not (is_old or self._n_bytes > MOST_BYTES):
                continue
            if is_old or not entry.is_on_disk:
                self._forget(name, entry)
                continue
            # What is left is small; the answer is read again where it is asked for.
            self._n_bytes -= len(entry.answer.body) if entry.answer is not None else 0
            entry.answer = None
            self._entries.move_to_end(name)

    def _forget(self, name: str, entry: _Entry) -> None:
        self._n_bytes -= len(entry.answer.body) if entry.answer is not None else 0
        del self._entries[name]


class Repeated(Response):
    """An answer that was given before."""

    def __init__(self, found: Kept | OnDisk, repeats: RepeatStore, shape: Shape, request_id: str) -> None:
        super().__init__()
        self._found, self._repeats, self._shape, self._request_id = found, repeats, shape, request_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        found = self._found
        if isinstance(found, OnDisk):
            read = await anyio.to_thread.run_sync(self._repeats.answer, found.key_digest)
            if read is None:
                sentence = "A request with this Idempotency-Key was answered before, and its answer is not kept."
                await refusal(ConflictError(sentence), self._shape, self._request_id)(scope, receive, send)
                return
            found = Kept(*read)
        self.body, self.status_code = found.body, found.status
        framing = (b"content-length", b"transfer-encoding")
        length = (b"content-length", str(len(found.body)).encode())
        kept = [h for h in found.headers if h[0] not in framing]
        self.raw_headers = [*kept, length, (b"x-homegrown-repeated", b"true")]
        await super().__call__(scope, receive, send)
