"""What a person should know about the rows of a snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from homegrown.core.tasks import TaskKind
from homegrown.curate.splits import MIN_UNITS, TEST, TRAIN, VALID

if TYPE_CHECKING:
    from homegrown.core.tasks import Task

SHOWN = 5


def warnings_about(
    task: Task, stratum: np.ndarray, split: np.ndarray, twins: np.ndarray, split_by: str
) -> tuple[str, ...]:
    """Sentences about classes with too few rows, twins that disagree, and splits that are empty.

    Args:
        task: gives the names.
        stratum: int [n], the class; as many as there are classes means out of scope, -1 unlabelled.
        split: int8 [n].
        twins: int [n].
        split_by: how the split was made.
    """
    n_classes = len(task.classes)
    inside = (stratum >= 0) & (stratum < n_classes)
    learnt = np.bincount(stratum[inside & np.isin(split, (TRAIN, VALID))], minlength=n_classes)
    tested = np.bincount(stratum[inside & (split == TEST)], minlength=n_classes)
    found: list[str] = []
    if task.kind is TaskKind.OBJECT:
        return tuple(_untested(split))
    _note(found, task, learnt == 1, "only one row to learn from", "label more, or merge it into another class")
    if split_by in ("random", "group"):
        few = f"too few rows for a test (fewer than {MIN_UNITS} that differ)"
        _note(found, task, (learnt > 0) & (tested == 0), few, "how well it is recognised stays unknown")
    _note(found, task, (learnt == 0) & (tested > 0), "test rows but no training row", "such texts must go wrong")
    found += _untested(split)
    clashes = _disagreeing(stratum[inside], twins[inside])
    if clashes:
        found.append(
            f"{clashes:,} texts have a twin with another label: at least one label of each such pair is wrong, or the "
            "classes overlap."
        )
    return tuple(found)


def _untested(split: np.ndarray) -> list[str]:
    if (split == TEST).any():
        return []
    return ["There are too few rows to keep any for a test: nothing can be said about how good a model is."]


def _note(found: list[str], task: Task, flags: np.ndarray, what: str, so: str) -> None:
    names = [f'"{task.classes[i].name[:60]}"' for i in np.flatnonzero(flags)]
    if names:
        more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
        found.append(f"{', '.join(names[:SHOWN])}{more}: {what}; {so}.")


def _disagreeing(stratum: np.ndarray, twins: np.ndarray) -> int:
    """Rows whose group of twins holds more than one class."""
    if not len(twins):
        return 0
    low = np.full(int(twins.max()) + 1, np.iinfo(np.int64).max)
    high = np.full(int(twins.max()) + 1, -1)
    np.minimum.at(low, twins, stratum)
    np.maximum.at(high, twins, stratum)
    return int((low != high)[twins].sum())
