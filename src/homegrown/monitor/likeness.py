"""Whether two samples can be told apart, and whether one's answers predict the other's: with counted words alone.

Two wordings of one prompt are one task where nobody can tell their inputs apart (a classifier two-sample test,
Lopez-Paz and Oquab 2017) and where what one of them teaches holds for the other. Multinomial naive Bayes over hashed
words and pairs of words is enough for both, and takes milliseconds.
"""

from __future__ import annotations

import re
import zlib
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from homegrown.metrics.intervals import wilson

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BUCKETS = 1 << 12
MOST = 300  # texts of each side: more tell little more
_WORDS = re.compile(r"\w+|[^\w\s]")
_MOST_WORDS = 120
_SMOOTH = 0.2


class Transfer(NamedTuple):
    """How far answers are predicted, beyond chance (Cohen's kappa).

    Attributes:
        own: of a sample by another part of itself; the smaller of both.
        across: of each by the other; the smaller of both.
        n: judged in each.
    """

    own: float
    across: float
    n: int


Bag = np.ndarray
"""The hashed words and pairs of words of a text, each once: int64 [k]."""


def bags(texts: Iterable[str]) -> list[Bag]:
    """The words of some texts; figures are one word per number of digits."""
    found = []
    for text in texts:
        words = [f"#{len(w)}" if w.isdecimal() else w for w in _WORDS.findall(text.lower())[:_MOST_WORDS]]
        pairs = (f"{a} {b}" for a, b in pairwise(words))
        hashed = {zlib.crc32(w.encode("utf-8", "surrogatepass")) % BUCKETS for w in (*words, *pairs)}
        found.append(np.fromiter(hashed, np.int64, len(hashed)))
    return found


class _Model(NamedTuple):
    """Naive Bayes: log probabilities float32 [BUCKETS, n_classes], log priors [n_classes]."""

    words: np.ndarray
    prior: np.ndarray

    @classmethod
    def fit(cls, some: Sequence[Bag], y: np.ndarray, n_classes: int) -> _Model:
        rows = np.repeat(y, [len(b) for b in some])
        flat = np.concatenate([*some, np.empty(0, np.int64)]) * n_classes + rows
        each = np.bincount(flat, minlength=BUCKETS * n_classes).reshape(BUCKETS, n_classes) + _SMOOTH
        prior = np.log(np.bincount(y, minlength=n_classes) + 1.0)
        return cls(np.log(each / each.sum(0)).astype(np.float32), prior)

    def says(self, some: Sequence[Bag]) -> np.ndarray:
        """The likeliest class of each, int64 [n]."""
        return np.array([int((self.words[b].sum(0) + self.prior).argmax()) for b in some], np.int64)


def told_apart(a: Sequence[Bag], b: Sequence[Bag], *, seed: int = 0) -> float:
    """The share of held-out texts whose side is guessed right: 0.5 where nothing tells two samples apart.

    Example:
        >>> told_apart(bags(["lost card"] * 30), bags(["sunny day"] * 30))
        1.0
    """
    n = min(len(a), len(b), MOST)
    rng = np.random.default_rng(seed)
    some = [side[i] for side in (a, b) for i in rng.permutation(len(side))[:n].tolist()]
    y = np.repeat([0, 1], n)
    half = np.tile(np.arange(n) % 2, 2).astype(bool)
    right = 0
    for test in (half, ~half):
        model = _Model.fit(_of(some, ~test), y[~test], 2)
        right += int((model.says(_of(some, test)) == y[test]).sum())
    return right / max(2 * n, 1)


def _of(some: Sequence[Bag], which: np.ndarray) -> list[Bag]:
    return [some[i] for i in np.flatnonzero(which).tolist()]


def transfer(a: Sequence[tuple[Bag, str]], b: Sequence[tuple[Bag, str]], *, seed: int = 0) -> Transfer:
    """How well the answers of two samples of (text, answer) predict themselves and one another."""
    n = min(len(a), len(b), 2 * MOST) // 2
    rng = np.random.default_rng(seed)
    names = {name: i for i, name in enumerate(sorted({said for _, said in (*a, *b)}))}
    sides = []
    for sample in (a, b):
        order = rng.permutation(len(sample))[: 2 * n].tolist()
        x, y = [sample[i][0] for i in order], np.array([names[sample[i][1]] for i in order], np.int64)
        sides.append((x[n:], y[n:], _Model.fit(x[:n], y[:n], len(names))))
    own = [_kappa(m.says(x), y, len(names)) for x, y, m in sides]
    across = [_kappa(sides[1 - i][2].says(x), y, len(names)) for i, (x, y, _) in enumerate(sides)]
    return Transfer(min(own), min(across), n)


def predicted(sample: Sequence[tuple[Bag, str]], *, seed: int = 0) -> tuple[float, float, float, int]:
    """How often single words predict the answer, held out by halves: share, its 95% interval, n."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(sample)).tolist()
    names = {name: i for i, name in enumerate(sorted({said for _, said in sample}))}
    x, y = [sample[i][0] for i in order], np.array([names[sample[i][1]] for i in order], np.int64)
    half = np.arange(len(order)) % 2 == 0
    right = 0
    for test in (half, ~half):
        model = _Model.fit(_of(x, ~test), y[~test], len(names))
        right += int((model.says(_of(x, test)) == y[test]).sum())
    return (right / len(y), *wilson(right, len(y)), len(y))


def _kappa(said: np.ndarray, true: np.ndarray, n_classes: int) -> float:
    if not len(true):
        return 0.0
    agree = float((said == true).mean())
    shares = [np.bincount(v, minlength=n_classes) / len(true) for v in (said, true)]
    chance = float((shares[0] * shares[1]).sum())
    return (agree - chance) / (1 - chance) if chance < 1 else 0.0
