"""Two views of a text, its meaning and its letters, under one linear head."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import sparse

from homegrown.inference.headed import HeadedModel
from homegrown.inference.lexical import LexicalModel
from homegrown.inference.linear import LinearModel

if TYPE_CHECKING:
    from pathlib import Path

    from homegrown.core.protocols import Encoder
    from homegrown.inference.lexical import LexicalFeatures


class TwoViews(NamedTuple):
    """Sentence vectors and n-grams side by side, each of length 1, so that neither outweighs the other."""

    encoder: Encoder
    letters: LexicalFeatures

    def rows(self, texts: list[str]) -> sparse.csr_matrix:
        """float32 [n, dim + n_features]."""
        vectors = sparse.csr_matrix(np.asarray(self.encoder.encode(texts), np.float32))
        return sparse.csr_matrix(sparse.hstack([vectors, self.letters.rows(texts)]))


class ViewsModel(HeadedModel):
    """Logistic regression over ``TwoViews``; the weights of the n-grams are kept in half precision."""

    kind = "views"
    features: TwoViews

    def inputs(self, texts: list[str]) -> sparse.csr_matrix:
        """Both views."""
        return self.features.rows(texts)

    def write(self, folder: Path) -> dict[str, Any]:
        """What ``linear`` writes, and what ``lexical`` writes."""
        encoder, letters = self.features
        dim = len(self.weight) - len(letters.buckets)
        facts = LinearModel(encoder, self.class_names, self.weight[:dim], self.bias).write(folder)
        return facts | LexicalModel(letters, self.class_names, self.weight[dim:], self.bias).write(folder)

    @classmethod
    def read(cls, folder: Path, facts: dict[str, Any], encoder: Encoder | None) -> tuple[TwoViews, Any, np.ndarray]:
        """With *encoder*, or the one that ``write`` named."""
        found, vectors, bias = LinearModel.read(folder, facts, encoder)
        letters, grams, _ = LexicalModel.read(folder, facts, None)
        return TwoViews(found, letters), np.vstack([vectors, grams]), bias
