"""A label column becomes a Task and its imported votes.

Work per row is vectorised; Python sees each distinct value once, so a million rows take seconds.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from homegrown.core.ids import canonical_json
from homegrown.core.models import OUT_OF_SCOPE
from homegrown.core.tasks import LabelSourceKind, Task, TaskKind, new_class_id
from homegrown.errors import InputError, UnsuitableLabelsError
from homegrown.label.names import RESERVED, as_list, name, parse, spellings
from homegrown.store.fields import column_values
from homegrown.store.votes import vote_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from homegrown.store import Store

MAX_CLASSES = 2000


@dataclass(frozen=True, slots=True)
class ImportedLabels:
    """What a label column gave.

    Attributes:
        n_votes: rows with a label, those out of scope included.
        n_empty: rows without one.
        counts: rows per class name.
        mergeable: spelling → the more frequent spelling that it seems to mean; pass (parts of) it as ``merge``.
        warnings: sentences.
    """

    task: Task
    n_votes: int
    n_empty: int
    n_out_of_scope: int
    counts: dict[str, int]
    mergeable: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Column:
    """A label column, each distinct value read once: ``code`` int [n] points into the others, -1 is empty."""

    record_ids: pa.Array
    code: np.ndarray
    names: list[list[str]]
    outside: np.ndarray
    multi: bool

    @property
    def counts(self) -> Counter[str]:
        rows = np.bincount(self.code[self.code >= 0], minlength=len(self.names))
        total: Counter[str] = Counter()
        for group, n in zip(self.names, rows.tolist(), strict=True):
            for one in group:
                total[one] += n
        return total


def task_from_column(
    store: Store,
    task_name: str,
    column: str,
    *,
    sources: Sequence[str] | None = None,
    merge: Mapping[str, str] | None = None,
    out_of_scope: Sequence[str] = (),
    separator: str | None = None,
    guidelines: str = "",
) -> ImportedLabels:
    """Define the task *task_name* from the values of *column* and record them as votes.

    Values that are lists make a task with many classes per record. Empty values are no votes. Classes that are there
    stay; a value by which one was called formerly is a vote for it.

    Args:
        store: the workspace.
        task_name: of the task.
        column: field that holds the answers.
        sources: names of the sources whose labels count; all when None. Records of other sources have no vote.
        merge: spelling → class name that it is counted as.
        out_of_scope: values that mean "belongs to none of the classes"; an empty string takes empty cells.
        separator: parts a cell into several classes.
        guidelines: how to decide; those that are there stay when none are given.

    Raises:
        UnsuitableLabelsError: there is nothing to learn (no or one class), or the column is really an id.
    """
    found = _read(store, column, sources, dict(merge or {}), out_of_scope, separator)
    counts = found.counts
    used = found.code[found.code >= 0]
    check_classes(column, counts, len(used) - int(found.outside[used].sum()))
    kind = TaskKind.CLASSES if found.multi else TaskKind.CLASS
    old = store.tasks.find(task_name)
    unused = _unused(store, old, column, set(counts)) if old else []
    task = store.tasks.define(
        store.actor, task_name, sorted(counts), kind=kind, column=column, guidelines=guidelines,
        merged={name(k): name(v) for k, v in (merge or {}).items()}, without=unused,
    )  # fmt: skip
    config = {"merge": dict(merge or {}), "out_of_scope": list(out_of_scope), "separator": separator}
    config["sources"] = sorted(sources) if sources is not None else None
    source_id = store.tasks.label_source(store.actor, task, LabelSourceKind.IMPORTED, column, config)
    store.votes.replace(source_id, _votes(task, source_id, found))
    mergeable = spellings(counts)
    return ImportedLabels(
        task=task,
        n_votes=len(used),
        n_empty=len(found.code) - len(used),
        n_out_of_scope=int(found.outside[used].sum()),
        counts=dict(counts),
        mergeable=mergeable,
        warnings=_warnings(counts, mergeable),
    )


def _unused(store: Store, task: Task, column: str, said: set[str]) -> list[str]:
    """Ids of the classes that an earlier import of *column* brought, that it does not name now, and that nobody knows.

    A class that somebody voted for, described, renamed or made by hand stays.
    """
    absent = {
        c.class_id
        for c in task.classes
        if c.name not in said
        and not (c.description or c.examples or c.former)
        and c.class_id == new_class_id(task.task_id, c.name)
    }
    if not absent:
        return []
    ours = store.tasks.source_ids(task.task_id, LabelSourceKind.IMPORTED, column)
    votes = store.votes.of_task(task.task_id)
    mine = pc.is_in(votes["label_source_id"], value_set=pa.array(ours, pa.string()))
    brought, others = (_ids_in(votes.filter(m)["value"]) for m in (mine, pc.invert(mine)))
    by_people = _ids_in(pa.chunked_array([[value for _, value in store.person_votes.said(task.task_id)]], pa.string()))
    return sorted(absent & brought - others - by_people)


def _ids_in(values: pa.ChunkedArray) -> set[str]:
    """Ids of the classes that any of these votes names."""
    distinct = [msgspec.json.decode(v) for v in pc.unique(values).to_pylist() if v is not None]
    return {str(i) for v in distinct for i in v.get("classes", [v.get("class")])}


def check_classes(column: str, counts: Counter[str], n_rows: int) -> None:
    """Refuse a column from which nothing can be learnt, with the reason."""
    if not counts:
        raise UnsuitableLabelsError(
            f"The column {column!r} is empty in every row. Name a column that holds the answers."
        )
    if len(counts) == 1:
        only = next(iter(counts))
        raise UnsuitableLabelsError(
            f"The column {column!r} holds one class only ({only[:60]!r}). At least two are needed to learn from."
        )
    every = len(counts) == counts.total() and n_rows >= 5
    if every or len(counts) > max(20, n_rows * 0.5) or len(counts) > MAX_CLASSES:
        raise UnsuitableLabelsError(
            f"The column {column!r} has {len(counts):,} different values in {n_rows:,} rows: it looks like an id or "
            "free text, not like a class. Name the column that holds the answers."
        )


def _read(
    store: Store,
    column: str,
    sources: Sequence[str] | None,
    merge: dict[str, str],
    out_of_scope: Sequence[str],
    separator: str | None,
) -> _Column:
    ids: list[pa.Array] = []
    raw: list[Any] = []
    for batch in store.records.batches(["record_id", "fields"], rows=65536):
        ids.append(batch["record_id"])
        raw.extend(column_values(batch["fields"], column))
    record_ids = pa.concat_arrays(ids) if ids else pa.array([], pa.string())
    keys = [v if type(v) is str else None if v is None else "\x00" + canonical_json(v).decode() for v in raw]
    encoded = pa.array(keys, pa.string()).dictionary_encode()
    code = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).copy()
    values = [msgspec.json.decode(k[1:]) if k.startswith("\x00") else k for k in encoded.dictionary.to_pylist()]
    if sources is not None:
        inside = pc.is_in(record_ids, value_set=_ids_of(store, sources)).to_numpy(zero_copy_only=False)
        code, record_ids = code[inside], record_ids.filter(pa.array(inside))
    return _named(record_ids, code, values, merge, out_of_scope, separator)


def _named(
    record_ids: pa.Array,
    code: np.ndarray,
    values: list[Any],
    merge: dict[str, str],
    out_of_scope: Sequence[str],
    separator: str | None,
) -> _Column:
    reserved = {name(v) for v in out_of_scope}
    merged = {name(k): name(v) for k, v in merge.items()}
    used = np.zeros(len(values) + 1, bool)
    used[code] = True
    groups, outside, silent, multi = [], [], [], bool(separator)
    for value, is_used in zip(values, used.tolist(), strict=False):
        parts = parse(value, separator) if is_used else []
        spelt = value if isinstance(value, list) else as_list(value) if isinstance(value, str) else None
        multi |= is_used and spelt is not None
        outside.append(bool(reserved) and (set(parts) <= reserved if parts else "" in reserved))
        groups.append(list(dict.fromkeys(merged.get(p, p) for p in parts if p not in reserved)))
        # An empty list is an answer: none of the classes applies. An empty cell is no answer.
        silent.append(not groups[-1] and not outside[-1] and spelt != [])
    code = code.copy()
    if "" in reserved:
        groups.append([])
        outside.append(True)
        silent.append(False)
        code[code < 0] = len(groups) - 1
    code[np.array([*silent, False])[code]] = -1
    flags = np.array(outside, bool)
    return _Column(record_ids, code, groups, flags if len(flags) else np.zeros(1, bool), multi)


def _ids_of(store: Store, sources: Sequence[str]) -> pa.Array:
    """Ids of the records of the newest version of each of *sources*."""
    known = {s.name: s for s in store.sources.list()}
    missing = [s for s in sources if s not in known]
    if missing:
        raise InputError(f"There is no source {missing[0]!r} in this workspace. Sources here: {', '.join(known)}.")
    where = " OR ".join(
        f"(source_id = '{known[s].source_id}' AND source_version = {known[s].version})" for s in sources
    )
    return store.records.origins.scan(["record_id"], where=where)["record_id"].combine_chunks()


def _votes(task: Task, source_id: str, found: _Column) -> pa.Table:
    ids = {n: task.voted_id(n) for group in found.names for n in group}
    values = []
    for group, is_out in zip(found.names, found.outside.tolist(), strict=False):
        one = {"class": OUT_OF_SCOPE if is_out or not group else ids[group[0]]}
        values.append(canonical_json({"classes": [ids[n] for n in group]} if found.multi else one).decode())
    chosen = found.code >= 0
    ids = found.record_ids.filter(pa.array(chosen))
    return vote_table(task, source_id, ids, pa.array(values, pa.string()).take(pa.array(found.code[chosen])))


def _warnings(counts: Counter[str], mergeable: dict[str, str]) -> tuple[str, ...]:
    found = [
        f"{old[:60]!r} ({counts[old]:,} rows) and {new[:60]!r} ({counts[new]:,}) differ by case or spacing only. "
        f"To merge them: --merge {old[:60]!r}={new[:60]!r}"
        for old, new in mergeable.items()
    ]
    found += [
        f"The class {n!r} sounds like none of the classes. If it does mean that: --out-of-scope {n!r}"
        for n in counts
        if n.casefold() in RESERVED
    ]
    found += [f"The class {n[:60]!r} has one row only." for n, k in counts.items() if k == 1][:5]
    return tuple(found)
