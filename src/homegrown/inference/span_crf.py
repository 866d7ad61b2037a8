"""Conditional random fields over hashed features of words, alone or with what an encoder makes of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from homegrown.inference.span_base import ChainSpans, SpanReadout
from homegrown.inference.word_features import BITS, window_buckets

if TYPE_CHECKING:
    from homegrown.inference.encoder import Encoder
    from homegrown.inference.span_decoding import Tagging
    from homegrown.inference.words import Grain, Words

#: words whose states are seen: the one before, the word itself, the one after
NEAR = (-1, 0, 1)


def shifted(rows: np.ndarray, lengths: np.ndarray, step: int) -> np.ndarray:
    """Of each word the row of that *step* words on in its text; zeros where there is none.

    Args:
        rows: float [n_words in all, k].
        lengths: int [n_texts], words of each text.
        step: may be negative.

    Example:
        >>> shifted(np.array([[1.0], [2.0], [3.0]]), np.array([2, 1]), 1).ravel().tolist()
        [2.0, 0.0, 0.0]
    """
    if not step or not len(rows):
        return rows
    ends = np.repeat(np.cumsum(lengths), lengths)
    starts = ends - np.repeat(lengths, lengths)
    at = np.arange(len(rows)) + step
    inside = (at >= starts) & (at < ends)
    return np.where(inside[:, None], rows[np.clip(at, 0, len(rows) - 1)], 0)


class CrfSpans(ChainSpans):
    """A conditional random field over hashed features of words; needs no encoder and no language.

    Args:
        buckets: int32 [n_features], sorted: the features that count.
        weight: float32 [n_features, n_tags].
        ends: ``transition`` [n_tags, n_tags], ``start`` and ``end`` [n_tags].
    """

    kind = "crf"

    def __init__(
        self,
        tagging: Tagging,
        grain: Grain,
        buckets: np.ndarray,
        weight: np.ndarray,
        ends: dict[str, np.ndarray],
        readout: SpanReadout | None = None,
    ) -> None:
        super().__init__(tagging, grain, ends, readout)
        self.buckets, self.weight = buckets, weight
        self._column = np.full(1 << BITS, -1, np.int32)
        self._column[buckets] = np.arange(len(buckets))

    def matrix(self, texts: list[str], words: list[Words]) -> sparse.csr_matrix:
        """float32 [n_words in all, n_features], 1 where a word has the feature."""
        columns = self._column[window_buckets(texts, words)]
        known = columns >= 0
        starts = np.concatenate([[0], np.cumsum(known.sum(1))])
        values = np.ones(int(starts[-1]), np.float32)
        return sparse.csr_matrix((values, columns[known], starts), shape=(len(columns), len(self.buckets)))

    def scores(self, texts: list[str], words: list[Words], states: np.ndarray | None = None) -> list[np.ndarray]:
        """Float [n_words, n_tags] for each text."""
        total = np.asarray(self.matrix(texts, words) @ self.weight)
        return np.split(total, np.cumsum([len(w) for w in words])[:-1]) if len(texts) else []

    def arrays(self) -> dict[str, np.ndarray]:
        """Weights in half precision."""
        return {"buckets": self.buckets, "weight": self.weight.astype(np.float16), **self.ends}


class StateCrfSpans(CrfSpans):
    """One that also sees the encoder's states of a word and its neighbours, in the same sum.

    Args:
        mean / scale: float32 [dim]; a state counts as (state - mean) * scale.
        state_weight: float32 [3, dim, n_tags], for the word before, the word and the word after.
        layers: first and last layer whose states are averaged.
        encoder: that reads the texts.
    """

    kind = "state_crf"

    def __init__(
        self,
        tagging: Tagging,
        grain: Grain,
        buckets: np.ndarray,
        weight: np.ndarray,
        ends: dict[str, np.ndarray],
        *,
        mean: np.ndarray,
        scale: np.ndarray,
        state_weight: np.ndarray,
        layers: tuple[int, int],
        encoder: Encoder,
        readout: SpanReadout | None = None,
    ) -> None:
        super().__init__(tagging, grain, buckets, weight, ends, readout)
        self.mean, self.scale, self.state_weight = mean, scale, state_weight
        self.layers, self.encoder = layers, encoder

    def states(self, texts: list[str], words: list[Words]) -> np.ndarray:
        """float32 [n_words in all, dim]."""
        return self.encoder.word_states(texts, words, self.layers)

    def scores(self, texts: list[str], words: list[Words], states: np.ndarray | None = None) -> list[np.ndarray]:
        """Float [n_words, n_tags] for each text."""
        lengths = np.array([len(w) for w in words], int)
        seen = ((self.states(texts, words) if states is None else states) - self.mean) * self.scale
        near = [shifted(seen @ w, lengths, step) for step, w in zip(NEAR, self.state_weight, strict=True)]
        more = np.split(np.sum(near, 0), np.cumsum(lengths)[:-1])
        return [a + b for a, b in zip(super().scores(texts, words), more, strict=len(texts) > 0)]

    def arrays(self) -> dict[str, np.ndarray]:
        """Weights in half precision."""
        told = {"mean": self.mean, "scale": self.scale, "state_weight": self.state_weight.astype(np.float16)}
        return super().arrays() | told

    def facts(self) -> dict[str, Any]:
        """Also the layers."""
        return super().facts() | {"layers": self.layers}
