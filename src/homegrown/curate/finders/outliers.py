"""Records that are unlike all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from homegrown.core.issues import Found

if TYPE_CHECKING:
    from collections.abc import Iterator

    from homegrown.curate.examined import Examined

_K = 10
#: so many robust deviations below the usual similarity
_FAR = 4.0
_FEWEST = 50


class OutlierFinder:
    """By the mean similarity to the nearest records.

    Ramaswamy, Rastogi, Shim 2000, "Efficient Algorithms for Mining Outliers from Large Data Sets", section 2; the mean
    of several is steadier than the k-th.
    """

    kinds = ("outlier",)

    def find(self, here: Examined) -> Iterator[Found]:
        """Records whose nearest ones are far by the measure of all."""
        n = here.table.num_rows
        if n < _FEWEST:
            return
        for rows in here.pieces(np.arange(n)):
            _, similarity = here.near(rows, _K)
            near = similarity.mean(1)
            usual = float(np.median(near))
            spread = 1.4826 * float(np.median(np.abs(near - usual))) + 1e-6
            far = (usual - near) / spread
            ids = here.ids(rows)
            for row in np.flatnonzero(far > _FAR).tolist():
                reason = (
                    f"Unlike anything else here: its nearest records are {near[row]:.2f} similar, usual is {usual:.2f}."
                )
                yield Found(ids[row], "outlier", float(1 - _FAR / (2 * far[row])), reason)
