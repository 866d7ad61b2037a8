"""The verbs that say how far a route is on its way out of a model API: its calls, its task, its model, who answers."""

from __future__ import annotations

import copy
import statistics
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from homegrown import evaluate
from homegrown.core.ids import now, timestamp
from homegrown.core.traffic import TemplateState
from homegrown.errors import EmptyDataError, InputError, NotFoundError
from homegrown.metrics.intervals import wilson
from homegrown.metrics.sequential import proportion
from homegrown.store import tables
from homegrown.store.route_traffic import RouteCounts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.core.models import ModelVersion, Predictions
    from homegrown.core.protocols import Predictor
    from homegrown.core.routing import Exit, ExitStage, GatewayRoute
    from homegrown.core.traces import Captured
    from homegrown.core.traffic import Template
    from homegrown.evaluate import Bound, Chained
    from homegrown.store import Store
    from homegrown.workspace.calibrating import Calls
    from homegrown.workspace.handles import Model
    from homegrown.workspace.staging import Lineup
    from homegrown.workspace.switching_objects import JudgedModels

ALPHAS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.1)
_MOST_KEPT = 32
_MOST_JUDGED = 8


@dataclass(frozen=True, slots=True)
class StageReport:
    """What one of the models that are asked in turn has done since it was switched on.

    Attributes:
        n_calls: that it was asked about; of them *n_home* it was sure of.
        n_audits: answers that were checked; of them *n_differ* the upstream would have given otherwise.
        fallen: why it answers no more, for a person; None while it does. *reason* is ``breach`` or ``drift``.
        n_labels: calls that a new calibration needs then.
    """

    model: str
    threshold: float | None
    n_calls: int
    n_home: int
    n_audits: int
    n_differ: int
    fallen: str | None
    reason: str | None
    n_labels: int | None


@dataclass(frozen=True, slots=True)
class ExitReport:
    """What models of ours have done for a route since they were switched on.

    Attributes:
        since: when that was.
        outcomes: calls of its prompt since then, by what became of them (``store.route_traffic.OUTCOMES``).
        stages: those that are asked in turn.
        n_calls: that the first was asked about; of them *n_home* some stage was sure of.
        coverage: share of those, with its 95% interval; None before the first call.
        n_audits: answers that were checked; of them *n_differ* the upstream would have given otherwise.
        differ: share of those, *differ_interval* valid at every moment at the level 1 - delta; None before the first.
        fallen: which answer no more and why, for a person; None while all do.
        home_s, upstream_s: median seconds of an answer; None where there was none.
        saved_usd: what the upstream would have asked for the answers given at home, at its average; None without
            prices.
    """

    exit: Exit
    since: str
    outcomes: dict[str, int]
    stages: list[StageReport]
    n_calls: int
    n_home: int
    coverage: float | None
    coverage_ci95: tuple[float, float] | None
    n_audits: int
    n_differ: int
    differ: float | None
    differ_interval: tuple[float, float] | None
    fallen: str | None
    home_s: float | None
    upstream_s: float | None
    saved_usd: float | None


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """What a version said silently, beside what the upstream said.

    Attributes:
        agreement: with its 95% interval over *n* calls.
        ours_s, upstream_s: median seconds of an answer.
        upstream_usd: of a call, on average; None without prices.
    """

    version_id: str
    n: int
    agreement: float
    agreement_ci95: tuple[float, float]
    ours_s: float | None
    upstream_s: float | None
    upstream_usd: float | None


@dataclass(frozen=True, slots=True)
class RouteStory:
    """How far a route is: collect, train, shadow, switch.

    Attributes:
        template: the prompt that the story is about; None while none is found.
        prompts: all that are found in the route's calls, with their numbers, the most frequent first.
        n_calls: whole calls of the prompt; *n_route* of the route.
        task_id: that was made of it.
        versions: of models of that task, the newest first.
        version: the one that the story is about.
        shadow: of that version.
        exit: what answers now.
    """

    route: GatewayRoute
    template: Template | None
    prompts: list[tuple[Template, int]]
    n_calls: int
    n_route: int
    task_id: str | None
    versions: list[ModelVersion]
    version: ModelVersion | None
    shadow: ShadowReport | None
    exit: ExitReport | None


