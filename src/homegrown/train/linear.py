"""A regularised multinomial head on the frozen encoder; the strength is chosen on validation data."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from homegrown.core.models import Fitted, Recipe
from homegrown.errors import InputError
from homegrown.inference.linear import LinearModel

if TYPE_CHECKING:
    from pathlib import Path

    from homegrown.core.models import TrainingData
    from homegrown.core.protocols import Encoder, Progress

STRENGTHS = (1.0, 10.0, 100.0)


class LinearTrainer:
    """Trainer ``linear``. It has no options."""

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
        if options:
            raise InputError(f"The recipe linear has no option {', '.join(map(repr, options))}.")
        started = time.monotonic()
        progress.start("train linear", len(STRENGTHS), "strengths")
        train_x, valid_x = encoder.encode(data.train.texts), encoder.encode(data.valid.texts)
        train_y, valid_y = data.train.probs.argmax(1), data.valid.probs.argmax(1)
        best, right = None, -1
        for strength in STRENGTHS:
            head = LogisticRegression(C=strength, max_iter=300, random_state=seed).fit(train_x, train_y)
            score = int((head.predict(valid_x) == valid_y).sum())
            if score > right:
                best, right = head, score
            progress.advance()
        progress.finish()
        assert best is not None
        weight = np.zeros((len(data.class_names), encoder.dim), np.float32)
        bias = np.full(len(data.class_names), -30.0, np.float32)
        weight[best.classes_], bias[best.classes_] = best.coef_, best.intercept_
        LinearModel(encoder, data.class_names, weight, bias).save(folder / "bundle")
        report = {"accuracy": right / max(1, len(valid_y)), "n": len(valid_y), "seconds": time.monotonic() - started}
        return Fitted(folder / "bundle", Recipe("linear", {}, seed), report, ({"recipe": "linear", **report},))
