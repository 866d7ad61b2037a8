"""Which of the candidates of a text a field holds, or none of them: a conditional logit over what stands around each.

The probability of a candidate is the softmax of a linear score over all candidates of the text and "not there"
(McFadden 1974, "Conditional logit analysis of qualitative choice behavior"); that of a value is the sum over the places
where it stands. So an answer that is known as words only teaches, wherever it stands and however often (distant
supervision, Mintz and others 2009).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from homegrown.core.schema import FieldType
from homegrown.inference.candidates import Candidate, Reading, candidates
from homegrown.inference.place_features import WIDTH, PlaceFeatures, nowhere_features

if TYPE_CHECKING:
    from collections.abc import Sequence

#: candidates of a text that are looked at in an answer: 200 pages of lines and more
MOST_ASKED = 100_000


@dataclass(frozen=True, slots=True)
class Places:
    """The candidates of n texts as one matrix.

    Attributes:
        found: candidates of each text.
        rows: sparse [m, WIDTH], a row per candidate of all texts, in order, and after those of each text one row for
            "not there".
        begin: int [n + 1], first row of each text.
    """

    found: list[list[Candidate]]
    rows: sp.csr_matrix
    begin: np.ndarray


def places(texts: Sequence[str], type: FieldType, reading: Reading) -> Places:
    """Candidates of *texts* and what stands around them."""
    found = [candidates(text, type, reading) for text in texts]
    columns: list[int] = []
    ends = [0]
    for text, some in zip(texts, found, strict=True):
        told = PlaceFeatures(text, some)
        for one in some:
            columns += sorted(set(told.of(one)))
            ends.append(len(columns))
        columns += sorted(set(nowhere_features(text, len(some))))
        ends.append(len(columns))
    values = np.ones(len(columns), np.float32)
    rows = sp.csr_matrix((values, np.array(columns, np.int32), np.array(ends)), shape=(len(ends) - 1, WIDTH))
    begin = np.cumsum([0, *(len(some) + 1 for some in found)])
    return Places(found, rows, begin)


def log_probs(places: Places, weights: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Log probability of every row of *places* among those of its text, float64 [m]."""
    scores = np.asarray(places.rows @ weights, np.float64).ravel() / temperature
    first = places.begin[:-1]
    sizes = np.diff(places.begin)
    top = np.maximum.reduceat(scores, first)
    total = np.add.reduceat(np.exp(scores - np.repeat(top, sizes)), first)
    return scores - np.repeat(top + np.log(total), sizes)


@dataclass(frozen=True, slots=True)
class Ranking:
    """A trained field.

    Attributes:
        weights: float32 [WIDTH].
    """

    type: FieldType
    reading: Reading
    weights: np.ndarray
    temperature: float = 1.0

    def best(self, texts: Sequence[str]) -> list[tuple[Candidate | None, float]]:
        """Of each text the likeliest place of the likeliest value, or None: "not there"; and its probability."""
        return [self._best(text) for text in texts]

    def _best(self, text: str) -> tuple[Candidate | None, float]:
        # Place by place: a matrix of all places of a long text would not fit into memory.
        found = candidates(text, self.type, self.reading, MOST_ASKED)
        told = PlaceFeatures(text, found)
        rows = chain((told.of(one) for one in found), [nowhere_features(text, len(found))])
        scores = np.array([self.weights[list(set(row))].sum() for row in rows], np.float64) / self.temperature
        probs = np.exp(scores - scores.max())
        return _likeliest(found, probs / probs.sum())


def _likeliest(some: list[Candidate], probs: np.ndarray) -> tuple[Candidate | None, float]:
    by_value: dict[str, float] = {}
    for one, prob in zip(some, probs.tolist(), strict=False):
        by_value[one.value] = by_value.get(one.value, 0.0) + prob
    nothing = float(probs[-1])
    value = max(by_value, key=by_value.__getitem__, default=None)
    if value is None or by_value[value] <= nothing:
        return None, nothing
    place = max((i for i, c in enumerate(some) if c.value == value), key=lambda i: probs[i])
    return some[place], by_value[value]
