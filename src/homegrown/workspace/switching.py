"""The verb that lets a model of ours answer a route's calls in the upstream's place, and takes it back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from homegrown.core.access import Permission
from homegrown.core.ids import new_id
from homegrown.core.routing import Exit, ExitMode, Leaves
from homegrown.errors import ForbiddenError, InputError
from homegrown.workspace.staging import Staging
from homegrown.workspace.switching_objects import SwitchingObjects

if TYPE_CHECKING:
    from homegrown.core.models import ModelVersion
    from homegrown.core.routing import GatewayRoute
    from homegrown.evaluate import Bound
    from homegrown.store import Store

MOST_EARLIER = 3


@dataclass(frozen=True, slots=True)
class Switched:
    """What became of a route.

    Attributes:
        exit: what answers calls of the route at home, or silently; None for nothing.
        bound: what the calls say; None when it was switched off.
        sentence: for a person.
        bounds: of each stage by itself, where several answer one after the other.
    """

    route: GatewayRoute
    exit: Exit | None
    bound: Bound | None
    sentence: str
    bounds: tuple[Bound, ...] = ()


class _Asked(NamedTuple):
    """How models shall answer."""

    alpha: float
    delta: float
    audit_share: float
    share: float
    mode: ExitMode


class Switching(SwitchingObjects, Staging):
    """Mixed into ``Workspace``."""

    store: Store

    def switch_route(
        self,
        name: str,
        *models: str,
        alpha: float = 0.02,
        delta: float = 0.05,
        audit_share: float = 0.02,
        template: str | None = None,
        shadow: bool = False,
        off: bool = False,
        back: bool = False,
        share: float | None = None,
        by: str = "document",
    ) -> Switched:
        """Let models answer the calls of a route that they are sure of, in the upstream's place; with *off* no more.

        The model is asked about captured calls that it did not learn from, one for each text, and a confidence is
        sought above which it differs from the upstream in at most *alpha* of its answers, with confidence 1 - *delta*
        (``metrics.risk_bound``). Without one nothing is switched on, and the sentence says how many more calls it
        takes. The version is held fast: another one needs a bound of its own.

        Several models of one Task are asked one after the other, until one is sure; the upstream comes last. Of objects
        each gives whole documents. Models of
        several fields of one prompt's JSON documents give the document together: where all of it is sure, and only
        a document that is the same in every field counts as agreeing. Each stage is calibrated on calls of its own
        that those before it pass on, with an equal part of *delta*.

        A *share* without a model changes how many calls of the route it answers, and nothing else: the bound and all
        that was observed stay. Which calls are among the share is drawn by the digest of caller and text: a caller's
        text is answered by the same side each time, and what was answered at home still is when the share grows.

        Args:
            name: of the route.
            *models: whose champion answers, or ``name@2``.
            alpha: disagreement with the upstream that is borne among the answers given at home.
            delta: chance that this promise is wrong.
            audit_share: share of its answers that is checked by asking the upstream as well.
            template: of the calls, by id or name, where several became the model's task.
            shadow: the model answers silently and the upstream everybody; needs no bound.
            off: the upstream answers everything again.
            back: what answered before answers again, by its own bound and with what was observed of it; where nothing
                did, as *off*.
            share: of the calls that it answers at all (or hears, as a shadow), above 0 and up to 1; all of them when
                None.
            by: of a model of objects what the bound is about: ``document``, each given whole or not at all; or
                ``field``: at most *alpha* of the fields given differ. Documents of which every field is sure are given
                without a call then; of the others the upstream is asked for the rest alone, where the request's
                schema allows that, and else for all.

        Raises:
            NotFoundError: there is no such route or model.
            InputError: it is not clear which calls are meant, or a share is out of range.
            EmptyDataError: no call is there that the model did not learn from.
            UnsuitableLabelsError: the answers hold what no classifier writes.

        Example:
            >>> ws.switch_route("default", "intent").sentence  # doctest: +SKIP
            'It answers 71.2% of the calls at home …'
        """
        if not self.store.actor.may(Permission.GOVERN):
            raise ForbiddenError("Only an owner may say who answers the calls of a route.")
        route = self.store.routes.get(name)
        if share is not None and not 0 < share <= 1:
            raise InputError("The share of the calls that a model answers lies above 0 and up to 1, such as 0.25.")
        if off or back:
            return self._back(route) if back else self._off(route)
        if not models:
            return self._reshare(route, share)
        for value in (alpha, delta, audit_share):
            if not 0 < value < 1:
                raise InputError("alpha, delta and the share of audits lie between 0 and 1, such as 0.02 and 0.05.")
        mode = ExitMode.SHADOW if shadow else ExitMode.HOME
        plain = _Asked(alpha, delta, audit_share, share or 1.0, mode)
        versions = [self.store.models.version(m) for m in models]
        if any(v.is_object for v in versions):
            return self._switch_object(route, versions, template, plain, by)
        return self._switch_on(route, versions, template, plain)

    def _switch_on(
        self, route: GatewayRoute, versions: list[ModelVersion], template: str | None, asked: _Asked
    ) -> Switched:
        """Calibrate, and have the models answer where that can be vouched for."""
        line = self._lineup(versions, template)
        calls = self._calls(route, line.versions, line.template, line.fields)
        exit_id = new_id("exit")
        stages, found = self._calibrated(exit_id, line, calls, asked.alpha, asked.delta)
        bound, bounds = found.bound, found.bounds if len(stages) > 1 else ()
        exit = Exit(
            exit_id=exit_id, template_id=line.template.template_id,
            wordings=tuple(v.key for v in line.template.variants), mode=asked.mode, stages=stages, form=calls.form,
            order=calls.order, rest=calls.rest, alpha=asked.alpha, delta=asked.delta, audit_share=asked.audit_share,
            share=asked.share,
        )  # fmt: skip
        return self._answer(route, exit, bound, bounds)

    def _switch_object(
        self, route: GatewayRoute, versions: list[ModelVersion], template: str | None, asked: _Asked, by: str
    ) -> Switched:
        """The same for models of objects."""
        found = self._judged_models_of(route, versions, template, by)
        (bound, bounds), exit_id = found.bounds(asked.alpha, asked.delta), new_id("exit")
        exit = Exit(
            exit_id=exit_id, template_id=found.template.template_id,
            wordings=tuple(v.key for v in found.template.variants), mode=asked.mode,
            stages=found.stages(exit_id, bounds), alpha=asked.alpha, delta=asked.delta, audit_share=asked.audit_share,
            share=asked.share, object=found.exit,
        )  # fmt: skip
        return self._answer(route, exit, bound, bounds if len(bounds) > 1 else ())

    def _answer(self, route: GatewayRoute, exit: Exit, bound: Bound, bounds: tuple[Bound, ...]) -> Switched:
        """Have it answer, or hear silently; nothing is switched where nothing can be vouched for."""
        is_silent = exit.mode is ExitMode.SHADOW
        if bound.threshold is None and not is_silent:
            sentence = f"Nothing was switched. {bound.sentence}"
            return Switched(route, route.config.exit, bound, sentence, bounds)
        made = self._place(
            route, exit, _before(route), threshold=exit.threshold, alpha=exit.alpha, delta=exit.delta, n=bound.n,
            n_home=bound.n_home, coverage=bound.coverage,
        )  # fmt: skip
        silent = f"{exit.model} answers silently; the upstream answers everybody. " if is_silent else ""
        stays = route.config.leaves is Leaves.HOME
        rest = " Calls of this route do not leave: what it is not sure of is refused." if stays else _of_share(exit)
        return Switched(made, exit, bound, silent + bound.sentence + rest, bounds)

    def _place(self, route: GatewayRoute, exit: Exit | None, earlier: tuple[Exit, ...], **facts: Any) -> GatewayRoute:
        """Have *exit* answer; what was observed of those to which nobody can go back is forgotten."""
        about = exit or route.config.exit
        if about is not None:
            facts |= {"exit_id": about.exit_id, "version_id": about.version_id, "template_id": about.template_id}
            facts |= {"model": about.model}
        if exit is not None:
            facts |= {"mode": exit.mode.value, "share": exit.share}
        made = self.store.routes.switch(self.store.actor, route.name, exit, earlier=earlier, **facts)
        self.store.exits.drop(*(route.config.stage_ids() - made.config.stage_ids()))
        return made

    def _off(self, route: GatewayRoute, *, back: bool = False) -> Switched:
        if route.config.exit is None:
            return Switched(route, None, None, f"No model of yours answers calls of {route.name}.")
        made = self._place(route, None, route.config.earlier if back else _before(route))
        return Switched(made, None, None, f"The upstream answers all calls of {route.name} again.")

    def _back(self, route: GatewayRoute) -> Switched:
        *rest, exit = route.config.earlier or (None,)
        if exit is None:
            return self._off(route, back=True)
        made = self._place(route, exit, tuple(rest), back=True)
        states = [self.store.exits.state(s.stage_id) or {} for s in exit.stages]
        fell = "".join(f" It fell back before: {s['fallen']['sentence']}" for s in states if s.get("fallen"))
        how = "answers calls" if exit.mode is ExitMode.HOME else "silently hears calls"
        return Switched(
            made, exit, None, f"{exit.model} {how} of {route.name} again, as before.{_of_share(exit)}{fell}"
        )

    def _reshare(self, route: GatewayRoute, share: float | None) -> Switched:
        if share is None:
            raise InputError("Name the model that shall answer, or --off, --back or --share.")
        if route.config.exit is None:
            raise InputError(f"No model of yours answers calls of {route.name}; name one beside the share.")
        exit = msgspec.structs.replace(route.config.exit, share=share)
        made = self._place(route, exit, route.config.earlier)
        who = f"{exit.model} {'answers' if exit.mode is ExitMode.HOME else 'silently hears'}"
        return Switched(made, exit, None, f"{who} {share:.0%} of the calls of {route.name} that it is asked about.")


def _before(route: GatewayRoute) -> tuple[Exit, ...]:
    """To go back to, once something else answers: what answers now, and those before it."""
    now = (route.config.exit,) if route.config.exit is not None else ()
    return (*route.config.earlier, *now)[-MOST_EARLIER:]


def _of_share(exit: Exit) -> str:
    if exit.share >= 1:
        return ""
    return f" That is of the {exit.share:.0%} of the calls that it is asked about; the upstream answers the rest."
