"""Conditional random fields over what is seen of words: fitted to the optimum by L-BFGS.

Lafferty and others 2001. Over hashed features alone it is what a team would build without a neural network, and what a
larger model has to beat; with the encoder's states beside them it knows words by their letters and by their meaning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.optimize import minimize

from homegrown.inference.span_crf import NEAR, CrfSpans, StateCrfSpans, shifted
from homegrown.inference.word_features import window_buckets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from homegrown.inference.encoder import Encoder
    from homegrown.inference.span_decoding import Tagging
    from homegrown.inference.words import Grain
    from homegrown.train.span_data import Prepared

N_STEPS = 100
STRENGTH = 0.1
ENDS_STRENGTH = 1e-3
#: length of a word's state beside its features, each of which is 1: how much it is trusted
STATE_LENGTH = 2.0


class Columns:
    """What the scores of labels are linear in: sparse features of words, and states of them and of their neighbours.

    Args:
        matrix: csr float32 [n_words in all, n_features].
        states: float32 [n_words in all, dim]; None where there are none.
        lengths: int [n_texts], words of each text.
    """

    def __init__(self, matrix: sparse.csr_matrix, states: np.ndarray | None, lengths: np.ndarray) -> None:
        self.matrix, self.transposed, self.states, self.lengths = matrix, matrix.T.tocsr(), states, lengths
        self.n_features = len(self.transposed.indptr) - 1
        self.n_dense = 0 if states is None else len(NEAR) * states.shape[1]

    def __len__(self) -> int:
        return self.n_features + self.n_dense

    def scores(self, weight: np.ndarray) -> np.ndarray:
        """Float [n_words in all, k] of weights float [n columns, k]."""
        total = self.matrix @ weight[: self.n_features]
        if self.states is not None:
            dense = weight[self.n_features :].astype(np.float32).reshape(len(NEAR), -1, weight.shape[1])
            for step, one in zip(NEAR, dense, strict=True):
                total += shifted(self.states @ one, self.lengths, step)
        return total

    def sums(self, rows: np.ndarray) -> np.ndarray:
        """Float [n columns, k]: what each column adds up to, words weighted by *rows* [n_words in all, k]."""
        told = [self.transposed @ rows]
        if self.states is not None:
            rows = rows.astype(np.float32)
            told += [self.states.T @ shifted(rows, self.lengths, -step) for step in NEAR]
        return np.concatenate(told)


class ChainFit:
    """The penalised log-likelihood of a chain whose scores are linear in columns.

    Args:
        columns: what is seen of the words.
        tags: int [n] for each text, legal.
        tagging: the labels.
        strength: of the squared penalty on every weight but those of the chain's ends.
    """

    def __init__(self, columns: Columns, tags: Sequence[np.ndarray], tagging: Tagging, strength: float) -> None:
        self.columns, self.tagging, self.strength, self.k = columns, tagging, strength, tagging.n_tags
        self.lengths = columns.lengths
        self.offsets = np.cumsum(self.lengths) - self.lengths
        gold = np.zeros((int(self.lengths.sum()), self.k))
        gold[np.arange(len(gold)), np.concatenate(tags)] = 1
        self.gold_columns = columns.sums(gold)
        k = self.k
        self.gold_pairs, self.gold_start, self.gold_end = np.zeros((k, k)), np.zeros(k), np.zeros(k)
        for one in tags:
            if len(one):
                np.add.at(self.gold_pairs, (one[:-1], one[1:]), 1)
                self.gold_start[one[0]] += 1
                self.gold_end[one[-1]] += 1

    def split(self, flat: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Weights [n_columns, k], transitions [k, k], start and end [k]."""
        k, n = self.k, len(self.columns) * self.k
        weight, rest = flat[:n].reshape(-1, k), flat[n:]
        return weight, rest[: k * k].reshape(k, k), rest[k * k : k * k + k], rest[k * k + k :]

    def __call__(self, flat: np.ndarray) -> tuple[float, np.ndarray]:
        """The loss and its gradient."""
        weight, transition, start, end = self.split(flat)
        chain = self.tagging.chain(transition, start, end)
        emitted = self.columns.scores(weight)
        scores = [emitted[o : o + n] for o, n in zip(self.offsets, self.lengths, strict=True)]
        total = 0.0
        expected = np.zeros_like(emitted)
        pairs, starts, ends = np.zeros((self.k, self.k)), np.zeros(self.k), np.zeros(self.k)
        for lattice in chain.lattices(scores):
            total += float(lattice.log_sums.sum())
            marginals = lattice.marginals
            pairs += chain.pairs(lattice)
            starts += marginals[0].sum(0)
            ends += marginals[lattice.lengths - 1, np.arange(len(lattice.rows))].sum(0)
            for i, row in enumerate(lattice.rows):
                expected[self.offsets[row] : self.offsets[row] + lattice.lengths[i]] = marginals[
                    : lattice.lengths[i], i
                ]
        said = (
            float((self.gold_columns * weight).sum())
            + float((self.gold_pairs * transition).sum())
            + float(self.gold_start @ start + self.gold_end @ end)
        )
        loss = total - said + 0.5 * self.strength * float((weight**2).sum() + (transition**2).sum())
        gradient = np.concatenate(
            [
                (self.columns.sums(expected) - self.gold_columns + self.strength * weight).ravel(),
                (pairs - self.gold_pairs + self.strength * transition).ravel(),
                starts - self.gold_start + ENDS_STRENGTH * start,
                ends - self.gold_end + ENDS_STRENGTH * end,
            ]
        )
        return loss + 0.5 * ENDS_STRENGTH * float((start**2).sum() + (end**2).sum()), gradient

    def run(self, n_steps: int, told: Callable[[], None] | None = None) -> np.ndarray:
        """The weights after at most *n_steps* steps of L-BFGS, flat as ``split`` takes them; *told* at each."""
        first = np.zeros(len(self.columns) * self.k + self.k * self.k + 2 * self.k)
        found = minimize(
            self,
            first,
            jac=True,
            method="L-BFGS-B",
            callback=(lambda _: told()) if told else None,
            options={"maxiter": n_steps, "maxcor": 6},
        )
        return found.x


