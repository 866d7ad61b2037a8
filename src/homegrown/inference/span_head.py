"""The part of a span model above the encoder: from states of words to scores of labels, in NumPy.

States and hashed features of the word as it is written (case, ends, shape: the encoder reads lower case only) go
through convolutions over neighbouring words. Several heads that differ by chance may be averaged.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from homegrown.inference.word_features import told_buckets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.inference.words import Words

EPS = 1e-5
CHUNK_WORDS = 1 << 14


@dataclass(frozen=True, slots=True)
class HeadShape:
    """Sizes.

    Attributes:
        dim: of a word's state.
        hidden: of the layers between.
        bag: numbers per hashed feature.
        bits: buckets of features, as a power of two.
        n_convs: convolutions, the first without a shortcut.
        width: words that one of them sees.
    """

    dim: int
    n_tags: int
    hidden: int = 192
    bag: int = 48
    bits: int = 14
    n_convs: int = 2
    width: int = 3


def features(words: Sequence[Words], texts: Sequence[str], bits: int) -> tuple[np.ndarray, np.ndarray]:
    """What a head is told of each word beside its state.

    Returns:
        int64 [n_words in all, n_features], buckets; int64 [n], what stands before (0 to 2) + 3 times what stands after.
    """
    before = np.concatenate([np.zeros(0, np.int8), *(w.before for w in words)]).astype(np.int64)
    after = np.concatenate([np.zeros(0, np.int8), *(np.append(w.before[1:], 2)[: len(w)] for w in words)])
    return told_buckets(texts, words, bits), before + 3 * after.astype(np.int64)


class SpanHead:
    """One head.

    Args:
        shape: its sizes.
        arrays: ``in.weight`` [hidden, dim], ``in.bias``, ``bag`` [2^bits, bag], ``place`` [9, bag], for each
            convolution ``conv.i.weight`` [hidden, width * n_inputs], ``conv.i.bias``, ``norm.i.weight``,
            ``norm.i.bias``, and ``out.weight`` [n_tags, hidden], ``out.bias``, ``transition``, ``start``, ``end``.
    """

    def __init__(self, shape: HeadShape, arrays: dict[str, np.ndarray]) -> None:
        self.shape = shape
        self.arrays = {name: np.asarray(a, np.float32) for name, a in arrays.items()}

    def scores(self, states: np.ndarray, buckets: np.ndarray, places: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """float32 [n_words in all, n_tags].

        Args:
            states: float32 [n_words in all, dim].
            buckets: of ``features``.
            places: of ``features``.
            lengths: int [n_texts], words of each text.
        """
        a, shape = self.arrays, self.shape
        found = np.empty((len(states), shape.n_tags), np.float32)
        for first, last in _chunks(lengths):
            rows = slice(int(lengths[:first].sum()), int(lengths[:last].sum()))
            seen = np.maximum(states[rows] @ a["in.weight"].T + a["in.bias"], 0)
            bag = a["bag"][buckets[rows]].sum(1) + a["place"][places[rows]]
            hidden = np.concatenate([seen, bag], 1)
            at = _spread(lengths[first:last], shape.width // 2)
            for i in range(shape.n_convs):
                new = np.maximum(self._conv(hidden, at, i), 0)
                hidden = _normalised(new + hidden if i else new, a[f"norm.{i}.weight"], a[f"norm.{i}.bias"])
            found[rows] = hidden @ a["out.weight"].T + a["out.bias"]
        return found

    def _conv(self, hidden: np.ndarray, at: np.ndarray, i: int) -> np.ndarray:
        half = self.shape.width // 2
        apart = np.zeros((len(hidden) and int(at[-1]) + 1 + half, hidden.shape[1]), np.float32)
        apart[at] = hidden
        near = np.concatenate([apart[at + step] for step in range(-half, half + 1)], 1)
        return near @ self.arrays[f"conv.{i}.weight"].T + self.arrays[f"conv.{i}.bias"]


def _chunks(lengths: np.ndarray) -> list[tuple[int, int]]:
    """Texts from and to, so that each run of them has about ``CHUNK_WORDS`` words."""
    if not len(lengths):
        return []
    number = (np.cumsum(lengths) - 1).clip(0) // CHUNK_WORDS
    cuts = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(lengths)]
    return list(pairwise(cuts))


def _spread(lengths: np.ndarray, gap: int) -> np.ndarray:
    """Where words stand when *gap* empty places lie before each text."""
    return np.arange(int(lengths.sum())) + np.repeat(np.arange(1, len(lengths) + 1) * gap, lengths)


def _normalised(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    x = x - x.mean(1, keepdims=True)
    return x / np.sqrt((x * x).mean(1, keepdims=True) + EPS) * weight + bias
