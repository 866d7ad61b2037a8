"""What went wrong, for one class per row and for many: confusions, mistakes, calibration, labels in doubt."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from homegrown.evaluate.answers import as_index
from homegrown.evaluate.document import ConfusionRow, Mistake
from homegrown.metrics.calibration import calibration
from homegrown.metrics.classification import NONE, confusions
from homegrown.metrics.multilabel import set_confusions
from homegrown.metrics.noise import set_suspects, suspects

if TYPE_CHECKING:
    from homegrown.evaluate.answers import Answers, Rows
    from homegrown.metrics.calibration import Calibration
    from homegrown.metrics.classification import Confusion

EXAMPLES = 5
MISTAKES = 50
STATED = 0.05  # a class with less is not named by anybody as likely; millions of such zeros would drown the rest


class Faults:
    """Rows and answers, read for what is wrong.

    Args:
        rows: the split.
        answers: what the model said to them.
        names: of the classes.
        judged: bool [n], rows on which the answer can be right.
        multi: a row may have several classes.
    """

    def __init__(
        self, rows: Rows, answers: Answers, names: tuple[str, ...], judged: np.ndarray, *, multi: bool
    ) -> None:
        self._rows, self._answers, self._names, self._judged, self._multi = rows, answers, names, judged, multi

    def confusions(self) -> tuple[ConfusionRow, ...]:
        """The wrong answers that happen most often, with the ids of the surest of them."""
        truth, said = self._rows.truth, self._answers.said
        if self._multi:
            pairs = set_confusions(truth, said)
        else:
            inside = self._judged
            pairs = confusions(as_index(truth[inside]), as_index(said[inside]), len(self._names))
        return tuple(self._confusion(pair) for pair in pairs)

    def _confusion(self, pair: Confusion) -> ConfusionRow:
        truth, said = self._rows.truth, self._answers.said
        missed, added = truth & ~said, said & ~truth
        of_truth = missed[:, pair.truth] if pair.truth != NONE else ~missed.any(1)
        of_answer = added[:, pair.answer] if pair.answer != NONE else ~added.any(1)
        where = self._surest(np.flatnonzero(of_truth & of_answer & self._judged))[:EXAMPLES]
        truth_name, answer_name = (None if i == NONE else self._names[i] for i in (pair.truth, pair.answer))
        return ConfusionRow(truth_name, answer_name, pair.n, pair.of, tuple(self._rows.record_ids[i] for i in where))

    def _surest(self, rows: np.ndarray) -> np.ndarray:
        return rows[np.argsort(-self._answers.sure[rows], kind="stable")]

    def mistakes(self) -> tuple[Mistake, ...]:
        """Wrong answers, the surest first; out-of-scope rows that were given a class are among them."""
        truth, said = self._rows.truth, self._answers.said
        wrong = self._surest(np.flatnonzero((truth != said).any(1)))[:MISTAKES]
        ids, sure = self._rows.record_ids, self._answers.sure
        return tuple(Mistake(ids[i], self._named(truth[i]), self._named(said[i]), float(sure[i])) for i in wrong)

    def _named(self, flags: np.ndarray) -> tuple[str, ...]:
        return tuple(self._names[i] for i in np.flatnonzero(flags))

    def calibration(self) -> Calibration:
        """Of the best class of each row, its threshold aside; with many classes of each that was stated as likely."""
        probs, truth = self._answers.probs[self._judged], self._rows.truth[self._judged]
        if self._multi:
            row, column = np.nonzero(probs >= STATED)
            return calibration(probs[row, column], truth[row, column], row=row)
        return calibration(probs.max(1), truth[np.arange(len(truth)), probs.argmax(1)])

    def label_noise(self) -> dict[str, Any]:
        """Test labels that the model confidently contradicts; ``document.Evaluation.label_noise``."""
        where = np.flatnonzero(self._judged)
        truth, probs = self._rows.truth[where], self._answers.probs[where]
        found = set_suspects(truth, probs) if self._multi else suspects(as_index(truth), probs)
        facts = asdict(found)
        facts.pop("classes")
        shown = found.suspects[: EXAMPLES * 2]
        doubts = [self._set_doubt(where[i], j) for i, j in zip(shown, found.classes, strict=False)]
        return {
            "method": "confident learning (Northcutt et al. 2021); the model's own confident errors are among them",
            **facts,
            "n_suspects": len(found.suspects),
            "suspects": doubts if self._multi else [self._doubt(where[i]) for i in shown],
        }

    def _doubt(self, i: int) -> dict[str, Any]:
        probs = self._answers.probs[i]
        label, answer = (self._names[int(of.argmax())] for of in (self._rows.truth[i], probs))
        return {"record_id": self._rows.record_ids[i], "label": label, "answer": answer, "prob": float(probs.max())}

    def _set_doubt(self, i: int, j: int) -> dict[str, Any]:
        given, prob = bool(self._rows.truth[i, j]), float(self._answers.probs[i, j])
        label, answer = (self._names[j], None) if given else (None, self._names[j])
        found = {"record_id": self._rows.record_ids[i], "label": label, "answer": answer}
        return {**found, "prob": 1 - prob if given else prob}
