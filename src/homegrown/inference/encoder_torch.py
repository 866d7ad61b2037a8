"""The PyTorch engines: our own packed forward for BERT-family encoders, and transformers for all others.

PyTorch is imported when the first of them is made, so that a machine with the integer engine never waits for it.
"""

from __future__ import annotations

from importlib import import_module
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from homegrown.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from homegrown.inference.encoder_folder import EncoderFolder


class PackedEngine:
    """Tokens of many texts run through the linear layers in one piece, without padding; only attention sees texts.

    Args:
        folder: an encoder whose ``plain_bert`` is true.
        precision: ``fp32`` or ``bf16``.
    """

    parallel = False
    batch_tokens = 2048

    def __init__(self, folder: EncoderFolder, precision: str) -> None:
        self._torch = torch = import_module("torch")
        self.precision = precision
        config = folder.config
        self.hidden, self._heads = int(config["hidden_size"]), int(config["num_attention_heads"])
        self._eps, self._first = float(config["layer_norm_eps"]), folder.pooling == "cls"
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        weights = {k: torch.from_numpy(v).to(dtype) for k, v in folder.tensors().items() if v.dtype == np.float32}
        self._words = weights["embeddings.word_embeddings.weight"]
        self._places = (
            weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
        )
        self._norm = _pair(weights, "embeddings.LayerNorm.")
        self._layers = [_layer(torch, weights, i) for i in range(int(config["num_hidden_layers"]))]

    def run(self, windows: list[np.ndarray]) -> np.ndarray:
        """Pooled vectors float32 [n, hidden] of token windows (int32)."""
        with self._torch.inference_mode():
            order = np.argsort([len(w) for w in windows], kind="stable")
            pooled = self._forward([windows[i] for i in order]).float().numpy()
        vectors = np.empty_like(pooled)
        vectors[order] = pooled
        return vectors

    def states(self, windows: list[np.ndarray], first: int, last: int) -> np.ndarray:
        """States float32 [n_tokens in all, hidden]: of each token the mean of what layers *first* to *last* leave.

        Layers count from 1, *last* is the last that is run.
        """
        with self._torch.inference_mode():
            order = np.argsort([len(w) for w in windows], kind="stable")
            sizes = [len(windows[i]) for i in order]
            left = list(self._through([windows[i] for i in order], last))[first - 1 :]
            mean = self._torch.stack(left).float().mean(0).split(sizes)
            return self._torch.cat([mean[i] for i in np.argsort(order)]).numpy()

    def _forward(self, windows: list[np.ndarray]) -> Any:
        *_, x = self._through(windows, len(self._layers))
        groups = _groups(windows)
        sizes = [n * length for n, length in groups]
        rows = [p.view(n, length, -1) for p, (n, length) in zip(x.split(sizes), groups, strict=True)]
        return self._torch.cat([r[:, 0] if self._first else r.mean(1) for r in rows])

    def _through(self, windows: list[np.ndarray], last: int) -> Iterator[Any]:
        """What each layer up to *last* leaves of all tokens; windows come by rising length."""
        torch, f = self._torch, self._torch.nn.functional
        groups = _groups(windows)
        sizes = [n * length for n, length in groups]
        ids = torch.from_numpy(np.concatenate(windows).astype(np.int64))
        places = torch.from_numpy(np.concatenate([np.arange(len(w)) for w in windows]))
        x = self._normalise(self._words[ids] + self._places[places], self._norm)
        for layer in self._layers[:last]:
            parts = f.linear(x, *layer["qkv"]).split(sizes)
            seen = torch.cat([self._attend(p, n, length) for p, (n, length) in zip(parts, groups, strict=True)])
            x = self._normalise(x + f.linear(seen, *layer["out"]), layer["norm1"])
            x = self._normalise(x + f.linear(f.gelu(f.linear(x, *layer["up"])), *layer["down"]), layer["norm2"])
            yield x

    def _attend(self, part: Any, n: int, length: int) -> Any:
        q, k, v = part.view(n, length, 3, self._heads, -1).permute(2, 0, 3, 1, 4)
        seen = self._torch.nn.functional.scaled_dot_product_attention(q, k, v)
        return seen.transpose(1, 2).reshape(n * length, self.hidden)

    def _normalise(self, x: Any, pair: tuple[Any, Any]) -> Any:
        return self._torch.nn.functional.layer_norm(x, (self.hidden,), *pair, self._eps)


class TransformersEngine:
    """Any encoder that transformers knows, padded; safetensors only, no code from the folder."""

    parallel = False
    batch_tokens = 2048
    precision = "fp32"

    def __init__(self, folder: EncoderFolder) -> None:
        self._torch = import_module("torch")
        loader = import_module("transformers").AutoModel
        try:
            self._model = loader.from_pretrained(
                str(folder.path), local_files_only=True, use_safetensors=True, trust_remote_code=False
            ).eval()
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"The encoder in {folder.path} cannot be loaded: {error}.") from error
        self.hidden, self._first = int(self._model.config.hidden_size), folder.pooling == "cls"
        self._padding = int(self._model.config.pad_token_id or 0)

    def run(self, windows: list[np.ndarray]) -> np.ndarray:
        """Pooled vectors float32 [n, hidden] of token windows (int32)."""
        with self._torch.inference_mode():
            seen, mask = self._seen(windows)
            states = seen.last_hidden_state.float()
            if self._first:
                return states[:, 0].numpy()
            weight = mask.unsqueeze(-1).float()
            return ((states * weight).sum(1) / weight.sum(1)).numpy()

    def states(self, windows: list[np.ndarray], first: int, last: int) -> np.ndarray:
        """States float32 [n_tokens in all, hidden]: of each token the mean of what layers *first* to *last* leave."""
        with self._torch.inference_mode():
            seen, mask = self._seen(windows, output_hidden_states=True)
            return self._torch.stack(seen.hidden_states[first : last + 1]).float().mean(0)[mask.bool()].numpy()

    def _seen(self, windows: list[np.ndarray], **said: bool) -> tuple[Any, Any]:
        torch = self._torch
        width = max(len(w) for w in windows)
        ids = torch.full((len(windows), width), self._padding)
        mask = torch.zeros((len(windows), width), dtype=torch.long)
        for i, window in enumerate(windows):
            ids[i, : len(window)] = torch.from_numpy(window.astype(np.int64))
            mask[i, : len(window)] = 1
        return self._model(input_ids=ids, attention_mask=mask, **said), mask


def _groups(windows: list[np.ndarray]) -> list[tuple[int, int]]:
    """How many windows there are of each length, (number, length), in their order."""
    return [(len(list(g)), length) for length, g in groupby(len(w) for w in windows)]


def _pair(weights: dict[str, Any], prefix: str) -> tuple[Any, Any]:
    return weights[prefix + "weight"], weights[prefix + "bias"]


def _layer(torch: Any, weights: dict[str, Any], index: int) -> dict[str, tuple[Any, Any]]:
    prefix = f"encoder.layer.{index}."
    parts = [_pair(weights, f"{prefix}attention.self.{n}.") for n in ("query", "key", "value")]
    return {
        "qkv": (torch.cat([w for w, _ in parts]), torch.cat([b for _, b in parts])),
        "out": _pair(weights, prefix + "attention.output.dense."),
        "norm1": _pair(weights, prefix + "attention.output.LayerNorm."),
        "up": _pair(weights, prefix + "intermediate.dense."),
        "down": _pair(weights, prefix + "output.dense."),
        "norm2": _pair(weights, prefix + "output.LayerNorm."),
    }
