"""Holds the deployed models, keeps them at what the database says, and answers.

A thread of the engine looks at the endpoints twice a second, so that a deploy made by any process (the studio, a
terminal, a notebook) is noticed. The new version is loaded and tested beside the old one; then one assignment
switches. A request keeps the version that it began with, so no answer mixes two and none fails.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from homegrown.core.ids import IdPool
from homegrown.errors import (
    CorruptDataError,
    HomegrownError,
    NotFoundError,
    OverloadedError,
    TooLargeError,
    UnavailableError,
)
from homegrown.inference.answers import Answer, answers, object_answers
from homegrown.inference.encoder import Encoder
from homegrown.inference.fields import FieldsModel
from homegrown.inference.predictor import load_object_predictor, load_predictor
from homegrown.inference.threads import settle_threads
from homegrown.serve.batcher import Batcher
from homegrown.serve.meters import Meters
from homegrown.serve.traces import Trace, TraceWriter

if TYPE_CHECKING:
    from homegrown.core.access import Actor
    from homegrown.core.models import ModelVersion
    from homegrown.core.protocols import Predictor
    from homegrown.store import Store
    from homegrown.store.endpoints import Endpoint

_LOG = logging.getLogger("homegrown.server")
LOOK_EVERY_S = 0.4
START_WITHIN_S = 60.0
CANARY_WITHIN_S = 5.0
CANARY = "A canary text: where is my order?"
MAX_TEXTS = 1000
TOP = 20
_TRACE_IDS = IdPool("trace")


@dataclass(slots=True, eq=False)
class Live:
    """A version that answers for an endpoint.

    Attributes:
        version: what answers; older than the endpoint's own when that could not be loaded.
        problem: why the endpoint's own version does not answer; None when all is well.
        run: texts to answers; its identity is the queue in the batcher.
    """

    endpoint: Endpoint
    version: ModelVersion
    predictor: Predictor | FieldsModel
    run: Callable[[list[str]], list[Answer]]
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """What a call got, with the ids of its traces in the order of its texts."""

    version: ModelVersion
    answers: list[Answer]
    trace_ids: list[str]


class Engine:
    """The serving engine of one workspace."""

    def __init__(self, store: Store, *, max_waiting: int | None = None) -> None:
        self._store = store
        self.batcher = Batcher() if max_waiting is None else Batcher(max_waiting=max_waiting)
        self.traces = TraceWriter(store.endpoints)
        self.meters = Meters(self)
        self.batcher.on_batch = self.meters.batch
        self.batcher.on_start = settle_threads
        self._live: dict[str, Live] = {}
        self._broken: dict[str, tuple[str, str]] = {}
        self._embed: Callable[[list[str]], list[np.ndarray]] | None = None
        self._looked = threading.Event()
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="deployments", daemon=True)

    def start(self) -> None:
        """Begin to load and to answer; returns at once."""
        self.batcher.start()
        self.traces.start()
        self._watcher.start()

    def stop(self) -> None:
        """Finish what runs and write every trace."""
        self._stop.set()
        self._wake.set()
        self._watcher.join()
        self.batcher.stop()
        self.traces.stop()

    # What is live

    def look(self) -> None:
        """Look at the endpoints now rather than within half a second (after a deploy made here)."""
        self._wake.set()

    @property
    def live(self) -> dict[str, Live]:
        """What answers now, by endpoint."""
        return self._live

    @property
    def problems(self) -> dict[str, str]:
        """Endpoints that are not served as deployed, with the reason."""
        found = {name: reason for name, (_, reason) in self._broken.items()}
        return found | {name: live.problem for name, live in self._live.items() if live.problem}

    def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                self._refresh()
                self._looked.set()
            except Exception as error:  # a busy or unreadable database: what is loaded goes on answering
                _LOG.warning("The endpoints could not be looked at (%s); the next look is soon.", type(error).__name__)
            self._wake.wait(LOOK_EVERY_S)
            self._wake.clear()

    def _refresh(self) -> None:
        wanted = {e.name: e for e in self._store.endpoints.list()}
        for name, endpoint in wanted.items():
            current = self._live.get(name)
            if current is not None and current.endpoint == endpoint:
                continue
            if self._broken.get(name, ("",))[0] == endpoint.deployment_id:
                continue
            self._load(endpoint, current)
        gone = set(self._live) - set(wanted)
        if gone:
            self._live = {k: v for k, v in self._live.items() if k in wanted}
        self._broken = {k: v for k, v in self._broken.items() if k in wanted}

    def _load(self, endpoint: Endpoint, current: Live | None) -> None:
        """Put the endpoint's version in place, or keep the last good one and say why."""
        problem: str | None = None
        for version_id in self._candidates(endpoint):
            if self._stop.is_set():
                return
            if problem is not None and current is not None:
                break
            try:
                live = self._open(endpoint, version_id, current)
            except HomegrownError as error:
                problem = problem or error.message
                _LOG.warning("Endpoint %s: %s", endpoint.name, error.message)
                continue
            live.problem = problem
            self._put(endpoint.name, live)
            return
        reason = problem or "No version of it could be loaded."
        if current is not None:
            # The old predictor goes on; it is marked with the endpoint it was asked to become.
            self._put(endpoint.name, Live(endpoint, current.version, current.predictor, current.run, reason))
        else:
            self._broken[endpoint.name] = (endpoint.deployment_id, reason)

    def _candidates(self, endpoint: Endpoint) -> list[str]:
        """The deployed version, then those that were live before, newest first."""
        older = [row["version_id"] for row in self._store.endpoints.history(endpoint.endpoint_id)]
        return list(dict.fromkeys([endpoint.version_id, *older]))

    def _open(self, endpoint: Endpoint, version_id: str, current: Live | None) -> Live:
        if current is not None and current.version.version_id == version_id:
            return Live(endpoint, current.version, current.predictor, current.run)
        version = self._store.models.version(version_id)
        try:
            folder = self._store.bundles.open(version.version_id, version.bundle_digest)
            predictor = load_object_predictor(folder) if version.is_object else load_predictor(folder)
            self_test(predictor, version)
        except HomegrownError:
            raise
        except Exception as error:
            raise CorruptDataError(
                f"The model {version.model_name}@{version.number} could not be loaded ({type(error).__name__})."
            ) from error
        return Live(endpoint, version, predictor, _runner(predictor))

    def _put(self, name: str, live: Live) -> None:
        self._broken.pop(name, None)
        self._live = {**self._live, name: live}

    # Answering

    async def find(self, name: str) -> Live:
        """What answers for the endpoint *name*; waits for the first load after a start.

        Raises:
            NotFoundError: there is no such endpoint.
            UnavailableError: its model is loading still, or cannot be loaded.
        """
        live = self._live.get(name)
        if live is not None:
            return live
        if not self._looked.is_set():
            await asyncio.to_thread(self._looked.wait, START_WITHIN_S)
            live = self._live.get(name)
            if live is not None:
                return live
        if name in self._broken:
            raise UnavailableError(f"The model behind {name!r} cannot be served: {self._broken[name][1]}")
        if not self._looked.is_set():
            raise UnavailableError("The models are loading still; try again in a moment.")
        raise NotFoundError("There is no such endpoint. See: GET /api/v1/endpoints")

    async def answer(self, name: str, texts: list[str], actor: Actor, route: str) -> Served:
        """Answer *texts* by the endpoint *name*; each leaves a trace.

        Raises:
            OverloadedError: the queue is full (its trace says 429).
        """
        if len(texts) > MAX_TEXTS:
            raise TooLargeError(f"{len(texts):,} texts in one call; at most {MAX_TEXTS:,} are taken at once.")
        live = await self.find(name)
        at, started = time.time(), time.perf_counter()
        ids = [_TRACE_IDS.new() for _ in texts]
        try:
            said = await self.batcher.submit(live.run, texts) if texts else []
        except (HomegrownError, asyncio.CancelledError) as error:
            status = error.status if isinstance(error, HomegrownError) else 499
            self._note(live, actor, route, status, at, started, list(zip(ids, texts, [None] * len(texts), strict=True)))
            if isinstance(error, OverloadedError):
                self.meters.refused(name)
            raise
        self._note(live, actor, route, 200, at, started, list(zip(ids, texts, said, strict=True)))
        return Served(live.version, said, ids)

    def _note(
        self, live: Live, actor: Actor, route: str, status: int, at: float, started: float,
        rows: list[tuple[str, str, Any]],
    ) -> None:  # fmt: skip
        seconds = time.perf_counter() - started
        endpoint = live.endpoint
        for trace_id, text, answer in rows:
            self.traces.add(
                Trace(
                    trace_id, endpoint.endpoint_id, live.version.version_id, actor.actor_id, route, status, text,
                    endpoint.keep_text, answer, seconds, at,
                )
            )  # fmt: skip
        self.meters.call(endpoint.name, status, len(rows), seconds)

    async def embed(self, texts: list[str]) -> list[np.ndarray]:
        """Vectors of *texts* by the frozen encoder, in batches with whoever else asks; float32 [dim] each."""
        if len(texts) > MAX_TEXTS:
            raise TooLargeError(f"{len(texts):,} texts in one call; at most {MAX_TEXTS:,} are taken at once.")
        if self._embed is None:
            self._embed = await asyncio.to_thread(_embedder)
        return await self.batcher.submit(self._embed, texts)

    async def canary(self) -> dict[str, str]:
        """Have every endpoint answer a canary through its own queue, before all that waits.

        Returns:
            ``ok`` or what is wrong, by endpoint; an endpoint whose older version answers is ``ok`` in time and is
            named in ``problems``.
        """
        if not self._looked.is_set():
            return {"models": "loading"}
        state = {name: reason for name, (_, reason) in self._broken.items()}
        for name, live in self._live.items():
            try:
                async with asyncio.timeout(CANARY_WITHIN_S):
                    await self.batcher.submit(live.run, [CANARY], first=True)
                state[name] = "ok"
            except TimeoutError:
                state[name] = f"no answer within {CANARY_WITHIN_S:.0f} s"
            except HomegrownError as error:
                state[name] = error.code
        return state


