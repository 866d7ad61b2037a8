"""Which texts may be alike: MinHash and banding, in NumPy.

Broder 1997, "On the resemblance and containment of documents"; Leskovec, Rajaraman, Ullman, "Mining of Massive
Datasets", section 3.4; a few bits of each minimum are enough to estimate by (Li and König 2010, "b-Bit Minwise
Hashing"). Why not by a library: docs/adr/0007.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from homegrown.curate.shingles import GOLDEN, distinct, mixed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from homegrown.curate.shingles import Shingles

N_PERM, N_BITS = 64, 4
MISSED = 0.001
N_NEIGHBOURS = 4
_BANDS_AT_ONCE = 4
_TEXTS_AT_ONCE = 4_096
_CELLS_AT_ONCE = 32_768  # 128 KB: stays in the processor's cache
# Odd, so that each is a permutation of the numbers of 32 bits; fixed, so that two runs see the same pairs.
_FACTORS = np.random.default_rng(1).integers(0, 2**32, N_PERM, np.uint32) | np.uint32(1)


def candidates(shingles: Shingles, similarity: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of texts, first < second, that may be at least so similar: int64 [pairs] twice.

    Args:
        shingles: of n texts. Memory: some 250 bytes a text at 0.8, 1,000 at 0.5.
        similarity: Jaccard similarity wanted. A pair at 0.8 shares no band once in 5,000; it is also missed where many
            texts share each of its bands and none puts the two near each other.
    """
    n = len(shingles)
    keys, bits = _sketches(shingles, band_rows(similarity))
    found = np.zeros(0, np.int64)
    for start in range(0, len(keys), _BANDS_AT_ONCE):
        bands = range(start, min(start + _BANDS_AT_ONCE, len(keys)))
        pairs = distinct(np.concatenate([p for b in bands for p in _in_one_bucket(keys[b], keys[(b + 1) % len(keys)])]))
        found = distinct(np.concatenate([found, pairs[_plausible(bits, *np.divmod(pairs, n), similarity)]]))
    return np.divmod(found, n)


def band_rows(similarity: float) -> int:
    """How many places make a band: as many as miss a pair that is so similar at most once in a thousand, or one.

    Example:
        >>> band_rows(0.8), band_rows(0.5)
        (4, 2)
    """
    fitting = (rows for rows in (4, 2) if (1 - similarity**rows) ** (N_PERM // rows) <= MISSED)
    return next(fitting, 1)


def _sketches(shingles: Shingles, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Of each text a key per band, uint32 [bands, n], and some bits of each minimum, uint64 [n, bits], one a place."""
    n = len(shingles)
    keys, bits = np.empty((N_PERM // rows, n), np.uint32), np.empty((n, N_BITS), np.uint64)
    for start in range(0, n, _TEXTS_AT_ONCE):
        piece = slice(start, min(start + _TEXTS_AT_ONCE, n))
        least = _minima(*shingles.of(piece))
        bands = least.reshape(-1, rows, least.shape[1])
        key = np.zeros((len(bands), least.shape[1]), np.uint64)
        for place in range(rows):
            key = key * GOLDEN + bands[:, place]
        keys[:, piece] = mixed(key) >> np.uint64(32)
        # The high bits of a minimum are mostly zero, and the lowest are alike in all places.
        middle = (least >> np.uint32(8)).astype(np.uint8)
        for bit in range(N_BITS):
            packed = np.packbits(middle & np.uint8(1 << bit), axis=0)
            bits[piece, bit] = np.ascontiguousarray(packed.T).view(np.uint64)[:, 0]
    return keys, bits


def _minima(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """The least value of each text under each permutation, uint32 [permutations, texts].

    Texts of about one length lie side by side in a block, the shorter ones filled up with their last value, so that a
    permutation is one multiplication of the block and its minimum one pass along whole rows.
    """
    short = (values >> np.uint64(32)).astype(np.uint32)
    length = np.diff(starts)
    order = np.argsort(-length, kind="stable")
    found = np.empty((N_PERM, len(length)), np.uint32)
    low = 0
    while low < len(order):
        longest = int(length[order[low]])
        rows = order[low : low + max(1, _CELLS_AT_ONCE // longest)]
        block = short[starts[rows] + np.minimum(np.arange(longest)[:, None], length[rows] - 1)]
        moved, least = np.empty_like(block), np.empty((N_PERM, len(rows)), np.uint32)
        for place, factor in enumerate(_FACTORS):
            np.multiply(block, factor, out=moved)
            np.minimum.reduce(moved, axis=0, out=least[place])
        found[:, rows] = least
        low += len(rows)
    return found


def _in_one_bucket(key: np.ndarray, tie: np.ndarray) -> Iterator[np.ndarray]:
    """Pairs of texts that have one key, each as one number, int64 [pairs].

    Each text is paired with some neighbours and with the first of its bucket, so never quadratic. Inside a bucket texts
    are in the order of *tie*, the next band's key, which brings those that share that too beside each other.
    """
    n = len(key)
    shift = np.uint64(max(n - 1, 1).bit_length())
    # The key, as much of the tie as there is room for, and the text's number, sorted as one number.
    ordered = key.astype(np.uint64) << np.uint64(32) | tie.astype(np.uint64) >> shift << shift
    ordered = np.sort(ordered | np.arange(n, dtype=np.uint64))
    text = (ordered & (np.uint64(1) << shift) - np.uint64(1)).astype(np.int64)
    bucket = ordered >> np.uint64(32)
    head = np.maximum.accumulate(np.where(np.append(False, bucket[1:] == bucket[:-1]), 0, np.arange(n)))
    place = np.arange(n) - head
    for back in range(1, N_NEIGHBOURS + 1):
        later = np.flatnonzero(place >= back)
        yield _pair(text[later - back], text[later], n)
    later = np.flatnonzero(place > N_NEIGHBOURS)
    yield _pair(text[head[later]], text[later], n)


def _plausible(bits: np.ndarray, first: np.ndarray, second: np.ndarray, similarity: float) -> np.ndarray:
    """Whether two texts' minima agree about as often as those of texts that are so similar; bool [pairs].

    The share of equal places estimates the resemblance (Broder 1997, section 4); most candidates are more than four
    standard deviations below it and are dropped.
    """
    expected = similarity + (1 - similarity) / 2**N_BITS
    least = N_PERM * (expected - 4 * np.sqrt(expected * (1 - expected) / N_PERM))
    agreed = np.empty(len(first), np.uint8)
    for start in range(0, len(first), _TEXTS_AT_ONCE):
        piece = slice(start, start + _TEXTS_AT_ONCE)
        unlike = np.bitwise_or.reduce(bits[first[piece]] ^ bits[second[piece]], axis=1)
        agreed[piece] = N_PERM - np.bitwise_count(unlike)
    return agreed >= least


def _pair(left: np.ndarray, right: np.ndarray, n: int) -> np.ndarray:
    return np.minimum(left, right) * n + np.maximum(left, right)
