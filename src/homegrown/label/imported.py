"""A label column becomes a Task and its imported votes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from homegrown.core.ids import canonical_json, now
from homegrown.core.tasks import LabelSourceKind, Task, TaskKind
from homegrown.errors import UnsuitableLabelsError
from homegrown.store.votes import VOTES

if TYPE_CHECKING:
    from homegrown.store import Store

MAX_CLASSES = 2000


def task_from_column(store: Store, name: str, column: str) -> tuple[Task, int]:
    """Define the task *name* from the values of *column* and record them as votes.

    Values that are lists make a task with many classes per record. Empty values are no votes.

    Returns:
        The task and the number of votes.

    Raises:
        UnsuitableLabelsError: there is nothing to learn (no or one class), or the column is really an id.
    """
    values = _values(store, column)
    multi = any(isinstance(v, list) for v in values.values())
    per_record = {r: [_name(x) for x in (v if isinstance(v, list) else [v])] for r, v in values.items()}
    per_record = {r: [n for n in names if n] for r, names in per_record.items()}
    per_record = {r: names for r, names in per_record.items() if names}
    counts = Counter(n for names in per_record.values() for n in names)
    check_classes(column, counts)
    kind = TaskKind.CLASSES if multi else TaskKind.CLASS
    task = store.tasks.define(store.actor, name, sorted(counts), kind=kind, column=column)
    source_id = store.tasks.label_source(store.actor, task, LabelSourceKind.IMPORTED, column)
    store.votes.replace(source_id, _votes(task, source_id, per_record, multi=multi))
    return task, len(per_record)


def check_classes(column: str, counts: Counter[str]) -> None:
    """Refuse a column from which nothing can be learnt, with the reason."""
    n = counts.total()
    if not counts:
        raise UnsuitableLabelsError(
            f"The column {column!r} is empty in every row. Name a column that holds the answers."
        )
    if len(counts) == 1:
        only = next(iter(counts))
        raise UnsuitableLabelsError(
            f"The column {column!r} holds one class only ({only!r}). At least two are needed to learn a difference."
        )
    if len(counts) > max(20, n * 0.5) or len(counts) > MAX_CLASSES:
        raise UnsuitableLabelsError(
            f"The column {column!r} has {len(counts):,} different values in {n:,} rows: it looks like an id or free "
            "text, not like a class. Name the column that holds the answers."
        )


def _values(store: Store, column: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for batch in store.records.batches(["record_id", "fields"]):
        for record_id, fields in zip(batch["record_id"].to_pylist(), batch["fields"].to_pylist(), strict=True):
            value = msgspec.json.decode(fields).get(column)
            if value is not None:
                found[record_id] = value
    return found


def _name(value: Any) -> str:
    return str(value).strip()


def _votes(task: Task, source_id: str, per_record: dict[str, list[str]], *, multi: bool) -> pa.Table:
    ids = {c.name: c.class_id for c in task.classes}
    values = [
        canonical_json({"classes": [ids[n] for n in names]} if multi else {"class": ids[names[0]]}).decode()
        for names in per_record.values()
    ]
    n = len(values)
    columns = [
        pa.array([task.task_id] * n),
        pa.array(list(per_record)),
        pa.array([source_id] * n),
        pa.array(values),
        pa.nulls(n, pa.float32()),
        pa.array([now()] * n, pa.timestamp("us", tz="UTC")),
    ]
    return pa.Table.from_arrays(columns, schema=VOTES)
