"""Weak labels: what rules, teachers or several voters say together, wrong too often to be learnt as it stands.

A posterior says which rules fired rather than which class a text has, so models learn the likeliest class, weighed by
its lead. Two views of a text, its meaning and its letters, answer the rows that they did not learn from (the idea of
Blum and Mitchell 1998, "Combining Labeled and Unlabeled Data with Co-Training"); votes and views are multiplied, and
give the next labels. So do the views alone for texts on which nobody voted, as light as they are unsure
(confidence-weighted self-training: Yu and others 2021, "Fine-Tuning Pre-trained Language Model with Weak
Supervision", section 3.2). Designs and constants were compared on the validation splits of WRENCH's Youtube and SMS.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from homegrown.core.models import Examples
from homegrown.inference.lexical import LexicalFeatures
from homegrown.inference.readout import softmax
from homegrown.train.balance import hard, offsets
from homegrown.train.parts import Parts, join_examples, make_parts
from homegrown.train.softmax import fit_head

if TYPE_CHECKING:
    from homegrown.core.models import TrainingData
    from homegrown.core.protocols import Encoder, Progress

#: labels of which a hundredth is expected to be wrong are weak
DOUBT = 0.01
FEWEST_ROWS = 50
#: unlabelled texts that are learnt from, and rows from which a view learns, at most
MOST_ROWS = 20_000
#: three were better on SMS and five on Youtube
ROUNDS = 4
N_FOLDS = 3
MEANING, LETTERS = 0.03, 10.0
MAX_WEIGHTS = 5_000_000
MAX_FEATURES = 100_000
SURE, MOST_LEAD = 0.999, 0.99
_TINY = 1e-6


def ready_parts(data: TrainingData, encoder: Encoder, seed: int, progress: Progress) -> Parts:
    """``make_parts``; weak labels (see ``doubt``) are corrected, and texts without a label join them.

    Args:
        data: as a trainer gets it.
        encoder: one of the two views.
        seed: draws folds, and the unlabelled texts where there are very many.
        progress: told of each round.

    Raises:
        EmptyDataError, UnsuitableLabelsError: as ``make_parts``.
    """
    parts = make_parts(data)
    if data.multi or parts.few or len(parts.both) < FEWEST_ROWS or doubt(parts.both) < DOUBT:
        return parts
    return _Correction(parts, encoder, seed, progress).run()


def doubt(examples: Examples) -> float:
    """Share of the labels that are expected to be wrong, by their own probabilities; out-of-scope rows are certain."""
    inside = examples.probs.sum(1) > 0
    return float(1 - examples.probs[inside].max(1).mean()) if inside.any() else 0.0


class _Correction:
    def __init__(self, parts: Parts, encoder: Encoder, seed: int, progress: Progress) -> None:
        self._parts, self._seed, self._progress = parts, seed, progress
        self._rng = np.random.default_rng(seed)
        known = set(parts.both.texts)
        free = sorted({t for t in parts.data.unlabelled if t.strip()} - known)
        drawn = np.sort(self._rng.permutation(len(free))[:MOST_ROWS])
        self._free = [free[i] for i in drawn]
        self._texts = [*parts.both.texts, *self._free]
        targets = parts.targets(parts.both)
        limit = int(np.clip(MAX_WEIGHTS // targets.shape[1], 2_000, MAX_FEATURES))
        self._views: list[tuple[Any, float]] = [
            (encoder.encode(self._texts), MEANING),
            (LexicalFeatures.fit(self._texts, limit).rows(self._texts), LETTERS),
        ]
        self._said = np.log(targets + _TINY)
        self._given = parts.weights(parts.both)
        self._certain = targets.max(1) >= SURE
        self._shares = hard(targets).mean(0)

    def run(self) -> Parts:
        n = len(self._said)
        first = softmax(self._said)
        labels, weights = hard(first), np.where(self._certain, self._given, _lead(first))
        probs = first
        self._progress.start("correct weak labels", ROUNDS, "rounds")
        for number in range(ROUNDS):
            seen = self._out_of_fold(labels, weights, number)
            seen += offsets(seen, self._shares)
            probs = softmax(np.concatenate([np.where(self._certain[:, None], 0, seen[:n]) + self._said, seen[n:]]))
            labels, weights = hard(probs), _lead(probs)
            weights[:n] = np.where(self._certain, self._given, weights[:n])
            self._progress.advance(1)
        self._progress.finish()
        return self._written(probs, weights, int((probs[:n].argmax(1) != first.argmax(1)).sum()))

    def _out_of_fold(self, labels: np.ndarray, weights: np.ndarray, number: int) -> np.ndarray:
        """Mean log probabilities [n_texts, n_outputs] of both views, each row's by heads that did not learn from it."""
        n_all, n = len(self._texts), len(labels)
        rng = np.random.default_rng((self._seed, number))
        fold = rng.integers(0, N_FOLDS, n_all)
        found = np.zeros((n_all, labels.shape[1]))
        for k in range(N_FOLDS):
            rows, left = np.flatnonzero(fold[:n] != k), np.flatnonzero(fold == k)
            if len(rows) > MOST_ROWS:
                rows = np.sort(rng.permutation(rows)[:MOST_ROWS])
            for inputs, strength in self._views:
                head = fit_head(inputs[rows], labels[rows], weights[rows].astype(np.float32), strength, max_iter=40)
                found[left] += np.log(softmax(head.logits(inputs[left])) + _TINY) / len(self._views)
        return found

    def _written(self, probs: np.ndarray, weights: np.ndarray, n_changed: int) -> Parts:
        parts, n_fit = self._parts, len(self._parts.fit)
        n, n_classes = len(parts.both), parts.both.probs.shape[1]
        outside = probs.argmax(1) == n_classes
        probs = probs[:, :n_classes].astype(np.float32)
        probs[outside] = 0
        probs[:n][self._certain] = parts.both.probs[self._certain]
        weights = weights.astype(np.float32)
        fit, judge = (
            replace(e, probs=probs[a:b], weights=weights[a:b])
            for e, a, b in ((parts.fit, 0, n_fit), (parts.judge, n_fit, n))
        )
        bare = Examples(self._free, probs[n:], weights[n:], [""] * len(self._free))
        joined = join_examples(fit, bare)
        said = (
            f"{doubt(parts.both):.0%} of the labels are expected to be wrong, as the votes behind them are doubtful. "
            f"They were corrected by models of other rows ({n_changed:,} of {n:,} changed), and {len(self._free):,} "
            "texts without a label were learnt from. The accuracy shown is the agreement with such labels; to know "
            "more, label some test records by hand."
        )
        free = set(self._free)
        left = [t for t in parts.data.unlabelled if t not in free]
        return replace(
            parts,
            data=replace(parts.data, unlabelled=left),
            fit=joined,
            judge=judge,
            both=join_examples(joined, judge),
            weak=True,
            n_guessed=len(self._free),
            warnings=(*parts.warnings, said),
        )


def _lead(probs: np.ndarray) -> np.ndarray:
    """By how much the likeliest class leads the second, float [n]; below 1, which says that somebody gave the label."""
    top = np.partition(probs, -2, axis=1)[:, -2:]
    return np.minimum(top[:, 1] - top[:, 0], MOST_LEAD)
