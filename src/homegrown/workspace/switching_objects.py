"""A model of objects is calibrated on captured calls, to answer with JSON documents in the upstream's place."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from homegrown import evaluate
from homegrown.core.ids import text_hash
from homegrown.core.object_exits import By
from homegrown.core.routing import ExitPart, ExitStage
from homegrown.core.traffic import OBJECT
from homegrown.errors import EmptyDataError, InputError
from homegrown.monitor.object_learning import learn_documents
from homegrown.monitor.object_speaker import REST, ObjectSpeaker
from homegrown.monitor.prompt import Prompt
from homegrown.workspace.calibrating import Calibrating

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from homegrown.core.models import ModelVersion
    from homegrown.core.object_exits import ObjectExit
    from homegrown.core.protocols import ObjectPredictor
    from homegrown.core.routing import GatewayRoute
    from homegrown.core.traffic import Template
    from homegrown.evaluate import Bound, JudgedDocuments
    from homegrown.workspace.handles import Model

_AT_ONCE = 64
_MOST = 20_000
_PLANNED_ON = 500


class JudgedModel(NamedTuple):
    """A model of objects with what it says of calls that it did not learn from.

    Attributes:
        plan: float [k, 1 + m], how sure it is of its validation rows: the whole and each field.
    """

    version: ModelVersion
    judged: JudgedDocuments
    plan: np.ndarray

    @property
    def name(self) -> str:
        """As it is told: ``receipt@2``."""
        return f"{self.version.model_name}@{self.version.number}"


class JudgedModels(NamedTuple):
    """Models of objects in the order in which they are asked, with what each says of the same calls.

    Attributes:
        keys: of the calls, which none of them learned from.
    """

    template: Template
    exit: ObjectExit
    models: tuple[JudgedModel, ...]
    keys: tuple[str, ...]

    def bounds(self, alpha: float, delta: float) -> tuple[Bound, tuple[Bound, ...]]:
        """What those calls say: of all models together, and of each on calls of its own (``calibrate_chain``)."""
        first = self.models[0]
        if len(self.models) == 1:
            names, most = [f.name for f in self.exit.fields], [f.trust for f in self.exit.fields]
            by = self.exit.by
            one = evaluate.object_bound(names, first.judged, first.plan, most, by=by, alpha=alpha, delta=delta)
            return one, (one,)
        stages = [(m.name, m.judged.chained) for m in self.models]
        plan = evaluate.document_plan(first.plan)
        found = evaluate.calibrate_chain(stages, self.keys, alpha=alpha, delta=delta, plan=plan)
        return found.bound, found.bounds

    def stages(self, exit_id: str, bounds: Sequence[Bound]) -> tuple[ExitStage, ...]:
        """The stages of such an exit."""
        return tuple(
            ExitStage(
                stage_id=f"{exit_id}:{i}" if i else exit_id,
                parts=(ExitPart(field=OBJECT, version_id=m.version.version_id, model=m.name, labels={}, spellings={}),),
                threshold=b.threshold, delta=b.delta, usual=b.usual,
            )
            for i, (m, b) in enumerate(zip(self.models, bounds, strict=True))
        )  # fmt: skip


class SwitchingObjects(Calibrating):
    """Mixed into ``Switching``."""

    if TYPE_CHECKING:

        def object_predictor(self, model: str | ModelVersion | Model) -> ObjectPredictor:
            """A model of objects, loaded once and kept."""
            ...

        def _template_of(self, versions: Sequence[ModelVersion], wanted: str | None) -> Template: ...

    def _judged_models_of(
        self, route: GatewayRoute, versions: Sequence[ModelVersion], wanted: str | None, by: str
    ) -> JudgedModels:
        """Look at how the upstream writes, and have models answer calls that none of them learned from.

        Raises:
            InputError: a model is named twice or gives no documents, several are named by field, or *by* is unknown.
            EmptyDataError: no call is there that the models did not learn from.
            UnsuitableLabelsError: the documents hold what the models cannot give.
        """
        _check(versions, by)
        template, predictors = self._template_of(versions, wanted), [self.object_predictor(v) for v in versions]
        held, taught = self._dealt(route, versions, template)
        canary = next(iter(held.values()))[0]
        given = [
            {f.field_id: f for f in p.fields if f.field_id in p.predict_objects([canary])[0].fields} for p in predictors
        ]
        fields = [f for i, f in given[0].items() if all(i in g and g[i].type is f.type for g in given)]
        learnt = learn_documents(template, fields, [*taught.values(), *held.values()], list(taught.values()), By(by))
        names = [f.name for f in learnt.exit.fields]
        models = []
        for version, predictor in zip(versions, predictors, strict=True):
            speaker = ObjectSpeaker(predictor, learnt.exit)
            self.progress.start(f"ask {version.model_name}@{version.number}", len(held), "calls")
            judged = _judge(speaker, list(held.values()), names, self.progress.advance)
            self.progress.finish()
            models.append(JudgedModel(version, judged, self._plan(version, speaker)))
        return JudgedModels(template, learnt.exit, tuple(models), tuple(held))

    def _dealt(
        self, route: GatewayRoute, versions: Sequence[ModelVersion], template: Template
    ) -> tuple[dict[str, tuple[str, str]], dict[str, tuple[str, str]]]:
        """Calls that none of the models learned from, and those that some did: text and answer by the text's hash."""
        judges, splits = [self._held_out(v) for v in versions], [self._splits(v) for v in versions]
        held: dict[str, tuple[str, str]] = {}
        taught: dict[str, tuple[str, str]] = {}
        for text, answer, at in islice(self._answered(route, Prompt(template, ())), _MOST):
            h = text_hash(text)
            if any(s.get(h) == "train" for s in splits):
                taught[h] = text, answer
            elif all(is_held_out(h, at) for is_held_out in judges):
                held[h] = text, answer  # the newest counts
        if not held:
            names = " or ".join(f"{v.model_name}@{v.number}" for v in versions)
            raise EmptyDataError(
                f"There is no call of “{template.name}” yet that {names} did not learn from and that this route's "
                "upstream answered. Let more calls pass, then try again."
            )
        return held, taught

    def _splits(self, version: ModelVersion) -> dict[str, str]:
        rows = self.store.snapshots.read(version.snapshot_id)
        return dict(zip(rows["text_hash"].to_pylist(), rows["split"].to_pylist(), strict=True))

    def _plan(self, version: ModelVersion, speaker: ObjectSpeaker) -> np.ndarray:
        rows = self.store.snapshots.read(version.snapshot_id)
        ids = [i for i, s in zip(rows["record_id"].to_pylist(), rows["split"].to_pylist(), strict=True) if s == "valid"]
        texts = list(self.store.records.texts(ids[:_PLANNED_ON]).values())
        said = [one for start in range(0, len(texts), _AT_ONCE) for one in speaker(texts[start : start + _AT_ONCE])]
        return np.array([[s.confidence, *(f.confidence for f in s.fields)] for s in said], float)


