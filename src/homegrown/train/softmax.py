"""Regularised linear classifiers, fitted to soft labels with weights by L-BFGS.

Dense or sparse inputs, exclusive or independent classes. Deterministic: no chance enters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy import sparse
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MEMORY_BYTES = 1_000_000_000
MISSING_BIAS = -30.0
# Multiplications in a product below which a second thread saves less than waiting for it costs on a busy machine (80
# rows of 3 classes beside other work: 12 s with two threads, 0.4 s with one).
ONE_THREAD_BELOW = 10_000_000


@dataclass(frozen=True, slots=True)
class Head:
    """A linear map to logits.

    Attributes:
        weight: float32 [dim, n_outputs].
        bias: float32 [n_outputs].
    """

    weight: np.ndarray
    bias: np.ndarray

    def logits(self, inputs: Any) -> np.ndarray:
        """float32 [n, n_outputs] for dense or sparse inputs [n, dim]."""
        return np.asarray(inputs @ self.weight + self.bias, dtype=np.float32)

    def plus(self, added: np.ndarray) -> Head:
        """A head whose logits are larger by *added*, float32 [n_outputs]."""
        return Head(self.weight, self.bias + added)


def fit_head(
    inputs: Any,
    probs: np.ndarray,
    weights: np.ndarray,
    strength: float,
    *,
    multi: bool = False,
    start: Head | None = None,
    max_iter: int = 100,
) -> Head:
    """Minimise the weighted cross-entropy + ``|W|² / (2 · strength)``.

    Dense inputs are centred and scaled by one number first, so that *strength* means the same for every encoder;
    the returned head takes the inputs as they came.

    Args:
        inputs: float32 [n, dim], dense or ``scipy.sparse`` rows.
        probs: float32 [n, n_outputs], soft or one-hot; independent 0 … 1 columns with *multi*.
        weights: float32 [n].
        strength: the inverse of the regularisation, as scikit-learn's ``C``.
        multi: independent classes (logistic) in place of exclusive ones (softmax).
        start: a head to start from.
        max_iter: steps of L-BFGS at most.
    """
    inputs, center, scale = _standardise(inputs)
    n_outputs, dim = probs.shape[1], inputs.shape[1]
    first = np.zeros((dim + 1, n_outputs), np.float32)
    if start is not None:
        first[:-1] = start.weight * scale
        first[-1] = np.maximum(start.bias + center @ start.weight, MISSING_BIAS)
    objective = _Objective(inputs, probs.astype(np.float32), weights.astype(np.float32), strength, multi=multi)
    memory = int(np.clip(MEMORY_BYTES / (16.0 * first.size), 3, 10))
    # The steps of L-BFGS are small vector sums: on a busy machine several BLAS threads wait for each other there
    # (0.8 s became 18 s). Large matrix products go through torch, which keeps its own threads.
    with threadpool_limits(1, user_api="blas"):
        found = minimize(
            objective,
            first.astype(np.float64).ravel(),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": max_iter, "maxcor": memory, "ftol": 1e-7, "gtol": 1e-6},
        )
    solution = found.x.reshape(dim + 1, n_outputs)
    weight = (solution[:-1] / scale).astype(np.float32)
    bias = (solution[-1] - center @ weight).astype(np.float32)
    missing = (probs * weights[:, None]).sum(0) <= 0
    weight[:, missing], bias[missing] = 0.0, MISSING_BIAS
    return Head(weight, bias)


def fit_path(
    inputs: Any, probs: np.ndarray, weights: np.ndarray, strengths: Sequence[float], *, multi: bool = False
) -> list[Head]:
    """One head per strength, weakest first, each started from the one before."""
    heads: list[Head] = []
    for strength in sorted(strengths):
        heads.append(
            fit_head(inputs, probs, weights, strength, multi=multi, start=heads[-1] if heads else None, max_iter=60)
        )
    return heads


def _standardise(inputs: Any) -> tuple[Any, np.ndarray, float]:
    if sparse.issparse(inputs):
        return inputs.tocsr(), np.zeros(inputs.shape[1], np.float32), 1.0
    center = inputs.mean(0)
    scale = float(max(inputs.std(), 1e-6))
    return ((inputs - center) / scale).astype(np.float32), center, scale


class _Objective:
    """Mean loss and gradient at flat float64 parameters; the matrix work is in float32."""

    def __init__(self, inputs: Any, probs: np.ndarray, weights: np.ndarray, strength: float, *, multi: bool) -> None:
        self._probs, self._weights, self._multi = probs, weights[:, None], multi
        self._forward, self._backward = _products(inputs, probs.shape[1])
        self._dim = inputs.shape[1]
        self._share = 1.0 / max(float(weights.sum()), 1e-9)
        self._ridge = self._share / strength

    def __call__(self, flat: np.ndarray) -> tuple[float, np.ndarray]:
        parameters = flat.reshape(self._dim + 1, -1).astype(np.float32)
        weight = parameters[:-1]
        logits = self._forward(weight) + parameters[-1]
        loss, slope = (_logistic if self._multi else _softmax)(logits, self._probs)
        slope *= self._weights * np.float32(self._share)
        gradient = np.empty_like(parameters)
        gradient[:-1] = self._backward(slope) + np.float32(self._ridge) * weight
        gradient[-1] = slope.sum(0)
        value = float((loss * self._weights[:, 0]).sum()) * self._share
        return value + 0.5 * self._ridge * float(np.vdot(weight, weight)), gradient.astype(np.float64).ravel()


def _products(
    inputs: Any, n_outputs: int
) -> tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]]:
    """``inputs @ x`` and ``inputs.T @ x``."""
    if sparse.issparse(inputs) or inputs.size * n_outputs < ONE_THREAD_BELOW:
        rows, columns = (inputs, inputs.T.tocsr()) if sparse.issparse(inputs) else (inputs, inputs.T)
        return (lambda x: np.asarray(rows @ x)), (lambda x: np.asarray(columns @ x))
    matrix = torch.from_numpy(np.ascontiguousarray(inputs))
    return (
        lambda x: torch.mm(matrix, torch.from_numpy(x)).numpy(),
        lambda x: torch.mm(matrix.T, torch.from_numpy(x)).numpy(),
    )


def _softmax(logits: np.ndarray, probs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    top = logits.max(1, keepdims=True)
    powers = np.exp(logits - top)
    total = powers.sum(1, keepdims=True)
    mass = probs.sum(1)
    loss = (top[:, 0] + np.log(total[:, 0])) * mass - np.einsum("ij,ij->i", logits, probs)
    powers *= mass[:, None] / total
    powers -= probs
    return loss, powers


def _logistic(logits: np.ndarray, probs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    loss = (np.logaddexp(0.0, logits) - logits * probs).sum(1)
    return loss, 1.0 / (1.0 + np.exp(-np.clip(logits, -30, 30))) - probs
