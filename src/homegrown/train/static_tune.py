"""Static vectors and their head, trained together by gradient descent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from homegrown.inference.ngrams import HashedTexts, chunks, word_pairs
from homegrown.inference.static import StaticVectors
from homegrown.train.softmax import Head

if TYPE_CHECKING:
    from collections.abc import Iterator

BATCH = 128
RATE, HEAD_RATE = 1e-3, 1e-2
DROPOUT = 0.1


def tune(
    first: StaticVectors,
    head: Head,
    texts: list[str],
    targets: np.ndarray,
    weights: np.ndarray,
    *,
    epochs: int,
    seed: int,
    multi: bool,
) -> tuple[StaticVectors, Head]:
    """Start from *first* and *head*; both come back new.

    Args:
        first: distilled vectors.
        head: fitted on them.
        texts: n texts.
        targets: float32 [n, n_outputs].
        weights: float32 [n].
        epochs: passes over the texts.
        seed: of order and dropout.
        multi: independent classes.
    """
    torch.manual_seed(seed)
    table = nn.Parameter(torch.from_numpy(first.vectors.copy()))
    weight, bias = (nn.Parameter(torch.from_numpy(part.copy())) for part in (head.weight, head.bias))
    groups = [{"params": [table], "peak": RATE}, {"params": [weight, bias], "peak": HEAD_RATE}]
    optimizer = torch.optim.Adam(groups)
    bags = _bags(first, texts)
    target_rows, weight_rows = torch.from_numpy(targets), torch.from_numpy(weights)
    steps = list(_order(len(texts), epochs, seed))
    for number, rows in enumerate(steps):
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * (1 - number / len(steps))
        entries, starts = _join([bags[r] for r in rows])
        vectors = functional.normalize(functional.embedding_bag(entries, table, starts, mode="sum"), dim=1)
        logits = functional.dropout(vectors, DROPOUT) @ weight + bias
        if multi:
            each = functional.binary_cross_entropy_with_logits(logits, target_rows[rows], reduction="none").sum(1)
        else:
            each = -(target_rows[rows] * torch.log_softmax(logits, 1)).sum(1)
        loss = (each * weight_rows[rows]).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    # Half precision already here, so that the model answers the same before and after it was saved.
    tuned = table.detach().numpy().astype(np.float16).astype(np.float32)
    return StaticVectors(first.keys, tuned), Head(weight.detach().numpy().copy(), bias.detach().numpy().copy())


def _order(n: int, epochs: int, seed: int) -> Iterator[np.ndarray]:
    for epoch in range(epochs):
        order = np.random.default_rng((seed, epoch)).permutation(n)
        yield from (order[start : start + BATCH] for start in range(0, n, BATCH))


def _bags(first: StaticVectors, texts: list[str]) -> list[np.ndarray]:
    """The entries of each text."""
    found: list[np.ndarray] = []
    for run in chunks(texts):
        words = HashedTexts(run).words()
        parts = []
        for grams in (words, word_pairs(words)):
            entries, starts = first.entries(grams, len(run))
            parts.append(np.split(entries, starts[1:]))
        found += [np.concatenate(pair) for pair in zip(*parts, strict=True)]
    return found


def _join(bags: list[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    starts = np.cumsum([0, *(len(bag) for bag in bags[:-1])])
    return torch.from_numpy(np.concatenate(bags)), torch.from_numpy(starts)