class Leaving:
    """Mixed into ``Workspace``."""

    store: Store
    _choices: dict[tuple[Any, ...], list[Bound]]
    _judged_models: dict[tuple[Any, ...], JudgedModels]
    _predictors: dict[str, Predictor]

    if TYPE_CHECKING:

        def predictor(self, model: str | ModelVersion | Model) -> Predictor:
            """A model, loaded once and kept."""
            ...

        def _judged_models_of(
            self, route: GatewayRoute, versions: Sequence[ModelVersion], wanted: str | None, by: str
        ) -> JudgedModels: ...
        def _lineup(self, versions: Sequence[ModelVersion], wanted: str | None) -> Lineup: ...
        def _calls(
            self, route: GatewayRoute, versions: Sequence[ModelVersion], template: Template, fields: Sequence[str]
        ) -> Calls: ...
        def _calibrated(
            self, exit_id: str, line: Lineup, calls: Calls, alpha: float, delta: float
        ) -> tuple[tuple[ExitStage, ...], Chained]: ...

    def route_traffic(self, hours: float = 24.0) -> dict[str, RouteCounts]:
        """Calls of the last *hours* by the name of their route; a route without calls has zeros.

        Example:
            >>> ws.route_traffic()["default"].n  # doctest: +SKIP
            41277
        """
        found = self.store.route_traffic.by_route(timestamp(now() - timedelta(hours=hours)))
        return {r.name: found.get(r.route_id, RouteCounts()) for r in self.store.routes.list()}

    def captured_call(self, trace_id: str) -> Captured:
        """One call, whole.

        Raises:
            NotFoundError: there is none, or it was aged out or forgotten.
        """
        found = self.store.captured.get(trace_id)
        if found is None:
            raise NotFoundError("There is no such call. It may have been aged out or forgotten.")
        return found

    def route_story(self, name: str, *, template: str | None = None, model: str | None = None) -> RouteStory:
        """How far a route is on its way out: its calls, the prompt found in them, the Task, the model, who answers.

        Args:
            name: of the route.
            template: which prompt of it, by id; that of the model that answers, else the most frequent that became a
                Task, else the most frequent.
            model: which version; the one that answers, else the champion of the Task.
        """
        route = self.store.routes.get(name)
        counts = self.store.route_traffic.by_template(route.route_id)
        known = {t.template_id: t for t in self.store.templates.list()}
        prompts = [(known[t], n) for t, n in counts.items() if t in known]
        exit = route.config.exit
        about = template or (exit.template_id if exit is not None else None)
        found = known.get(about) if about is not None else None
        if found is None and about is not None and template is not None:
            raise NotFoundError("There is no such prompt. Look for tasks again: homegrown monitor tasks")
        if found is None:
            made = [t for t, _ in prompts if t.state is TemplateState.ACCEPTED]
            found = made[0] if made else prompts[0][0] if prompts else None
        task_id = next(iter(found.tasks.values()), None) if found is not None else None
        versions = [v for v in self.store.models.versions() if v.task_id == task_id] if task_id else []
        version = self._told(versions, model, exit, task_id)
        return RouteStory(
            route, found, prompts, counts.get(found.template_id, 0) if found else 0, sum(counts.values()), task_id,
            versions, version, self.shadow_report(version) if version is not None else None, self.exit_report(name),
        )  # fmt: skip

    def _told(
        self, versions: list[ModelVersion], model: str | None, exit: Exit | None, task_id: str | None
    ) -> ModelVersion | None:
        if model is not None:
            wanted = self.store.models.version(model)
            return next((v for v in versions if v.version_id == wanted.version_id), None)
        if exit is not None and (found := next((v for v in versions if v.version_id == exit.version_id), None)):
            return found
        champion = self.store.models.champion(task_id) if task_id is not None and versions else None
        return champion or (versions[0] if versions else None)

    def shadow_report(self, model: str | ModelVersion) -> ShadowReport | None:
        """What a version said silently; None where it said nothing yet."""
        version_id = model if isinstance(model, str) else model.version_id
        try:
            pairs = evaluate.read_shadowed(self.store, self.store.models.version(version_id).version_id).pairs
        except EmptyDataError:
            return None
        n_same, n = sum(p.agrees for p in pairs), len(pairs)
        paid = [p.cost_usd for p in pairs if p.cost_usd is not None]
        return ShadowReport(
            version_id, n, n_same / n, wilson(n_same, n), _median([p.latency_s for p in pairs]),
            _median([p.upstream_s for p in pairs]), statistics.fmean(paid) if paid else None,
        )  # fmt: skip

    def exit_report(self, name: str) -> ExitReport | None:
        """What the model that answers calls of a route has done; None where none does.

        Example:
            >>> ws.exit_report("default").coverage  # doctest: +SKIP
            0.71
        """
        route = self.store.routes.get(name)
        exit = route.config.exit
        if exit is None:
            return None
        since, stages = self._switched_at(name, exit), stage_reports(self.store, exit)
        n, n_home = stages[0].n_calls, sum(s.n_home for s in stages)
        n_audits, n_differ = sum(s.n_audits for s in stages), sum(s.n_differ for s in stages)
        traffic, route_id = self.store.route_traffic, route.route_id
        outcomes, usd = traffic.outcomes(route_id, since), traffic.usd_per_call(route_id, exit.template_id)
        return ExitReport(
            exit, since, outcomes, stages, n, n_home, n_home / n if n else None, wilson(n_home, n) if n else None,
            n_audits, n_differ, n_differ / n_audits if n_audits else None,
            proportion(n_differ, n_audits, exit.delta) if n_audits else None, fallen(stages),
            _median(traffic.times(route_id, since, home=True)), _median(traffic.times(route_id, since, home=False)),
            None if usd is None else usd * (outcomes.get("home", 0) + outcomes.get("spare", 0)),
        )  # fmt: skip

    def _switched_at(self, name: str, exit: Exit) -> str:
        e = tables.events
        mine = e.c.action == "gateway.switch", e.c.resource == f"route:{name}", e.c.details.contains(exit.exit_id)
        row = self.store.db.one(sa.select(sa.func.max(e.c.created_at).label("at")).where(*mine))
        return (row or {}).get("at") or ""

    def exit_choices(
        self,
        name: str,
        *models: str,
        delta: float = 0.05,
        alphas: Sequence[float] = ALPHAS,
        template: str | None = None,
        by: str = "document",
    ) -> Sequence[Bound]:
        """What ``switch_route`` would find at several bounds, without switching anything.

        The models are asked about the held-out calls once; the same question again, with no call since, is answered
        from memory.

        Args:
            name: of the route.
            models: names, ``name@2`` or ids of versions.
            delta: chance that the promise is wrong.
            alphas: disagreements with the upstream that might be borne.
            template: of the calls, where several became the models' tasks.
            by: of a model of objects, whether documents are given whole or field by field; see ``switch_route``.

        Returns:
            One bound for each of *alphas*; of a model of objects with both shares, of documents and of fields.

        Raises:
            EmptyDataError: no call is there that the models did not learn from.
            UnsuitableLabelsError: the answers hold what the models do not write.

        Example:
            >>> [(b.alpha, b.coverage) for b in ws.exit_choices("default", "triage")]  # doctest: +SKIP
            [(0.005, 0.0), (0.01, 0.31), (0.02, 0.71), …]
        """
        route, versions = self.store.routes.get(name), [self.store.models.version(m) for m in models]
        if not versions:
            raise InputError("Name the model that shall answer.")
        ids, n = tuple(v.version_id for v in versions), self.store.captured_imports.count()
        if any(v.is_object for v in versions):
            judged = self._judged_once((route.route_id, route.config.targets, ids, template, by, n), route, versions)
            return [judged.bounds(a, delta)[0] for a in alphas]
        line = self._lineup(versions, template)
        key = route.route_id, route.config.targets, ids, line.template.template_id, delta, tuple(alphas), n
        if key not in self._choices:
            calls = self._calls(route, line.versions, line.template, line.fields)
            asker = copy.copy(self)
            asker._predictors = {v.version_id: _remembering(self.predictor(v)) for v in line.versions}
            self._choices[key] = [asker._calibrated("", line, calls, a, delta)[1].bound for a in alphas]
            while len(self._choices) > _MOST_KEPT:
                self._choices.pop(next(iter(self._choices)))
        return self._choices[key]

    def _judged_once(self, key: tuple[Any, ...], route: GatewayRoute, versions: Sequence[ModelVersion]) -> JudgedModels:
        """What models of objects say of the held-out calls; the same question again is answered from memory."""
        if key not in self._judged_models:
            *_, template, by, _ = key
            self._judged_models[key] = self._judged_models_of(route, versions, template, by)
            while len(self._judged_models) > _MOST_JUDGED:
                self._judged_models.pop(next(iter(self._judged_models)))
        return self._judged_models[key]


