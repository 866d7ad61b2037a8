"""N-grams with a linear head: for long, technical or non-English text, and as the floor of the ladder."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from homegrown.core.models import Recipe
from homegrown.inference.lexical import LexicalFeatures, LexicalModel
from homegrown.train.heads import choose_head, trust_said
from homegrown.train.judge import REJECT_SHARE
from homegrown.train.options import parse_options
from homegrown.train.rung import Rung, finish
from homegrown.train.weak import ready_parts

if TYPE_CHECKING:
    from pathlib import Path

    from homegrown.core.models import Fitted, TrainingData
    from homegrown.core.protocols import Encoder, Progress
    from homegrown.train.parts import Parts

MAX_WEIGHTS = 5_000_000


@dataclass(frozen=True, slots=True)
class LexicalOptions:
    """Options of ``lexical``.

    Attributes:
        strengths: candidates for the inverse of the regularisation.
        max_features: n-grams kept at most; fewer where there are many classes, so that the head stays small.
        reject: share of right answers that "none of these" may cost.
    """

    strengths: tuple[float, ...] = (5.0, 30.0)
    max_features: int = 100_000
    reject: float = REJECT_SHARE


class LexicalTrainer:
    """Trainer ``lexical``."""

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
        """Fit the head; see ``core.protocols.Trainer``. *encoder* only helps to correct weak labels."""
        chosen = parse_options(LexicalOptions, "lexical", options)
        parts = ready_parts(data, encoder, seed, progress)
        return finish(fit_lexical(parts, chosen, seed, progress), folder, parts.judge.texts)


def most_features(parts: Parts, wanted: int) -> int:
    """How many n-grams are kept: fewer than *wanted* where there are many classes, so that the head stays small."""
    return int(np.clip(MAX_WEIGHTS // parts.targets(parts.both).shape[1], 2_000, wanted))


def fit_lexical(parts: Parts, options: LexicalOptions, seed: int, progress: Progress) -> Rung:
    """Choose the n-grams on all labelled texts (labels play no part in it), then the head as ``linear`` does."""
    started = time.monotonic()
    features = LexicalFeatures.fit(parts.both.texts, most_features(parts, options.max_features))
    fit_rows, judge_rows = features.rows(parts.fit.texts), features.rows(parts.judge.texts)
    fitted = choose_head(
        parts,
        fit_rows,
        judge_rows,
        options.strengths,
        stage="train lexical",
        seed=seed,
        progress=progress,
        reject=options.reject,
    )
    # Half precision here too, so that the model answers the same before and after it was saved.
    weight = fitted.head.weight.astype(np.float16).astype(np.float32)
    model = LexicalModel(features, parts.data.class_names, weight, fitted.head.bias, fitted.readout)
    report = {**fitted.report, "seconds": time.monotonic() - started, "warnings": list(parts.warnings)}
    return Rung(
        recipe=Recipe("lexical", {**asdict(options), "strengths": [report["strength"]]}, seed),
        model=model,
        judge_logits=fitted.judging.logits(judge_rows),
        report=report,
        decisions=[
            f"{len(features.buckets):,} n-grams",
            f"strength {report['strength']:g}",
            *trust_said(report),
            *parts.warnings,
        ],
    )
