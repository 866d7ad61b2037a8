"""What the gateway holds while the server runs."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import TYPE_CHECKING, Any

import msgspec

from homegrown.core.access import SYSTEM
from homegrown.core.ids import IdPool, timestamp
from homegrown.errors import HomegrownError
from homegrown.gateway.cache import Cache
from homegrown.gateway.capture import CaptureWriter, Tally
from homegrown.gateway.exits import Exits
from homegrown.gateway.forward import Forwarder
from homegrown.gateway.idempotency import MOST_KEYS, Keys
from homegrown.gateway.limits import Admission
from homegrown.gateway.meters import Meters
from homegrown.gateway.switchboard import Switchboard
from homegrown.inference.masking import PatternMasker
from homegrown.store.spool import Spool, recover

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from homegrown.core.traces import CallState
    from homegrown.store import Store
    from homegrown.web.call import Doors

LOST = "gateway.lost"
TALLY = "capture.tally"


class Gateway:
    """The gateway of one workspace."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.trace_ids = IdPool("trace")
        self.admission = Admission()
        self.board = Switchboard(store, self.admission)
        self.forwarder = Forwarder(self.board)
        self.cache = Cache()
        self.tally = Tally(store.layout.folder("locks") / TALLY)
        n_found = recover(store)
        self.repeats = store.repeats
        self.keys = Keys(store.repeats.known(MOST_KEYS))
        spool = Spool(store.layout.folder("locks"))
        self.writer = CaptureWriter(store.captured, spool, self.tally, self._lost_before(n_found))
        self.meters = Meters(self)
        self.exits = Exits(store, self.board, self.meters)
        self._masker = PatternMasker()

    def _lost_before(self, n_found: int) -> int:
        """Calls that had no row when the last server was killed, and all those before."""
        known = int(self._store.settings.get(LOST) or 0)
        n_missing = self.tally.n_missing - n_found
        if n_missing > 0:
            known += n_missing
            self._store.settings.put(SYSTEM, LOST, known, "gateway.lost")
        return known

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Gateway]:
        """Keep up with the database while the block runs; everything is written at its end."""
        before = self.writer.n_lost
        await asyncio.to_thread(self.board.look)
        today = timestamp()[:10]
        self.admission.begin_day(today, await asyncio.to_thread(self._store.captured.spent_today))
        self.writer.start()
        loops = (self.board.keep_up(), self.board.age_out(), self.admission.watch(), self.exits.keep_up())
        tasks = [asyncio.create_task(t) for t in loops]
        try:
            await self.exits.ready()
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.exits.close()
            await self.board.close()
            await asyncio.to_thread(self.writer.stop)
            if self.writer.n_lost != before:
                with contextlib.suppress(HomegrownError):
                    await asyncio.to_thread(self._store.settings.put, SYSTEM, LOST, self.writer.n_lost, "gateway.lost")
            self.tally.close()

    def is_sampled(self, share: float) -> bool:
        """Whether a call is among the share that is kept."""
        return share >= 1.0 or secrets.randbelow(1 << 30) < share * (1 << 30)

    def masked(self, stored: str) -> str:
        """JSON with personal data in its texts masked for good."""
        return msgspec.json.encode(self._masked(msgspec.json.decode(stored))).decode()

    def _masked(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._masker.mask(value).text
        if isinstance(value, list):
            return [self._masked(v) for v in value]
        if isinstance(value, dict):
            return {k: self._masked(v) for k, v in value.items()}
        return value

    def note(self, actor_id: str, route: str, state: CallState, cost_usd: float | None, seconds: float) -> None:
        """A call ended."""
        self.meters.call(route, state, cost_usd, seconds)
        self.admission.spend(actor_id, cost_usd)

    def health(self) -> dict[str, str]:
        """What somebody should know; empty when all is well."""
        found = {f"upstream {name}": f"left alone ({state})" for name, state in self.board.broken().items()}
        if self.writer.problem is not None:
            found["capture"] = f"calls pass and are not written: {self.writer.problem}"
        if self.writer.n_lost:
            found["capture.lost"] = f"{self.writer.n_lost:,} calls passed that were not kept"
        found |= self.exits.health()
        if self.board.is_closed():
            found["offline"] = "every way out is closed"
        return found


@contextlib.asynccontextmanager
async def gateway(doors: Doors) -> AsyncIterator[Gateway]:
    """The server's part."""
    async with Gateway(doors.ws.store).running() as running:
        yield running
