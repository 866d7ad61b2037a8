"""Who answers a call: a model of ours, or whoever stands behind it. Pure: no clock, no database, no network.

A stage answers at home where it is sure enough; its threshold comes from ``metrics.risk_bound``. A random share of
what it answers is audited, and it falls back by itself when audits break the bound or the calls no longer look like
those it was calibrated on. It returns only with a new calibration: `Stage.renew`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from homegrown.core.ids import digest
from homegrown.errors import CorruptDataError, InputError
from homegrown.metrics.drift import Baseline, DriftMonitor
from homegrown.metrics.risk_bound import calls_to_bound
from homegrown.metrics.sequential import RunningError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

FORM = 1


def is_among(share: float, *parts: str) -> bool:
    """Whether what *parts* name is among the *share* of all that is chosen; always the same for the same parts.

    Whoever is among a share is among every larger one too.

    Example:
        >>> [is_among(s, "caller_1", "my card is lost") for s in (0.1, 0.5, 0.9, 1.0)]
        [False, False, True, True]
    """
    place = int(digest(*(p.encode("utf-8", "surrogatepass") for p in parts))[:15], 16) / (1 << 60)
    return place < share


class Why(StrEnum):
    """Why a call is not answered at home."""

    UNSURE = "unsure"
    OUT_OF_SCOPE = "out_of_scope"
    NO_BOUND = "no_bound"
    BREACH = "breach"
    DRIFT = "drift"


@dataclass(frozen=True, slots=True)
class Home:
    """The stage's own answer goes out."""


