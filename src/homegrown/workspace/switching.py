"""The verb that lets a model of ours answer a route's calls in the upstream's place, and takes it back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from homegrown.core.access import Permission
from homegrown.core.ids import new_id
from homegrown.core.models import OUT_OF_SCOPE
from homegrown.core.routing import Exit, ExitMode
from homegrown.errors import ForbiddenError, InputError, UnsuitableLabelsError
from homegrown.monitor.prompt import Prompt, check_shape
from homegrown.workspace.calibrating import Calibrating

if TYPE_CHECKING:
    from homegrown.core.models import ModelVersion
    from homegrown.core.protocols import Predictor
    from homegrown.core.routing import GatewayRoute
    from homegrown.core.traffic import Template
    from homegrown.evaluate import Bound
    from homegrown.store import Store
    from homegrown.workspace.handles import Model


@dataclass(frozen=True, slots=True)
class Switched:
    """What became of a route.

    Attributes:
        exit: what answers calls of the route at home, or silently; None for nothing.
        bound: what the calls say; None when it was switched off.
        sentence: for a person.
    """

    route: GatewayRoute
    exit: Exit | None
    bound: Bound | None
    sentence: str


class Switching(Calibrating):
    """Mixed into ``Workspace``."""

    store: Store

    if TYPE_CHECKING:

        def predictor(self, model: str | ModelVersion | Model) -> Predictor:
            """A model, loaded once and kept."""
            ...

    def switch_route(
        self,
        name: str,
        model: str | None = None,
        *,
        alpha: float = 0.02,
        delta: float = 0.05,
        audit_share: float = 0.02,
        template: str | None = None,
        shadow: bool = False,
        off: bool = False,
    ) -> Switched:
        """Let a model answer the calls of a route that it is sure of, in the upstream's place; with *off* no more.

        The model is asked about captured calls that it did not learn from, one for each text, and a confidence is
        sought above which it differs from the upstream in at most *alpha* of its answers, with confidence 1 - *delta*
        (``metrics.risk_bound``). Without one nothing is switched on, and the sentence says how many more calls it
        takes. The version is held fast: another one needs a bound of its own.

        Args:
            name: of the route.
            model: whose champion answers, or ``name@2``.
            alpha: disagreement with the upstream that is borne among the answers given at home.
            delta: chance that this promise is wrong.
            audit_share: share of its answers that is checked by asking the upstream as well.
            template: of the calls, by id or name, where several became the model's task.
            shadow: the model answers silently and the upstream everybody; needs no bound.
            off: the upstream answers everything again.

        Raises:
            NotFoundError: there is no such route or model.
            InputError: it is not clear which calls are meant, or a share is out of range.
            EmptyDataError: no call is there that the model did not learn from.
            UnsuitableLabelsError: the answers are more than one label.

        Example:
            >>> ws.switch_route("default", "intent").sentence  # doctest: +SKIP
            'It answers 71.2% of the calls at home …'
        """
        if not self.store.actor.may(Permission.GOVERN):
            raise ForbiddenError("Only an owner may say who answers the calls of a route.")
        route = self.store.routes.get(name)
        if off:
            return self._off(route)
        if model is None:
            raise InputError("Name the model that shall answer, or --off.")
        for share in (alpha, delta, audit_share):
            if not 0 < share < 1:
                raise InputError("alpha, delta and the share of audits lie between 0 and 1, such as 0.02 and 0.05.")
        version = self.store.models.version(model)
        found, field = self._template_of(version, template)
        labels = self._labels(version, found, field)
        prompt = Prompt(found, field, labels)
        calls = self._calls(route, version, prompt)
        bound = self._bound(self.predictor(version), calls, alpha, delta)
        if bound.threshold is None and not shadow:
            return Switched(route, route.config.exit, bound, f"Nothing was switched. {bound.sentence}")
        exit = Exit(
            exit_id=new_id("exit"), template_id=found.template_id, field=field,
            wordings=tuple(v.key for v in found.variants), version_id=version.version_id,
            model=f"{version.model_name}@{version.number}", mode=ExitMode.SHADOW if shadow else ExitMode.HOME,
            threshold=bound.threshold, alpha=alpha, delta=delta, audit_share=audit_share, labels=labels,
            spellings=calls.spellings, usual=bound.usual,
        )  # fmt: skip
        made = self.store.routes.switch(
            self.store.actor, name, exit, exit_id=exit.exit_id, template_id=exit.template_id,
            version_id=exit.version_id, mode=exit.mode.value, threshold=exit.threshold, alpha=alpha, delta=delta,
            n=bound.n, n_home=bound.n_home, coverage=bound.coverage,
        )  # fmt: skip
        if route.config.exit is not None:
            self.store.exits.drop(route.config.exit.exit_id)
        silent = f"{exit.model} answers silently; the upstream answers everybody. " if shadow else ""
        said = silent + bound.sentence
        return Switched(made, exit, bound, said)

    def _off(self, route: GatewayRoute) -> Switched:
        before = route.config.exit
        if before is None:
            return Switched(route, None, None, f"No model of yours answers calls of {route.name}.")
        made = self.store.routes.switch(
            self.store.actor, route.name, None, exit_id=before.exit_id, version_id=before.version_id
        )
        self.store.exits.drop(before.exit_id)
        return Switched(made, None, None, f"The upstream answers all calls of {route.name} again.")

    def _template_of(self, version: ModelVersion, wanted: str | None) -> tuple[Template, str]:
        """The prompt whose calls became the model's task, and the field."""
        every = self.store.templates.list()
        found = [(t, field) for t in every for field, task in t.tasks.items() if task == version.task_id]
        if wanted is not None:
            found = [(t, field) for t, field in found if wanted in (t.template_id, t.name)]
        if not found:
            raise InputError(
                f"No calls became the task of {version.model_name}. Make it of your traffic: homegrown monitor accept"
            )
        if len(found) > 1:
            names = ", ".join(f"{t.name} ({t.template_id})" for t, _ in found)
            raise InputError(f"Several prompts became the task of {version.model_name}; name one as template: {names}.")
        template, field = found[0]
        check_shape(template, next(f for f in template.shape.fields if f.name == field))
        return template, field

    def _labels(self, version: ModelVersion, template: Template, field: str) -> dict[str, str | None]:
        """The model's class by the upstream's label, by way of the Task's names for labels."""
        task = self.store.tasks.get(version.task_id)
        names = dict(zip(version.class_ids, version.class_names, strict=True))
        found: dict[str, str | None] = {}
        for label, name in template.names.get(field, {}).items():
            class_id = OUT_OF_SCOPE if name is None else task.voted_id(name)
            found[label] = names.get(class_id) if class_id is not None else None
        if not any(found.values()):
            raise UnsuitableLabelsError("None of the labels that the upstream says is a class of this model.")
        return found
