"""Many ids at once, as the 16 bytes that they are: 16 MB for a million, and looked up without a Python object each."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

ID = np.dtype([("hi", ">u8"), ("lo", ">u8")])


def from_bytes(raw: bytes) -> np.ndarray:
    """Ids [n] from 16 n bytes."""
    return np.frombuffer(raw, ID)


def from_hex(ids: pa.Array) -> np.ndarray:
    """Ids [n] from strings of 32 hexadecimal characters.

    Example:
        >>> to_hex(from_hex(pa.array(["00" * 15 + "ff"]))).to_pylist() == ["00" * 15 + "ff"]
        True
    """
    if not len(ids):
        return np.empty(0, ID)
    offsets = np.frombuffer(ids.buffers()[1], np.int32)
    start = int(offsets[ids.offset])
    text = memoryview(ids.buffers()[2])[start : start + 32 * len(ids)]
    return from_bytes(bytes.fromhex(text.tobytes().decode()))


def to_hex(ids: np.ndarray) -> pa.Array:
    """Ids as strings of 32 hexadecimal characters."""
    offsets = np.arange(0, 32 * (len(ids) + 1), 32, dtype=np.int32)
    # np.concatenate turns big-endian fields into native ones: the bytes below must be big-endian.
    raw = ids.astype(ID) if ids.dtype.names else ids
    text = np.ascontiguousarray(raw).tobytes().hex().encode()
    return pa.StringArray.from_buffers(len(ids), pa.py_buffer(offsets.tobytes()), pa.py_buffer(text))


def sorted_order(ids: np.ndarray) -> np.ndarray:
    """Positions that sort *ids*; equal ones stay in their order."""
    hi, lo = ids["hi"].astype(np.uint64), ids["lo"].astype(np.uint64)
    order = np.argsort(hi, kind="stable")
    hi, by_hi = hi[order], lo[order]
    # Ids are hashes: two that differ and share their first half are rare enough to pay for a full sort.
    if ((hi[1:] == hi[:-1]) & (by_hi[1:] < by_hi[:-1])).any():
        return np.lexsort((lo, ids["hi"]))
    return order


def twins(ids: np.ndarray) -> np.ndarray:
    """For each id the number of equal ones before it, int64 [n].

    Example:
        >>> twins(from_bytes(b"a" * 16 + b"b" * 16 + b"a" * 16)).tolist()
        [0, 0, 1]
    """
    n = len(ids)
    counts = np.zeros(n, np.int64)
    if n < 2:
        return counts
    order = sorted_order(ids)
    ordered = ids[order]
    fresh = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    starts = np.flatnonzero(fresh)
    counts[order] = np.arange(n) - np.repeat(starts, np.diff(np.append(starts, n)))
    return counts


class IdSet:
    """Looks ids up among *ids* (each once).

    Example:
        >>> IdSet(from_bytes(b"a" * 16 + b"b" * 16)).find(from_bytes(b"b" * 16 + b"c" * 16)).tolist()
        [1, -1]
    """

    def __init__(self, ids: np.ndarray) -> None:
        self._order = sorted_order(ids)
        self._hi = ids["hi"][self._order].astype(np.uint64)
        self._lo = ids["lo"][self._order].astype(np.uint64)

    def find(self, ids: np.ndarray) -> np.ndarray:
        """Position of each of *ids*, -1 for those that are not there; int64."""
        found = np.full(len(ids), -1, np.int64)
        if not len(self._hi) or not len(ids):
            return found
        hi, lo = ids["hi"].astype(np.uint64), ids["lo"].astype(np.uint64)
        at = np.searchsorted(self._hi, hi)
        # Two ids that share their first 64 bits stand side by side: step on while the first half still agrees.
        open_ = np.arange(len(ids))
        while len(open_):
            inside = open_[at[open_] < len(self._hi)]
            same = inside[self._hi[at[inside]] == hi[inside]]
            hit = self._lo[at[same]] == lo[same]
            found[same[hit]] = self._order[at[same[hit]]]
            open_ = same[~hit]
            at[open_] += 1
        return found
