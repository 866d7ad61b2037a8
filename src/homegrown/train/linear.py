"""A regularised multinomial head on the frozen encoder; the strength is chosen on held-out rows."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from homegrown.core.models import Recipe
from homegrown.inference.linear import LinearModel
from homegrown.train.heads import FittedHead, choose_head, trust_said
from homegrown.train.judge import REJECT_SHARE
from homegrown.train.options import parse_options
from homegrown.train.robust import reweighted
from homegrown.train.rung import Rung, finish
from homegrown.train.students import noisy_students
from homegrown.train.weak import ready_parts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from homegrown.core.models import Fitted, TrainingData
    from homegrown.core.protocols import Encoder, Progress
    from homegrown.train.parts import Parts


@dataclass(frozen=True, slots=True)
class LinearOptions:
    """Options of ``linear``.

    Attributes:
        strengths: candidates for the inverse of the regularisation.
        reject: share of right answers that "none of these" may cost.
        robust: also fit with doubtful labels made light (``train.robust``), and keep what does better on held-out rows.
        rounds: of students on texts without a label (``train.students``), kept as held-out rows say; 0 leaves them out.
    """

    strengths: tuple[float, ...] = (0.003, 0.01, 0.03, 0.1, 0.3)
    reject: float = REJECT_SHARE
    robust: bool = False
    rounds: int = 2


class LinearTrainer:
    """Trainer ``linear``."""

    def fit(
        self,
        data: TrainingData,
        options: dict[str, Any],
        *,
        seed: int,
        folder: Path,
        encoder: Encoder,
        progress: Progress,
    ) -> Fitted:
        """Fit the head; see ``core.protocols.Trainer``."""
        chosen = parse_options(LinearOptions, "linear", options)
        parts = ready_parts(data, encoder, seed, progress)
        return finish(fit_linear(parts, chosen, seed, encoder, progress), folder, parts.judge.texts)


def fit_linear(parts: Parts, options: LinearOptions, seed: int, encoder: Encoder, progress: Progress) -> Rung:
    """Choose, calibrate, fit."""
    started = time.monotonic()
    fit_vectors, judge_vectors = encoder.encode(parts.fit.texts), encoder.encode(parts.judge.texts)
    choose = partial(
        choose_head,
        fit_inputs=fit_vectors,
        judge_inputs=judge_vectors,
        strengths=options.strengths,
        stage="train linear",
        seed=seed,
        progress=progress,
        reject=options.reject,
    )
    fitted = choose(parts)
    decisions = trust_said(fitted.report)
    if options.robust:
        fitted, decision = _more_robust(fitted, choose, parts, np.vstack([fit_vectors, judge_vectors]), seed)
        decisions.append(decision)
    fitted, more = noisy_students(
        parts, fitted, lambda texts, by: by.encode(texts), encoder,
        rounds=options.rounds, seed=seed, progress=progress, reject=options.reject,
    )  # fmt: skip
    decisions += more
    model = LinearModel(encoder, parts.data.class_names, fitted.head.weight, fitted.head.bias, fitted.readout)
    report = {**fitted.report, "seconds": time.monotonic() - started, "warnings": list(parts.warnings)}
    how = "five-fold cross-validation" if report["cross_validated"] else f"{report['n']} validation rows"
    return Rung(
        recipe=Recipe("linear", {**asdict(options), "strengths": [report["strength"]]}, seed),
        model=model,
        judge_logits=fitted.judging.logits(judge_vectors),
        report=report,
        decisions=[
            f"strength {report['strength']:g} of {list(options.strengths)}, by {how}",
            *decisions,
            *parts.warnings,
        ],
    )


def _more_robust(
    plain: FittedHead, choose: Callable[[Parts], FittedHead], parts: Parts, vectors: np.ndarray, seed: int
) -> tuple[FittedHead, str]:
    """The better of *plain* and of a fit with doubtful labels made light, and how it was decided."""
    found = reweighted(parts, vectors, seed)
    if found is None:
        return plain, "labels were not weighed: too few rows, or several classes per row"
    lighter, rate = found
    robust = choose(lighter)
    kept = robust if robust.report["accuracy"] >= plain.report["accuracy"] else plain
    kept.report["label_noise"] = rate
    said = f"{robust.report['accuracy']:.1%} against {plain.report['accuracy']:.1%} on held-out rows"
    which = "doubtful labels weigh less" if kept is robust else "every label weighs as it stands"
    return kept, f"{which}: {said}; about {rate:.1%} of the labels look wrong"
