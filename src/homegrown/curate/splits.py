"""Which rows are for learning, for choosing and for measuring. Whole units move: twins, and rows of one group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TRAIN, VALID, TEST, UNLABELLED, REMOVED = 0, 1, 2, 3, 4
NAMES = ("train", "valid", "test", "unlabelled")
TEST_SHARE, VALID_SHARE = 0.2, 0.1
MIN_UNITS = 3


@dataclass(frozen=True, slots=True)
class Splits:
    """Split numbers int8 [n], and how many rows left for being twins of held-out texts."""

    split: np.ndarray
    n_twins_removed: int
    n_unlabelled_removed: int


def assign(
    unit: np.ndarray,
    stratum: np.ndarray,
    *,
    seed: int,
    held_out: np.ndarray | None = None,
    balanced: bool = True,
    test_share: float = TEST_SHARE,
    valid_share: float = VALID_SHARE,
) -> Splits:
    """Give each row its split.

    A row is never in training, and never unlabelled training text, when its unit holds a test row.

    Args:
        unit: int [n]; rows of one unit stay together.
        stratum: int [n], the class for balancing; -1 for unlabelled rows.
        seed: the only chance in it.
        held_out: bool [n], rows that are the test split, whole (a file of the user, or what came last in time); their
            twins among the others are removed. None: units are drawn.
        balanced: draw within each class; otherwise (large groups) over all, so that each split gets a unit where there
            are ``MIN_UNITS``.
        test_share: of the labelled rows, when units are drawn.
        valid_share: of the labelled rows that are left.
    """
    labelled = stratum >= 0
    rng = np.random.default_rng(seed)
    _, unit = np.unique(unit, return_inverse=True)
    units = _Units(unit[labelled], stratum[labelled] if balanced else np.zeros(int(labelled.sum()), int), rng)
    n_units = int(unit.max()) + 1 if len(unit) else 0
    tested = np.zeros(n_units, bool)
    if held_out is None:
        tested[units.draw_test(test_share) if balanced else units.draw_groups(test_share, tested, keep=2)] = True
        is_test = tested[unit] & labelled
    else:
        is_test = held_out & labelled
        tested[unit[held_out]] = True
    chosen = np.zeros(n_units, bool)
    chosen[units.draw_valid(valid_share, tested) if balanced else units.draw_groups(valid_share, tested, keep=1)] = True
    split = np.where(labelled, TRAIN, UNLABELLED)
    split[chosen[unit] & labelled] = VALID
    # A twin of a text that chooses the model may not be learnt from without its label either.
    split[chosen[unit] & ~labelled] = REMOVED
    split[tested[unit]] = REMOVED
    n_unlabelled_removed = int(((split == REMOVED) & ~labelled & ~(held_out if held_out is not None else False)).sum())
    split[is_test] = TEST
    n_twins = int(((split == REMOVED) & labelled).sum())
    return Splits(split.astype(np.int8), n_twins, n_unlabelled_removed)


class _Units:
    """The units of the labelled rows, sorted by class and then by chance."""

    def __init__(self, unit: np.ndarray, stratum: np.ndarray, rng: np.random.Generator) -> None:
        names, first, size = np.unique(unit, return_index=True, return_counts=True)
        order = np.lexsort((rng.random(len(names)), stratum[first]))
        self.name, self.size, self.stratum = names[order], size[order], stratum[first][order]
        self.phase = float(rng.random())

    def draw_test(self, share: float) -> np.ndarray:
        """Units for the test split: the wanted share of each class, and at least one unit of it.

        A class with fewer than ``MIN_UNITS`` units stays in training whole, and so does a unit that alone would be
        more than half of its class.
        """
        rows = _Runs(self.stratum, self.size)
        take = rows.before + self.size / 2 <= share * rows.total
        take |= (rows.rank == 0) & (self.size <= rows.total / 2)
        take &= (rows.n_units >= MIN_UNITS) & (rows.rank < rows.n_units - 1)
        return self.name[take]

    def draw_groups(self, share: float, tested: np.ndarray, *, keep: int) -> np.ndarray:
        """Units that make up about *share* of the rows outside *tested*, whatever their classes.

        At least one unit, the smallest if all are too large, and never so many that fewer than *keep* are left.
        """
        left = np.flatnonzero(~tested[self.name])
        wanted = share * float(self.size[left].sum())
        # Those that overshoot come last: one that came first would leave no room, and the split empty.
        left = left[np.argsort(self.size[left] > 2 * wanted, kind="stable")]
        size = self.size[left]
        take = left[np.cumsum(size) - size / 2 <= wanted][: max(0, len(left) - keep)]
        if not len(take) and len(left) > keep:
            take = left[[size.argmin()]]
        return self.name[take]

    def draw_valid(self, share: float, tested: np.ndarray) -> np.ndarray:
        """Units that choose the model: every so many rows of what is left, but never the last unit of a class."""
        left = ~tested[self.name]
        name, size, stratum = self.name[left], self.size[left], self.stratum[left]
        rows = _Runs(stratum, size)
        end = np.cumsum(size)
        take = np.floor(end * share + self.phase) > np.floor((end - size) * share + self.phase)
        take &= size <= max(1.0, share * float(size.sum()) / 2)
        return name[take & (rows.rank < rows.n_units - 1)]


class _Runs:
    """Positions within runs of equal stratum: rank of the unit, rows before it, rows and units of the whole run."""

    def __init__(self, stratum: np.ndarray, size: np.ndarray) -> None:
        n = len(stratum)
        begins = np.flatnonzero(np.concatenate([[True], stratum[1:] != stratum[:-1]])) if n else np.zeros(0, int)
        lengths = np.diff(np.append(begins, n))
        run = np.repeat(np.arange(len(begins)), lengths)
        self.rank = np.arange(n) - begins[run]
        self.n_units = lengths[run]
        ends = np.cumsum(size)
        base = (ends - size)[begins] if n else ends
        self.before = ends - size - base[run]
        self.total = np.bincount(run, size, len(begins))[run]
