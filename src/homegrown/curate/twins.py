"""Texts that say the same: equal after normalisation, or near it by MinHash. They stay on one side of every split.

Candidates come from MinHash and banding (``curate.minhash``); every one is then checked exactly.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from homegrown.curate.minhash import candidates
from homegrown.curate.shingles import Shingles

SIMILARITY = 0.8
_TEXTS_AT_ONCE = 16_384
_SPACE = ord(" ")
# Each byte of a text in ASCII without case, whatever is no letter and no digit as a space.
_READ_AS = np.array([ord(chr(b).lower()) if chr(b).isalnum() and b < 128 else _SPACE for b in range(256)], np.uint8)
# Scripts that put no spaces between words are read character by character.
_UNSPACED = r"([\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}])"


def normalised(texts: pa.Array) -> pa.Array:
    """Texts without what does not change their meaning: case, width, punctuation and symbols, spacing.

    A text of symbols alone (an emoji, "???") stays as it is.

    Example:
        >>> normalised(pa.array(["  Where's my CARD??", "!!"])).to_pylist()
        ['where s my card', '!!']
    """
    simple = pc.and_kleene(pc.string_is_ascii(texts), pc.is_valid(texts))
    if simple.true_count == len(texts):
        plain = _plain_ascii(texts)
    else:
        other = texts.filter(pc.invert(simple))
        place = pc.cumulative_sum(simple.cast(pa.int64())).to_numpy() - 1
        plain = _plain_ascii(texts.filter(simple)).take(pa.array(place, mask=place < 0))
        plain = pc.replace_with_mask(plain, pc.invert(simple), _plain(other))
    return pc.if_else(pc.equal(plain, ""), texts, plain)


def _plain(texts: pa.Array) -> pa.Array:
    plain = pc.utf8_lower(pc.utf8_normalize(texts, form="NFKC"))
    plain = pc.replace_substring_regex(plain, _UNSPACED, r" \1 ")
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(plain, r"[^\p{L}\p{N}\p{M}]+", " "))


def _plain_ascii(texts: pa.Array) -> pa.Array:
    """What ``_plain`` gives for texts of ASCII alone, byte by byte: a quarter of the time."""
    pieces = [_plain_bytes(texts.slice(start, _TEXTS_AT_ONCE)) for start in range(0, len(texts), _TEXTS_AT_ONCE)]
    return pa.concat_arrays(pieces) if pieces else texts


def _plain_bytes(texts: pa.Array) -> pa.Array:
    wide = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    _, where, held = texts.buffers()
    ends = np.frombuffer(where, wide)[texts.offset : texts.offset + len(texts) + 1]
    read = _READ_AS[np.frombuffer(held, np.uint8)[ends[0] : ends[-1]]] if held else np.zeros(0, np.uint8)
    ends = ends - ends[0]
    space = read == _SPACE
    after_space = np.empty(len(read), bool)
    after_space[1:] = space[:-1]
    after_space[ends[:-1][ends[:-1] < len(read)]] = True
    kept = ~(space & after_space)
    ends = np.concatenate([[0], np.cumsum(kept)])[ends]
    plain = read[kept]
    # Of a run of spaces the first is left; one at the end of a text goes as well.
    last = ends[1:][ends[1:] > ends[:-1]] - 1
    trailing = last[plain[last] == _SPACE]
    ends -= np.searchsorted(trailing, ends)
    plain = np.delete(plain, trailing)
    return pa.Array.from_buffers(texts.type, len(texts), [None, pa.py_buffer(ends.astype(wide)), pa.py_buffer(plain)])


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
    """Pairs of distinct texts that are at least so similar."""
    shingles = Shingles(texts)
    first, second = candidates(shingles, similarity)
    good = shingles.alike(first, second, similarity)
    return first[good], second[good]
