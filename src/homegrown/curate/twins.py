"""Texts that say the same: equal after normalisation, or near it by MinHash. They stay on one side of every split.

MinHash and banding by rensa (Broder 1997, "On the resemblance and containment of documents"; Leskovec, Rajaraman,
Ullman, "Mining of Massive Datasets", section 3.4); every candidate pair is then checked exactly.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rensa import RMinHash, RMinHashLSH

SIMILARITY = 0.8
N_PERM, N_BANDS = 64, 16
_PAIRS_AT_ONCE = 200_000
# Scripts that put no spaces between words are read character by character.
_UNSPACED = r"([\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}])"


def normalised(texts: pa.Array) -> pa.Array:
    """Texts without what does not change their meaning: case, width, punctuation and symbols, spacing.

    A text of symbols alone (an emoji, "???") stays as it is.

    Example:
        >>> normalised(pa.array(["  Where's my CARD??", "!!"])).to_pylist()
        ['where s my card', '!!']
    """
    plain = pc.utf8_lower(pc.utf8_normalize(texts, form="NFKC"))
    plain = pc.replace_substring_regex(plain, _UNSPACED, r" \1 ")
    plain = pc.utf8_trim_whitespace(pc.replace_substring_regex(plain, r"[^\p{L}\p{N}\p{M}]+", " "))
    return pc.if_else(pc.equal(plain, ""), texts, plain)


def twin_groups(texts: pa.Array, similarity: float = SIMILARITY) -> np.ndarray:
    """The number of the group of twins that each text belongs to, int [n].

    Args:
        texts: n texts.
        similarity: Jaccard similarity of their words and word pairs from which two texts are twins; 1 takes
            texts that are equal after normalisation only.
    """
    encoded = normalised(texts).dictionary_encode()
    code = encoded.indices.to_numpy()
    unique = encoded.dictionary
    groups = np.arange(len(unique))
    if similarity < 1 and len(unique) > 1:
        first, second = _similar(unique, similarity)
        groups = join(groups, first, second)
    return groups[code]


def join(groups: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """*groups* after the groups of each pair of rows were made one: the smallest number names it.

    Hook and compress, in a few vectorised rounds (Shiloach and Vishkin 1982, J. Algorithms 3:57).

    Example:
        >>> join(np.arange(5), np.array([0, 3]), np.array([1, 1])).tolist()
        [0, 0, 2, 0, 4]
    """
    parent = np.arange(int(groups.max()) + 1) if len(groups) else np.zeros(0, int)
    a, b = groups[first], groups[second]
    while True:
        low = np.minimum(parent[a], parent[b])
        before = parent.copy()
        np.minimum.at(parent, parent[a], low)
        np.minimum.at(parent, parent[b], low)
        while (parent[parent] != parent).any():
            parent = parent[parent]
        if (parent == before).all():
            return parent[groups]


def _similar(texts: pa.Array, similarity: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of distinct texts that are at least so similar. Sees a pair at 0.8 with probability 0.9997."""
    values, starts = _shingles(texts)
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(values, starts, N_PERM, 1)
    flags = RMinHashLSH(similarity, N_PERM, N_BANDS).query_duplicate_flags_matrix_one_shot(matrix)
    chosen = np.flatnonzero(flags)
    if len(chosen) == 0:
        return chosen, chosen
    # Handing digests over is the slow step, so only the few texts that have a candidate are handed over.
    values, starts = _take(values, starts, chosen)
    digests = np.array(RMinHash.digest_matrix_from_flat_token_hashes(values, starts, N_PERM, 1).to_rows(), np.uint64)
    first, second = _plausible(digests, *_candidates(digests), similarity)
    used = _distinct(np.concatenate([first, second]))
    left, right = np.searchsorted(used, first), np.searchsorted(used, second)
    # Pairs are in order of their first: looking up the words of the second there goes through memory once.
    good = _resemblance(*_take(values, starts, used), right, left) >= similarity - 1e-9
    return chosen[first[good]], chosen[second[good]]


