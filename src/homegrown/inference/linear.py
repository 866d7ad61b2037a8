"""A linear head on a frozen encoder."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import load_file, save_file

from homegrown.inference.encoder import Encoder as LocalEncoder
from homegrown.inference.encoder_folder import bundled_folder
from homegrown.inference.headed import HEAD, HeadedModel

if TYPE_CHECKING:
    from homegrown.core.protocols import Encoder


@cache
def shared_encoder(folder: Path | None = None) -> LocalEncoder:
    """The bundled encoder, or the one in *folder*, loaded once for all models of this process that need it."""
    return LocalEncoder.load(folder)


class LinearModel(HeadedModel):
    """Logistic regression over sentence vectors; its features are the frozen encoder that the head was fitted on."""

    kind = "linear"
    features: Encoder

    def inputs(self, texts: list[str]) -> np.ndarray:
        """Vectors of the texts."""
        return self.features.encode(texts)

    def write(self, folder: Path) -> dict[str, Any]:
        """The head; the encoder is named, by its folder too where it is not the bundled one."""
        save_file({"weight": self.weight, "bias": self.bias}, folder / HEAD)
        own: Path | None = getattr(self.features, "folder", None)
        return {
            "encoder": self.features.fingerprint,
            "encoder_folder": None if own is None or own == bundled_folder() else str(own),
        }

    @classmethod
    def read(
        cls, folder: Path, facts: dict[str, Any], encoder: Encoder | None
    ) -> tuple[Encoder, np.ndarray, np.ndarray]:
        """With *encoder*, or the one that ``write`` named, which all models of the process share."""
        head = load_file(folder / HEAD)
        name = facts.get("encoder_folder")
        return encoder or shared_encoder(None if name is None else Path(name)), head["weight"], head["bias"]
