"""Noisy students: learn from texts without a label what a teacher and their neighbours make of them.

A teacher labels them softly, a student learns from them and the labels, and teaches the next (Xie, Luong, Hovy, Le
2020, "Self-training with Noisy Student improves ImageNet classification", section 2). The student reads the texts with
words left out, so that it cannot merely repeat its teacher. It is kept only where held-out rows say it is better.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import vstack

from homegrown.inference.encoder import Encoder as LocalEncoder
from homegrown.inference.encoder_folder import bundled_folder
from homegrown.inference.readout import softmax
from homegrown.metrics.neighbours import neighbours, spread
from homegrown.train.heads import FittedHead
from homegrown.train.judge import fit_readout, judge, right, worth_it
from homegrown.train.softmax import fit_head

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from homegrown.core.protocols import Encoder, Progress
    from homegrown.metrics.neighbours import Neighbours
    from homegrown.train.parts import Parts
    from homegrown.train.softmax import Head

SHARPEN = 1.5
# Chosen on the unlabelled rows of Banking77's few-shot split, whose labels are known: of the soft ones 88% are right
# with ten labels per class in place of 85%, with five 85% in place of 80%.
N_NEIGHBOURS, NEARNESS, GUESS_WEIGHT = 10, 10.0, 0.3
LABELLED_WEIGHT = 3.0
MAX_UNLABELLED = 20_000
# A student on 90 validation rows was taken by chance, and was worse on others: more is asked for than of a rung.
FEWEST_UNLABELLED, FEWEST_JUDGED, SURE = 200, 100, 0.95
LEFT_OUT, LEAST_GAIN = 0.2, 0.003


def unlabelled_texts(parts: Parts, seed: int) -> list[str]:
    """Distinct texts without a label, none of which is a labelled one; of very many some."""
    texts = never_labelled(parts.data.unlabelled, parts.both.texts)
    if len(texts) > MAX_UNLABELLED:
        rows = np.random.default_rng(seed).permutation(len(texts))[:MAX_UNLABELLED]
        texts = [texts[i] for i in np.sort(rows)]
    return texts


def never_labelled(texts: Iterable[str], labelled: Iterable[str]) -> list[str]:
    """Distinct texts in order, without empty ones and those that are labelled."""
    return sorted({t for t in texts if t.strip()} - set(labelled))


def guessed(
    vectors: np.ndarray, targets: np.ndarray, guesses: np.ndarray, near: Neighbours | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Soft labels of texts without one, and how much each counts: by a teacher, spread among near texts.

    Args:
        vectors: float32 [n + m, dim], those of the n labelled texts first.
        targets: float32 [n, n_outputs], the labels.
        guesses: float32 [m, n_outputs], what the teacher says of the others.
        near: ``neighbours(vectors, N_NEIGHBOURS)``, where it is at hand.

    Returns:
        float32 [m, n_outputs], sharpened; float32 [m], the square of the largest probability.
    """
    start = np.vstack([targets, GUESS_WEIGHT * guesses])
    probs = spread(near or neighbours(vectors, N_NEIGHBOURS), start, power=NEARNESS)[len(targets) :]
    certain = probs.max(1)
    probs = probs**SHARPEN
    probs /= probs.sum(1, keepdims=True)
    return probs.astype(np.float32), (certain**2).astype(np.float32)