def _check(versions: Sequence[ModelVersion], by: str) -> None:
    """Refuse models that cannot answer together."""
    if by not in {b.value for b in By}:
        raise InputError(f"Documents are bound by document or by field, not by {by[:40]!r}.")
    if len({v.version_id for v in versions}) < len(versions):
        raise InputError("A model is named twice.")
    other = next((v for v in versions if not v.is_object), None)
    if other is not None:
        raise InputError(f"{other.model_name}@{other.number} gives no documents; name models of documents alone.")
    if len(versions) > 1 and by == By.FIELD:
        raise InputError(
            "By field documents are given by one model; name it alone, or let several give whole documents."
        )


def _judge(
    speaker: ObjectSpeaker, held: Sequence[tuple[str, str]], names: Sequence[str], advance: Callable[[int], None]
) -> JudgedDocuments:
    whole, sure, differs, rest, scope = [], [], [], [], []
    for start in range(0, len(held), _AT_ONCE):
        some = held[start : start + _AT_ONCE]
        for (text, answer), said in zip(some, speaker([t for t, _ in some]), strict=True):
            found = speaker.differing(text, speaker.heard(text, answer), said)
            whole.append(said.confidence)
            sure.append([f.confidence for f in said.fields])
            differs.append([name in found for name in names])
            rest.append(REST in found)
            scope.append(said.in_scope)
        advance(len(some))
    return evaluate.JudgedDocuments(
        np.array(whole, float), np.array(sure, float), np.array(differs, bool), np.array(rest, bool),
        np.array(scope, float),
    )  # fmt: skip
