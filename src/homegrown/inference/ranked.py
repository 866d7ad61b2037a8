"""Which of the candidates of a text a field holds, or none of them: a conditional logit over what stands around each.

The probability of a candidate is the softmax of a linear score over all candidates of the text and "not there"
(McFadden 1974, "Conditional logit analysis of qualitative choice behavior"); that of a value is the sum over the places
where it stands. So an answer that is known as words only teaches, wherever it stands and however often (distant
supervision, Mintz and others 2009).
"""

from __future__ import annotations

import contextlib
import re
import zlib
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from homegrown.core.schema import FieldType
from homegrown.inference.candidates import Candidate, Reading, candidates

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BITS = 16
WIDTH = 1 << BITS
_WORD = re.compile(r"[^\W\d_]+|\d+|[^\w\s]")
_NEAR = 3
#: characters of a line that are looked at on either side: a text without line breaks is one line
_SEEN = 160


@dataclass(frozen=True, slots=True)
class Places:
    """The candidates of n texts as one matrix.

    Attributes:
        found: candidates of each text.
        rows: sparse [m, WIDTH], a row per candidate of all texts, in order, and after those of each text one row for
            "not there".
        begin: int [n + 1], first row of each text.
    """

    found: list[list[Candidate]]
    rows: sp.csr_matrix
    begin: np.ndarray


def places(texts: Sequence[str], type: FieldType, reading: Reading) -> Places:
    """Candidates of *texts* and what stands around them."""
    found = [candidates(text, type, reading) for text in texts]
    columns: list[int] = []
    ends = [0]
    for text, some in zip(texts, found, strict=True):
        for features in (*_features(text, some), _whole(text, len(some))):
            columns += sorted(set(features))
            ends.append(len(columns))
    values = np.ones(len(columns), np.float32)
    rows = sp.csr_matrix((values, np.array(columns, np.int32), np.array(ends)), shape=(len(ends) - 1, WIDTH))
    begin = np.cumsum([0, *(len(some) + 1 for some in found)])
    return Places(found, rows, begin)


def log_probs(places: Places, weights: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Log probability of every row of *places* among those of its text, float64 [m]."""
    scores = np.asarray(places.rows @ weights, np.float64).ravel() / temperature
    first = places.begin[:-1]
    sizes = np.diff(places.begin)
    top = np.maximum.reduceat(scores, first)
    total = np.add.reduceat(np.exp(scores - np.repeat(top, sizes)), first)
    return scores - np.repeat(top + np.log(total), sizes)


@dataclass(frozen=True, slots=True)
class Ranking:
    """A trained field.

    Attributes:
        weights: float32 [WIDTH].
    """

    type: FieldType
    reading: Reading
    weights: np.ndarray
    temperature: float = 1.0

    def best(self, texts: Sequence[str]) -> list[tuple[Candidate | None, float]]:
        """Of each text the likeliest place of the likeliest value, or None: "not there"; and its probability."""
        known = places(texts, self.type, self.reading)
        probs = np.exp(log_probs(known, self.weights, self.temperature))
        return [
            _likeliest(some, probs[start : start + len(some) + 1])
            for some, start in zip(known.found, known.begin.tolist(), strict=False)
        ]


def _likeliest(some: list[Candidate], probs: np.ndarray) -> tuple[Candidate | None, float]:
    by_value: dict[str, float] = {}
    for one, prob in zip(some, probs.tolist(), strict=False):
        by_value[one.value] = by_value.get(one.value, 0.0) + prob
    nothing = float(probs[-1])
    value = max(by_value, key=by_value.__getitem__, default=None)
    if value is None or by_value[value] <= nothing:
        return None, nothing
    place = max((i for i, c in enumerate(some) if c.value == value), key=lambda i: probs[i])
    return some[place], by_value[value]


def _hash(*parts: object) -> int:
    return zlib.crc32("\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass")) & (WIDTH - 1)


def _whole(text: str, n: int) -> list[int]:
    """What speaks for "not there": how many candidates there are, and whether the text has many lines."""
    return [_hash("none"), _hash("none", min(n, 5)), _hash("none", "lines", min(text.count("\n"), 3))]


def _features(text: str, some: list[Candidate]) -> Iterator[list[int]]:
    starts = [0, *(m.end() for m in re.finditer("\n", text))]
    lines = text.split("\n")
    words = [[w.casefold() if not w.isdigit() else "0" * len(w) for w in _WORD.findall(n[:_SEEN])] for n in lines]
    counts: dict[str, int] = {}
    for one in some:
        counts[one.value] = counts.get(one.value, 0) + 1
    order = _ranks(some)
    for one in some:
        line, last = bisect_right(starts, one.start) - 1, bisect_right(starts, one.end - 1) - 1
        left = [w.casefold() for w in _WORD.findall(text[max(starts[line], one.start - _SEEN) : one.start])]
        ends = starts[last] + len(lines[last])
        right = [w.casefold() for w in _WORD.findall(text[one.end : min(ends, one.end + _SEEN)])]
        inside = _WORD.findall(text[one.start : one.end])
        found = [_hash("bias"), _hash("times", min(counts[one.value], 4)), _hash("rank", order[one.value])]
        found += [_hash("l", i, w) for i, w in enumerate(left[: -_NEAR - 1 : -1])] + [_hash("L", w) for w in left]
        found += [_hash("r", i, w) for i, w in enumerate(right[:_NEAR])] + [_hash("R", w) for w in right]
        found += [_hash("lb", w) for w in pairwise(left)]
        for name, at in (("up", line - 1), ("up2", line - 2), ("down", last + 1)):
            near = words[at] if 0 <= at < len(lines) else ["(edge)"]
            found += [_hash(name, w) for w in near[:12]]
        found.append(_hash("shape", _shape(text[one.start : one.end])))
        found += [_hash("in", w.casefold()) for w in inside[:40]]
        found += [
            _hash("first", inside[0].casefold() if inside else ""),
            _hash("end", inside[-1].casefold() if inside else ""),
        ]
        found.append(_hash("top", min(line, 12)))
        found.append(_hash("bottom", min(len(lines) - 1 - last, 12)))
        found.append(_hash("tenth", 10 * one.start // max(len(text), 1)))
        found.append(_hash("lines", last - line, "left", bool(left), "right", bool(right)))
        yield found


def _shape(words: str) -> str:
    plain = re.sub(r"[^\W\d_]", "a", words[:24])
    return re.sub(r"(a)a+", r"\1", re.sub(r"\d", "0", plain))


def _ranks(some: list[Candidate]) -> dict[str, int]:
    """Of numbers and amounts: the largest is 0, the next 1 …; of other values the order in which they come."""
    values = list(dict.fromkeys(c.value for c in some))
    with contextlib.suppress(ValueError):
        values.sort(key=float, reverse=True)
    return {v: min(i, 6) for i, v in enumerate(values)}
