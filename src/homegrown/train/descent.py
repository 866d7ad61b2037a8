"""The training loop of ``finetune``: soft labels, weights, a warmed-up linear schedule, exact resumption."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from homegrown.train.encoder_net import batches
from homegrown.train.softmax import Head

if TYPE_CHECKING:
    from homegrown.core.protocols import Progress
    from homegrown.train.checkpoints import Checkpoints
    from homegrown.train.encoder_net import Batch, EncoderNet, TokenisedTexts

WARM_UP = 0.1
CLIP = 1.0
CHECKPOINT_EVERY_S = 30.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast.

    Attributes:
        epochs: passes over the data.
        rate: peak learning rate of the encoder's free layers.
        head_rate: that of the head.
        batch: rows per step.
        seed: of order and dropout.
    """

    epochs: int
    rate: float
    head_rate: float = 1e-3
    batch: int = 32
    seed: int = 0

    def steps(self, n: int) -> int:
        """Steps for n rows."""
        return self.epochs * math.ceil(n / self.batch)


class Descent:
    """AdamW (Loshchilov, Hutter 2019) on the free layers and the head.

    The state at any step follows from the seed alone: each epoch draws its order from (seed, epoch), and a checkpoint
    holds the dropout generator too, so that a resumed run ends in the same bits as an uninterrupted one.
    """

    def __init__(self, net: EncoderNet, head: Head, schedule: Schedule, *, multi: bool) -> None:
        self.net, self.schedule, self.multi = net, schedule, multi
        self.head = nn.Linear(*head.weight.shape)
        with torch.no_grad():
            self.head.weight.copy_(torch.from_numpy(head.weight.T.copy()))
            self.head.bias.copy_(torch.from_numpy(head.bias.copy()))
        self._upper = net.parameters_to_train()
        groups = [
            {"params": self._upper, "lr": 0.0, "peak": schedule.rate},
            {"params": list(self.head.parameters()), "lr": 0.0, "peak": schedule.head_rate},
        ]
        self._optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.01, foreach=True)

    def run(
        self,
        texts: TokenisedTexts,
        rows: np.ndarray,
        targets: np.ndarray,
        weights: np.ndarray,
        checkpoints: Checkpoints,
        progress: Progress,
    ) -> Head:
        """Train to the end of the schedule, from the newest checkpoint if there is one.

        Args:
            texts: where the rows point into.
            rows: int [n], the texts to train on.
            targets: float32 [n, n_outputs].
            weights: float32 [n].
            checkpoints: read first, written every half minute.
            progress: told at each step; its ``CancelledError`` leaves a checkpoint behind.
        """
        target_rows, weight_rows = torch.from_numpy(targets), torch.from_numpy(weights)
        total = self.schedule.steps(len(rows))
        done = self._resume(checkpoints)
        if done == 0:
            torch.manual_seed(self.schedule.seed)
        progress.start("train finetune", total, "steps")
        progress.advance(done)
        saved_at = time.monotonic()
        for step, chosen in self._order(texts.lengths[rows], done):
            part = texts.batch(rows[chosen])
            loss = self.step(part, target_rows[chosen], weight_rows[chosen], step / total)
            if time.monotonic() - saved_at > CHECKPOINT_EVERY_S:
                self._checkpoint(checkpoints, step + 1)
                saved_at = time.monotonic()
            progress.advance(1, loss=round(loss, 3))
        progress.finish()
        self._checkpoint(checkpoints, total)
        with torch.no_grad():
            return Head(self.head.weight.T.contiguous().numpy().copy(), self.head.bias.numpy().copy())

    def _order(self, lengths: np.ndarray, done: int) -> list[tuple[int, np.ndarray]]:
        found: list[np.ndarray] = []
        for epoch in range(self.schedule.epochs):
            found += batches(lengths, self.schedule.batch, np.random.default_rng((self.schedule.seed, epoch)))
        return list(enumerate(found))[done:]

    def step(self, part: Batch, target: torch.Tensor, weight: torch.Tensor, share: float) -> float:
        """One step on a batch, *share* of the way through the schedule; returns its loss."""
        self.net.train()
        factor = min(1.0, (share + 1e-3) / WARM_UP) * (1.0 - share)
        for group in self._optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        logits = self.head(self.net.upper(part.hidden, part.mask))
        if self.multi:
            each = nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none").sum(1)
        else:
            each = -(target * torch.log_softmax(logits, 1)).sum(1)
        loss = (each * weight).sum() / weight.sum().clamp(min=1e-6)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self._upper, CLIP)
        self._optimizer.step()
        return float(loss.detach())

    def _named(self) -> dict[str, torch.Tensor]:
        upper = {f"upper.{i}": p for i, p in enumerate(self._upper)}
        return {**upper, "head.weight": self.head.weight, "head.bias": self.head.bias}

    def _checkpoint(self, checkpoints: Checkpoints, step: int) -> None:
        tensors = {"rng": torch.get_rng_state()}
        for name, parameter in self._named().items():
            tensors[name] = parameter.detach().contiguous()
            for key in ("exp_avg", "exp_avg_sq"):
                tensors[f"{name}.{key}"] = self._optimizer.state[parameter][key].contiguous()
        checkpoints.save(step, tensors, {"epochs": self.schedule.epochs, "seed": self.schedule.seed})

    def _resume(self, checkpoints: Checkpoints) -> int:
        found = checkpoints.load()
        if found is None:
            return 0
        step, tensors, _ = found
        with torch.no_grad():
            for name, parameter in self._named().items():
                parameter.copy_(tensors[name])
                state = {key: tensors[f"{name}.{key}"] for key in ("exp_avg", "exp_avg_sq")}
                self._optimizer.state[parameter] = {"step": torch.tensor(float(step)), **state}
        torch.set_rng_state(tensors["rng"])
        return step
