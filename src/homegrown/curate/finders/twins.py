"""Records that say the same: equal, near by words (MinHash), or near by meaning (vectors); and twins across splits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import sqlalchemy as sa

from homegrown.core.issues import Found
from homegrown.curate.twins import join, normalised, twin_groups
from homegrown.metrics.neighbours import nearest
from homegrown.store import tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from homegrown.curate.examined import Examined

#: cosine from which two texts are taken to mean the same
MEANING = 0.96
_NEAREST = 5
_WORDS = {"equal": "The same text", "words": "Nearly the same words", "meaning": "The same said in other words"}


class TwinFinder:
    """Each record of a group of twins beside the one that would stand for the group."""

    kinds = ("near_duplicate", "leakage")

    def find(self, here: Examined) -> Iterator[Found]:
        """Twins of an earlier record; those of which one is tested on and the other learnt from are leakage."""
        table = here.table
        if table.num_rows < 2:
            return
        texts = table["text"].combine_chunks()
        exact = normalised(texts).dictionary_encode().indices.to_numpy()
        by_words = twin_groups(texts)
        by_meaning = join(by_words, *_alike(here))
        split = _splits(here)
        head = _heads(by_meaning, here.given)
        for row in np.flatnonzero(head != np.arange(len(head))).tolist():
            first = int(head[row])
            how = "equal" if exact[row] == exact[first] else "words" if by_words[row] == by_words[first] else "meaning"
            yield self._found(here, row, first, how, split)

    def _found(self, here: Examined, row: int, first: int, how: str, split: dict[str, str]) -> Found:
        record_id, other_id = here.ids(np.array([row, first]))
        score = {"equal": 1.0, "words": 0.9, "meaning": 0.7}[how]
        kind, reason = "near_duplicate", f"{_WORDS[how]} as another record"
        sides = {split.get(record_id), split.get(other_id)}
        mine, theirs = int(here.given[row]), int(here.given[first])
        if here.task is not None and mine >= 0 and theirs >= 0 and mine != theirs:
            names = here.task.class_names
            reason += f", which is labelled “{names[theirs]}” and not “{names[mine]}”: one of them is wrong"
            score = min(1.0, score + 0.2)
        elif "test" in sides and sides & {"train", "valid"}:
            kind, reason = "leakage", f"{_WORDS[how]} is in the test split and in what is learnt from"
        return Found(record_id, kind, score, reason + ".", other_id, {"how": how})


def _alike(here: Examined) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of rows whose vectors are near; looked for among each record's few nearest, piece by piece."""
    first: list[np.ndarray] = []
    second: list[np.ndarray] = []
    for rows in here.pieces(np.arange(here.table.num_rows)):
        found, similarity = nearest(here.vectors(rows), _NEAREST)
        row, column = np.nonzero(similarity >= MEANING)
        first.append(rows[row])
        second.append(rows[found[row, column]])
    return np.concatenate(first), np.concatenate(second)


def _heads(group: np.ndarray, given: np.ndarray) -> np.ndarray:
    """The row that stands for the group of each row: the first with a label, else the first; int [n]."""
    n = len(group)
    order = np.lexsort((np.arange(n), given < 0, group))
    ordered = group[order]
    begins = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    head = np.empty(n, int)
    head[order] = np.repeat(order[begins], np.diff(np.append(begins, n)))
    return head


def _splits(here: Examined) -> dict[str, str]:
    """The split of each record in the newest snapshot of the task."""
    if here.task is None:
        return {}
    s = tables.snapshots
    wanted = sa.select(s.c.snapshot_id).where(s.c.task_id == here.task.task_id).order_by(s.c.created_at.desc()).limit(1)
    newest = here.store.db.one(wanted)
    if newest is None:
        return {}
    rows = here.store.snapshots.read(newest["snapshot_id"])
    return dict(zip(rows["record_id"].to_pylist(), rows["split"].to_pylist(), strict=True))
