"""Models that are named together for a route: which answer one after the other, which give a document together."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from homegrown import evaluate
from homegrown.core.ids import new_id, text_hash
from homegrown.core.models import OUT_OF_SCOPE
from homegrown.core.routing import ExitPart, ExitStage
from homegrown.core.traffic import AnswerKind
from homegrown.errors import InputError, UnsuitableLabelsError
from homegrown.monitor.prompt import check_fields, shape_of_field
from homegrown.workspace.calibrating import Calibrating

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.core.models import ModelVersion
    from homegrown.core.protocols import Predictor
    from homegrown.core.traffic import Template
    from homegrown.evaluate import Bound
    from homegrown.workspace.calibrating import Calls, Judged
    from homegrown.workspace.handles import Model

_HAIR = 1e-9


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


@dataclass(frozen=True, slots=True)
class Calibrated:
    """Stages with what they may answer.

    Attributes:
        bound: of all of them together.
        bounds: of each; empty where there is only one.
    """

    stages: tuple[ExitStage, ...]
    bound: Bound
    bounds: tuple[Bound, ...] = ()


class Staging(Calibrating):
    """Mixed into ``Switching``."""

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

    def _calibrated(self, line: Lineup, calls: Calls, alpha: float, delta: float) -> Calibrated:
        """A threshold for each stage.

        Each is chosen on calls that those before it pass on, and on a part of the calls that no other stage's
        threshold was chosen on; so what one stage passes on does not depend on how the next did on it. Each promise
        has an equal part of *delta*; by the union bound (Bonferroni) all of them hold with 1 - *delta*, and a mixture
        of answers that are each wrong in at most *alpha* is so too.
        """
        n, first = len(line.stages), new_id("exit")
        own = [zlib.crc32(f"stage {text_hash(h.text)}".encode()) % n for h in calls.held]
        left = range(len(calls.held))
        stages: list[ExitStage] = []
        bounds: list[Bound] = []
        last: dict[int, Judged] = {}
        home: set[int] = set()
        for i, versions in enumerate(line.stages):
            parts = self._parts(line, versions, calls)
            some = self._judge(parts, [self.predictor(v) for v in versions], [calls.held[k] for k in left])
            judged = dict(zip(left, some, strict=True))
            mine = [j for k, j in judged.items() if own[k] == i]
            if not mine:
                raise InputError(
                    f"There is no call on which {' and '.join(p.model for p in parts)} could be judged: name fewer "
                    "models, or let more calls pass."
                )
            plan = _plan(versions[0]) if i == 0 and len(versions) == 1 else ()
            bound = self._bound(mine, alpha, delta / n, plan)
            stage_id = first if i == 0 else f"{first}:{i + 1}"
            stages.append(
                ExitStage(stage_id=stage_id, parts=parts, threshold=bound.threshold, delta=delta / n, usual=bound.usual)
            )
            bounds.append(bound)
            last |= judged
            sure = {k for k, j in judged.items() if bound.threshold is not None and j.said.confidence > bound.threshold}
            home |= sure
            left = [k for k in left if k not in sure]
        if n == 1:
            return Calibrated(tuple(stages), bounds[0])
        bound = evaluate.chain_bound(
            [(s.model, b) for s, b in zip(stages, bounds, strict=True)], delta=delta, n=len(last), n_home=len(home),
            n_differ=sum(last[k].is_wrong for k in home),
            agreement=1.0 - sum(j.is_wrong for j in last.values()) / len(last),
        )  # fmt: skip
        return Calibrated(tuple(stages), bound, tuple(bounds))


def _plan(version: ModelVersion) -> list[float]:
    """How sure a model was of the rows that chose it, a hair less: many rows may share one value, such as 1."""
    return [q - _HAIR for q in version.details.get("report", {}).get("sureness", ())]
