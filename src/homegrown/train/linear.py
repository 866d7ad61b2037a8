"""A regularised multinomial head on the frozen encoder; the strength is chosen on held-out rows."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from homegrown.core.models import Recipe
from homegrown.inference.linear import LinearModel
from homegrown.train.heads import choose_head
from homegrown.train.judge import REJECT_SHARE
from homegrown.train.options import parse_options
from homegrown.train.parts import make_parts
from homegrown.train.rung import Rung, finish

if TYPE_CHECKING:
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
    """

    strengths: tuple[float, ...] = (0.003, 0.01, 0.03, 0.1, 0.3)
    reject: float = REJECT_SHARE


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
        parts = make_parts(data)
        return finish(fit_linear(parts, chosen, seed, encoder, progress), folder, parts.judge.texts)


def fit_linear(parts: Parts, options: LinearOptions, seed: int, encoder: Encoder, progress: Progress) -> Rung:
    """Choose, calibrate, fit."""
    started = time.monotonic()
    fit_vectors, judge_vectors = encoder.encode(parts.fit.texts), encoder.encode(parts.judge.texts)
    fitted = choose_head(
        parts,
        fit_vectors,
        judge_vectors,
        options.strengths,
        stage="train linear",
        seed=seed,
        progress=progress,
        reject=options.reject,
    )
    model = LinearModel(encoder, parts.data.class_names, fitted.head.weight, fitted.head.bias, fitted.readout)
    report = {**fitted.report, "seconds": time.monotonic() - started, "warnings": list(parts.warnings)}
    how = "five-fold cross-validation" if report["cross_validated"] else f"{report['n']} validation rows"
    return Rung(
        recipe=Recipe("linear", {**asdict(options), "strengths": [report["strength"]]}, seed),
        model=model,
        judge_logits=fitted.judging.logits(judge_vectors),
        report=report,
        decisions=[f"strength {report['strength']:g} of {list(options.strengths)}, by {how}", *parts.warnings],
    )
