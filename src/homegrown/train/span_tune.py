"""The encoder trained further together with a head that was fitted to it while it was frozen.

As in ``finetune``: the head comes first, so that the first steps do not undo what pre-training knows (Kumar and others
2022), lower layers stay as they are and are remembered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from homegrown.train.encoder_net import batches
from homegrown.train.span_net import CLIP, WARM_UP

if TYPE_CHECKING:
    from collections.abc import Callable

    from homegrown.inference.encoder import Encoder
    from homegrown.train.encoder_net import EncoderNet
    from homegrown.train.span_data import Prepared
    from homegrown.train.span_net import HeadNet, WordTable

MAX_TOKENS = 256


@dataclass(frozen=True, slots=True)
class TuneSchedule:
    """Passes, peak rates of the encoder's free layers and of the head, pieces per step."""

    epochs: int = 3
    rate: float = 1e-4
    head_rate: float = 5e-4
    batch: int = 32


class PieceTokens:
    """Each piece as the encoder reads it, with the states of the fixed layers remembered.

    Args:
        prepared: the texts.
        encoder: whose tokeniser is used.
        net: whose fixed layers are asked.
    """

    def __init__(self, prepared: Prepared, encoder: Encoder, net: EncoderNet) -> None:
        self.net = net
        located = encoder.located(prepared.examples.texts)
        ids, firsts, lasts = [], [], []
        ends = np.cumsum(prepared.lengths)
        offsets = ends - prepared.lengths
        texts = np.searchsorted(ends, prepared.pieces[:, 0], side="right")
        for text, (start, stop) in zip(texts, prepared.pieces, strict=True):
            first, last = located[text].of_words(prepared.words[text])
            mine = slice(int(start - offsets[text]), int(stop - offsets[text]))
            lowest, highest = int(first[mine][0]), int(last[mine][-1])
            highest = min(highest, lowest + MAX_TOKENS - 2)
            ids.append(torch.from_numpy(encoder.wrapped(located[text].ids[lowest:highest]).astype(np.int64)))
            n = len(ids[-1]) - 2
            firsts.append(np.clip(first[mine] - lowest, 0, n) + 1)
            lasts.append(np.clip(last[mine] - lowest, 0, n) + 1)
        self.firsts, self.lasts = firsts, lasts
        self.lengths = np.array([len(i) for i in ids], int)
        self.hidden: list[torch.Tensor] = [torch.empty(0)] * len(ids)
        for rows in batches(self.lengths, 64):
            padded = nn.utils.rnn.pad_sequence([ids[r] for r in rows], batch_first=True)
            hidden = net.lower(padded, self._mask(rows))
            for i, row in enumerate(rows):
                self.hidden[row] = hidden[i, : self.lengths[row]].to(torch.bfloat16)

    def _mask(self, rows: np.ndarray) -> torch.Tensor:
        sizes = torch.as_tensor(self.lengths[rows])
        return (torch.arange(int(sizes.max())) < sizes[:, None]).float()

    def states(self, rows: np.ndarray, layers: tuple[int, int]) -> torch.Tensor:
        """States [n, most words, dim] of the words of the pieces *rows* as the net sees them now."""
        hidden = nn.utils.rnn.pad_sequence([self.hidden[r].float() for r in rows], batch_first=True)
        mask = self._mask(rows)
        n, length, _ = hidden.shape
        mean = self.net.layer_mean(hidden, mask, layers)
        width = max(len(self.firsts[r]) for r in rows)
        share = torch.zeros(n, width, length)
        for i, row in enumerate(rows):
            at = torch.arange(length)[None, :]
            first, last = (torch.from_numpy(a)[:, None] for a in (self.firsts[row], self.lasts[row]))
            share[i, : len(first)] = ((at >= first) & (at < last)) / (last - first).clamp(min=1)
        return share @ mean


def tune(
    net: EncoderNet,
    head: HeadNet,
    tokens: PieceTokens,
    table: WordTable,
    layers: tuple[int, int],
    schedule: TuneSchedule,
    seed: int,
    told: Callable[[float], None],
) -> None:
    """Train *net* and *head* in place; *told* the loss at each step."""
    torch.manual_seed(seed)
    upper = net.parameters_to_train()
    groups = [
        {"params": upper, "lr": 0.0, "peak": schedule.rate},
        {"params": list(head.parameters()), "lr": 0.0, "peak": schedule.head_rate},
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.01, foreach=True)
    order = [
        chosen
        for epoch in range(schedule.epochs)
        for chosen in batches(tokens.lengths, schedule.batch, np.random.default_rng((seed, epoch)))
    ]
    net.train()
    head.train()
    for step, chosen in enumerate(order):
        share = step / len(order)
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * min(1.0, (share + 1e-3) / WARM_UP) * (1.0 - share)
        rows = table.by_length(chosen)
        loss = table.loss(head, rows, tokens.states(rows, layers))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(upper, CLIP)
        nn.utils.clip_grad_norm_(head.parameters(), CLIP)
        optimizer.step()
        told(float(loss.detach()))
    net.eval()
    head.eval()
