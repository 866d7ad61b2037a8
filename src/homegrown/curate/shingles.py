"""Words and word pairs of texts as hashes, and how much two texts have in common."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

ROUNDING = 1e-9
_TEXTS_AT_ONCE = 4_096  # so many texts' words stay in the processor's cache
_ROW_SHIFT = np.uint64(52)  # 12 bits for the number of a text among them, below it 52 of a hash
_WORD_BITS = np.uint64(2**52 - 1)
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class Shingles:
    """The words and word pairs of n normalised texts, hashed to 64 bits for the texts that are asked for.

    Four bytes a word are kept.

    Args:
        texts: texts whose words are parted by single spaces.

    Example:
        >>> values, starts = Shingles(pa.array(["my card", "my card is lost"])).of(slice(0, 2))
        >>> starts.tolist(), len(set(values.tolist()))
        ([0, 3, 10], 7)
    """

    def __init__(self, texts: pa.Array) -> None:
        words = pc.split_pattern(texts, " ")
        flat: Any = words.flatten().dictionary_encode()
        self._code = flat.indices.to_numpy()
        self._hash = mixed(np.arange(len(flat.dictionary), dtype=np.uint64))
        self._length = pc.list_value_length(words).to_numpy().astype(np.int64)
        self._begin = np.cumsum(self._length) - self._length

    def __len__(self) -> int:
        return len(self._length)

    def of(self, rows: slice | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Hashes of the texts at *rows*, uint64 [k], and where each text begins among them, int64 [rows + 1].

        A word that comes twice in a text is there twice.
        """
        length = self._length[rows]
        ends = np.cumsum(length)
        if isinstance(rows, slice):
            code = self._code[self._begin[rows][0] :][: ends[-1]] if len(length) else self._code[:0]
        else:
            code = self._code[spans(self._begin[rows], length)]
        word = self._hash[code]
        # A text of w words has w hashes of words, then w - 1 of pairs: the last word of each begins no pair.
        first = np.ones(len(word), bool)
        first[ends - 1] = False
        begins_pair = np.flatnonzero(first)
        starts = np.concatenate([[0], np.cumsum(2 * length - 1)])
        values = np.empty(int(starts[-1]), np.uint64)
        place = np.arange(len(word)) + np.repeat(starts[:-1] - (ends - length), length)
        values[place] = word
        shift = np.repeat(length, length)
        values[(place + shift)[begins_pair]] = mixed(word[begins_pair] * GOLDEN + word[begins_pair + 1])
        return values, starts

    def alike(self, first: np.ndarray, second: np.ndarray, similarity: float) -> np.ndarray:
        """Whether the Jaccard similarity of each pair of texts is at least *similarity*; bool [pairs].

        Exact but for hashes that collide, of which 52 bits are compared.
        """
        used, place = distinct(np.concatenate([first, second])), np.empty(len(self), np.int64)
        place[used] = np.arange(len(used))
        sets = [self._set_of(used[low : low + _TEXTS_AT_ONCE]) for low in range(0, len(used), _TEXTS_AT_ONCE)]
        values, size = (np.concatenate(part) for part in zip(*sets, strict=True)) if sets else (used, used)
        begin = np.cumsum(size) - size
        good = np.empty(len(first), bool)
        for start in range(0, len(first), _TEXTS_AT_ONCE):
            piece = slice(start, start + _TEXTS_AT_ONCE)
            both = place[np.stack([first[piece], second[piece]], axis=1)]
            wide = size[both].sum(1)
            keys = values[spans(begin[both].ravel(), size[both].ravel())]
            keys |= np.repeat(np.arange(len(both), dtype=np.uint64) << _ROW_SHIFT, wide)
            keys.sort()
            twice = np.flatnonzero(keys[1:] == keys[:-1])
            shared = np.diff(np.searchsorted(twice, np.cumsum(wide)), prepend=0)
            good[piece] = shared >= (similarity - ROUNDING) * (wide - shared)
        return good

    def _set_of(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """52 bits of each different hash of each row, row after row, uint64, and their number, int64 [rows]."""
        values, starts = self.of(rows)
        row = np.arange(len(rows), dtype=np.uint64) << _ROW_SHIFT
        keys = distinct((values & _WORD_BITS) | np.repeat(row, np.diff(starts)))
        return keys & _WORD_BITS, np.bincount((keys >> _ROW_SHIFT).astype(np.int64), minlength=len(rows))


def mixed(x: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014, figure 16): each bit of x moves half of the others."""
    x = x + GOLDEN
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def spans(begin: np.ndarray, length: np.ndarray) -> np.ndarray:
    """The numbers from each *begin* on, as many as its *length*, one after the other; int64 [sum of lengths].

    Example:
        >>> spans(np.array([5, 0]), np.array([2, 3])).tolist()
        [5, 6, 0, 1, 2]
    """
    ends = np.cumsum(length)
    return np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(begin - (ends - length), length)


def distinct(keys: np.ndarray) -> np.ndarray:
    """Each key once, in order; ``np.unique`` hashes first, which took several times as long."""
    keys = np.sort(keys)
    return keys[np.concatenate([[True], keys[1:] != keys[:-1]])] if len(keys) else keys
