"""The encoder as something that can be trained: its lower layers fixed and remembered, its upper layers free.

What fixed layers say of a text never changes, so it is computed once; with two of six layers fixed, an epoch costs a
third less, and the word embeddings, half of all weights, stay what pre-training made them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from transformers import AutoModel, AutoTokenizer
from transformers.utils import logging

from homegrown.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MASKED = -1e9
REMEMBERED_TOKENS = 400_000
EMBED_BATCH = 128


class EncoderNet(nn.Module):
    """A BERT-family sentence encoder, mean-pooled and normalised; its weights are float32.

    Attributes:
        half: whether the matrix products of training are computed in bfloat16 (Micikevicius et al. 2018, "Mixed
            Precision Training"); answers are always computed in float32.

    Args:
        folder: a transformers folder.
        n_fixed: lower layers that stay as they are; the word embeddings always do.
        dropout: probability, in the free layers.
    """

    def __init__(self, folder: Path, n_fixed: int, dropout: float = 0.1) -> None:
        super().__init__()
        logging.disable_progress_bar()
        torch.manual_seed(0)  # an encoder without a pooler gets a random, unused one: the same each time
        model = AutoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
        if model.config.model_type != "bert":
            raise InputError(
                f"The recipe finetune trains encoders of the BERT family; this one is {model.config.model_type!r}. "
                "Use the recipe linear with it."
            )
        self.model = model
        self.heads = int(model.config.num_attention_heads)
        self.dim = int(model.config.hidden_size)
        self.dropout = dropout
        self.half = False
        self.fixed = list(model.encoder.layer[:n_fixed])
        self.free = list(model.encoder.layer[n_fixed:])
        for parameter in model.parameters():
            parameter.requires_grad_(False)
        for layer in self.free:
            layer.requires_grad_(True)

        self._first = [p.detach().clone() for p in self.parameters_to_train()]

    def reset(self) -> None:
        """Put the free layers back to what pre-training made them."""
        with torch.no_grad():
            for parameter, first in zip(self.parameters_to_train(), self._first, strict=True):
                parameter.copy_(first)

    def parameters_to_train(self) -> list[nn.Parameter]:
        """Weights of the free layers, in a fixed order."""
        return [p for layer in self.free for p in layer.parameters()]

    @torch.no_grad()
    def lower(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Hidden states float32 [n, length, dim] after the fixed layers; ids and mask are [n, length]."""
        hidden = self.model.embeddings(input_ids=ids)
        bias = attention_bias(mask)
        for layer in self.fixed:
            hidden = self._layer(layer, hidden, bias, 0.0)
        return hidden

    def upper(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Sentence vectors float32 [n, dim] of length 1."""
        bias = attention_bias(mask)
        rate = self.dropout if self.training else 0.0
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half and self.training):
            for layer in self.free:
                hidden = self._layer(layer, hidden, bias, rate)
        hidden = hidden.float()
        share = mask / mask.sum(1, keepdim=True)
        return functional.normalize(torch.einsum("nld,nl->nd", hidden, share), dim=1)

    def layer_mean(self, hidden: torch.Tensor, mask: torch.Tensor, layers: tuple[int, int]) -> torch.Tensor:
        """Token states float32 [n, length, dim]: the mean of what *layers*, first and last from 1, leave.

        *hidden* comes from the fixed layers; of those only the last can be among *layers*.
        """
        bias = attention_bias(mask)
        rate = self.dropout if self.training else 0.0
        first, last = layers
        kept = [hidden] if first <= len(self.fixed) else []
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half and self.training):
            for number, layer in enumerate(self.free, len(self.fixed) + 1):
                if number > last:
                    break
                hidden = self._layer(layer, hidden, bias, rate)
                if number >= first:
                    kept.append(hidden)
        return torch.stack([k.float() for k in kept]).mean(0)

    def _layer(self, layer: nn.Module, hidden: torch.Tensor, bias: torch.Tensor, rate: float) -> torch.Tensor:
        n, length, dim = hidden.shape
        attention, output = layer.attention, layer.output  # type: ignore[union-attr]
        inner = attention.self  # type: ignore[union-attr]
        query, key, value = (
            part(hidden).view(n, length, self.heads, -1).transpose(1, 2)  # pyright: ignore[reportCallIssue]
            for part in (inner.query, inner.key, inner.value)  # type: ignore[union-attr]
        )
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        mixed = attention.output.dense(mixed.transpose(1, 2).reshape(n, length, dim))  # type: ignore[union-attr]
        hidden = attention.output.LayerNorm(functional.dropout(mixed, rate) + hidden)  # type: ignore[union-attr]
        wide = functional.gelu(layer.intermediate.dense(hidden))  # type: ignore[union-attr]
        return output.LayerNorm(functional.dropout(output.dense(wide), rate) + hidden)  # type: ignore[union-attr]


def attention_bias(mask: torch.Tensor) -> torch.Tensor:
    """What is added to the attention of padding [n, 1, 1, length]."""
    return ((1.0 - mask) * MASKED)[:, None, None, :]


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded hidden states float32 [n, length, dim] after the fixed layers, and their mask float32 [n, length]."""

    hidden: torch.Tensor
    mask: torch.Tensor


class TokenisedTexts:
    """Texts as token ids, with their lower hidden states remembered while they fit into memory.

    Args:
        texts: n texts; what is longer than *max_tokens* is cut, and counted in ``n_cut``.
        net: whose fixed layers are asked.
        folder: where the tokenizer lies.
        max_tokens: length limit, special tokens included.
    """

    def __init__(self, texts: Sequence[str], net: EncoderNet, folder: Path, max_tokens: int = 128) -> None:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        ids = tokenizer(list(texts), verbose=False)["input_ids"] if len(texts) else []
        self.n_cut = sum(len(row) > max_tokens for row in ids)
        self.ids = [torch.tensor(r if len(r) <= max_tokens else [*r[: max_tokens - 1], r[-1]]) for r in ids]
        self.lengths = np.array([len(r) for r in self.ids], int)
        self._net = net
        self._remembered: list[torch.Tensor] | None = None
        if self.lengths.sum() <= REMEMBERED_TOKENS and net.fixed:
            self._remember()

    def __len__(self) -> int:
        return len(self.ids)

    def _remember(self) -> None:
        found: list[torch.Tensor] = [torch.empty(0)] * len(self)
        for rows in batches(self.lengths, EMBED_BATCH):
            ids, mask = self._pad(rows)
            hidden = self._net.lower(ids, mask)
            for i, row in enumerate(rows):
                found[row] = hidden[i, : self.lengths[row]].clone()
        self._remembered = found

    def _pad(self, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        ids = nn.utils.rnn.pad_sequence([self.ids[r] for r in rows], batch_first=True)
        return ids, self._mask(rows, ids.shape[1])

    def _mask(self, rows: np.ndarray, length: int) -> torch.Tensor:
        return (torch.arange(length)[None, :] < torch.as_tensor(self.lengths[rows])[:, None]).float()

    def batch(self, rows: np.ndarray) -> Batch:
        """The chosen rows, ready for ``EncoderNet.upper``."""
        if self._remembered is None:
            ids, mask = self._pad(rows)
            return Batch(self._net.lower(ids, mask), mask)
        hidden = nn.utils.rnn.pad_sequence([self._remembered[r] for r in rows], batch_first=True)
        return Batch(hidden, self._mask(rows, hidden.shape[1]))

    @torch.no_grad()
    def vectors(self, rows: np.ndarray) -> np.ndarray:
        """float32 [len(rows), dim] as the net sees the texts now."""
        self._net.eval()
        found = np.zeros((len(rows), self._net.dim), np.float32)
        for chosen in batches(self.lengths[rows], EMBED_BATCH):
            part = self.batch(rows[chosen])
            found[chosen] = self._net.upper(part.hidden, part.mask).numpy()
        return found


def batches(lengths: np.ndarray, size: int, rng: np.random.Generator | None = None) -> list[np.ndarray]:
    """Rows in batches of similar length; with *rng*, in random order and with random neighbours."""
    key = lengths.astype(float)
    if rng is not None:
        key += rng.uniform(-2, 2, len(lengths))
    order = np.argsort(key, kind="stable")
    found = [order[start : start + size] for start in range(0, len(order), size)]
    if rng is not None:
        rng.shuffle(found)
    return found
