"""Frames of texts: which pieces stay the same in all of them, without being told how many kinds of text there are.

As in log parsing (He and others 2017, "Drain"), but a slot may hold any number of words. The texts are sorted; the
longest common prefix of a run of sorted texts is that of its first and its last, so the tree of shared beginnings costs
one sort. A branch is a kind of its own where what it shares is as long as no two people write alike by chance, or holds
a sign that prompts use and messages do not. The same from the end, then marks in the middle.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from homegrown.core.traffic import Frame

if TYPE_CHECKING:
    from collections.abc import Iterable

LEAST = 5  # texts that differ: fewer show nothing
LONG = 48
SHORT = 12
WEAK = 6
SHARE = 0.01
MOST = 0.9
_MOST_MARKS = 8
_LOOKED_AT = 300
_DEEPEST = 400
_SIGNS = re.compile(r"[:\n\"<>#=`|{}\[\]]")
_LINES = re.compile(r"[\n<>`{}]")
_HEAD = re.compile(r"\n[ \t]*([^\n:>]{1,40}[:>]|[^\n]{1,40}(?=\n))")


class _Group(NamedTuple):
    shared: str
    texts: list[str]


def frames_of(texts: Iterable[str], *, is_told: bool = False) -> list[Frame]:
    r"""The frames of some texts, the most constant first. A text that fits none of the others fits the last.

    Args:
        texts: any number; equal ones count once.
        is_told: the task was told elsewhere (by the system), so that a text may well be nothing but a message.

    Example:
        >>> asked = [f"Text: {w}\nLabel:" for w in ("my card", "no money", "lost it", "hello you", "thanks a lot")]
        >>> frames_of(asked)[0].constants
        ('Text: ', '\nLabel:')
    """
    distinct = sorted(set(texts))
    if len(distinct) < LEAST:
        return [Frame((t,)) for t in distinct]
    found: dict[tuple[str, ...], None] = {}
    for first in _kinds(distinct, is_told):
        rests = sorted(t[len(first.shared) :][::-1] for t in first.texts)
        for last in _kinds(rests, is_told or len(first.shared) >= SHORT):
            end = last.shared[::-1]
            inner = [t[len(last.shared) :][::-1] for t in last.texts]
            found[(first.shared, *_marks(inner, marks_of(first.shared, end)), end)] = None
    return sorted((Frame(c) for c in found), key=lambda f: -f.n_constant)


def _kinds(texts: list[str], is_told: bool) -> list[_Group]:
    """Sorted texts in groups that share a beginning; those that share none with others come last."""
    least = max(LEAST, int(len(texts) * SHARE))
    spans = sorted(_Tree(texts, least).spans(is_told))
    groups, free, at = [], [], 0
    for lo, hi in spans:
        free += texts[at:lo]
        groups.append(_group(texts[lo:hi]))
        at = hi
    free += texts[at:]
    if free and (not groups or len(free) >= LEAST):
        groups.append(_group(free))
    return groups


def _group(texts: list[str]) -> _Group:
    return _Group(trimmed(common(texts[0], texts[-1]), len(texts)), texts)


_Spans = list[tuple[int, int]]


class _Tree(NamedTuple):
    """The tree of shared beginnings of sorted texts."""

    texts: list[str]
    least: int

    def spans(self, is_told: bool) -> _Spans:
        """Runs of texts that share more than chance gives them: the deepest ones, and what they leave of larger ones.

        Args:
            is_told: whether the texts are told apart from prompts by something else already.
        """
        return self._below(0, len(self.texts), 0, 0, is_told)[0]

    def _below(self, lo: int, hi: int, before: int, depth: int, is_told: bool) -> tuple[_Spans, _Spans]:
        """Sure runs, and those that are runs only if nearly all texts beside them are in one too.

        Where a prompt is shared already, a few words and a colon may be chance; where every text has such, not.
        """
        shared = len(common(self.texts[lo], self.texts[hi - 1]))
        run = self.texts[lo][before:shared]
        has_sign = _SIGNS.search(run) is not None
        made = bool(depth) and ((has_sign and hi - lo >= MOST * len(self.texts)) or _is_made(run, is_told))
        sure: _Spans = []
        weak: _Spans = []
        if depth < _DEEPEST:
            told = is_told or made or (not depth and (has_sign or shared >= SHORT))
            for start, end in _branches(self.texts, lo, hi, shared):
                if end - start >= self.least:
                    found = self._below(start, end, shared, depth + 1, told)
                    sure += found[0]
                    weak += found[1]
        if made or not depth:
            if weak and sum(end - start for start, end in sure + weak) >= MOST * (hi - lo):
                sure += weak
            if made:
                sure = sure + _left(sure, lo, hi) if sure else [(lo, hi)]
            return sure, []
        if depth and has_sign and len(run) >= WEAK and not sure:
            return [], [(lo, hi)]
        return sure, weak


def _left(spans: list[tuple[int, int]], lo: int, hi: int) -> list[tuple[int, int]]:
    """What some spans leave of a larger one, where it is enough to be one itself."""
    found, at = [], lo
    for start, end in [*sorted(spans), (hi, hi)]:
        if start - at >= LEAST:
            found.append((at, start))
        at = end
    return found


def _branches(texts: list[str], lo: int, hi: int, at: int) -> list[tuple[int, int]]:
    found, start = [], lo
    for _, some in groupby(texts[lo:hi], key=lambda t: t[at : at + 1]):
        n = sum(1 for _ in some)
        found.append((start, start + n))
        start += n
    return found


def _is_made(run: str, is_told: bool) -> bool:
    """Whether a run of characters that texts share is too long, or too much like a prompt, to be chance."""
    signs = _LINES if is_told else _SIGNS
    return len(run) >= LONG or (len(run) >= SHORT and signs.search(run) is not None)


def common(a: str, b: str) -> str:
    """The beginning that two texts share; of sorted texts the first and the last share what all do."""
    low, high = 0, min(len(a), len(b))
    while low < high:  # halving: comparing slices is a thousand times faster than comparing characters
        middle = (low + high + 1) // 2
        if a[:middle] == b[:middle]:
            low = middle
        else:
            high = middle - 1
    return a[:low]


def trimmed(shared: str, n: int) -> str:
    """A shared beginning without what the texts share by chance: the start of a word, and of few texts the last words.

    Example:
        >>> trimmed("Text: my ca", 7), trimmed("Text: my ca", 500)
        ('Text: ', 'Text: my ')
    """
    kept = re.sub(r"\w+\Z", "", shared)
    if n < LONG:
        signs = [m.end() for m in _SIGNS.finditer(kept)]
        tail = kept[signs[-1] :] if signs else kept
        if len(tail.strip()) < LONG // 2:
            blanks = len(tail) - len(tail.lstrip(" "))
            kept = kept[: (signs[-1] if signs else 0) + (blanks if signs else 0)]
    return kept


def marks_of(before: str, after: str) -> tuple[str, str] | None:
    r"""The words on the lines round a slot, between which examples stand too; None where one of them is missing.

    Example:
        >>> marks_of("Label these.\nText: ", "\nLabel:")
        ('Text:', 'Label:')
    """
    left = before.rpartition("\n")[2].strip()
    right = next((line.strip() for line in after.split("\n") if line.strip()), "")
    return (left, right) if left and right and len(left) <= LONG and len(right) <= LONG else None


def _marks(texts: list[str], around: tuple[str, str] | None) -> list[str]:
    """Heads of lines that stand in (almost) all texts, in order: ``Title:``, ``</body>``.

    Those *around* the slot are left out: between them stand examples, however many.
    """
    step = max(1, len(texts) // _LOOKED_AT)
    some = texts[::step]
    if len(some) < LEAST:
        return []
    counts = Counter(h for t in some for h in {m.group(0) for m in _HEAD.finditer(t)})
    usual = {h for h, n in counts.items() if n >= 0.98 * len(some) and h.strip() not in (around or ())}
    if not usual:
        return []
    model = max(some, key=lambda t: sum(h in t for h in usual))
    marks = [m.group(0) for m in _HEAD.finditer(model) if m.group(0) in usual]
    marks = [m for i, m in enumerate(marks) if m not in marks[:i]][:_MOST_MARKS]
    fits = Frame(("", *marks, ""))
    return marks if sum(fits.values(t) is not None for t in some) >= 0.98 * len(some) else []
