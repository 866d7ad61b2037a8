"""The votes of many sources on many records, as arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from homegrown.errors import InputError


@dataclass(frozen=True)
class VoteMatrix:
    """Votes in coordinates: entry v says that source ``source[v]`` gave class ``value[v]`` to record ``record[v]``.

    An abstention is no entry. A soft vote is several entries of one source on one record whose weights sum to at
    most 1.

    Attributes:
        record: int [n_votes].
        source: int [n_votes].
        value: int [n_votes], class numbers.
        weight: float [n_votes], above 0 and at most 1.

    Example:
        >>> votes = VoteMatrix.of(record=[0, 0, 1], source=[0, 1, 1], value=[1, 1, 0])
        >>> votes.n_records, votes.n_sources, votes.n_classes
        (2, 2, 2)
    """

    record: np.ndarray
    source: np.ndarray
    value: np.ndarray
    weight: np.ndarray
    n_records: int
    n_sources: int
    n_classes: int

    @classmethod
    def of(
        cls,
        record: object,
        source: object,
        value: object,
        weight: object = None,
        *,
        n_records: int | None = None,
        n_sources: int | None = None,
        n_classes: int | None = None,
    ) -> VoteMatrix:
        """Check and keep the four columns; sizes are the largest number plus one unless given.

        Raises:
            InputError: the columns differ in length, or a number or weight is out of range.
        """
        columns = [np.asarray(c, np.int64) for c in (record, source, value)]
        weights = np.ones(len(columns[0])) if weight is None else np.asarray(weight, np.float64)
        if len({len(c) for c in (*columns, weights)}) != 1:
            raise InputError("Records, sources, values and weights must have one entry per vote each.")
        if not (np.isfinite(weights) & (weights > 0) & (weights <= 1)).all():
            raise InputError("The weight of a vote lies above 0 and at most at 1.")
        sizes = []
        for column, given in zip(columns, (n_records, n_sources, n_classes), strict=True):
            found = int(column.max()) + 1 if len(column) else 0
            if (len(column) and column.min() < 0) or (given is not None and found > given):
                raise InputError("A vote names a record, a source or a class outside of the given sizes.")
            sizes.append(found if given is None else given)
        return cls(columns[0], columns[1], columns[2], weights, sizes[0], sizes[1], sizes[2])

    @cached_property
    def sparse(self) -> sp.csr_matrix:
        """Weights float [n_records, n_sources * n_classes]; column ``source * n_classes + value``."""
        shape = (self.n_records, self.n_sources * self.n_classes)
        table = sp.csr_matrix((self.weight, (self.record, self.source * self.n_classes + self.value)), shape=shape)
        table.sort_indices()
        return table

    @cached_property
    def votes_per_record(self) -> np.ndarray:
        """Summed weights float [n_records]."""
        return np.bincount(self.record, self.weight, self.n_records)

    @cached_property
    def counts(self) -> np.ndarray:
        """Summed weights float [n_sources, n_classes] of each source's values."""
        flat = np.bincount(self.source * self.n_classes + self.value, self.weight, self.n_sources * self.n_classes)
        return flat.reshape(self.n_sources, self.n_classes)

    def rows(self, chosen: np.ndarray) -> VoteMatrix:
        """The records *chosen*, int [n], in that order; sources and classes keep their numbers."""
        part = self.sparse[chosen].tocoo()
        source, value = np.divmod(part.col.astype(np.int64), self.n_classes)
        return VoteMatrix(
            part.row.astype(np.int64), source, value, part.data, len(chosen), self.n_sources, self.n_classes
        )

    def reweighted(self, factor: np.ndarray) -> VoteMatrix:
        """The same votes with weights times *factor*, float [n_votes] above 0 and at most 1."""
        return replace(self, weight=self.weight * factor)


def majority(votes: VoteMatrix) -> np.ndarray:
    """Each class's share of the votes, float [n_records, n_classes]; even where a record has none.

    Example:
        >>> majority(VoteMatrix.of([0, 0, 0], [0, 1, 2], [1, 1, 0])).round(2).tolist()
        [[0.33, 0.67]]
    """
    flat = np.bincount(votes.record * votes.n_classes + votes.value, votes.weight, votes.n_records * votes.n_classes)
    share = flat.reshape(votes.n_records, votes.n_classes)
    total = votes.votes_per_record[:, None]
    return np.where(total > 0, share / np.maximum(total, 1e-300), 1 / votes.n_classes)
