"""A linear head on a frozen encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import msgspec
import numpy as np
from safetensors.numpy import load_file, save_file

from homegrown.core.ids import canonical_json
from homegrown.core.models import Predictions
from homegrown.inference.encoder import Encoder as LocalEncoder

if TYPE_CHECKING:
    from pathlib import Path

    from homegrown.core.protocols import Encoder


class LinearModel:
    """Multinomial logistic regression over sentence vectors.

    Args:
        weight: float32 [n_classes, dim].
        bias: float32 [n_classes].
        temperature: divides the logits; fitted on validation data.
        threshold: below this top probability the answer is "none of these".
    """

    kind = "linear"

    def __init__(
        self,
        encoder: Encoder,
        class_names: tuple[str, ...],
        weight: np.ndarray,
        bias: np.ndarray,
        *,
        temperature: float = 1.0,
        threshold: float = 0.0,
    ) -> None:
        self.class_names = class_names
        self.multi = False
        self.threshold = threshold
        self._encoder = encoder
        self._weight, self._bias, self._temperature = weight, bias, temperature

    def predict(self, texts: list[str]) -> Predictions:
        """Calibrated answers for *texts*."""
        logits = (self._encoder.encode(texts) @ self._weight.T + self._bias) / self._temperature
        logits -= logits.max(1, keepdims=True)
        probs = np.exp(logits)
        probs /= probs.sum(1, keepdims=True)
        return Predictions(probs.astype(np.float32), probs.max(1).astype(np.float32))

    def save(self, folder: Path) -> None:
        """Write the bundle's files."""
        folder.mkdir(parents=True, exist_ok=True)
        save_file({"weight": self._weight, "bias": self._bias}, folder / "head.safetensors")
        facts = {
            "kind": self.kind,
            "class_names": self.class_names,
            "multi": self.multi,
            "threshold": self.threshold,
            "temperature": self._temperature,
            "encoder": self._encoder.fingerprint,
        }
        (folder / "model.json").write_bytes(canonical_json(facts))

    @classmethod
    def load(cls, folder: Path, encoder: Encoder | None = None) -> Self:
        """Read what ``save`` wrote."""
        facts = msgspec.json.decode((folder / "model.json").read_bytes())
        head = load_file(folder / "head.safetensors")
        return cls(
            encoder or LocalEncoder.load(),
            tuple(facts["class_names"]),
            head["weight"],
            head["bias"],
            temperature=facts["temperature"],
            threshold=facts["threshold"],
        )
