"""Models of ours that answer calls of a route: loaded, kept at what the route says, their stages kept on disk."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Any

import msgspec

from homegrown.core.routing import ExitMode, Leaves
from homegrown.core.traces import AT_HOME, SPOKEN
from homegrown.errors import ForbiddenError, HomegrownError, UnavailableError
from homegrown.gateway.home import Turn
from homegrown.gateway.loaded import load
from homegrown.serve.fallback import is_among

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from homegrown.core.routing import GatewayRoute
    from homegrown.gateway.intake import Asked
    from homegrown.gateway.loaded import Loaded, LoadedStage
    from homegrown.gateway.meters import Meters
    from homegrown.gateway.switchboard import Switchboard, Table
    from homegrown.serve.batcher import Batcher
    from homegrown.store import Store
    from homegrown.store.exits import Observed

_LOG = logging.getLogger("homegrown.server")
KEEP_EVERY_S = 0.4
FOLLOW_EVERY_S = 0.05
HOME_WITHIN_S = 2.0
"""A model that has not answered by then is not waited for: the upstream is asked."""
READY_WITHIN_S = 30.0
"""Calls that come while the server starts wait so long for the models of its routes; then they pass without them."""
MOST_LATER = 64
MOST_ROWS = 20_000


class Exits:
    """All of a workspace's."""

    def __init__(self, store: Store, board: Switchboard, meters: Meters) -> None:
        self._store, self._board, self._meters = store, board, meters
        self._loaded: dict[str, Loaded] = {}
        self._broken: dict[str, tuple[str, str]] = {}
        self._rows: list[Observed] = []
        self._later: set[asyncio.Task[None]] = set()
        self._followed: Table | None = None
        self._has_followed = asyncio.Event()

    # What is loaded

    def find(self, route: GatewayRoute) -> Loaded | None:
        """What answers calls of a route now; None where nothing does, or it is not loaded yet."""
        found = self._loaded.get(route.route_id)
        exit = route.config.exit
        return found if found is not None and exit is not None and found.exit.exit_id == exit.exit_id else None

    async def ready(self) -> None:
        """Until the models of all routes are loaded, or known to be broken; at most ``READY_WITHIN_S``.

        With the upstream down nothing else could answer the first calls.
        """
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._has_followed.wait(), READY_WITHIN_S)

    async def keep_up(self) -> None:
        """Follow the routes, and keep what was observed, for ever."""
        due = 0.0
        while True:
            if self._board.table is not self._followed:
                await self._follow(self._board.table)
            if time.monotonic() >= due:
                await self._keep()
                due = time.monotonic() + KEEP_EVERY_S
            await asyncio.sleep(FOLLOW_EVERY_S)

    async def _follow(self, table: Table) -> None:
        wanted = {r.route_id: (r.name, r.config.exit) for r in table.routes.values()}
        await self._keep_earlier(table)
        for route_id, (name, exit) in wanted.items():
            if exit is None:
                continue
            old = self._loaded.get(route_id)
            if old is not None and old.exit.exit_id == exit.exit_id:
                old.exit = exit  # the share may be another
                continue
            if self._broken.get(exit.exit_id) is not None:
                continue
            try:
                self._loaded[route_id] = await asyncio.to_thread(load, self._store, name, exit)
            except Exception as error:  # whatever it is: the upstream answers, and health says why
                why = error.message if isinstance(error, HomegrownError) else f"It failed ({type(error).__name__})."
                self._broken[exit.exit_id] = (name, why)
                _LOG.warning("Nothing of %s is answered at home: %s", name, why)
        live = {exit.exit_id for _, exit in wanted.values() if exit is not None}
        self._loaded = {k: v for k, v in self._loaded.items() if v.exit.exit_id in live}
        self._broken = {k: v for k, v in self._broken.items() if k in live}
        self._followed = table
        self._has_followed.set()

    async def _keep_earlier(self, table: Table) -> None:
        """The stages of those that answer no more and that one may go back to."""
        earlier = {e.exit_id for r in table.routes.values() for e in r.config.earlier}
        for loaded in list(self._loaded.values()):
            if loaded.exit.exit_id in earlier:
                with contextlib.suppress(HomegrownError):
                    await self._keep_stages(loaded)

    # One call

    async def turn(
        self, route: GatewayRoute, asked: Asked, tags: dict[str, str], actor_id: str, trace_id: str, batcher: Batcher,
        masked: Callable[[str], str] | None,
    ) -> Turn | None:  # fmt: skip
        """What models of ours make of a call; None where none has a say in it. Never raises a fault of ours.

        Args:
            route: by which it came.
            asked: the request.
            tags: of the call.
            actor_id: who calls.
            trace_id: of the call.
            batcher: runs the model.
            masked: where the model learned from masked calls: masks this one.

        Raises:
            ForbiddenError: calls of the route do not leave, and nothing here is sure of this one.
            UnavailableError: they do not leave, and the models could not be asked.
        """
        loaded = self.find(route)
        turn = None
        if loaded is not None and asked.wire in SPOKEN:
            turn = await self._turn(loaded, route, asked, tags, actor_id, trace_id, batcher, masked)
        if route.config.leaves is Leaves.HOME and not (turn is not None and turn.is_home):
            if turn is not None:
                tags[AT_HOME] = turn.what
            raise _refusal(loaded, turn)
        return turn

    async def _turn(
        self, loaded: Loaded, route: GatewayRoute, asked: Asked, tags: dict[str, str], actor_id: str, trace_id: str,
        batcher: Batcher, masked: Callable[[str], str] | None,
    ) -> Turn | None:  # fmt: skip
        may_leave = route.config.leaves is not Leaves.HOME
        turn: Turn | None = None
        what = "problem"
        with self.harmless(loaded):
            stored = asked.text if masked is None else await asyncio.to_thread(masked, asked.text)
            request = msgspec.json.decode(stored)
            text = loaded.prompt.text_of(request, asked.model, tags, asked.wire)
            if text is None:
                return None
            is_among_them = not may_leave or is_among(loaded.exit.share, route.route_id, actor_id, text)
            if not is_among_them and loaded.exit.mode is ExitMode.SHADOW:
                return None
            turn = Turn(self, loaded, asked, text, trace_id, batcher, tags)
            fallen = loaded.chain.why() if loaded.exit.mode is ExitMode.HOME else None
            if fallen is not None:
                turn.what = fallen.value
            elif not is_among_them:
                turn.what = "rest"
            elif loaded.exit.mode is ExitMode.HOME:
                async with asyncio.timeout(HOME_WITHIN_S):
                    await turn.ask(may_check=may_leave)
                said = request if masked is None else msgspec.json.decode(asked.text)
                turn.word(said)
                if may_leave and not turn.is_sure:
                    turn.keep_part(said)
            what = turn.what
        if turn is not None:
            turn.settle(what)
        else:
            self.count(loaded, loaded.stages[0].config.model, what)
        return turn

    def count(self, loaded: Loaded, model: str, what: str) -> None:
        """One more of a kind."""
        self._meters.exit(loaded.route, model, what)

    def later(self, loaded: Loaded, turn: Turn, answer: dict[str, Any] | None, *, is_kept: bool) -> None:
        """Ask the model about a call that is answered already, unless too many wait for that."""
        if len(self._later) >= MOST_LATER or turn.what == "problem":
            self.count(loaded, loaded.stages[0].config.model, "left_out")
            return

        async def ask() -> None:
            with self.harmless(loaded):
                await turn.ask_afterwards()
                turn.compare(answer, is_kept=is_kept)

        task = asyncio.get_running_loop().create_task(ask())
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    @contextlib.contextmanager
    def harmless(self, loaded: Loaded) -> Iterator[None]:
        """What goes wrong in the block is counted and told, and costs no caller anything."""
        try:
            yield
        except Exception as error:
            loaded.n_problems += 1
            loaded.problem = error.message if isinstance(error, HomegrownError) else type(error).__name__

    def note(self, row: Observed) -> None:
        """Keep what was observed, within a moment; beyond what memory holds it is dropped."""
        if len(self._rows) < MOST_ROWS:
            self._rows.append(row)

    async def _keep(self) -> None:
        """Write what was observed; a disk that is full is tried again."""
        rows = self._rows[:]
        with contextlib.suppress(HomegrownError):
            if rows:
                await asyncio.to_thread(self._store.exits.note, rows)
                del self._rows[: len(rows)]
            for loaded in list(self._loaded.values()):
                await self._keep_stages(loaded)

    async def _keep_stages(self, loaded: Loaded) -> None:
        for one in loaded.stages:
            if one.is_news:
                await self._keep_stage(loaded, one)

    async def _keep_stage(self, loaded: Loaded, one: LoadedStage) -> None:
        fallen = one.stage.fallen
        news = fallen.reason.value if fallen is not None and not one.has_told else None
        if fallen is not None and news is not None:
            _LOG.warning("%s answers calls of %s no more. %s", one.config.model, loaded.route, fallen.sentence)
        one.is_news = False
        try:
            await asyncio.to_thread(self._store.exits.keep, loaded.route, one.config, one.stage.state(), news)
        except HomegrownError:
            one.is_news = True
            raise
        one.has_told = one.has_told or news is not None

    async def close(self) -> None:
        """Write what is left."""
        for task in list(self._later):
            task.cancel()
        await asyncio.gather(*self._later, return_exceptions=True)
        await self._keep()

    def health(self) -> dict[str, str]:
        """Who answers no more, or cannot, and why."""
        found = {f"exit {name}": f"nothing is answered at home: {why}" for name, why in self._broken.values()}
        for one in self._loaded.values():
            fell = [(s.config.model, s.stage.fallen) for s in one.stages]
            told = [f"{model} answers no more: {fallen.sentence}" for model, fallen in fell if fallen is not None]
            if told:
                found[f"exit {one.route}"] = " ".join(told)
            elif one.n_problems:
                found[f"exit {one.route}"] = (
                    f"{one.n_problems:,} calls went to the upstream after a fault here: {one.problem}"
                )
        return found


def _refusal(loaded: Loaded | None, turn: Turn | None) -> HomegrownError:
    """Why nothing here answers a call that may not leave."""
    stays = "Calls of this name do not leave, and"
    if loaded is None or (turn is not None and turn.what == "problem"):
        return UnavailableError(f"{stays} the model that answers them could not be asked; try again in a moment.")
    who = loaded.exit.model
    if turn is None:
        return ForbiddenError(f"{stays} {who} did not learn this prompt, or cannot do what the call asks for.")
    if loaded.exit.mode is ExitMode.SHADOW:
        return ForbiddenError(f"{stays} {who} answers silently only.")
    if loaded.chain.why() is not None:
        return ForbiddenError(f"{stays} {who} answers no more; the owner of this gateway can see why.")
    return ForbiddenError(f"{stays} {who} is not sure enough of this one.")
