"""What stands in and around a place of a text, hashed: by this a candidate is told from the others.

Words beside it on its line, on the lines above and below, its own words and shapes, where on the page it stands; of
amounts also what they are to other amounts near by, as a total is what was given less the change. The line of a page
that was laid out (``core.layout``) holds what stands side by side.
"""

from __future__ import annotations

import contextlib
import re
import zlib
from bisect import bisect_right
from functools import lru_cache
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from homegrown.inference.candidates import Candidate

BITS = 17
WIDTH = 1 << BITS
#: changes with what a column means: weights learnt with other columns say nothing
VERSION = 2
_WORD = re.compile(r"[^\W\d_]+|\d+|[^\w\s]")
_NEAR = 3
#: characters of a line that are looked at on either side: a text without line breaks is one line
_SEEN = 160
#: words of a line above or below, and of the place itself
_LINE_WORDS, _OWN_WORDS = 12, 40
#: amounts on either side that an amount is reckoned with
_FAR = 10
#: a sum may be rounded by so many hundredths
_ROUNDED = 4
_EDGE = "(edge)"


@lru_cache(1 << 16)
def _hash(*parts: object) -> int:
    return zlib.crc32("\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass")) & (WIDTH - 1)


def nowhere_features(text: str, n: int) -> list[int]:
    """What speaks for "not there": how many candidates there are, and whether the text has many lines."""
    return [_hash("none"), _hash("none", min(n, 5)), _hash("none", "lines", min(text.count("\n"), 3))]


class PlaceFeatures:
    r"""Features of the candidates of one text.

    Args:
        text: of a record.
        found: all its candidates, in order.

    Example:
        >>> from homegrown.inference.candidates import Candidate
        >>> one = Candidate(6, 10, "9.5")
        >>> len(set(PlaceFeatures("Total\t9.50", [one]).of(one))) > 20
        True
    """

    def __init__(self, text: str, found: list[Candidate]) -> None:
        self._text, self._lines = text, text.split("\n")
        self._starts = [0, *(m.end() for m in re.finditer("\n", text))]
        self._around: dict[tuple[str, int], list[int]] = {}
        self._within: dict[int, list[int]] = {}
        self._times: dict[str, int] = {}
        for one in found:
            self._times[one.value] = self._times.get(one.value, 0) + 1
        self._ranks, self._sums = _ranks(found), _sums(found)

    def of(self, one: Candidate) -> list[int]:
        """The columns in which the row of *one* is 1, below ``WIDTH``; some may come twice."""
        text, lines = self._text, self._lines
        line, last = bisect_right(self._starts, one.start) - 1, bisect_right(self._starts, one.end - 1) - 1
        ends = self._starts[last] + len(lines[last])
        left = [w.casefold() for w in _WORD.findall(text[max(self._starts[line], one.start - _SEEN) : one.start])]
        right = [w.casefold() for w in _WORD.findall(text[one.end : min(ends, one.end + _SEEN)])]
        found = [_hash("bias"), _hash("times", min(self._times[one.value], 4)), _hash("rank", self._ranks[one.value])]
        found += [_hash("sum", s) for s in self._sums.get(one.value, ())]
        found += [_hash("l", i, w) for i, w in enumerate(left[: -_NEAR - 1 : -1])] + [_hash("L", w) for w in left]
        found += [_hash("r", i, w) for i, w in enumerate(right[:_NEAR])] + [_hash("R", w) for w in right]
        found += [_hash("lb", *w) for w in pairwise(left)]
        for name, at in (("up", line - 1), ("up2", line - 2), ("down", last + 1)):
            found += self._near(name, at)
        inside = _WORD.findall(text[one.start : one.end])
        found += [_hash("shape", _shape(text[one.start : one.end]))]
        found += [_hash("in", w.casefold()) for w in inside[:_OWN_WORDS]]
        found += [_hash("in0", _plain(w)) for w in inside[:_OWN_WORDS] if w.isdigit()]
        found += [_hash("first", _plain(inside[0])), _hash("end", _plain(inside[-1]))] if inside else []
        if last > line:
            for at in range(line, last + 1):
                found += self._inner(at, is_first=at == line)
            found += self._near("last", last)
        found += [
            _hash("top", min(line, 12)),
            _hash("bottom", min(len(lines) - 1 - last, 12)),
            _hash("tenth", 10 * one.start // max(len(text), 1)),
            _hash("lines", last - line, "left", bool(left), "right", bool(right)),
        ]
        return found

    def _words(self, at: int) -> list[str]:
        return [_plain(w) for w in _WORD.findall(self._lines[at][:_SEEN])]

    def _near(self, name: str, at: int) -> list[int]:
        known = self._around.get((name, at))
        if known is None:
            there = 0 <= at < len(self._lines)
            words = self._words(at) if there else [_EDGE]
            known = [_hash(name, w) for w in words[:_LINE_WORDS]]
            known += [_hash(name, "first", words[0]), _hash(name, "end", words[-1])] if words else []
            known.append(_hash(name, "shape", _shape(self._lines[at]) if there else _EDGE))
            self._around[name, at] = known
        return known

    def _inner(self, at: int, *, is_first: bool) -> list[int]:
        """A line of several that belong together."""
        known = self._within.get(at)
        if known is None:
            words = self._words(at)
            known = [_hash("inner", _shape(self._lines[at])), _hash("inner first", words[0] if words else "")]
            self._within[at] = known
        return known[:1] if is_first else known


def _plain(word: str) -> str:
    return "0" * len(word) if word.isdigit() else word.casefold()


def _shape(words: str) -> str:
    plain = re.sub(r"[^\W\d_]", "a", words[:24])
    return re.sub(r"(a)a+", r"\1", re.sub(r"\d", "0", plain))


def _ranks(found: list[Candidate]) -> dict[str, int]:
    """Of numbers and amounts: the largest is 0, the next 1 …; of other values the order in which they come."""
    values = list(dict.fromkeys(c.value for c in found))
    with contextlib.suppress(ValueError):
        values.sort(key=float, reverse=True)
    return {v: min(i, 6) for i, v in enumerate(values)}


def _sums(found: list[Candidate]) -> dict[str, set[str]]:
    """What an amount is to those that come near it: what was given less the change, a part and its tax, and so on."""
    numbers: list[tuple[str, int]] = []
    for one in found:
        with contextlib.suppress(ValueError, OverflowError):
            numbers.append((one.value, round(100 * float(one.value))))
    said: dict[str, set[str]] = {}
    for i, (value, number) in enumerate(numbers):
        if number > 0:
            before = [n for _, n in numbers[max(0, i - _FAR) : i] if n > 0]
            after = [n for _, n in numbers[i + 1 : i + 1 + _FAR] if n > 0]
            said.setdefault(value, set()).update(_sums_of(number, before, after))
    return said


def _sums_of(number: int, before: list[int], after: list[int]) -> list[str]:
    facts = {
        "given less change": any(given - change == number for given, change in pairwise(after)),
        "two before": any(a + b == number for a, b in combinations(before, 2)),
        "two behind": any(a + b == number for a, b in combinations(after, 2)),
        "rounded": any(0 < abs(a - number) <= _ROUNDED for a in before),
        "to be rounded": any(0 < abs(a - number) <= _ROUNDED for a in after),
        "odd": number % 5 != 0,
        "again": number in before,
        "and again": number in after,
    }
    return [name for name, holds in facts.items() if holds]
