"""The head of a span model as something that can be trained; ``inference.span_head`` computes the same in NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from homegrown.inference.span_head import SpanHead
from homegrown.inference.word_features import N_TOLD
from homegrown.train.encoder_net import batches

if TYPE_CHECKING:
    from collections.abc import Callable

    from homegrown.inference.span_decoding import Tagging
    from homegrown.inference.span_head import HeadShape

WARM_UP = 0.1
CLIP = 1.0
LOWEST = -1e4


class HeadNet(nn.Module):
    """States and features of words to scores of labels, and the likelihood of a sequence.

    Args:
        shape: sizes.
        tagging: the labels.
        drop: probability of dropout: of states and features, and between the layers.
    """

    illegal: torch.Tensor
    may_not_start: torch.Tensor

    def __init__(self, shape: HeadShape, tagging: Tagging, drop: tuple[float, float] = (0.5, 0.4)) -> None:
        super().__init__()
        self.shape, self.drop = shape, drop
        self.reads = nn.Linear(shape.dim, shape.hidden)
        self.bag = nn.EmbeddingBag(1 << shape.bits, shape.bag, mode="sum")
        self.place = nn.Embedding(9, shape.bag)
        for table in (self.bag, self.place):
            nn.init.normal_(table.weight, std=0.1)
        sizes = [shape.hidden + shape.bag] + [shape.hidden] * (shape.n_convs - 1)
        self.convs = nn.ModuleList([nn.Linear(size * shape.width, shape.hidden) for size in sizes])
        self.norms = nn.ModuleList([nn.LayerNorm(shape.hidden) for _ in sizes])
        self.out = nn.Linear(shape.hidden, shape.n_tags)
        self.transition = nn.Parameter(torch.zeros(shape.n_tags, shape.n_tags))
        self.start, self.end = (nn.Parameter(torch.zeros(shape.n_tags)) for _ in range(2))
        self.register_buffer("illegal", torch.from_numpy(~tagging.legal), persistent=False)
        self.register_buffer("may_not_start", torch.from_numpy(~tagging.may_start), persistent=False)

    def forward(
        self, states: torch.Tensor, buckets: torch.Tensor, places: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """Scores [n, length, n_tags].

        Args:
            states: [n, length, dim].
            buckets: [n, length, N_TOLD].
            places: [n, length].
            mask: [n, length], 1 where there is a word.
        """
        n, length = mask.shape
        drop_in, drop = self.drop
        seen = functional.relu(self.reads(functional.dropout(states, drop_in, self.training)))
        bag = self.bag(buckets.reshape(-1, N_TOLD)).view(n, length, -1) + self.place(places)
        there = mask[:, :, None]
        hidden = torch.cat([seen, functional.dropout(bag, drop_in, self.training)], 2) * there
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            new = functional.relu(conv(self._near(functional.dropout(hidden, drop, self.training))))
            hidden = norm(new + hidden if i else new) * there
        return self.out(functional.dropout(hidden, drop, self.training))

    def _near(self, hidden: torch.Tensor) -> torch.Tensor:
        half, length = self.shape.width // 2, hidden.shape[1]
        apart = functional.pad(hidden, (0, 0, half, half))
        return torch.cat([apart[:, step : step + length] for step in range(self.shape.width)], 2)

    def surprise(self, scores: torch.Tensor, tags: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Minus the log-likelihood [n] of *tags* [n, length]; rows by falling length, none empty."""
        transition = self.transition.masked_fill(self.illegal, LOWEST)
        start = self.start.masked_fill(self.may_not_start, LOWEST)
        factors = transition.exp()
        rows = torch.arange(len(lengths))
        so_far, ended = start + scores[:, 0], []
        for t in range(1, scores.shape[1]):
            going = int((lengths > t).sum())
            if going < len(so_far):
                ended.append(so_far[going:])
                so_far = so_far[:going]
            top = so_far.detach().max(1, keepdim=True)[0]
            so_far = ((so_far - top).exp() @ factors).clamp(min=1e-30).log() + top + scores[:going, t]
        total = torch.logsumexp(torch.cat([so_far, *reversed(ended)]) + self.end, 1)
        inside = (torch.arange(scores.shape[1]) < lengths[:, None]).float()
        said = (scores.gather(2, tags[:, :, None])[:, :, 0] * inside).sum(1)
        said = said + (transition[tags[:, :-1], tags[:, 1:]] * inside[:, 1:]).sum(1)
        return total - said - start[tags[:, 0]] - self.end[tags[rows, lengths - 1]]

    @torch.no_grad()
    def finished(self) -> SpanHead:
        """The head as it stands, for answers."""
        arrays = {
            "in.weight": self.reads.weight,
            "in.bias": self.reads.bias,
            "bag": self.bag.weight,
            "place": self.place.weight,
            "out.weight": self.out.weight,
            "out.bias": self.out.bias,
            "transition": self.transition,
            "start": self.start,
            "end": self.end,
        }
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            arrays |= {f"conv.{i}.weight": conv.weight, f"conv.{i}.bias": conv.bias}
            arrays |= {f"norm.{i}.weight": norm.weight, f"norm.{i}.bias": norm.bias}
        return SpanHead(self.shape, {name: a.detach().numpy().copy() for name, a in arrays.items()})


