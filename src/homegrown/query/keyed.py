"""Find rows of a table by the hash of a text, a batch at a time, with eight bytes of memory per row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

_HEX = np.zeros(256, np.uint64)
for _digit, _character in enumerate(b"0123456789abcdef"):
    _HEX[_character] = _digit


class KeyIndex:
    """Positions by text hash.

    Args:
        hashes: 32 hexadecimal characters each; the first 16 decide, so check the row that is found.

    Example:
        >>> KeyIndex(pa.array(["00" * 16, "ff" * 16])).positions(["ff" * 16, "11" * 16]).tolist()
        [1, -1]
    """

    def __init__(self, hashes: pa.Array | pa.ChunkedArray) -> None:
        keys = _keys(hashes.to_pylist())
        self._order = np.argsort(keys, kind="stable")
        self._sorted = keys[self._order]

    def positions(self, hashes: Sequence[str]) -> np.ndarray:
        """int64 [n]: the row of each hash, -1 where there is none."""
        if not len(self._sorted) or not len(hashes):
            return np.full(len(hashes), -1, np.int64)
        wanted = _keys(hashes)
        at = np.minimum(np.searchsorted(self._sorted, wanted), len(self._sorted) - 1)
        return np.where(self._sorted[at] == wanted, self._order[at], -1).astype(np.int64)


def _keys(hashes: Sequence[str]) -> np.ndarray:
    if not len(hashes):
        return np.zeros(0, np.uint64)
    characters = np.frombuffer("".join(h[:16] for h in hashes).encode("ascii"), np.uint8).reshape(-1, 16)
    keys = np.zeros(len(characters), np.uint64)
    for column in range(16):
        keys = (keys << np.uint64(4)) | _HEX[characters[:, column]]
    return keys
