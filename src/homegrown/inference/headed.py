"""What all our models share: a linear head on features of the text, a readout, and a bundle of files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Self

import msgspec
import numpy as np

from homegrown.core.ids import canonical_json
from homegrown.inference.readout import Readout

if TYPE_CHECKING:
    from pathlib import Path

    from homegrown.core.models import Predictions
    from homegrown.core.protocols import Encoder

HEAD = "head.safetensors"


class HeadedModel(ABC):
    """Logistic regression over the features that a kind of model takes from a text.

    A kind says what its features are (``inputs``) and which files hold them (``write``, ``read``).

    Args:
        features: of that kind.
        class_names: in probability order.
        weight: float32 [n_features, n_outputs], one more output than classes when the readout has a none column.
        bias: float32 [n_outputs].
        readout: from logits to answers.
    """

    kind: ClassVar[str]

    def __init__(
        self,
        features: Any,
        class_names: tuple[str, ...],
        weight: np.ndarray,
        bias: np.ndarray,
        readout: Readout | None = None,
    ) -> None:
        self.class_names = class_names
        self.readout = readout or Readout()
        self.multi = self.readout.multi
        self.threshold = self.readout.threshold
        self.features, self.weight, self.bias = features, np.ascontiguousarray(weight), bias

    @abstractmethod
    def inputs(self, texts: list[str]) -> Any:
        """The features of *texts*, float32 [n, n_features], dense or sparse."""

    @abstractmethod
    def write(self, folder: Path) -> dict[str, Any]:
        """Write the files of this kind; what is returned joins ``model.json``."""

    @classmethod
    @abstractmethod
    def read(cls, folder: Path, facts: dict[str, Any], encoder: Encoder | None) -> tuple[Any, np.ndarray, np.ndarray]:
        """Features, weight and bias, as ``write`` left them; *facts* is ``model.json``."""

    def predict(self, texts: list[str]) -> Predictions:
        """Calibrated answers for *texts*."""
        return self.readout.read(np.asarray(self.inputs(texts) @ self.weight) + self.bias)

    def save(self, folder: Path) -> None:
        """Write the bundle's files."""
        folder.mkdir(parents=True, exist_ok=True)
        facts = {
            "kind": self.kind,
            "class_names": self.class_names,
            "multi": self.multi,
            "threshold": self.threshold,
            "readout": self.readout.facts(),
            **self.write(folder),
        }
        (folder / "model.json").write_bytes(canonical_json(facts))

    @classmethod
    def load(cls, folder: Path, encoder: Encoder | None = None) -> Self:
        """Read what ``save`` wrote.

        Args:
            folder: the bundle.
            encoder: the frozen encoder, for the kind that has none of its own; loaded when it is needed and not given.
        """
        facts = msgspec.json.decode((folder / "model.json").read_bytes())
        features, weight, bias = cls.read(folder, facts, encoder)
        return cls(features, tuple(facts["class_names"]), weight, bias, Readout(**facts["readout"]))