@dataclass(frozen=True, slots=True)
class WordTable:
    """All words of all texts in a row, and the pieces that are learnt from.

    Attributes:
        states: float16 or float32 [n, dim]; None where the encoder is trained too.
        buckets / places / tags: int64 [n, N_TOLD], [n], [n].
        pieces: int [k, 2], from and to.
    """

    states: np.ndarray | None
    buckets: np.ndarray
    places: np.ndarray
    tags: np.ndarray
    pieces: np.ndarray

    def padded(self, chosen: np.ndarray) -> tuple[np.ndarray, torch.Tensor, torch.Tensor]:
        """Of *chosen* pieces by falling length: positions int [n, length] (0 beyond the end), mask, lengths."""
        sizes = self.pieces[chosen, 1] - self.pieces[chosen, 0]
        at = self.pieces[chosen, 0][:, None] + np.arange(sizes.max())
        inside = np.arange(sizes.max()) < sizes[:, None]
        return np.where(inside, at, 0), torch.from_numpy(inside.astype(np.float32)), torch.from_numpy(sizes)

    def by_length(self, chosen: np.ndarray) -> np.ndarray:
        """*chosen* by falling length."""
        return chosen[np.argsort(self.pieces[chosen, 0] - self.pieces[chosen, 1], kind="stable")]

    def loss(self, net: HeadNet, chosen: np.ndarray, states: torch.Tensor | None = None) -> torch.Tensor:
        """Surprise per word of the pieces *chosen* (by falling length); *states* [n, length, dim] where they change."""
        at, mask, lengths = self.padded(chosen)
        if states is None:
            assert self.states is not None
            states = torch.from_numpy(self.states[at].astype(np.float32))
        scores = net(states, torch.from_numpy(self.buckets[at]), torch.from_numpy(self.places[at]), mask)
        return net.surprise(scores, torch.from_numpy(self.tags[at]), lengths).sum() / lengths.sum()


@dataclass(frozen=True, slots=True)
class HeadSchedule:
    """How long and how fast a head learns: passes, peak rate, pieces per step, decay of weights."""

    epochs: int
    rate: float = 2e-3
    batch: int = 32
    decay: float = 0.01


def fit_head(
    table: WordTable,
    shape: HeadShape,
    tagging: Tagging,
    schedule: HeadSchedule,
    seed: int,
    told: Callable[[float], None],
) -> HeadNet:
    """A head trained on *table*; *told* the loss at each step."""
    torch.manual_seed(seed)
    net = HeadNet(shape, tagging).train()
    optimizer = torch.optim.AdamW(
        net.parameters(), lr=0.0, betas=(0.9, 0.98), weight_decay=schedule.decay, foreach=True
    )
    sizes = table.pieces[:, 1] - table.pieces[:, 0]
    order = [
        chosen
        for epoch in range(schedule.epochs)
        for chosen in batches(sizes, schedule.batch, np.random.default_rng((seed, epoch)))
    ]
    for step, chosen in enumerate(order):
        share = step / len(order)
        for group in optimizer.param_groups:
            group["lr"] = schedule.rate * min(1.0, (share + 1e-3) / WARM_UP) * (1.0 - share)
        loss = table.loss(net, table.by_length(chosen))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), CLIP)
        optimizer.step()
        told(float(loss.detach()))
    return net.eval()
