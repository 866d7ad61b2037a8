"""What can be seen of a word and its neighbours without a model: itself, its ends, its shape, hashed.

The usual features of a tagger (Ratinov, Roth 2009, "Design Challenges and Misconceptions in Named Entity Recognition").
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from homegrown.inference.words import Words

BITS = 22
LONG, LONG_CHUNK = 12, 24
N_OWN, N_AROUND = 16, 5
N_TOLD = N_OWN + N_AROUND
N_NEAR = 6
LAST_LINE = 12
OFFSETS_NEAR, OFFSETS_FAR = (-1, 1), (-2, 2)
_CHUNKS = re.compile(r"\S+")
# A number as people write it: digits with signs and single spaces between them.
_NUMBERS = re.compile(r"[+(#]{0,2}\d(?:[-+()./:,*'\u2013]{0,3}[ \t]?[-+()./:,*]{0,3}[\dxX])*")
_REPEATED = re.compile(r"(.)\1+")
_PAIR = np.uint64(0xC2B2AE3D27D4EB4F)
_SALT = np.uint64(0x9E3779B97F4A7C15)
_OUTSIDE = np.uint64(7)


def shape_of(word: str) -> str:
    """Letters as x or X, digits as d, other signs as they are.

    Example:
        >>> shape_of("Flat-12b")
        'Xxxx-ddx'
    """
    return "".join(
        "d" if c.isdigit() else "X" if c.isupper() else "x" if c.isalpha() else c if c.isascii() else "u" for c in word
    )


def short_shape_of(word: str) -> str:
    """The shape, of which repeated signs are kept once.

    Example:
        >>> short_shape_of("Flat-12b")
        'Xx-dx'
    """
    return _REPEATED.sub(r"\1", shape_of(word))


def number_of(text: str) -> int:
    """64 bits that stand for *text*, the same on every machine."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def own_hashes(words: Sequence[str]) -> np.ndarray:
    """uint64 [n, N_OWN]: each word by itself. Features 0 to 5 are what its neighbours are told."""
    rows: dict[str, int] = {}
    which = [rows.setdefault(word, len(rows)) for word in words]
    table = np.array([_own_features(word) for word in rows], np.uint64).reshape(-1, N_OWN)
    return table[which]


def told_buckets(texts: Sequence[str], words: Sequence[Words], bits: int) -> np.ndarray:
    """int64 [n_words in all, N_TOLD]: each word and what it is part of, in 2^bits buckets that differ by feature.

    A word is part of a chunk between white space, and of a number written in groups (``0688 872 49 99``).
    """
    return _buckets(np.concatenate([_own(texts, words), _around(texts, words)], 1), bits)


def window_buckets(texts: Sequence[str], words: Sequence[Words], bits: int = BITS) -> np.ndarray:
    """int64 [n_words in all, n_features]: as ``told_buckets``, with two words on either side."""
    own = _own(texts, words)
    lengths = np.array([len(w) for w in words], np.int64)
    n = len(own)
    starts = np.repeat(np.cumsum(lengths) - lengths, lengths)
    ends = starts + np.repeat(lengths, lengths)
    here = np.arange(n)
    near = {}
    for offset in (*OFFSETS_NEAR, *OFFSETS_FAR):
        at = here + offset
        inside = (at >= starts) & (at < ends)
        near[offset] = np.where(inside[:, None], own[np.clip(at, 0, max(n - 1, 0))], _OUTSIDE) if n else own
    word, short = slice(0, 1), slice(1, 2)
    parts = [
        own,
        _around(texts, words),
        *(near[o][:, :N_NEAR] for o in OFFSETS_NEAR),
        *(near[o][:, :2] for o in OFFSETS_FAR),
        near[-1][:, word] * _PAIR ^ own[:, word],
        own[:, word] * _PAIR ^ near[1][:, word],
        (near[-1][:, short] * _PAIR ^ own[:, short]) * _PAIR ^ near[1][:, short],
        (here == starts).astype(np.uint64)[:, None],
        (here == ends - 1).astype(np.uint64)[:, None],
        _lines(texts, words),
    ]
    return _buckets(np.concatenate(parts, 1), bits)


def _own(texts: Sequence[str], words: Sequence[Words]) -> np.ndarray:
    return own_hashes([s for w, t in zip(words, texts, strict=True) for s in w.strings(t)])