def noisy_students(
    parts: Parts,
    fitted: FittedHead,
    rows_of: Callable[[list[str], Encoder], Any],
    encoder: Encoder,
    *,
    rounds: int,
    seed: int,
    progress: Progress,
    reject: float,
) -> tuple[FittedHead, list[str]]:
    """*fitted*, or the last of up to *rounds* students that held-out rows found better; and how it was decided.

    Args:
        parts: the rows, with texts without a label.
        fitted: the first teacher.
        rows_of: what a head reads of texts; float32 [n, dim], dense or sparse.
        encoder: says which texts are near.
        rounds: students at most; 0 leaves them out.
        seed: draws the texts, and the words that are left out.
        progress: told of each student.
        reject: see ``fit_readout``.
    """
    texts = unlabelled_texts(parts, seed)
    few = len(texts) < FEWEST_UNLABELLED or len(parts.judge) < FEWEST_JUDGED
    if not rounds or parts.data.multi or parts.weak or few:
        return fitted, []
    rows = rows_of(texts, encoder)
    # What the teacher takes for none of the classes would only be learnt as one of them.
    known = fitted.readout.read(fitted.judging.logits(rows)).in_scope >= fitted.readout.threshold
    texts = [t for t, is_known in zip(texts, known.tolist(), strict=True) if is_known]
    if len(texts) < FEWEST_UNLABELLED:
        return fitted, []
    school = _School(replace(parts, softness=fitted.softness), fitted, rows_of, encoder, texts, seed)
    probs, best, n_rounds, said = parts.judge.probs, fitted.judging, 0, ""
    judge_rows = rows_of(parts.judge.texts, encoder)
    before = right(best.logits(judge_rows), probs, multi=False)
    progress.start("train students", rounds + 1, "students")
    for _ in range(rounds):
        student = school.student(best, both=False)
        progress.advance(1)
        after = right(student.logits(judge_rows), probs, multi=False)
        taken, said = worth_it(before, after, LEAST_GAIN, sure=SURE, other="its teacher")
        if not taken:
            break
        best, before, n_rounds = student, after, n_rounds + 1
    head = fitted.head
    for _ in range(n_rounds):
        head = school.student(head, both=True)
    progress.finish()
    decision = f"students on {len(texts):,} texts without a label: {n_rounds} of {rounds} kept; the last {said}"
    facts = {"students": {"rounds": n_rounds, "n_unlabelled": len(texts)}}
    if not n_rounds:
        return replace(fitted, report=fitted.report | facts), [decision]
    logits = best.logits(judge_rows)
    readout = fit_readout(logits, probs, multi=False, none_column=parts.none_column, reject=reject)
    report = fitted.report | judge(readout, logits, parts.judge) | {"cross_validated": False} | facts
    return FittedHead(head, best, readout, report, fitted.softness), [decision]


class _School:
    """What teachers and students of one run share."""

    def __init__(
        self,
        parts: Parts,
        fitted: FittedHead,
        rows_of: Callable[[list[str], Encoder], Any],
        encoder: Encoder,
        texts: list[str],
        seed: int,
    ) -> None:
        self._parts, self._strength = parts, fitted.report["strength"]
        self._clean = rows_of(texts, encoder)
        # Not by the encoder that keeps what it read: half a text is nobody's record, and would outlive it.
        bare = encoder if isinstance(encoder, LocalEncoder) else LocalEncoder.load(_folder(encoder))
        self._noisy = rows_of(_with_words_left_out(texts, seed), bare)
        self._labelled = rows_of(parts.both.texts, encoder)
        self._vectors = encoder.encode([*parts.both.texts, *texts])
        self._n_fit = len(parts.fit)

    def student(self, teacher: Head, *, both: bool) -> Head:
        """Fitted on the ``fit`` rows, or on *both*, and on what *teacher* says of the texts without a label."""
        examples = self._parts.both if both else self._parts.fit
        n, n_both = len(examples), len(self._parts.both)
        targets, weights = self._parts.targets(examples), self._parts.weights(examples)
        vectors = np.concatenate([self._vectors[:n], self._vectors[n_both:]])
        probs, certain = guessed(vectors, targets, softmax(teacher.logits(self._clean)))
        stack = vstack if hasattr(self._noisy, "tocsr") else np.vstack
        rows = stack([self._labelled[:n], self._noisy])
        rows = rows.tocsr() if hasattr(rows, "tocsr") else rows
        counts = np.concatenate([LABELLED_WEIGHT * weights, certain]).astype(np.float32)
        return fit_head(rows, np.vstack([targets, probs]), counts, self._strength, start=teacher)


def _folder(encoder: Encoder) -> Path:
    return getattr(encoder, "folder", None) or bundled_folder()


def _with_words_left_out(texts: list[str], seed: int) -> list[str]:
    """Each text without about a fifth of its words; the same seed leaves out the same ones."""
    rng = np.random.default_rng(seed)
    found = []
    for text in texts:
        words = text.split()
        kept = [w for w, stays in zip(words, (rng.random(len(words)) >= LEFT_OUT).tolist(), strict=True) if stays]
        found.append(" ".join(kept or words))
    return found
