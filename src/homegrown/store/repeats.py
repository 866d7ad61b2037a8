"""What was answered under a caller's Idempotency-Key: written with the call's own row, so that a restart knows it too.

A row without a status is of a call that is under way; one that is found so at a start was under way when the server
was killed, and nobody knows whether its upstream answered.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from homegrown.core.ids import now, timestamp
from homegrown.store import tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.store.database import Database

_R = tables.repeats
_UPDATE = (
    sa.update(_R)
    .where(_R.c.key_digest == sa.bindparam("b_key"), _R.c.trace_id == sa.bindparam("b_trace"))
    .values({n: sa.bindparam(f"b_{n}") for n in ("status", "headers", "body")})
)


@dataclass(frozen=True, slots=True)
class Repeat:
    """A key, the request that came under it, and what was answered.

    Attributes:
        key_digest: of the caller and the key.
        request_digest: of the request.
        status: of the answer; None while there is none, or where it may be another one the next time.
        headers: JSON, a list of pairs.
        body: base64; None where it is longer than is kept.
    """

    key_digest: str
    request_digest: str
    status: int | None = None
    headers: str = "[]"
    body: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """A key from before a restart.

    Attributes:
        age_s: seconds since its call began; a clock that was put back makes nothing younger than 0.
    """

    key_digest: str
    request_digest: str
    is_answered: bool
    age_s: float = 0.0


def packed(
    key_digest: str, request_digest: str, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes | None
) -> Repeat:
    """An answer as it is stored."""
    pairs = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in headers]
    text = None if body is None else base64.b64encode(body).decode()
    return Repeat(key_digest, request_digest, status, msgspec.json.encode(pairs).decode(), text)


def write_repeats(
    connection: sa.Connection, begun: Sequence[tuple[str, Repeat, str]], ended: Sequence[tuple[str, Repeat]]
) -> None:
    """Note keys of calls that began (with trace and time), then what became of them; without an answer one is free."""
    if begun:
        connection.execute(sa.delete(_R).where(_R.c.key_digest.in_([r.key_digest for _, r, _ in begun])))
        rows = [
            {"key_digest": r.key_digest, "request_digest": r.request_digest, "trace_id": trace_id, "created_at": at}
            for trace_id, r, at in {r.key_digest: (t, r, at) for t, r, at in begun}.values()
        ]
        connection.execute(sa.insert(_R), rows)
    answered = [(t, r) for t, r in ended if r.status is not None]
    if answered:
        connection.execute(
            _UPDATE,
            [
                {"b_key": r.key_digest, "b_trace": t, "b_status": r.status, "b_headers": r.headers, "b_body": r.body}
                for t, r in answered
            ],
        )
    free = [t for t, r in ended if r.status is None]
    if free:
        connection.execute(sa.delete(_R).where(_R.c.trace_id.in_(free)))


class RepeatStore:
    """The table of answers under keys."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def known(self, most: int) -> list[Known]:
        """The newest *most* keys, oldest first."""
        columns = (_R.c.key_digest, _R.c.request_digest, _R.c.status, _R.c.created_at)
        rows = self._db.all(sa.select(*columns).order_by(_R.c.created_at.desc()).limit(most))
        today = now()
        return [
            Known(
                r["key_digest"], r["request_digest"], r["status"] is not None,
                max(0.0, (today - datetime.fromisoformat(r["created_at"])).total_seconds()),
            )
            for r in reversed(rows)
        ]  # fmt: skip

    def answer(self, key_digest: str) -> tuple[int, list[tuple[bytes, bytes]], bytes] | None:
        """Status, headers and body under a key; None where they are not kept (any more)."""
        row = self._db.one(sa.select(_R.c.status, _R.c.headers, _R.c.body).where(_R.c.key_digest == key_digest))
        if row is None or row["status"] is None or row["body"] is None:
            return None
        pairs = msgspec.json.decode(row["headers"], type=list[tuple[str, str]])
        headers = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in pairs]
        return int(row["status"]), headers, base64.b64decode(row["body"])

    def age_out(self, seconds: float, moment: datetime | None = None) -> int:
        """Forget keys that are older; returns how many."""
        oldest = timestamp((moment or now()) - timedelta(seconds=seconds))
        with self._db.write() as connection:
            return connection.execute(sa.delete(_R).where(_R.c.created_at < oldest)).rowcount