def _around(texts: Sequence[str], words: Sequence[Words]) -> np.ndarray:
    """uint64 [n_words in all, N_AROUND]: two shapes of the chunk, the place in it, shape and size of the number."""
    parts = [np.zeros((0, N_AROUND), np.uint64)]
    for text, place in zip(texts, words, strict=True):
        found = np.zeros((len(place), N_AROUND), np.uint64)
        for first, last, chunk in _stretches(_CHUNKS, text, place):
            found[first:last, 0], found[first:last, 1] = _of_chunk(chunk)
            found[first:last, 2] = (np.arange(last - first) > 0) + 2 * (np.arange(last - first) < last - first - 1)
        for first, last, number in _stretches(_NUMBERS, text, place):
            found[first:last, 3], found[first:last, 4] = _of_number(number)
            found[first, 4] += np.uint64(1)
        parts.append(found)
    return np.concatenate(parts)


def _lines(texts: Sequence[str], words: Sequence[Words]) -> np.ndarray:
    """uint64 [n_words in all, 3]: the number of the line, up to 12, and whether a word is its first or its last."""
    parts = [np.zeros((0, 3), np.uint64)]
    for text, place in zip(texts, words, strict=True):
        found = np.zeros((len(place), 3), np.uint64)
        if "\n" in text:
            breaks = np.array([i for i, c in enumerate(text) if c == "\n"])
            line = np.searchsorted(breaks, place.starts)
            first = np.diff(line, prepend=-1) > 0
            last = np.append(first[1:], True)
            number = np.minimum(line, LAST_LINE).astype(np.uint64)
            found[:] = np.stack([number, first, number + np.uint64(100) * last.astype(np.uint64)], 1)
        parts.append(found)
    return np.concatenate(parts)


def _stretches(pattern: re.Pattern[str], text: str, words: Words) -> Iterator[tuple[int, int, str]]:
    """Where *pattern* occurs: the first word that it touches, the one after the last, and what it is."""
    matches = list(pattern.finditer(text))
    firsts = np.searchsorted(words.ends, [m.start() for m in matches], side="right").tolist()
    lasts = np.searchsorted(words.starts, [m.end() for m in matches], side="left").tolist()
    for match, first, last in zip(matches, firsts, lasts, strict=True):
        if first < last:
            yield first, last, match.group()


@lru_cache(1 << 16)
def _of_chunk(chunk: str) -> tuple[int, int]:
    core = chunk.rstrip(".,;:!?)\"'") or chunk
    shape = shape_of(core[:LONG_CHUNK])
    short = _REPEATED.sub(r"\1", shape)
    return number_of(f"chunk {short}"), number_of(f"chunk {shape} {'@' in core}{'://' in core}")


@lru_cache(1 << 16)
def _of_number(number: str) -> tuple[int, int]:
    digits = sum(c.isdigit() for c in number)
    return number_of(f"number {shape_of(number[:LONG_CHUNK])}"), number_of(f"digits {digits}") & ~1


def _buckets(hashes: np.ndarray, bits: int) -> np.ndarray:
    mixed = hashes + np.arange(1, hashes.shape[1] + 1, dtype=np.uint64) * _PAIR
    mixed ^= mixed >> np.uint64(29)
    mixed *= _SALT
    return (mixed >> np.uint64(64 - bits)).astype(np.int64)


@lru_cache(1 << 16)
def _own_features(word: str) -> np.ndarray:
    """uint64 [N_OWN]."""
    low, shape = word.lower(), shape_of(word)
    short = _REPEATED.sub(r"\1", shape)
    kind = (
        f"{word.istitle():d}{word.isupper():d}{word.isdigit():d}{word.isalpha():d}"
        f"{any(c.isdigit() for c in word):d}{'-' in word:d}"
    )
    shared = (low, short, kind, low[-3:], low[:3], shape if len(shape) < LONG else short)
    ends = (low[:1], low[:2], low[:4], low[-1:], low[-2:], low[-4:])
    size = str(min(len(word), LONG))
    return np.array(
        [number_of(t) for t in (*shared, word, *ends, size, f"{low[:2]} {kind}", f"{size} {kind}")], np.uint64
    )