def _shingles(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Hashed words and word pairs of all texts, uint64 [k], and where each text begins, int64 [n + 1]."""
    words = pc.split_pattern(texts, " ")
    length = pc.list_value_length(words).to_numpy().astype(np.int64)
    code = words.flatten().dictionary_encode().indices.to_numpy().astype(np.uint64)
    begin = np.cumsum(length) - length
    starts = np.concatenate([[0], np.cumsum(2 * length - 1)])
    row = np.repeat(np.arange(len(length)), length)
    within = np.arange(len(code)) - begin[row]
    values = np.empty(int(starts[-1]), np.uint64)
    values[starts[row] + within] = _mixed(code)
    inner = within < length[row] - 1
    left = np.flatnonzero(inner)
    values[starts[row[left]] + length[row[left]] + within[left]] = _mixed(
        _mixed(code[left]) * np.uint64(0x9E3779B97F4A7C15) + code[left + 1]
    )
    return values, starts


def _mixed(x: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014, figure 16)."""
    x = (x + np.uint64(0x9E3779B97F4A7C15)) & np.uint64(0xFFFFFFFFFFFFFFFF)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _take(values: np.ndarray, starts: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    length = np.diff(starts)[chosen]
    ends = np.cumsum(length)
    offset = np.arange(int(length.sum())) - np.repeat(ends - length, length)
    return values[np.repeat(starts[chosen], length) + offset], np.concatenate([[0], ends])


def _candidates(digests: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs that share a band: each text with its neighbour and with the first of its bucket, so never quadratic."""
    n = len(digests)
    pairs = []
    for band in np.split(digests, N_BANDS, axis=1):
        key = np.zeros(n, np.uint64)
        for column in band.T:
            key = _mixed(key ^ column)
        order = np.argsort(key, kind="stable")
        same = key[order][1:] == key[order][:-1]
        head = np.maximum.accumulate(np.where(np.concatenate([[False], same]), 0, np.arange(n)))
        pairs.append(np.stack([order[:-1][same], order[1:][same]]))
        pairs.append(np.stack([order[head[1:]][same], order[1:][same]]))
    both = np.concatenate(pairs, axis=1)
    both.sort(axis=0)
    unique = _distinct(both[0] * n + both[1])
    return np.divmod(unique, n)


def _plausible(
    digests: np.ndarray, first: np.ndarray, second: np.ndarray, similarity: float
) -> tuple[np.ndarray, np.ndarray]:
    """The pairs whose digests agree about as often as those of texts that are so similar; most candidates do not.

    The share of equal places estimates the resemblance (Broder 1997, section 4); a pair is dropped four standard
    deviations below. One byte of a place is enough to compare it by.
    """
    least = similarity - 4 * np.sqrt(similarity * (1 - similarity) / N_PERM)
    short = (digests & np.uint64(0xFF)).astype(np.uint8)
    kept = np.empty(len(first), bool)
    for start in range(0, len(first), _PAIRS_AT_ONCE):
        part = slice(start, start + _PAIRS_AT_ONCE)
        kept[part] = (short[first[part]] == short[second[part]]).mean(1) >= least
    return first[kept], second[kept]


def _distinct(keys: np.ndarray) -> np.ndarray:
    """Each key once, in order; ``np.unique`` hashes first, which took several times as long."""
    keys = np.sort(keys)
    return keys[np.concatenate([[True], keys[1:] != keys[:-1]])] if len(keys) else keys


def _resemblance(values: np.ndarray, starts: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Exact Jaccard similarity of pairs of texts, float64 [pairs]."""
    row = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    # As many bits of each hash as fit beside the row's number: forty and more for eight million rows.
    bits = 63 - len(starts).bit_length()
    word = (values >> np.uint64(64 - bits)).astype(np.int64)
    keys = _distinct((row << bits) | word)
    size = np.bincount(keys >> bits, minlength=len(starts) - 1)
    begin = np.cumsum(size) - size
    found = np.empty(len(first))
    for start in range(0, len(first), _PAIRS_AT_ONCE):
        a, b = first[start : start + _PAIRS_AT_ONCE], second[start : start + _PAIRS_AT_ONCE]
        pair = np.repeat(np.arange(len(a)), size[a])
        offset = np.arange(len(pair)) - np.repeat(np.cumsum(size[a]) - size[a], size[a])
        wanted = (keys[begin[a][pair] + offset] & ((1 << bits) - 1)) | (b[pair] << bits)
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        shared = np.bincount(pair, keys[place] == wanted, len(a))
        found[start : start + _PAIRS_AT_ONCE] = shared / (size[a] + size[b] - shared)
    return found
