"""A route's models, loaded, each stage beside what it promises and what was seen of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from homegrown.errors import CorruptDataError
from homegrown.inference.predictor import load_object_predictor, load_predictor
from homegrown.inference.speaker import Speaker
from homegrown.metrics.drift import Baseline
from homegrown.monitor.object_speaker import ObjectSpeaker
from homegrown.monitor.prompt import Prompt
from homegrown.serve.engine import self_test
from homegrown.serve.fallback import Chain, Policy, Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from homegrown.core.object_exits import ObjectExit
    from homegrown.core.protocols import Predictor
    from homegrown.core.routing import Exit, ExitStage
    from homegrown.inference.speaker import Said
    from homegrown.serve.fallback import Decision
    from homegrown.store import Store


@dataclass(slots=True, eq=False)
class LoadedStage:
    """Models that answer together.

    Attributes:
        run: texts to what they say; its identity is the queue in the batcher.
        is_news: the stage changed since its state was kept.
        has_told: its fall is in the event log.
    """

    config: ExitStage
    run: Callable[[list[str]], list[Said]]
    stage: Stage
    rng: np.random.Generator = field(default_factory=np.random.default_rng)
    is_news: bool = False
    has_told: bool = False

    def decide(self, said: Said) -> Decision:
        """Who answers, given what the models said."""
        self.is_news = True
        return self.stage.decide(said.confidence, said.in_scope, self.rng, answer=said.answer)

    def passes_on(self, said: Said) -> bool:
        """Whether the next stage may be asked."""
        return self.stage.passes_on(said.confidence, said.in_scope)

    @property
    def objects(self) -> ObjectSpeaker | None:
        """Who speaks, where that is a model of objects."""
        return self.run if isinstance(self.run, ObjectSpeaker) else None

    def observe(self, wrong: float, epoch: int) -> None:
        """What came of an audit: wrong or not, or which share of the fields was wrong."""
        self.is_news = True
        self.stage.observe(wrong, epoch)


@dataclass(slots=True, eq=False)
class Loaded:
    """What stands in front of a route's upstreams.

    Attributes:
        route: its name.
        n_problems: calls that went to the upstream because something of ours went wrong; the last of them was
            *problem*.
    """

    route: str
    exit: Exit
    prompt: Prompt
    stages: list[LoadedStage]
    n_problems: int = 0
    problem: str = ""

    @property
    def chain(self) -> Chain:
        """Its stages, in the order in which they are asked."""
        return Chain([(s.config.model, s.stage) for s in self.stages])


def load(store: Store, route: str, exit: Exit) -> Loaded:
    """Open its models and go on where its stages stopped; blocks.

    Raises:
        HomegrownError: a model is gone or damaged, or what was kept of a stage cannot be read.
    """
    template = store.templates.get(exit.template_id)
    if exit.object is not None:
        return _load_object(store, route, exit, exit.object, Prompt(template, (), exit.wordings))
    prompt = Prompt(template, exit.fields, exit.wordings, exit.rest)
    opened: dict[str, Predictor] = {}
    stages = []
    for config in exit.stages:
        for part in config.parts:
            if part.version_id not in opened:
                version = store.models.version(part.version_id)
                predictor = load_predictor(store.bundles.open(version.version_id, version.bundle_digest))
                self_test(predictor, version)
                opened[part.version_id] = predictor
        run = Speaker(config.parts, [opened[p.version_id] for p in config.parts])
        stage = _stage(store, exit, config)
        stages.append(LoadedStage(config, run, stage, has_told=stage.fallen is not None))
    return Loaded(route, exit, prompt, stages)


def _load_object(store: Store, route: str, exit: Exit, form: ObjectExit, prompt: Prompt) -> Loaded:
    stages = []
    for config in exit.stages:
        version = store.models.version(config.version_id)
        predictor = load_object_predictor(store.bundles.open(version.version_id, version.bundle_digest))
        self_test(predictor, version)
        if not {f.field_id for f in form.fields} <= {f.field_id for f in predictor.fields}:
            raise CorruptDataError(f"The fields that {config.model} gives are not those of its calibration.")
        stage = _stage(store, exit, config)
        stages.append(LoadedStage(config, ObjectSpeaker(predictor, form), stage, has_told=stage.fallen is not None))
    return Loaded(route, exit, prompt, stages)


def _stage(store: Store, exit: Exit, config: ExitStage) -> Stage:
    kept = store.exits.state(config.stage_id)
    if kept is not None:
        return Stage.of(kept)
    usual = None if config.usual is None else msgspec.convert(config.usual, Baseline)
    return Stage(Policy(config.threshold, exit.alpha, config.delta, exit.audit_share), usual)
