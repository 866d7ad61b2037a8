"""Models of ours that answer calls of a route: loaded, kept at what the route says, their stages kept on disk."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from homegrown.core.routing import NEVER, ExitMode
from homegrown.core.traces import SPOKEN
from homegrown.errors import HomegrownError
from homegrown.gateway.home import Turn
from homegrown.inference.answers import answers
from homegrown.inference.predictor import load_predictor
from homegrown.metrics.drift import Baseline
from homegrown.monitor.prompt import Prompt
from homegrown.serve.engine import self_test
from homegrown.serve.fallback import Policy, Stage, is_among

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from homegrown.core.routing import Exit, GatewayRoute
    from homegrown.gateway.intake import Asked
    from homegrown.gateway.meters import Meters
    from homegrown.gateway.switchboard import Switchboard, Table
    from homegrown.inference.answers import Answer
    from homegrown.serve.batcher import Batcher
    from homegrown.serve.fallback import Decision
    from homegrown.store import Store
    from homegrown.store.exits import Observed

_LOG = logging.getLogger("homegrown.server")
KEEP_EVERY_S = 0.4
FOLLOW_EVERY_S = 0.05
HOME_WITHIN_S = 2.0
"""A model that has not answered by then is not waited for: the upstream is asked."""
MOST_LATER = 64
MOST_ROWS = 20_000


@dataclass(slots=True, eq=False)
class Loaded:
    """A model in front of a route's upstreams.

    Attributes:
        run: texts to answers; its identity is the queue in the batcher.
        is_news: the stage changed since its state was kept.
        n_problems: calls that went to the upstream because something of ours went wrong.
    """

    route: str
    exit: Exit
    prompt: Prompt
    run: Callable[[list[str]], list[Answer]]
    stage: Stage
    rng: np.random.Generator = field(default_factory=np.random.default_rng)
    is_news: bool = False
    has_told: bool = False
    n_problems: int = 0
    problem: str = ""

    def sure(self, said: Answer) -> float:
        """How sure the model is of what may be said at home."""
        return said.prob if said.label in self.exit.spellings else NEVER

    def decide(self, said: Answer) -> Decision:
        """Who answers, given what the model said."""
        self.is_news = True
        return self.stage.decide(self.sure(said), said.in_scope, self.rng, answer=said.label or "")

    def check(self, said: Answer, wrong: bool) -> None:
        """Take a call of the rest as an audit, where the model would have answered it."""
        if self.stage.refusal(self.sure(said), said.in_scope) is None:
            self.observe(wrong, self.stage.epoch)

    def observe(self, wrong: bool, epoch: int) -> None:
        """What came of an audit."""
        self.is_news = True
        self.stage.observe(wrong, epoch)


class Exits:
    """All of a workspace's."""

    def __init__(self, store: Store, board: Switchboard, meters: Meters) -> None:
        self._store, self._board, self._meters = store, board, meters
        self._loaded: dict[str, Loaded] = {}
        self._broken: dict[str, tuple[str, str]] = {}
        self._rows: list[Observed] = []
        self._later: set[asyncio.Task[None]] = set()
        self._followed: Table | None = None

    # What is loaded

    def find(self, route: GatewayRoute) -> Loaded | None:
        """What answers calls of a route now; None where nothing does, or it is not loaded yet."""
        found = self._loaded.get(route.route_id)
        exit = route.config.exit
        return found if found is not None and exit is not None and found.exit.exit_id == exit.exit_id else None

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
                self._loaded[route_id] = await asyncio.to_thread(self._load, name, exit)
            except Exception as error:  # whatever it is: the upstream answers, and health says why
                why = error.message if isinstance(error, HomegrownError) else f"It failed ({type(error).__name__})."
                self._broken[exit.exit_id] = (name, why)
                _LOG.warning("Nothing of %s is answered at home: %s", name, why)
        live = {exit.exit_id for _, exit in wanted.values() if exit is not None}
        self._loaded = {k: v for k, v in self._loaded.items() if v.exit.exit_id in live}
        self._broken = {k: v for k, v in self._broken.items() if k in live}
        self._followed = table

    async def _keep_earlier(self, table: Table) -> None:
        """The stages of those that answer no more and that one may go back to."""
        earlier = {e.exit_id for r in table.routes.values() for e in r.config.earlier}
        for loaded in list(self._loaded.values()):
            if loaded.is_news and loaded.exit.exit_id in earlier:
                with contextlib.suppress(HomegrownError):
                    await self._keep_stage(loaded)

    def _load(self, route: str, exit: Exit) -> Loaded:
        store = self._store
        version = store.models.version(exit.version_id)
        predictor = load_predictor(store.bundles.open(version.version_id, version.bundle_digest))
        self_test(predictor, version)
        prompt = Prompt(store.templates.get(exit.template_id), exit.field, exit.labels, exit.wordings)
        kept = store.exits.state(exit.exit_id)
        if kept is not None:
            stage = Stage.of(kept)
        else:
            usual = None if exit.usual is None else msgspec.convert(exit.usual, Baseline)
            stage = Stage(Policy(exit.threshold, exit.alpha, exit.delta, exit.audit_share), usual)
        loaded = Loaded(route, exit, prompt, lambda texts: answers(predictor, predictor.predict(texts)), stage)
        loaded.has_told = stage.fallen is not None
        return loaded

    # One call

    async def turn(
        self, route: GatewayRoute, asked: Asked, tags: dict[str, str], actor_id: str, trace_id: str, batcher: Batcher,
        masked: Callable[[str], str] | None,
    ) -> Turn | None:  # fmt: skip
        """What a model of ours makes of a call; None where none has a say in it. Never raises a fault of ours.

        Args:
            route: by which it came.
            asked: the request.
            tags: of the call.
            actor_id: who calls.
            trace_id: of the call.
            batcher: runs the model.
            masked: where the model learned from masked calls: masks this one.
        """
        loaded = self.find(route)
        if loaded is None or asked.wire not in SPOKEN:
            return None
        turn: Turn | None = None
        what = "problem"
        with self.harmless(loaded):
            stored = asked.text if masked is None else await asyncio.to_thread(masked, asked.text)
            request = msgspec.json.decode(stored)
            text = loaded.prompt.text_of(request, asked.model, tags, asked.wire)
            if text is None:
                return None
            is_among_them = is_among(loaded.exit.share, route.route_id, actor_id, text)
            if not is_among_them and loaded.exit.mode is ExitMode.SHADOW:
                return None
            turn = Turn(self, loaded, asked, text, trace_id, batcher)
            if loaded.stage.fallen is not None:
                turn.what = loaded.stage.fallen.reason.value
            elif not is_among_them:
                turn.what = "rest"
            elif loaded.exit.mode is ExitMode.HOME:
                async with asyncio.timeout(HOME_WITHIN_S):
                    await turn.ask()
                turn.decide()
                turn.word(request if masked is None else msgspec.json.decode(asked.text))
            what = turn.what
        if turn is not None:
            turn.settle(what)
        self.count(loaded, what)
        return turn

    def count(self, loaded: Loaded, what: str) -> None:
        """One more of a kind."""
        self._meters.exit(loaded.route, what)

    def later(self, loaded: Loaded, turn: Turn, answer: dict[str, Any] | None, *, is_kept: bool) -> None:
        """Ask the model about a call that is answered already, unless too many wait for that."""
        if len(self._later) >= MOST_LATER or turn.what == "problem":
            self.count(loaded, "left_out")
            return

        async def ask() -> None:
            with self.harmless(loaded):
                await turn.ask()
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
                if loaded.is_news:
                    await self._keep_stage(loaded)

    async def _keep_stage(self, loaded: Loaded) -> None:
        fallen = loaded.stage.fallen
        news = fallen.reason.value if fallen is not None and not loaded.has_told else None
        if fallen is not None and news is not None:
            _LOG.warning("%s answers calls of %s no more. %s", loaded.exit.model, loaded.route, fallen.sentence)
        loaded.is_news = False
        try:
            await asyncio.to_thread(self._store.exits.keep, loaded.route, loaded.exit, loaded.stage.state(), news)
        except HomegrownError:
            loaded.is_news = True
            raise
        loaded.has_told = loaded.has_told or news is not None

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
            if one.stage.fallen is not None:
                found[f"exit {one.route}"] = f"{one.exit.model} answers no more: {one.stage.fallen.sentence}"
            elif one.n_problems:
                found[f"exit {one.route}"] = (
                    f"{one.n_problems:,} calls went to the upstream after a fault here: {one.problem}"
                )
        return found
