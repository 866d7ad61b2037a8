"""Models that are named together for a route: which answer one after the other, which give a document together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from homegrown import evaluate
from homegrown.core.ids import text_hash
from homegrown.core.models import OUT_OF_SCOPE
from homegrown.core.routing import ExitPart, ExitStage
from homegrown.core.traffic import AnswerKind
from homegrown.errors import InputError, UnsuitableLabelsError
from homegrown.monitor.prompt import check_fields, shape_of_field
from homegrown.workspace.calibrating import Calibrating

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.core.models import ModelVersion
    from homegrown.core.protocols import Predictor, Progress
    from homegrown.core.traffic import Template
    from homegrown.workspace.calibrating import Calls
    from homegrown.workspace.handles import Model

_HAIR = 1e-9
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Lineup:
    """Models in the order in which they are asked.

    Attributes:
        template: of the calls.
        fields: of the answers, that they give.
        stages: versions by stage, one for each field.
    """

    template: Template
    fields: tuple[str, ...]
    stages: tuple[tuple[ModelVersion, ...], ...]

    @property
    def versions(self) -> list[ModelVersion]:
        """All of them, each once."""
        return list({v.version_id: v for stage in self.stages for v in stage}.values())


class Staging(Calibrating):
    """Mixed into ``Switching``."""

    progress: Progress

    if TYPE_CHECKING:

        def predictor(self, model: str | ModelVersion | Model) -> Predictor:
            """A model, loaded once and kept."""
            ...

    def _lineup(self, versions: Sequence[ModelVersion], wanted: str | None) -> Lineup:
        """The prompt whose calls became the models' tasks, and who gives what of its answers."""
        if len({v.version_id for v in versions}) < len(versions):
            raise InputError("A model is named twice.")
        template = self._template_of(versions, wanted)
        by_field: dict[str, list[ModelVersion]] = {}
        for field in (f.name for f in template.shape.fields):
            mine = [v for v in versions if v.task_id == template.tasks.get(field)]
            if mine:
                by_field[field] = mine
        check_fields(template, by_field)
        n = max(map(len, by_field.values()))
        stages = tuple(tuple(some[min(i, len(some) - 1)] for some in by_field.values()) for i in range(n))
        return Lineup(template, tuple(by_field), stages)

    def _template_of(self, versions: Sequence[ModelVersion], wanted: str | None) -> Template:
        every = [t for t in self.store.templates.list() if wanted is None or wanted in (t.template_id, t.name)]
        names = " and ".join(v.model_name for v in versions)
        for version in versions:
            if not any(version.task_id in t.tasks.values() for t in every):
                raise InputError(
                    f"No calls became the task of {version.model_name}. Make it of your traffic: homegrown monitor "
                    "accept"
                )
        found = [t for t in every if {v.task_id for v in versions} <= set(t.tasks.values())]
        if not found:
            raise InputError(f"The tasks of {names} were made of calls of different prompts: name models of one.")
        if len(found) > 1:
            several = ", ".join(f"{t.name} ({t.template_id})" for t in found)
            raise InputError(f"Several prompts became the task of {names}; name one as template: {several}.")
        return found[0]

    def _labels(self, version: ModelVersion, template: Template, field: str) -> dict[str, str | None]:
        """The model's class by the upstream's label, by way of the Task's names for labels."""
        task = self.store.tasks.get(version.task_id)
        names = dict(zip(version.class_ids, version.class_names, strict=True)) | {OUT_OF_SCOPE: ""}
        found: dict[str, str | None] = {}
        for label, name in template.names.get(field, {}).items():
            class_id = OUT_OF_SCOPE if name is None else task.voted_id(name)
            found[label] = names.get(class_id) if class_id is not None else None
        if not any(found.values()):
            raise UnsuitableLabelsError(
                f"None of the labels that the upstream says is a class of {version.model_name}@{version.number}."
            )
        return found

    def _parts(self, line: Lineup, versions: Sequence[ModelVersion], calls: Calls) -> tuple[ExitPart, ...]:
        found = []
        for field, version in zip(line.fields, versions, strict=True):
            part = ExitPart(
                field=field, version_id=version.version_id, model=f"{version.model_name}@{version.number}",
                is_many=shape_of_field(line.template, field).kind is AnswerKind.CLASSES,
                labels=self._labels(version, line.template, field), spellings={},
            )  # fmt: skip
            found.append(msgspec.structs.replace(part, spellings=calls.spellings(part)))
        return tuple(found)

    def _calibrated(
        self, exit_id: str, line: Lineup, calls: Calls, alpha: float, delta: float
    ) -> tuple[tuple[ExitStage, ...], evaluate.Chained]:
        """Stages with their thresholds, and what the calls say of them (``evaluate.calibrate_chain``)."""
        n = len(line.stages)
        parts = [self._parts(line, versions, calls) for versions in line.stages]
        names = ["+".join(p.model for p in some) for some in parts]
        judges = [partial(self._judged_by, calls, some, v) for some, v in zip(parts, line.stages, strict=True)]
        plan = _plan(line.stages[0][0]) if len(line.fields) == 1 else ()
        keys = [text_hash(h.text) for h in calls.held]
        named = list(zip(names, judges, strict=True))
        found = evaluate.calibrate_chain(named, keys, alpha=alpha, delta=delta, plan=plan)
        stages = tuple(
            ExitStage(
                stage_id=f"{exit_id}:{i}" if i else exit_id, parts=some, threshold=b.threshold, delta=delta / n,
                usual=b.usual,
            )
            for i, (some, b) in enumerate(zip(parts, found.bounds, strict=True))
        )  # fmt: skip
        return stages, found

    def _judged_by(
        self, calls: Calls, parts: Sequence[ExitPart], versions: Sequence[ModelVersion], places: list[int]
    ) -> list[evaluate.Judged]:
        predictors, found = [self.predictor(v) for v in versions], []
        self.progress.start(f"ask {'+'.join(p.model for p in parts)}", len(places), "calls")
        for start in range(0, len(places), _AT_ONCE):
            some = [calls.held[k] for k in places[start : start + _AT_ONCE]]
            found += self._judge(parts, predictors, some)
            self.progress.advance(len(some))
        self.progress.finish()
        return found


def _plan(version: ModelVersion) -> list[float]:
    """How sure a model was of the rows that chose it, a hair less: many rows may share one value, such as 1."""
    return [q - _HAIR for q in version.details.get("report", {}).get("sureness", ())]
