"""Records that say the same: equal, near by words (MinHash), or near by meaning (vectors); and twins across splits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from homegrown.core.issues import Found
from homegrown.curate.rulings import as_originals
from homegrown.curate.twins import join, normalised, twin_groups
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
        if here.table.num_rows < 2:
            return
        texts = here.table["text"].combine_chunks()
        by_words = twin_groups(texts)
        head = _heads(join(by_words, *_alike(here)), here.given)
        rows = np.flatnonzero(head != np.arange(len(head)))
        first = head[rows]
        mine, theirs = (normalised(texts.take(pa.array(side))) for side in (rows, first))
        equal = pc.equal(mine, theirs).to_numpy(zero_copy_only=False)
        how = np.where(equal, "equal", np.where(by_words[rows] == by_words[first], "words", "meaning"))
        split = _splits(here)
        pairs = zip(here.ids(rows), here.ids(first), strict=True)
        labels = zip(here.given[rows].tolist(), here.given[first].tolist(), strict=True)
        for ids, given, why in zip(pairs, labels, how.tolist(), strict=True):
            yield self._found(here, ids, given, why, {split.get(i) for i in ids})

    def _found(
        self, here: Examined, ids: tuple[str, str], given: tuple[int, int], how: str, sides: set[str | None]
    ) -> Found:
        score = {"equal": 1.0, "words": 0.9, "meaning": 0.7}[how]
        kind, reason = "near_duplicate", f"{_WORDS[how]} as another record"
        mine, theirs = given
        if here.task is not None and mine >= 0 and theirs >= 0 and mine != theirs:
            names = here.task.class_names
            reason += f", which is labelled “{names[theirs]}” and not “{names[mine]}”: one of them is wrong"
            score = min(1.0, score + 0.2)
        elif "test" in sides and sides & {"train", "valid"}:
            kind, reason = "leakage", f"{_WORDS[how]} is in the test split and in what is learnt from"
        return Found(ids[0], kind, score, reason + ".", ids[1], {"how": how})


def _alike(here: Examined) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of rows whose vectors are near; looked for among each record's few nearest, piece by piece."""
    first: list[np.ndarray] = []
    second: list[np.ndarray] = []
    for rows in here.pieces(np.arange(here.table.num_rows)):
        found, similarity = here.near(rows, _NEAREST)
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
    """The split of each record in the newest snapshot of the task, masked or not."""
    if here.task is None:
        return {}
    s = tables.snapshots
    wanted = sa.select(s.c.snapshot_id).where(s.c.task_id == here.task.task_id).order_by(s.c.created_at.desc()).limit(1)
    newest = here.store.db.one(wanted)
    if newest is None:
        return {}
    rows = here.store.snapshots.read(newest["snapshot_id"])
    return dict(zip(as_originals(here.store, rows["record_id"]).to_pylist(), rows["split"].to_pylist(), strict=True))
