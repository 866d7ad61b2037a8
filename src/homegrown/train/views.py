"""Two views under one head: the frozen encoder's vectors and n-grams, side by side.

What a text means and how it is spelled err in different places. Where a student is to imitate another model, of which
nobody knows what it looks at, and where its confidence decides what it answers itself, that matters more than for the
share of right answers alone. Features of both in one linear model is "wide and deep" without the deep part's training
(Cheng and others 2016, "Wide & Deep Learning for Recommender Systems").
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from homegrown.core.models import Recipe
from homegrown.inference.lexical import LexicalFeatures
from homegrown.inference.views import TwoViews, ViewsModel
from homegrown.train.heads import choose_head, trust_said
from homegrown.train.lexical import LexicalOptions, most_features
from homegrown.train.options import parse_options
from homegrown.train.rung import Rung, finish
from homegrown.train.students import noisy_students
from homegrown.train.weak import ready_parts

if TYPE_CHECKING:
    from pathlib import Path

    from homegrown.core.models import Fitted, TrainingData
    from homegrown.core.protocols import Encoder, Progress
    from homegrown.train.parts import Parts


@dataclass(frozen=True, slots=True)
class ViewsOptions(LexicalOptions):
    """Options of ``views``: those of ``lexical``, and of ``linear``.

    Attributes:
        rounds: of students on texts without a label (``train.students``), kept as held-out rows say; 0 leaves them out.
    """

    rounds: int = 2


class ViewsTrainer:
    """Trainer ``views``."""

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
        """Fit the head on both views; see ``core.protocols.Trainer``."""
        chosen = parse_options(ViewsOptions, "views", options)
        parts = ready_parts(data, encoder, seed, progress)
        return finish(fit_views(parts, chosen, seed, encoder, progress), folder, parts.judge.texts)


def fit_views(parts: Parts, options: ViewsOptions, seed: int, encoder: Encoder, progress: Progress) -> Rung:
    """Choose the n-grams as ``lexical`` does, then the head as ``linear`` does."""
    started = time.monotonic()
    limit = most_features(parts, options.max_features)
    views = TwoViews(encoder, LexicalFeatures.fit(parts.both.texts, limit))
    fit_rows, judge_rows = views.rows(parts.fit.texts), views.rows(parts.judge.texts)
    fitted = choose_head(
        parts,
        fit_rows,
        judge_rows,
        options.strengths,
        stage="train views",
        seed=seed,
        progress=progress,
        reject=options.reject,
    )
    fitted, decisions = noisy_students(
        parts, fitted, lambda texts, by: views._replace(encoder=by).rows(texts), encoder,
        rounds=options.rounds, seed=seed, progress=progress, reject=options.reject,
    )  # fmt: skip
    weight = fitted.head.weight
    dim = len(weight) - len(views.letters.buckets)
    # As in ``lexical``: the model answers the same before and after it was saved.
    weight = np.vstack([weight[:dim], weight[dim:].astype(np.float16).astype(np.float32)])
    model = ViewsModel(views, parts.data.class_names, weight, fitted.head.bias, fitted.readout)
    report = {**fitted.report, "seconds": time.monotonic() - started, "warnings": list(parts.warnings)}
    return Rung(
        recipe=Recipe("views", {**asdict(options), "strengths": [report["strength"]]}, seed),
        model=model,
        judge_logits=fitted.judging.logits(judge_rows),
        report=report,
        decisions=[
            f"{len(views.letters.buckets):,} n-grams beside the encoder",
            f"strength {report['strength']:g}",
            *trust_said(report),
            *decisions,
            *parts.warnings,
        ],
    )
