"""The words by which a group of texts differs from the others."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

LEAST_TEXTS = 3
# Scripts without spaces are read character by character, so that pairs of characters are the words.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]|[^\W_]+(?:['’][^\W_]+)?", re.UNICODE)
_MOST_CHARACTERS = 2000
# Words that name nothing. Those of other languages sink by being frequent everywhere.
_EMPTY = frozenset(
    """
    a an and any are as at be been but by can could did do does doesn't don't didn't for from had has have how i
    i'd  i'm i've if in is isn't it it's its just may me my no not of on or our please should so some than that
    the their  them then there they this to was wasn't we were what when where which who why will with would you
    your
    """.split()  # noqa: SIM905
)


def words_of(text: str) -> set[str]:
    """The words and pairs of neighbouring words of a text, lower case, without single letters and bare numbers.

    Example:
        >>> sorted(words_of("My card, my CARD 42"))
        ['card', 'card my', 'my', 'my card']
    """
    found = [w for w in _WORD.findall(text[:_MOST_CHARACTERS].lower()) if not w.isdecimal()]
    single = {w for w in found if len(w) > 1}
    return single | {f"{a} {b}" for a, b in pairwise(found)}


def distinctive_terms(texts: list[str], label: np.ndarray, n_clusters: int, *, most: int = 6) -> list[tuple[str, ...]]:
    """For each cluster the terms that are frequent in it and rare elsewhere, the most distinctive first.

    Class-based tf-idf (Grootendorst 2022, "BERTopic", section 3.3), over texts in place of single words: the share of
    the cluster's texts that hold a term, times the log of how much larger it is than the share of all. A term stands in
    at least ``LEAST_TEXTS`` texts of its cluster, or in all of a smaller one.

    Args:
        texts: n texts, near duplicates once.
        label: int [n], the cluster of each; -1 for none.
        n_clusters: how many.
        most: terms per cluster.

    Example:
        >>> said = ["lost card", "card lost", "lost card?", "no money", "money back", "money!"]
        >>> distinctive_terms(said, np.array([0, 0, 0, 1, 1, 1]), 2, most=1)
        [('lost',), ('money',)]
    """
    words = [words_of(text) for text in texts]
    everywhere = Counter(word for found in words for word in found)
    inside = [Counter[str]() for _ in range(n_clusters)]
    size = np.bincount(label[label >= 0], minlength=n_clusters)
    for found, number in zip(words, label.tolist(), strict=True):
        if number >= 0:
            inside[number].update(found)
    total = max(len(texts), 1)
    return [_best(inside[k], int(size[k]), everywhere, total, most) if size[k] else () for k in range(n_clusters)]


def name_of(terms: Iterable[str], number: int) -> str:
    """A name to begin with: a pair whose words are terms too, else the first two terms, else the cluster's number.

    Example:
        >>> name_of(("arrived", "card", "card arrived"), 3), name_of((), 3)
        ('card arrived', 'group 3')
    """
    known = list(terms)
    pairs = [t for t in known if " " in t and set(t.split()) <= set(known)]
    chosen = pairs[:1]
    for term in known if not pairs else ():
        if len(chosen) < 2 and not any(set(term.split()) & set(c.split()) for c in chosen):
            chosen.append(term)
    return " ".join(chosen)[:60] or f"group {number}"


def _best(inside: Counter[str], size: int, everywhere: Counter[str], total: int, most: int) -> tuple[str, ...]:
    least = min(LEAST_TEXTS, size)
    worth = {
        word: n / size * float(np.log(n / size / (everywhere[word] / total)))
        for word, n in inside.items()
        if n >= least and _EMPTY.isdisjoint(word.split())
    }
    order = sorted((w for w in worth if worth[w] > 0), key=lambda w: (-worth[w], w))
    return tuple(order[:most])
