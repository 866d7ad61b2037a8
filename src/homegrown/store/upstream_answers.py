"""What upstreams answered, by content, and what is spent: a call's cost is set aside before it is sent.

A row is one record's answer, or one call that was sent and is not settled: its ``text_hash`` is empty, its cost the
worst that it can be. A call that was cut off by a kill stays so, and counts as spent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import sqlalchemy as sa

from homegrown.core.ids import canonical_json, new_id, timestamp
from homegrown.store import tables

if TYPE_CHECKING:
    from collections.abc import Iterable

    from homegrown.core.upstreams import Upstream
    from homegrown.store.database import Database

_A = tables.upstream_answers
_CHUNK = 500


Write = Callable[[sa.Connection], None]
"""Something to be done inside a transaction of others."""


class Kept(NamedTuple):
    """An answer for one text. `value` is a vote's value (None: it abstains), with its confidence if that is known."""

    digest: str
    text_hash: str
    value: dict[str, object] | None
    confidence: float | None
    n_tokens_in: int
    n_tokens_out: int
    cost_usd: float


class UpstreamAnswers:
    """The answers of all upstreams."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def find(self, digests: Iterable[str]) -> dict[str, Kept]:
        """Those answers of *digests* that are here."""
        wanted = list(dict.fromkeys(digests))
        found: dict[str, Kept] = {}
        for start in range(0, len(wanted), _CHUNK):
            for row in self._db.all(sa.select(*_A.c).where(_A.c.digest.in_(wanted[start : start + _CHUNK]))):
                said = msgspec.json.decode(row["answer"])
                found[row["digest"]] = Kept(
                    row["digest"], row["text_hash"], said["value"], said["confidence"], row["n_tokens_in"],
                    row["n_tokens_out"], row["cost_usd"],
                )  # fmt: skip
        return found

    def write(self, writes: Iterable[Write]) -> None:
        """Carry out some *writes* in one transaction."""
        with self._db.write() as connection:
            for one in writes:
                one(connection)

    def set_aside(self, upstream: Upstream, prompt: str, cost_usd: float) -> tuple[str, Write]:
        """Note, before it is sent, the most that a call may cost.

        Args:
            upstream: that is called.
            prompt: digest of what all calls of one question share.
            cost_usd: the most.

        Returns:
            What ``settle`` takes, and what ``write`` is to carry out first.
        """
        call_id = new_id("call")
        row = {
            "digest": call_id, "upstream_id": upstream.upstream_id, "text_hash": "", "n_tokens_in": 0,
            "n_tokens_out": 0, "answer": canonical_json({"prompt": prompt}).decode(), "cost_usd": cost_usd,
        }  # fmt: skip

        def write(connection: sa.Connection) -> None:
            connection.execute(sa.insert(_A).values(**row, created_at=timestamp()))

        return call_id, write

    def settle(
        self, upstream: Upstream, prompt: str, call_id: str, kept: list[Kept], *, still_usd: float = 0.0
    ) -> Write:
        """Put what a call brought in place of what was set aside for it.

        Args:
            upstream: that was called.
            prompt: as for ``set_aside``.
            call_id: of ``set_aside``.
            kept: its answers, with their shares of the cost.
            still_usd: what it cost beside them: for answers that cannot be used, or because nobody knows.
        """

        def write(connection: sa.Connection) -> None:
            mine = _A.c.digest == call_id
            if still_usd > 0:
                connection.execute(sa.update(_A).where(mine).values(cost_usd=still_usd))
            else:
                connection.execute(sa.delete(_A).where(mine))
            here = sa.select(_A.c.digest).where(_A.c.digest.in_([k.digest for k in kept]))
            known = set(connection.execute(here).scalars())
            rows = {k.digest: k for k in kept if k.digest not in known}
            if rows:
                connection.execute(sa.insert(_A), [_row(upstream, prompt, k) for k in rows.values()])

        return write

    def spent_usd(self, upstream: Upstream, prompt: str) -> float:
        """What was paid for all calls of *prompt*, whether or not the records that they were about are still here."""
        mine = _A.c.upstream_id == upstream.upstream_id, _A.c.answer.contains(f'"prompt":"{prompt}"', autoescape=True)
        found = self._db.one(sa.select(sa.func.sum(_A.c.cost_usd).label("usd")).where(*mine))
        return float(found["usd"] or 0.0) if found else 0.0


def _row(upstream: Upstream, prompt: str, kept: Kept) -> dict[str, object]:
    answer = canonical_json({"prompt": prompt, "value": kept.value, "confidence": kept.confidence}).decode()
    return {
        "digest": kept.digest, "upstream_id": upstream.upstream_id, "text_hash": kept.text_hash, "answer": answer,
        "n_tokens_in": kept.n_tokens_in, "n_tokens_out": kept.n_tokens_out, "cost_usd": kept.cost_usd,
        "created_at": timestamp(),
    }  # fmt: skip
