"""Answers that are given again: to the same request, to the letter, of the same caller, within the route's time.

Off unless a route says so (``RouteConfig.cache_s``). What is the same: the body's bytes, the protocol, the route as it
is now (a changed route, another upstream, a switch: nothing that was kept before is found), the headers that reach the
upstream, and who asks, unless the route shares answers among callers. How fast an answer comes tells whether the
same was asked before, so sharing is the owner's word. Kept in memory, bounded, the longest unused dropped first;
a restart, and so ``homegrown forget``, begins without any.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from homegrown.core.ids import canonical_json, digest
from homegrown.core.traces import Wire

if TYPE_CHECKING:
    from homegrown.core.routing import GatewayRoute
    from homegrown.gateway.forward import Sent
    from homegrown.gateway.intake import Asked
    from homegrown.gateway.switchboard import Table

MOST_BYTES = 64 << 20
MOST_ANSWERS = 10_000
LARGEST_BYTES = 1 << 20
_ENTRY_BYTES = 1000
_DAY_S = 86_400.0


class _Told(msgspec.Struct):
    """What of a request decides whether the same answer may be given again."""

    temperature: Any = None
    previous_response_id: Any = None
    conversation: Any = None
    background: Any = None


_TOLD = msgspec.json.Decoder(_Told)


@dataclass(frozen=True, slots=True)
class Again:
    """An answer that may be given again.

    Attributes:
        trace_id: of the call that was answered.
        pieces: the body as it went out; one piece unless it was a stream.
        kind: its content type.
        encoding: its content encoding; None for none.
        is_stream: whether it came in pieces.
    """

    trace_id: str
    upstream_id: str
    upstream: str
    model: str
    pieces: tuple[bytes, ...]
    kind: str
    encoding: str | None
    is_stream: bool = False
    until: float = 0.0

    @property
    def n_bytes(self) -> int:
        """What it takes in memory, about."""
        return _ENTRY_BYTES + sum(map(len, self.pieces))


class Cache:
    """Answers of all routes that keep some.

    Attributes:
        n_hits: calls that were answered from here.
        n_bytes: what all of them take in memory, about.
    """

    def __init__(self) -> None:
        self._answers: OrderedDict[str, Again] = OrderedDict()
        self._marks: dict[str, tuple[GatewayRoute, str]] = {}
        self.n_hits = 0
        self.n_bytes = 0

    def key(self, table: Table, route: GatewayRoute, asked: Asked, sent: Sent, actor_id: str) -> str | None:
        """Under what an answer to *asked* is kept; None where none is, or where another answer may be wanted."""
        config = route.config
        if config.cache_s is None or not _may_repeat(asked, any_temperature=config.cache_any_temperature):
            return None
        who = "" if config.cache_shared else actor_id
        headers = canonical_json({k: v for k, v in sent.headers.items() if k != "idempotency-key"})
        said = (self._mark(table, route), asked.wire.value, who, sent.path)
        return digest(*(part.encode() for part in said), headers, asked.body)

    def _mark(self, table: Table, route: GatewayRoute) -> str:
        """Of the route as it is now, its upstreams' addresses included."""
        known = self._marks.get(route.route_id)
        if known is not None and known[0] is route:
            return known[1]
        ids = [t.upstream_id for t in route.config.targets]
        bases = [table.upstreams[u].base_url for u in ids if u in table.upstreams]
        made = digest(route.route_id.encode(), canonical_json(route.config), canonical_json(bases))
        self._marks[route.route_id] = route, made
        return made

    def find(self, key: str) -> Again | None:
        """The answer that was kept, while its time lasts."""
        found = self._answers.get(key)
        if found is None:
            return None
        if found.until < time.monotonic():
            self._drop(key)
            return None
        self._answers.move_to_end(key)
        self.n_hits += 1
        return found

    def keep(self, key: str, route: GatewayRoute, answer: Again) -> None:
        """Keep a whole, good answer; one above ``LARGEST_BYTES`` is not."""
        config = route.config
        if config.cache_s is None or answer.n_bytes > LARGEST_BYTES:
            return
        seconds = min(config.cache_s, (config.keep_days or config.cache_s) * _DAY_S)
        self._drop(key)
        kept = Again(**{n: getattr(answer, n) for n in _NAMES}, until=time.monotonic() + seconds)
        self._answers[key] = kept
        self.n_bytes += kept.n_bytes
        while self.n_bytes > MOST_BYTES or len(self._answers) > MOST_ANSWERS:
            self._drop(next(iter(self._answers)))

    def _drop(self, key: str) -> None:
        gone = self._answers.pop(key, None)
        if gone is not None:
            self.n_bytes -= gone.n_bytes


_NAMES = [n for n in Again.__dataclass_fields__ if n != "until"]


def _may_repeat(asked: Asked, *, any_temperature: bool) -> bool:
    """Whether the same answer is as good as a new one: nothing is drawn by chance, nothing is remembered upstream."""
    if asked.wire is Wire.EMBEDDINGS:
        return True
    told = _TOLD.decode(asked.body)
    if told.previous_response_id or told.conversation or told.background:
        return False
    # Left out it is what the provider likes, usually 1.
    return any_temperature or (isinstance(told.temperature, (int, float)) and told.temperature == 0)
