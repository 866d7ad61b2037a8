"""What votes mean in the newest version of their task, whatever became of the classes that they name."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from homegrown.core.models import OUT_OF_SCOPE
from homegrown.core.tasks import Task


@dataclass(frozen=True, slots=True)
class Meaning:
    """Votes as entries, one per class that a vote names.

    A vote for a class that was split comes once for each part, its weight shared; where another vote on the record
    names a part, that part alone.

    Attributes:
        record: int [k].
        column: int [k], class numbers; the number of classes stands for out of scope.
        weight: float [k], 1 unless shared.
        vote: int [k], number of the vote.
        speaks: bool [n_votes]; not so when all that a vote names is gone.
    """

    record: np.ndarray
    column: np.ndarray
    weight: np.ndarray
    vote: np.ndarray
    speaks: np.ndarray


def places(column: pa.Array | pa.ChunkedArray, values: pa.Array) -> np.ndarray:
    """Where each entry of *column* stands in *values*, int64 [n]; -1 where it does not."""
    found = pc.fill_null(pc.index_in(column, value_set=values), -1)
    if isinstance(found, pa.ChunkedArray):
        found = found.combine_chunks()
    return found.to_numpy(zero_copy_only=False).astype(np.int64)


def read_meaning(task: Task, values: pa.ChunkedArray, record: np.ndarray) -> Meaning:
    """Read votes; Python sees each distinct value once.

    Args:
        task: in its newest version.
        values: JSON, n votes; null abstains.
        record: int [n], the record of each.
    """
    text = values.combine_chunks().dictionary_encode()
    position = {c: i for i, c in enumerate((*task.class_ids, OUT_OF_SCOPE))}
    meant = task.meanings()
    decoded = [msgspec.json.decode(v) for v in text.dictionary.to_pylist()]
    table = [*(_named(v, task.said(v, meant), position) for v in decoded), []]
    code = text.indices.fill_null(len(table) - 1).to_numpy(zero_copy_only=False)
    speaks = np.array([v is not None for v in table[:-1]] + [False])
    said = [[] if v is None else v for v in table]
    # A statement is one class that a vote names; its choices are the classes that this may mean.
    n_statements = np.array([len(v) for v in said])
    vote, statement = _unrolled(code, n_statements)
    flat = [choices for v in said for choices in v]
    n_choices = np.array([len(choices) for choices in flat], int)
    owner, choice = _unrolled(statement, n_choices)
    column = np.array([c for choices in flat for c in choices], int)[choice]
    weight = 1 / n_choices[statement][owner] if len(owner) else np.zeros(0)
    found = vote[owner]
    kept, weight = _decided(record[found], column, weight, owner, len(task.classes) + 1)
    return Meaning(record[found][kept], column[kept], weight, found[kept], speaks[code])


def _unrolled(code: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each entry the row it came from, and its position in the table laid flat, *lengths* [code] entries a row."""
    starts = np.cumsum(lengths) - lengths
    each = lengths[code] if len(code) else np.zeros(0, int)
    row = np.repeat(np.arange(len(code)), each)
    offset = np.arange(len(row)) - np.repeat(np.cumsum(each) - each, each)
    return row, (starts[code[row]] + offset) if len(row) else np.zeros(0, int)


def _decided(
    record: np.ndarray, column: np.ndarray, weight: np.ndarray, owner: np.ndarray, n_columns: int
) -> tuple[np.ndarray, np.ndarray]:
    """Which entries stay, and their weights: of a shared statement the parts that another vote names, if any."""
    shared = weight < 1
    if not shared.any():
        return np.arange(len(record)), weight
    key = record * n_columns + column
    open_to = np.zeros(int(record.max()) + 1, bool)
    open_to[record[shared]] = True
    backed = np.zeros(len(record), bool)
    backed[shared] = np.isin(key[shared], key[~shared & open_to[record]])
    n_backed = np.bincount(owner, backed, int(owner.max()) + 1)[owner]
    settled = shared & (n_backed > 0)
    kept = np.flatnonzero(~settled | backed)
    return kept, np.where(settled, 1 / np.maximum(n_backed, 1), weight)[kept]


def _named(
    value: dict[str, object], meant: list[tuple[str, ...]], position: dict[str, int]
) -> list[tuple[int, ...]] | None:
    """Class numbers that each class named may mean; None when none of them is there any more.

    Two that became one count once, and "P or Q" beside P says nothing more.
    """
    said = dict.fromkeys(tuple(position[c] for c in ids) for ids in meant)
    sure = {ids[0] for ids in said if len(ids) == 1}
    found = [ids for ids in said if len(ids) == 1 or not sure.intersection(ids)]
    return found if found or value.get("classes") == [] else None
