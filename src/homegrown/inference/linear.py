"""A linear head on a frozen encoder."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec
import numpy as np
from safetensors.numpy import load_file, save_file

from homegrown.core.ids import canonical_json
from homegrown.inference.encoder import Encoder as LocalEncoder
from homegrown.inference.encoder_folder import bundled_folder
from homegrown.inference.readout import Readout

if TYPE_CHECKING:
    from homegrown.core.models import Predictions
    from homegrown.core.protocols import Encoder


@cache
def shared_encoder(folder: Path | None = None) -> LocalEncoder:
    """The bundled encoder, or the one in *folder*, loaded once for all models of this process that need it."""
    return LocalEncoder.load(folder)


class LinearModel:
    """Multinomial logistic regression over sentence vectors.

    Args:
        encoder: the frozen encoder that the head was fitted on.
        class_names: in probability order.
        weight: float32 [dim, n_outputs], one more output than classes when the readout has a none column.
        bias: float32 [n_outputs].
        readout: from logits to answers.
    """

    kind = "linear"

    def __init__(
        self,
        encoder: Encoder,
        class_names: tuple[str, ...],
        weight: np.ndarray,
        bias: np.ndarray,
        readout: Readout | None = None,
    ) -> None:
        self.class_names = class_names
        self.readout = readout or Readout()
        self.multi = self.readout.multi
        self.threshold = self.readout.threshold
        self._encoder = encoder
        self._weight, self._bias = np.ascontiguousarray(weight), bias

    def predict(self, texts: list[str]) -> Predictions:
        """Calibrated answers for *texts*."""
        return self.readout.read(self._encoder.encode(texts) @ self._weight + self._bias)

    def save(self, folder: Path) -> None:
        """Write the bundle's files."""
        folder.mkdir(parents=True, exist_ok=True)
        save_file({"weight": self._weight, "bias": self._bias}, folder / "head.safetensors")
        own: Path | None = getattr(self._encoder, "folder", None)
        facts = {
            "kind": self.kind,
            "class_names": self.class_names,
            "multi": self.multi,
            "threshold": self.threshold,
            "readout": self.readout.facts(),
            "encoder": self._encoder.fingerprint,
            "encoder_folder": None if own is None or own == bundled_folder() else str(own),
        }
        (folder / "model.json").write_bytes(canonical_json(facts))

    @classmethod
    def load(cls, folder: Path, encoder: Encoder | None = None) -> Self:
        """Read what ``save`` wrote."""
        facts = msgspec.json.decode((folder / "model.json").read_bytes())
        head = load_file(folder / "head.safetensors")
        folder_name = facts.get("encoder_folder")
        return cls(
            encoder or shared_encoder(None if folder_name is None else Path(folder_name)),
            tuple(facts["class_names"]),
            head["weight"],
            head["bias"],
            Readout(**facts["readout"]),
        )