def _runner(predictor: Predictor | FieldsModel) -> Callable[[list[str]], list[Answer]]:
    if isinstance(predictor, FieldsModel):
        return lambda texts: object_answers(predictor, texts)

    def run(texts: list[str]) -> list[Answer]:
        return answers(predictor, predictor.predict(texts), TOP)

    return run


def _embedder() -> Callable[[list[str]], list[np.ndarray]]:
    encoder = Encoder.load()
    return lambda texts: list(encoder.encode(texts))


def self_test(predictor: Predictor | FieldsModel, version: ModelVersion) -> None:
    """Answer one text before anybody relies on it.

    Raises:
        CorruptDataError: the answer is no distribution over the classes that the version froze, or no object of the
            fields that it froze.
    """
    if isinstance(predictor, FieldsModel):
        known = [f.field_id for f in predictor.fields]
        (one,) = predictor.predict_objects([CANARY])
        if known != list(version.class_ids) or not all(0 <= a.prob <= 1.0001 for a in one.fields.values()):
            raise _failed(version)
        return
    said = predictor.predict([CANARY])
    good = (
        tuple(predictor.class_names) == tuple(version.class_names)
        and said.probs.shape == (1, len(version.class_names))
        and bool(np.isfinite(said.probs).all() and (said.probs >= 0).all() and (said.probs <= 1.0001).all())
        and (version.multi or abs(float(said.probs.sum()) - 1) < 1e-3)
    )
    if not good:
        raise _failed(version)


def _failed(version: ModelVersion) -> CorruptDataError:
    return CorruptDataError(
        f"The model {version.model_name}@{version.number} failed its self-test and is not served. Train it again."
    )
