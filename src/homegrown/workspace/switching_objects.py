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
    from homegrown.evaluate import JudgedDocuments, ObjectBound
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
    template: Template
    exit: ObjectExit
    judged: JudgedDocuments
    plan: np.ndarray

    def bound(self, alpha: float, delta: float) -> ObjectBound:
        """What those calls say."""
        names, most = [f.name for f in self.exit.fields], [f.trust for f in self.exit.fields]
        return evaluate.object_bound(names, self.judged, self.plan, most, by=self.exit.by, alpha=alpha, delta=delta)

    def stage(self, exit_id: str, bound: ObjectBound) -> ExitStage:
        """The one stage of such an exit."""
        name = f"{self.version.model_name}@{self.version.number}"
        part = ExitPart(field=OBJECT, version_id=self.version.version_id, model=name, labels={}, spellings={})
        return ExitStage(
            stage_id=exit_id, parts=(part,), threshold=bound.threshold, delta=bound.delta, usual=bound.usual
        )


class SwitchingObjects(Calibrating):
    """Mixed into ``Switching``."""

    if TYPE_CHECKING:

        def object_predictor(self, model: str | ModelVersion | Model) -> ObjectPredictor:
            """A model of objects, loaded once and kept."""
            ...

        def _template_of(self, versions: Sequence[ModelVersion], wanted: str | None) -> Template: ...

    def _judged_model(
        self, route: GatewayRoute, versions: Sequence[ModelVersion], wanted: str | None, by: str
    ) -> JudgedModel:
        """Look at how the upstream writes, and have the model answer calls that it did not learn from.

        Raises:
            InputError: several models are named, or *by* is unknown.
            EmptyDataError: no call is there that the model did not learn from.
            UnsuitableLabelsError: the documents hold what the model cannot give.
        """
        if len(versions) > 1:
            raise InputError("Objects are given by one model; name it alone.")
        if by not in {b.value for b in By}:
            raise InputError(f"Documents are bound by document or by field, not by {by[:40]!r}.")
        (version,) = versions
        template, predictor = self._template_of(versions, wanted), self.object_predictor(version)
        prompt = Prompt(template, ())
        is_held_out, splits = self._held_out(version), self._splits(version)
        held: dict[str, tuple[str, str]] = {}
        taught: dict[str, tuple[str, str]] = {}
        for text, answer, at in islice(self._answered(route, prompt), _MOST):
            h = text_hash(text)
            if splits.get(h) == "train":
                taught[h] = text, answer
            elif is_held_out(h, at):
                held[h] = text, answer  # the newest counts
        if not held:
            raise EmptyDataError(
                f"There is no call of “{template.name}” yet that {version.model_name}@{version.number} did not learn "
                "from and that this route's upstream answered. Let more calls pass, then try again."
            )
        (canary,) = predictor.predict_objects([next(iter(held.values()))[0]])
        fields = [f for f in predictor.fields if f.field_id in canary.fields]
        pairs = [*taught.values(), *held.values()]
        learnt = learn_documents(template, fields, pairs, list(taught.values()), By(by))
        speaker = ObjectSpeaker(predictor, learnt.exit)
        self.progress.start("ask the model about calls", len(held), "calls")
        judged = _judge(speaker, list(held.values()), [f.name for f in learnt.exit.fields], self.progress.advance)
        self.progress.finish()
        return JudgedModel(version, template, learnt.exit, judged, self._plan(version, speaker))

    def _splits(self, version: ModelVersion) -> dict[str, str]:
        rows = self.store.snapshots.read(version.snapshot_id)
        return dict(zip(rows["text_hash"].to_pylist(), rows["split"].to_pylist(), strict=True))

    def _plan(self, version: ModelVersion, speaker: ObjectSpeaker) -> np.ndarray:
        rows = self.store.snapshots.read(version.snapshot_id)
        ids = [i for i, s in zip(rows["record_id"].to_pylist(), rows["split"].to_pylist(), strict=True) if s == "valid"]
        texts = list(self.store.records.texts(ids[:_PLANNED_ON]).values())
        said = [one for start in range(0, len(texts), _AT_ONCE) for one in speaker(texts[start : start + _AT_ONCE])]
        return np.array([[s.confidence, *(f.confidence for f in s.fields)] for s in said], float)


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
