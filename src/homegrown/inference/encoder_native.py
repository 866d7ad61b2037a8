"""The integer engine: 12-bit weights and 16-bit activations (``native/encoder.c``), bound by ctypes.

Twice the multiplications of float32 per instruction, at cosine 0.99999 to it; a text gets the same bits in any batch.
"""

from __future__ import annotations

import ctypes
import hashlib
import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from homegrown.inference.encoder_folder import EncoderFolder

SOURCE = Path(__file__).parent / "native" / "encoder.c"
WIDTHS = ("avx512", "avx2")
WEIGHT_TOP = 2**11 - 1
SUM_TOP = 2**31 - 1


class _Dense(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("weight", "scale", "bias")),
        ("n", ctypes.c_int32),
        ("k", ctypes.c_int32),
        ("limit", ctypes.c_float),
    )


class _Layer(ctypes.Structure):
    _fields_ = (
        *((name, _Dense) for name in ("qkv", "out", "up", "down")),
        *((name, ctypes.c_void_p) for name in ("norm1_weight", "norm1_bias", "norm2_weight", "norm2_bias")),
    )


class _Model(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("words", "positions", "norm_weight", "norm_bias", "layers")),
        *((name, ctypes.c_int32) for name in ("n_layers", "hidden", "inner", "heads", "pooling")),
        ("eps", ctypes.c_float),
    )


def library() -> ctypes.CDLL | None:
    """The widest kernel that runs here, or None: not compiled, or not for this processor."""
    return next(filter(None, map(library_of, WIDTHS)), None)