def stage_reports(store: Store, exit: Exit) -> list[StageReport]:
    """What each of the models that are asked in turn has done."""
    found = []
    for stage in exit.stages:
        state = store.exits.state(stage.stage_id) or {}
        watch, fell = state.get("watch") or {}, state.get("fallen") or {}
        found.append(
            StageReport(
                stage.model, stage.threshold, state.get("n_calls", 0), state.get("n_home", 0), watch.get("n", 0),
                watch.get("n_wrong", 0), fell.get("sentence"), fell.get("reason"), fell.get("n_labels"),
            )
        )  # fmt: skip
    return found


def fallen(stages: Sequence[StageReport]) -> str | None:
    """Which of them answer no more and why; None where none fell."""
    several = len(stages) > 1
    return " ".join(f"{s.model}: {s.fallen}" if several else s.fallen for s in stages if s.fallen) or None


def _remembering(predictor: Predictor) -> Any:
    return _Remembering(predictor)


class _Remembering:
    """A model that is asked the same texts several times in a row, and answers them once."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._said: dict[tuple[str, ...], Predictions] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._predictor, name)

    def predict(self, texts: Sequence[str]) -> Predictions:
        """As the model does."""
        key = tuple(texts)
        if key not in self._said:
            self._said[key] = self._predictor.predict(list(texts))
        return self._said[key]


def _median(some: Sequence[float | None]) -> float | None:
    known = [s for s in some if s is not None]
    return statistics.median(known) if known else None
