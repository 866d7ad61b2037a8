"""The phases of ``finetune``: teacher, students, and the heads that are tried on what they made."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from homegrown.inference.encoder_folder import bundled_folder
from homegrown.inference.readout import softmax
from homegrown.train.checkpoints import Checkpoints
from homegrown.train.descent import Descent, Schedule
from homegrown.train.encoder_net import EncoderNet, TokenisedTexts
from homegrown.train.judge import REJECT_SHARE
from homegrown.train.softmax import Head, fit_head
from homegrown.train.students import LABELLED_WEIGHT, SHARPEN, guessed, unlabelled_texts

if TYPE_CHECKING:
    from pathlib import Path

    from homegrown.core.protocols import Encoder, Progress
    from homegrown.train.parts import Parts

START_STRENGTH, FRESH_STRENGTH = 0.03, 0.03
STUDENT_BATCH = 32
MAX_COMPARED = 300
N_TIMED_STEPS = 4


@dataclass(frozen=True, slots=True)
class FinetuneOptions:
    """Options of ``finetune``; what is None is decided from the data and the budget, and recorded.

    Attributes:
        budget_s: seconds that training may take, on the machine at hand.
        epochs: passes over the labelled rows.
        rate: peak learning rate.
        batch: rows per step.
        precision: ``fp32`` or ``bf16`` in the matrix products of training; by default what the processor has.
        n_fixed: lower layers that stay as they are.
        rounds: students trained on the unlabelled rows, each teaching the next; 0 leaves them out. They belong to
            the last fit, so they need ``refit``.
        student_epochs: passes of a student over labelled and unlabelled rows.
        refit: whether to fit again on the validation rows too, once they have judged.
        reject: share of right answers that "none of these" may cost.
    """

    budget_s: float | None = None
    epochs: int | None = None
    rate: float | None = None
    batch: int | None = None
    precision: Literal["fp32", "bf16"] | None = None
    n_fixed: int = 2
    rounds: int | None = None
    student_epochs: int = 2
    refit: bool = True
    reject: float = REJECT_SHARE


class Fitter:
    """Holds the net and the tokenised texts through all phases of one run.

    Attributes:
        fit_rows / judge_rows / both_rows / unlabelled_rows: positions of the parts among all texts.
        compared_rows: unlabelled rows that no student learns from; a student is calibrated there.
    """

    def __init__(self, parts: Parts, seed: int, scratch: Path, encoder: Encoder, progress: Progress) -> None:
        self.parts, self.seed, self.progress = parts, seed, progress
        self._scratch, self._encoder = scratch, encoder
        self.folder: Path = getattr(encoder, "folder", None) or bundled_folder()
        n_fit, n_both = len(parts.fit), len(parts.both)
        self.fit_rows, self.judge_rows = np.arange(n_fit), np.arange(n_fit, n_both)
        self.both_rows = np.arange(n_both)
        self._unlabelled = self._pick_unlabelled()
        n_compared = min(MAX_COMPARED, len(self._unlabelled) // 10)
        drawn = n_both + np.random.default_rng(seed).permutation(len(self._unlabelled))
        self.compared_rows, self.unlabelled_rows = np.sort(drawn[:n_compared]), np.sort(drawn[n_compared:])
        self._targets, self._weights = parts.targets(parts.both), parts.weights(parts.both)
        self._net: EncoderNet | None = None
        self._last_rows = self.fit_rows

    @property
    def n_unlabelled(self) -> int:
        """Unlabelled texts that students may learn from."""
        return len(self.unlabelled_rows)

    def _pick_unlabelled(self) -> list[str]:
        return unlabelled_texts(self.parts, self.seed) if self.parts.few else []

    def prepare(self, plan: FinetuneOptions) -> None:
        """Load the encoder and read the texts, once."""
        if self._net is None:
            self._net = EncoderNet(self.folder, plan.n_fixed)
            self._texts = TokenisedTexts([*self.parts.both.texts, *self._unlabelled], self._net, self.folder)
        self._net.half = plan.precision == "bf16"

    @property
    def net(self) -> EncoderNet:
        """The encoder as it stands after the last phase."""
        assert self._net is not None
        return self._net

    @property
    def warnings(self) -> list[str]:
        """What a person should know of how the texts were read."""
        n_cut = self._texts.n_cut
        return [f"{n_cut} long texts were trained on by their first 128 tokens."] if n_cut else []

    @cached_property
    def _frozen(self) -> np.ndarray:
        return self._encoder.encode([*self.parts.both.texts, *self._unlabelled])

    def fit(self, name: str, rows: np.ndarray, plan: FinetuneOptions) -> Head:
        """Train on the labelled *rows*, then students if the plan has any; leaves the net as it was trained last."""
        self.prepare(plan)
        self._last_rows = rows
        first = fit_head(
            self._frozen[rows], self._targets[rows], self._weights[rows], START_STRENGTH, multi=self.parts.data.multi
        )
        schedule = Schedule(plan.epochs or 1, plan.rate or 1e-4, batch=plan.batch or 32, seed=self.seed)
        head = self._phase(f"{name}-0", first, rows, self._targets[rows], self._weights[rows], schedule)
        for number in range(1, (plan.rounds or 0) + 1):
            head = self._student(f"{name}-{number}", number, first, head, rows, plan)
        return head

    def _student(
        self, name: str, number: int, first: Head, head: Head, rows: np.ndarray, plan: FinetuneOptions
    ) -> Head:
        """Label the unlabelled texts softly by the net as it is and by their neighbours, then learn from scratch."""
        probs = self._answers(self.logits(head, self.unlabelled_rows))
        if self.parts.data.multi:
            frozen = first.logits(self._frozen[self.unlabelled_rows])
            probs = (probs + self._answers(SHARPEN * frozen)) / 2
            certain = probs.max(1) ** 2
        else:
            probs, certain = self._by_neighbours(rows, probs)
        targets = np.vstack([self._targets[rows], probs]).astype(np.float32)
        weights = np.concatenate([LABELLED_WEIGHT * self._weights[rows], certain]).astype(np.float32)
        schedule = Schedule(plan.student_epochs, plan.rate or 1e-4, batch=STUDENT_BATCH, seed=self.seed + number)
        return self._phase(name, first, np.concatenate([rows, self.unlabelled_rows]), targets, weights, schedule)

    def _by_neighbours(self, rows: np.ndarray, guesses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """``students.guessed``: from the labels of *rows* and the *guesses*.

        Two texts are as near as the frozen and the trained encoder find them on average.
        """
        texts = np.concatenate([rows, self.unlabelled_rows])
        both = np.hstack([self._frozen[texts], self._texts.vectors(texts)]) / np.float32(np.sqrt(2))
        return guessed(both, self._targets[rows], guesses)

    def _answers(self, logits: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-logits)) if self.parts.data.multi else softmax(logits)

    def _phase(
        self, name: str, first: Head, rows: np.ndarray, targets: np.ndarray, weights: np.ndarray, schedule: Schedule
    ) -> Head:
        self.net.reset()
        descent = Descent(self.net, first, schedule, multi=self.parts.data.multi)
        return descent.run(
            self._texts, rows, targets, weights, Checkpoints(self._scratch / f"phase-{name}"), self.progress
        )

    def logits(self, head: Head, rows: np.ndarray) -> np.ndarray:
        """float32 [len(rows), n_outputs] by the net as it is now."""
        return head.logits(self._texts.vectors(rows))

    def heads(self, trained: Head, plan: FinetuneOptions) -> list[tuple[str, Head]]:
        """The head that was trained along, one fitted afresh on the trained vectors, and the mean of the two."""
        if plan.rounds:
            return [("trained", trained)]
        rows = self._last_rows
        fresh = fit_head(
            self._texts.vectors(rows),
            self._targets[rows],
            self._weights[rows],
            FRESH_STRENGTH,
            multi=self.parts.data.multi,
        )
        mean = Head((trained.weight + fresh.weight) / 2, (trained.bias + fresh.bias) / 2)
        return [("trained", trained), ("fresh", fresh), ("mean", mean)]

    def seconds_per_row(self, plan: FinetuneOptions) -> float:
        """Measured on a few steps that are undone afterwards."""
        self.prepare(plan)
        rng = np.random.default_rng(self.seed)
        rows = rng.permutation(len(self.both_rows))[: N_TIMED_STEPS * STUDENT_BATCH]
        n_outputs = self._targets.shape[1]
        head = Head(np.zeros((self.net.dim, n_outputs), np.float32), np.zeros(n_outputs, np.float32))
        descent = Descent(self.net, head, Schedule(1, 1e-5, seed=self.seed), multi=self.parts.data.multi)
        rows = rows[np.argsort(self._texts.lengths[rows])]
        times = []
        for chosen in np.array_split(rows, min(N_TIMED_STEPS, len(rows))):
            started = time.perf_counter()
            part = self._texts.batch(chosen)
            descent.step(part, torch.from_numpy(self._targets[chosen]), torch.from_numpy(self._weights[chosen]), 0.5)
            times.append((time.perf_counter() - started) / len(chosen))
        self.net.reset()
        return float(np.mean(times))

    def n_visits(self, plan: FinetuneOptions) -> int:
        """Rows that will be trained on in all phases together, a row being counted each time."""
        found = (plan.epochs or 1) * len(self.fit_rows)
        if plan.refit:
            found += (plan.epochs or 1) * len(self.both_rows)
            found += (plan.rounds or 0) * plan.student_epochs * (len(self.both_rows) + self.n_unlabelled)
        return found
