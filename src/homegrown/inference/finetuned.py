"""An encoder that was trained further, with its linear head."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Self

import msgspec
import numpy as np
from safetensors.numpy import load_file, save_file

from homegrown.core.ids import canonical_json
from homegrown.inference.encoder import Encoder as LocalEncoder
from homegrown.inference.readout import Readout

if TYPE_CHECKING:
    from pathlib import Path

    from homegrown.core.models import Predictions
    from homegrown.core.protocols import Encoder

ENCODER = "encoder"


class FinetunedModel:
    """Logistic regression over the vectors of its own encoder.

    Args:
        folder: the trained encoder in sentence-transformers' layout, which plain transformers loads too.
        class_names: in probability order.
        weight: float32 [dim, n_outputs].
        bias: float32 [n_outputs].
        readout: from logits to answers.
    """

    kind = "finetune"

    def __init__(
        self,
        folder: Path,
        class_names: tuple[str, ...],
        weight: np.ndarray,
        bias: np.ndarray,
        readout: Readout | None = None,
    ) -> None:
        self.class_names = class_names
        self.readout = readout or Readout()
        self.multi = self.readout.multi
        self.threshold = self.readout.threshold
        self.encoder: Encoder = LocalEncoder.load(folder)
        self._folder = folder
        self._weight, self._bias = np.ascontiguousarray(weight), bias

    def predict(self, texts: list[str]) -> Predictions:
        """Calibrated answers for *texts*."""
        return self.readout.read(self.encoder.encode(texts) @ self._weight + self._bias)

    def save(self, folder: Path) -> None:
        """Write the bundle's files: the encoder's folder, the head, ``model.json``."""
        shutil.copytree(self._folder, folder / ENCODER, dirs_exist_ok=True)
        save_file({"weight": self._weight, "bias": self._bias}, folder / "head.safetensors")
        facts = {
            "kind": self.kind,
            "class_names": self.class_names,
            "multi": self.multi,
            "threshold": self.threshold,
            "readout": self.readout.facts(),
        }
        (folder / "model.json").write_bytes(canonical_json(facts))

    @classmethod
    def load(cls, folder: Path, encoder: Encoder | None = None) -> Self:  # noqa: ARG003
        """Read what ``save`` wrote; *encoder*, the frozen one, is not needed."""
        facts = msgspec.json.decode((folder / "model.json").read_bytes())
        head = load_file(folder / "head.safetensors")
        readout = Readout(**facts["readout"])
        return cls(folder / ENCODER, tuple(facts["class_names"]), head["weight"], head["bias"], readout)
