"""A conditional random field over hashed features of words: fitted to the optimum by L-BFGS.

Lafferty and others 2001. What a team would build without a neural network, and what a larger model has to beat.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.optimize import minimize

from homegrown.inference.span_models import CrfSpans
from homegrown.inference.word_features import window_buckets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from homegrown.inference.span_decoding import Tagging
    from homegrown.inference.words import Grain
    from homegrown.train.span_data import Prepared

N_STEPS = 100
STRENGTH = 0.1
ENDS_STRENGTH = 1e-3


class ChainFit:
    """The penalised log-likelihood of a chain whose scores are linear in sparse features.

    Args:
        matrix: csr float32 [n_words in all, n_columns].
        tags: int [n] for each text, legal.
        tagging: the labels.
        strength: of the squared penalty on every weight but those of the chain's ends.
    """

    def __init__(
        self, matrix: sparse.csr_matrix, tags: Sequence[np.ndarray], tagging: Tagging, strength: float
    ) -> None:
        self.matrix, self.transposed = matrix, matrix.T.tocsr()
        self.n_columns = len(self.transposed.indptr) - 1
        self.tagging, self.strength, self.k = tagging, strength, tagging.n_tags
        self.lengths = np.array([len(t) for t in tags])
        self.offsets = np.cumsum(self.lengths) - self.lengths
        gold = np.zeros((len(matrix.indptr) - 1, self.k))
        gold[np.arange(len(gold)), np.concatenate(tags)] = 1
        self.gold_columns = self.transposed @ gold
        k = self.k
        self.gold_pairs, self.gold_start, self.gold_end = np.zeros((k, k)), np.zeros(k), np.zeros(k)
        for one in tags:
            if len(one):
                np.add.at(self.gold_pairs, (one[:-1], one[1:]), 1)
                self.gold_start[one[0]] += 1
                self.gold_end[one[-1]] += 1

    def split(self, flat: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Weights [n_columns, k], transitions [k, k], start and end [k]."""
        k, n = self.k, self.n_columns * self.k
        weight, rest = flat[:n].reshape(-1, k), flat[n:]
        return weight, rest[: k * k].reshape(k, k), rest[k * k : k * k + k], rest[k * k + k :]

    def __call__(self, flat: np.ndarray) -> tuple[float, np.ndarray]:
        """The loss and its gradient."""
        weight, transition, start, end = self.split(flat)
        chain = self.tagging.chain(transition, start, end)
        emitted = self.matrix @ weight
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
                (self.transposed @ expected - self.gold_columns + self.strength * weight).ravel(),
                (pairs - self.gold_pairs + self.strength * transition).ravel(),
                starts - self.gold_start + ENDS_STRENGTH * start,
                ends - self.gold_end + ENDS_STRENGTH * end,
            ]
        )
        return loss + 0.5 * ENDS_STRENGTH * float((start**2).sum() + (end**2).sum()), gradient

    def run(self, n_steps: int, told: Callable[[], None] | None = None) -> np.ndarray:
        """The weights after at most *n_steps* steps of L-BFGS, flat as ``split`` takes them; *told* at each."""
        first = np.zeros(self.n_columns * self.k + self.k * self.k + 2 * self.k)
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
    """A CRF fitted to *prepared*; the same data gives the same model."""
    texts = prepared.examples.texts
    buckets = window_buckets(texts, prepared.words)
    known = np.unique(buckets).astype(np.int32)
    k = tagging.n_tags
    ends = {
        "transition": np.zeros((k, k), np.float32),
        "start": np.zeros(k, np.float32),
        "end": np.zeros(k, np.float32),
    }
    model = CrfSpans(tagging, grain, known, np.zeros((len(known), k), np.float32), ends)
    fit = ChainFit(model.matrix(texts, prepared.words), prepared.tags, tagging, strength)
    weight, transition, start, end = (a.astype(np.float32) for a in fit.split(fit.run(n_steps, told)))
    return CrfSpans(tagging, grain, known, weight, {"transition": transition, "start": start, "end": end})
