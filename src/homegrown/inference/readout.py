"""From the raw scores of any model to calibrated answers, and to "none of these"."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from homegrown.core.models import Predictions

MAX_LOGIT_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class Readout:
    """How logits become probabilities and an in-scope score.

    Attributes:
        temperature: divides the logits (Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2).
        multi: each class is answered on its own; otherwise the classes exclude one another.
        none_column: the logits carry one more, last column that was trained on examples of "none of these".
        scope_center: the scope score at which a text counts as outside; ``in_scope`` is 0.5 there.
        scope_scale: spread of the scope score over what belongs to a class.
    """

    temperature: float = 1.0
    multi: bool = False
    none_column: bool = False
    scope_center: float = -1e9
    scope_scale: float = 1.0

    @property
    def threshold(self) -> float:
        """Below this ``in_scope`` the answer is "none of these"."""
        return 0.5

    def read(self, logits: np.ndarray) -> Predictions:
        """Answers for float32 logits [n, n_classes], or [n, n_classes + 1] with a none column.

        Example:
            >>> Readout().read(np.array([[0.0, 0.0]], np.float32)).probs.tolist()
            [[0.5, 0.5]]
        """
        scaled = logits / np.float32(self.temperature)
        if self.multi:
            probs = 1.0 / (1.0 + np.exp(-np.clip(scaled, -30, 30)))
        else:
            probs = softmax(scaled)
            if self.none_column:
                probs = probs[:, :-1] / np.maximum(1.0 - probs[:, -1:], 1e-6)
        distance = (scope_score(logits, multi=self.multi, none_column=self.none_column) - self.scope_center) / (
            self.scope_scale
        )
        in_scope = 1.0 / (1.0 + np.exp(-np.clip(distance, -30, 30)))
        return Predictions(probs.astype(np.float32, copy=False), in_scope.astype(np.float32))

    def facts(self) -> dict[str, Any]:
        """Its numbers, as ``model.json`` holds them under ``readout``."""
        return asdict(self)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Row-wise softmax, same shape and type."""
    shifted = logits - logits.max(1, keepdims=True)
    np.exp(shifted, out=shifted)
    shifted /= shifted.sum(1, keepdims=True)
    return shifted


def scope_score(logits: np.ndarray, *, multi: bool = False, none_column: bool = False) -> np.ndarray:
    """How much a text looks like one of the classes at all; float [n], higher is more.

    The log of the top probability, with the none column in the sum, plus a share of the top logit itself: the first
    sees texts between classes, the second texts far from all (Vaze et al. 2022, "Open-Set Recognition", section 5).
    """
    classes = logits[:, :-1] if none_column else logits
    top = classes.max(1)
    if multi:
        return top
    rest = logits.max(1)
    log_sum = rest + np.log(np.exp(logits - rest[:, None]).sum(1))
    return (top - log_sum) + MAX_LOGIT_SHARE * (top - classes.mean(1))
