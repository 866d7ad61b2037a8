"""An encoder that was trained further, with its linear head."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import load_file, save_file

from homegrown.inference.encoder import Encoder as LocalEncoder
from homegrown.inference.headed import HEAD, HeadedModel

if TYPE_CHECKING:
    from pathlib import Path

    from homegrown.core.protocols import Encoder
    from homegrown.inference.readout import Readout

ENCODER = "encoder"


class FinetunedModel(HeadedModel):
    """Logistic regression over the vectors of its own encoder.

    Its features are the folder of the trained encoder, in sentence-transformers' layout, which plain transformers
    loads too.

    Attributes:
        encoder: that encoder, loaded.
    """

    kind = "finetune"
    features: Path

    def __init__(
        self,
        features: Path,
        class_names: tuple[str, ...],
        weight: np.ndarray,
        bias: np.ndarray,
        readout: Readout | None = None,
    ) -> None:
        super().__init__(features, class_names, weight, bias, readout)
        self.encoder: Encoder = LocalEncoder.load(features)

    def inputs(self, texts: list[str]) -> np.ndarray:
        """Vectors of the texts."""
        return self.encoder.encode(texts)

    def write(self, folder: Path) -> dict[str, Any]:
        """The encoder's folder and the head."""
        shutil.copytree(self.features, folder / ENCODER, dirs_exist_ok=True)
        save_file({"weight": self.weight, "bias": self.bias}, folder / HEAD)
        return {}

    @classmethod
    def read(
        cls,
        folder: Path,
        facts: dict[str, Any],  # noqa: ARG003 - other kinds do
        encoder: Encoder | None,  # noqa: ARG003 - other kinds do
    ) -> tuple[Path, np.ndarray, np.ndarray]:
        """*encoder*, the frozen one, is not needed."""
        head = load_file(folder / HEAD)
        return folder / ENCODER, head["weight"], head["bias"]