def kernel_for(folder: EncoderFolder) -> ctypes.CDLL | None:
    """The widest kernel that runs here and whose blocks divide the sizes of this encoder's matrices."""
    if not folder.plain_bert:
        return None
    hidden, inner = int(folder.config["hidden_size"]), int(folder.config["intermediate_size"])
    sizes = (hidden // int(folder.config["num_attention_heads"]), hidden, inner)
    found = filter(None, map(library_of, WIDTHS))
    return next((k for k in found if all(s % k.homegrown_columns() == 0 for s in sizes)), None)


@cache
def library_of(width: str) -> ctypes.CDLL | None:
    """The kernel of exactly this source for registers of *width*, or None where it is missing or cannot run."""
    if not SOURCE.is_file():
        return None
    path = SOURCE.with_name(f"encoder-{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:12]}-{width}.so")
    try:
        found = ctypes.CDLL(str(path))
    except OSError:
        return None
    found.homegrown_workspace.restype = ctypes.c_size_t
    found.homegrown_encode.restype = found.homegrown_states.restype = None
    return found if found.homegrown_supported() else None


class NativeEngine:
    """Runs a BERT-family encoder in integers.

    Args:
        folder: an encoder whose ``plain_bert`` is true.
        kernel: what ``kernel_for`` gave.
    """

    precision = "int16"
    parallel = True
    batch_tokens = 512

    def __init__(self, folder: EncoderFolder, kernel: ctypes.CDLL) -> None:
        self._kernel, self._kept, self._memory = kernel, [], threading.local()
        weights, config = folder.tensors(), folder.config
        self.hidden = int(config["hidden_size"])
        self._query_scale = (self.hidden // int(config["num_attention_heads"])) ** -0.5
        layers = [self._layer(weights, f"encoder.layer.{i}.") for i in range(int(config["num_hidden_layers"]))]
        self._layers = (_Layer * len(layers))(*layers)
        places = (
            weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
        )
        self._model = _Model(
            self._keep(weights["embeddings.word_embeddings.weight"]),
            self._keep(places),
            self._keep(weights["embeddings.LayerNorm.weight"]),
            self._keep(weights["embeddings.LayerNorm.bias"]),
            ctypes.addressof(self._layers),
            len(layers),
            self.hidden,
            int(config["intermediate_size"]),
            int(config["num_attention_heads"]),
            int(folder.pooling == "cls"),
            float(config["layer_norm_eps"]),
        )

    def run(self, windows: list[np.ndarray]) -> np.ndarray:
        """Pooled vectors float32 [n, hidden] of token windows (int32); safe to call from several threads at once."""
        vectors = np.empty((len(windows), self.hidden), np.float32)
        model, ids, lengths, memory = self._work(windows)
        self._kernel.homegrown_encode(
            model, _address(ids), _address(lengths), len(windows), _address(vectors), _address(memory)
        )
        return vectors

    def states(self, windows: list[np.ndarray], first: int, last: int) -> np.ndarray:
        """States float32 [n_tokens in all, hidden]: of each token the mean of what layers *first* to *last* leave.

        Layers count from 1, *last* is the last that is run; safe to call from several threads at once.
        """
        states = np.empty((sum(map(len, windows)), self.hidden), np.float32)
        model, ids, lengths, memory = self._work(windows)
        self._kernel.homegrown_states(
            model, _address(ids), _address(lengths), len(windows), first, last, _address(states), _address(memory)
        )
        return states

    def _work(self, windows: list[np.ndarray]) -> tuple[object, np.ndarray, np.ndarray, np.ndarray]:
        """The model, ids, lengths and this thread's memory, large enough for *windows*."""
        lengths = np.array([len(w) for w in windows], np.int32)
        ids = np.concatenate(windows).astype(np.int32, copy=False)
        model = ctypes.byref(self._model)
        size = self._kernel.homegrown_workspace(model, len(ids), int(lengths.max()))
        memory = getattr(self._memory, "block", None)
        if memory is None or memory.nbytes < size:
            memory = self._memory.block = np.empty(size, np.uint8)
        return model, ids, lengths, memory

    def _keep(self, array: np.ndarray) -> int:
        """The address of *array*, kept alive as long as the engine."""
        solid = np.ascontiguousarray(array)
        self._kept.append(solid)
        return solid.ctypes.data

    def _layer(self, weights: dict[str, np.ndarray], prefix: str) -> _Layer:
        parts = [f"{prefix}attention.self.{n}." for n in ("query", "key", "value")]
        factor = np.ones(3 * self.hidden, np.float32)
        factor[: self.hidden] = self._query_scale
        weight, bias = (np.concatenate([weights[p + w] for p in parts]) for w in ("weight", "bias"))
        others = ("attention.output.dense.", "intermediate.dense.", "output.dense.")
        norms = ("attention.output.LayerNorm.", "output.LayerNorm.")
        return _Layer(
            self._dense(weight, bias, factor),
            *(self._dense(weights[f"{prefix}{n}weight"], weights[f"{prefix}{n}bias"]) for n in others),
            *(self._keep(weights[f"{prefix}{n}{w}"]) for n in norms for w in ("weight", "bias")),
        )

    def _dense(self, weight: np.ndarray, bias: np.ndarray, factor: np.ndarray | None = None) -> _Dense:
        """Round a matrix [n, k] per row and lay it out in panels of some rows by pairs of columns."""
        n, k = weight.shape
        scale = np.maximum(np.abs(weight).max(1), 1e-12) / WEIGHT_TOP
        rounded = np.rint(weight / scale[:, None]).astype(np.int16)
        heaviest = int(np.abs(rounded).sum(1, dtype=np.int64).max())
        limit = min(2**15 - 1, SUM_TOP // max(heaviest, 1) - 1)
        rows = self._kernel.homegrown_columns()
        panels = rounded.reshape(n // rows, rows, k // 2, 2).transpose(0, 2, 1, 3)
        if factor is not None:
            scale, bias = scale * factor, bias * factor
        addresses = [self._keep(a) for a in (panels, scale.astype(np.float32), bias.astype(np.float32))]
        return _Dense(*addresses, n, k, float(limit))


def _address(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
