"""Words and character n-grams of many texts at once, as 64-bit hashes, without a Python loop over characters.

A polynomial prefix hash (Karp, Rabin 1987) over the code points of all texts joined gives the hash of any window by two
look-ups, so that every n-gram of a batch is one array operation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

_BASE = np.uint64(0x9E3779B97F4A7C15)
_INVERSE = np.uint64(pow(int(_BASE), -1, 1 << 64))
_PAIR = np.uint64(0xC2B2AE3D27D4EB4F)
_BREAK = "\n"
CHUNK_CHARS = 1 << 20


@dataclass(frozen=True, slots=True)
class Grams:
    """Occurrences of n-grams: ``rows[i]`` is the text in which the n-gram ``hashes[i]`` occurs; rows are sorted.

    Attributes:
        rows: int64 [n].
        hashes: uint64 [n].
    """

    rows: np.ndarray
    hashes: np.ndarray


class HashedTexts:
    """A batch of texts, lower-cased, with the prefix hashes of all their characters.

    Example:
        >>> words = HashedTexts(["My card!", "my CARD"]).words()
        >>> words.rows.tolist(), bool((words.hashes[:2] == words.hashes[2:]).all())
        ([0, 0, 1, 1], True)
    """

    def __init__(self, texts: list[str]) -> None:
        self._joined = joined = _BREAK.join([t.replace(_BREAK, " ") if _BREAK in t else t for t in texts]).lower()
        self._points = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
        n = len(self._points)
        powers, self._inverses = _powers(n + 1)
        self._prefix = np.zeros(n + 1, np.uint64)
        np.cumsum((self._points.astype(np.uint64) + np.uint64(1)) * powers[:n], out=self._prefix[1:])
        self._breaks = np.flatnonzero(self._points == ord(_BREAK))

    def _windows(self, starts: np.ndarray, ends: np.ndarray, salt: int) -> np.ndarray:
        return _mix((self._prefix[ends] - self._prefix[starts]) * self._inverses[starts] + np.uint64(salt))

    def _spans(self) -> tuple[np.ndarray, np.ndarray]:
        inside = np.zeros(len(self._points) + 2, np.int8)
        inside[1:-1] = _is_word(self._points)
        change = np.diff(inside)
        return np.flatnonzero(change == 1), np.flatnonzero(change == -1)

    def words(self) -> Grams:
        """Every run of letters and digits."""
        starts, ends = self._spans()
        return Grams(self._rows(starts), self._windows(starts, ends, 1))

    def word_strings(self) -> list[str]:
        """The words themselves, lower-cased, in the order of ``words``."""
        return [self._joined[start:end] for start, end in zip(*self._spans(), strict=True)]

    def _rows(self, positions: np.ndarray) -> np.ndarray:
        """The text to which each of the rising *positions* belongs."""
        counts = np.diff(np.searchsorted(positions, self._breaks), prepend=0, append=len(positions))
        counts[-1] = len(positions) - counts[:-1].sum()
        return np.repeat(np.arange(len(counts)), counts)

    def chars(self, n: int) -> Grams:
        """Every window of *n* characters inside one text, spaces and signs included."""
        starts = np.arange(max(0, len(self._points) - n + 1))
        ends = starts + n
        rows = np.searchsorted(self._breaks, starts)
        keep = (np.searchsorted(self._breaks, ends - 1, side="right") == rows) if len(starts) else np.zeros(0, bool)
        return Grams(rows[keep], self._windows(starts[keep], ends[keep], n))


def word_pairs(words: Grams) -> Grams:
    """Every two words that follow one another in a text."""
    same = words.rows[1:] == words.rows[:-1]
    pairs = _mix(words.hashes[:-1] * _PAIR + words.hashes[1:])
    return Grams(words.rows[1:][same], pairs[same])


def join_grams(parts: list[Grams]) -> Grams:
    """All of *parts* as one; rows are no longer sorted."""
    return Grams(np.concatenate([p.rows for p in parts]), np.concatenate([p.hashes for p in parts]))


def chunks(texts: list[str], limit: int = CHUNK_CHARS) -> Iterator[list[str]]:
    """*texts* in runs of at most *limit* characters each (one longer text stands alone), so that memory is bounded."""
    run: list[str] = []
    size = 0
    for text in texts:
        if run and size + len(text) > limit:
            yield run
            run, size = [], 0
        run.append(text)
        size += len(text) + 1
    if run:
        yield run


_POWERS: list[tuple[np.ndarray, np.ndarray]] = []


def _powers(n: int) -> tuple[np.ndarray, np.ndarray]:
    if not _POWERS or len(_POWERS[-1][0]) < n:
        size = max(n, 4096) * 5 // 4
        pair = []
        for base in (_BASE, _INVERSE):
            values = np.full(size, base, np.uint64)
            values[0] = 1
            pair.append(np.cumprod(values))
        _POWERS[:] = [(pair[0], pair[1])]
    powers, inverses = _POWERS[-1]
    return powers[:n], inverses[:n]


def _mix(values: np.ndarray) -> np.ndarray:
    """The finaliser of MurmurHash3 (Appleby 2011): spreads the weak low bits of a polynomial hash."""
    values = values ^ (values >> np.uint64(33))
    values = values * np.uint64(0xFF51AFD7ED558CCD)
    values ^= values >> np.uint64(33)
    values *= np.uint64(0xC4CEB9FE1A85EC53)
    values ^= values >> np.uint64(33)
    return values


def _is_word(points: np.ndarray) -> np.ndarray:
    table = _word_table()
    return table[np.minimum(points, len(table) - 1)]


@cache
def _word_table() -> np.ndarray:
    """Whether a code point belongs to a word; all beyond the basic plane (emoji, rare scripts) do."""
    table = np.array([chr(i).isalnum() for i in range(0x10000)] + [True], bool)
    for mark in ("'", "\u2019"):
        table[ord(mark)] = True
    return table