@dataclass(frozen=True, slots=True)
class Forward:
    """The next stage, at last the upstream, answers."""

    reason: Why


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to one call.

    Attributes:
        outcome: who answers.
        audit: the upstream (or a person) is asked as well, and what came of it is told to `Stage.observe`.
        epoch: goes back with it, so that an audit of an earlier calibration is not counted in a later one.
    """

    outcome: Home | Forward
    audit: bool
    epoch: int


@dataclass(frozen=True, slots=True)
class Policy:
    """What a stage promises, and how it is watched.

    Attributes:
        threshold: it answers where the confidence is above; None: never, for no bound could be had.
        alpha: error among its answers that is borne.
        delta: chance that the threshold's promise is wrong; the watch may give a false alarm with the same chance.
        audit_share: chance of each answer at home to be audited.
        scope: below this ``in_scope`` it does not answer.
    """

    threshold: float | None
    alpha: float
    delta: float
    audit_share: float = 0.05
    scope: float = 0.0

    def __post_init__(self) -> None:
        if not (0 < self.alpha < 1 and 0 < self.delta < 1 and 0 < self.audit_share <= 1):
            raise InputError("alpha, delta and the share of audits are shares above 0: 0.02, 0.05, 0.05.")


@dataclass(frozen=True, slots=True)
class Fallen:
    """A stage that answers no more.

    Attributes:
        reason: ``breach`` or ``drift``.
        sentence: for a person: what was seen.
        n_labels: labelled calls that a new calibration needs at least.
        at_call: which call it was.
    """

    reason: Why
    sentence: str
    n_labels: int
    at_call: int


class Stage:
    """One model in the chain.

    Args:
        policy: threshold and promise.
        usual: what calls looked like at calibration; without, drift is not watched.

    Example:
        >>> import numpy as np
        >>> stage, rng = Stage(Policy(0.9, alpha=0.02, delta=0.05)), np.random.default_rng(0)
        >>> stage.decide(0.97, 1.0, rng).outcome, stage.decide(0.4, 1.0, rng).outcome
        (Home(), Forward(reason=<Why.UNSURE: 'unsure'>))
    """

    def __init__(self, policy: Policy, usual: Baseline | None = None) -> None:
        self.epoch = 0
        self.n_calls = self.n_home = 0
        self._begin(policy, usual)

    def _begin(self, policy: Policy, usual: Baseline | None) -> None:
        self.policy = policy
        self.watch = RunningError(policy.alpha, policy.delta)
        self.drift = None if usual is None else DriftMonitor(usual)
        self.fallen: Fallen | None = None

    def decide(
        self,
        confidence: float,
        in_scope: float,
        rng: np.random.Generator,
        *,
        answer: str = "",
        novelty: float | None = None,
    ) -> Decision:
        """Who answers this call.

        Args:
            confidence: calibrated, of the stage's answer.
            in_scope: how much the text looks like one of its classes at all.
            rng: draws the audits.
            answer: the class that it would answer, the group in which drift is looked for.
            novelty: as the baseline was given it; 1 - *in_scope* when None.
        """
        self.n_calls += 1
        # After a fall too one number is drawn, so that replays stay in step.
        audited = bool(rng.random() < self.policy.audit_share)
        if self.fallen is None and self.drift is not None:
            seen = self.drift.observe(1.0 - in_scope if novelty is None else novelty, answer)
            if seen is not None:
                self._fall(Why.DRIFT, seen.sentence)
        reason = self.refusal(confidence, in_scope)
        if reason is not None:
            return Decision(Forward(reason), False, self.epoch)
        self.n_home += 1
        return Decision(Home(), audited, self.epoch)

    def passes_on(self, confidence: float, in_scope: float) -> bool:
        """Whether the next stage may be asked: this one would not answer even if it had not fallen."""
        sure = self.policy.threshold is not None and confidence > self.policy.threshold
        return not (sure and in_scope >= self.policy.scope)

    def refusal(self, confidence: float, in_scope: float) -> Why | None:
        """Why an answer of that confidence does not go out; None where it does. Nothing is counted."""
        if self.fallen is not None:
            return self.fallen.reason
        if self.policy.threshold is None:
            return Why.NO_BOUND
        # Written so that a confidence that is no number is never sure.
        if not in_scope >= self.policy.scope:
            return Why.OUT_OF_SCOPE
        return None if confidence > self.policy.threshold else Why.UNSURE

    def observe(self, wrong: float, epoch: int) -> Fallen | None:
        """Take in the outcome of an audit; the fall, where the stage has fallen.

        Args:
            wrong: against gold, or other than the upstream: as the threshold was calibrated. Of a document bound by
                field the share of its fields.
            epoch: of the decision that asked for the audit.
        """
        if epoch == self.epoch and self.fallen is None and self.watch.update(wrong):
            low, high = self.watch.interval()
            self._fall(
                Why.BREACH,
                f"Of {self.watch.n:,} audited answers {self.watch.n_wrong:,.4g} were wrong, between {100 * low:.1f}% "
                f"and {100 * high:.1f}%; {100 * self.policy.alpha:g}% were promised.",
            )
        return self.fallen

    def _fall(self, reason: Why, sentence: str) -> None:
        wanted = calls_to_bound(self.policy.alpha, self.policy.delta)
        asked = f"It answers no more until about {wanted:,} recent calls are labelled and it is calibrated on them."
        self.fallen = Fallen(reason, f"{sentence} {asked}", wanted, self.n_calls)

    def renew(self, policy: Policy, usual: Baseline | None = None) -> None:
        """Begin again with a new calibration; audits still on their way from before are not counted."""
        self.epoch += 1
        self._begin(policy, usual)

    def state(self) -> dict[str, Any]:
        """All of it as JSON values; `Stage.of` makes the same stage of them."""
        return {
            "form": FORM,
            "policy": asdict(self.policy),
            "epoch": self.epoch,
            "n_calls": self.n_calls,
            "n_home": self.n_home,
            "watch": asdict(self.watch),
            "usual": None if self.drift is None else asdict(self.drift.usual),
            "drift": None if self.drift is None else self.drift.state(),
            "fallen": None if self.fallen is None else asdict(self.fallen),
        }

    @classmethod
    def of(cls, state: dict[str, Any]) -> Stage:
        """The stage that ``state`` described.

        Raises:
            CorruptDataError: it is not what ``state`` gives.
        """
        try:
            if state["form"] != FORM:
                raise ValueError(state["form"])
            stage = cls(Policy(**state["policy"]))
            stage.epoch, stage.n_calls, stage.n_home = state["epoch"], state["n_calls"], state["n_home"]
            stage.watch = RunningError(**state["watch"])
            if state["usual"] is not None:
                stage.drift = DriftMonitor(_baseline(state["usual"]), state["drift"])
            if state["fallen"] is not None:
                stage.fallen = Fallen(**{**state["fallen"], "reason": Why(state["fallen"]["reason"])})
        except (KeyError, TypeError, ValueError, InputError) as error:
            raise CorruptDataError(
                "What was kept of an endpoint's fallback cannot be read; calibrate it anew."
            ) from error
        return stage


def _baseline(facts: dict[str, Any]) -> Baseline:
    lists = {"edges": tuple(facts["edges"]), "groups": tuple(facts["groups"])}
    return Baseline(**{**facts, **lists, "counts": tuple(tuple(row) for row in facts["counts"])})


class Chain:
    """Stages in the order in which they are asked, the upstream behind the last.

    If each stage's own answers are wrong in at most its alpha, then so are all answers at home together in at most the
    largest alpha; that holds with 1 - the sum of the deltas. Each stage is calibrated on calls that those before it
    pass on, so it is asked about no others: what a stage that fell would have answered goes to the upstream, and only
    what it passed on before goes on to the next.

    Args:
        stages: names and stages, the cheapest first.
    """

    def __init__(self, stages: Sequence[tuple[str, Stage]]) -> None:
        self.stages = list(stages)

    @property
    def alpha(self) -> float:
        """Error that is borne among all answers at home."""
        return max((s.policy.alpha for _, s in self.stages), default=0.0)

    @property
    def delta(self) -> float:
        """Chance that this promise is wrong."""
        return min(1.0, sum(s.policy.delta for _, s in self.stages))

    def after(self, stage: int) -> int | None:
        """The next stage to be asked, -1 to begin with; None: the upstream. The models between need not run.

        A stage without a bound is left out. One that fell is asked still while a later one stands, for it says which
        calls that one is asked about.
        """
        able = [i for i, (_, s) in enumerate(self.stages) if i > stage and s.policy.threshold is not None]
        return able[0] if any(self.stages[i][1].fallen is None for i in able) else None

    def why(self) -> Why | None:
        """Why no stage answers any more; None while one does."""
        if self.after(-1) is not None:
            return None
        return next((s.fallen.reason for _, s in self.stages if s.fallen is not None), Why.NO_BOUND)

    def sentences(self) -> list[str]:
        """What a person must know: which stages fell, and why."""
        return [f"{name} fell back. {s.fallen.sentence}" for name, s in self.stages if s.fallen is not None]