def fit_crf(
    prepared: Prepared,
    tagging: Tagging,
    grain: Grain,
    *,
    strength: float = STRENGTH,
    n_steps: int = N_STEPS,
    told: Callable[[], None] | None = None,
) -> CrfSpans:
    """A CRF over hashed features fitted to *prepared*; the same data gives the same model."""
    known, weight, ends, _ = _fit(prepared, tagging, grain, None, strength, n_steps, told)
    return CrfSpans(tagging, grain, known, weight, ends)


def fit_state_crf(
    prepared: Prepared,
    tagging: Tagging,
    grain: Grain,
    states: np.ndarray,
    layers: tuple[int, int],
    encoder: Encoder,
    *,
    strength: float = STRENGTH,
    n_steps: int = N_STEPS,
    told: Callable[[], None] | None = None,
) -> StateCrfSpans:
    """One that sees the encoder's states too.

    Args:
        prepared: texts, words, labels.
        tagging: the labels.
        grain: what words are.
        states: float [n_words in all, dim], of *encoder*'s *layers*.
        layers: first and last whose states were averaged.
        encoder: that made the states.
        strength: of the penalty.
        n_steps: most steps.
        told: at each step.
    """
    mean = states.mean(0, dtype=np.float64).astype(np.float32)
    spread = states.std(0, dtype=np.float64).astype(np.float32)
    scale = STATE_LENGTH / np.sqrt(np.float32(len(mean))) / np.maximum(spread, 1e-3)
    seen = (states.astype(np.float32) - mean) * scale
    known, weight, ends, near = _fit(prepared, tagging, grain, seen, strength, n_steps, told)
    return StateCrfSpans(
        tagging, grain, known, weight, ends, mean=mean, scale=scale, state_weight=near, layers=layers, encoder=encoder
    )


def _fit(
    prepared: Prepared,
    tagging: Tagging,
    grain: Grain,
    seen: np.ndarray | None,
    strength: float,
    n_steps: int,
    told: Callable[[], None] | None,
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """Buckets, their weights, those of the chain, those of states float32 [3, dim, n_tags]."""
    texts, k = prepared.examples.texts, tagging.n_tags
    known = np.unique(window_buckets(texts, prepared.words)).astype(np.int32)
    empty = {"transition": np.zeros((k, k)), "start": np.zeros(k), "end": np.zeros(k)}
    matrix = CrfSpans(tagging, grain, known, np.zeros((len(known), k)), empty).matrix(texts, prepared.words)
    fit = ChainFit(Columns(matrix, seen, prepared.lengths), prepared.tags, tagging, strength)
    weight, transition, start, end = (a.astype(np.float32) for a in fit.split(fit.run(n_steps, told)))
    ends = {"transition": transition, "start": start, "end": end}
    return known, weight[: len(known)], ends, weight[len(known) :].reshape(len(NEAR), -1, k)
