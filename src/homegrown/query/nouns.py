"""The nouns as Arrow: what each queryable table is read from.

The database's rows are read through SQLAlchemy, and only when a query mentions them; Lance tables are handed over as
data sets, so that DuckDB pushes its columns and filters down into the scan. Keys, sessions and login links are not
here: no query can name them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.dataset as ds
import sqlalchemy as sa

from homegrown.errors import QueryError
from homegrown.store import tables
from homegrown.store.lance_tables import LanceTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from homegrown.store import Store

MAX_SQL_ROWS = 5_000_000
_INTEGERS = {
    "version", "task_version", "number", "n_records", "n_added", "n_quarantined", "n_tokens_in", "n_tokens_out", "line",
    "seed", "seq", "traces.status",
}  # fmt: skip
_FLOATS = frozenset({"confidence", "prob", "latency_s", "score", "cost_usd"})
_BOOLEANS = frozenset({"keep_text", "multi"})
_TIME = pa.timestamp("us", tz="UTC")

SQL_NOUNS = (
    "projects", "actors", "grants", "sources", "source_versions", "quarantine", "tasks", "task_versions",
    "label_sources", "votes", "snapshots", "runs", "models", "model_versions", "aliases", "evaluations", "endpoints",
    "deployments", "traces", "feedback", "selections", "jobs", "embedders", "tombstones", "events", "assignments",
    "comments", "issues", "derivations", "upstreams", "upstream_answers",
)  # fmt: skip


def _type_of(table: str, column: str) -> pa.DataType:
    if column in _INTEGERS or f"{table}.{column}" in _INTEGERS:
        return pa.int64()
    if column in _FLOATS:
        return pa.float64()
    if column in _BOOLEANS:
        return pa.bool_()
    return pa.string()


def sql_noun(store: Store, name: str) -> pa.Table:
    """One table of the database; columns that end ``_at`` become times."""
    table = tables.ALL[name]
    schema = pa.schema([pa.field(c, _type_of(name, c)) for c in table.c.keys()])  # noqa: SIM118 (not a dictionary)
    batches: list[pa.RecordBatch] = []
    with store.db.read() as connection:
        rows = connection.execution_options(yield_per=50_000).execute(sa.select(*table.c))
        for piece in rows.partitions():
            if sum(b.num_rows for b in batches) > MAX_SQL_ROWS:
                raise QueryError(f"The table {name} has more than {MAX_SQL_ROWS:,} rows, too many for one query.")
            columns = list(zip(*piece, strict=True))
            arrays = [_array(c, f.type) for c, f in zip(columns, schema, strict=True)]
            batches.append(pa.record_batch(arrays, schema=schema))
    found = pa.Table.from_batches(batches, schema)
    for position, field in enumerate(schema):
        if field.name.endswith("_at"):
            found = found.set_column(position, field.name, found[field.name].cast(_TIME))
    return found


def _array(values: tuple[Any, ...], wanted: pa.DataType) -> pa.Array:
    if pa.types.is_boolean(wanted):
        return pa.array([None if v is None else bool(v) for v in values], wanted)
    return pa.array(values, wanted)


def classes(store: Store) -> pa.Table:
    """One row per class of the newest version of each task."""
    found = [
        {
            "task_id": task.task_id,
            "task": task.name,
            "task_kind": task.kind.value,
            "position": position,
            "class_id": one.class_id,
            "name": one.name,
            "description": one.description,
        }
        for task in store.tasks.all()
        for position, one in enumerate(task.classes)
    ]
    text = ("task_id", "task", "task_kind", "class_id", "name", "description")
    schema = pa.schema([*((n, pa.string()) for n in text), ("position", pa.int64())])
    return pa.Table.from_pylist(found, schema)


def class_meanings(store: Store) -> pa.Table:
    """What a vote for each class id means now: one row per present class that it may mean, with its share."""
    found = [
        {"task_id": task.task_id, "voted_id": voted_id, "class_id": class_id}
        | {"share": 1 / len(ids), "is_one": len(ids) == 1}
        for task in store.tasks.all()
        for voted_id, ids in task.meanings().items()
        for class_id in ids
    ]
    fields = [(n, pa.string()) for n in ("task_id", "voted_id", "class_id")]
    return pa.Table.from_pylist(found, pa.schema([*fields, ("share", pa.float64()), ("is_one", pa.bool_())]))


def snapshot_rows(store: Store) -> ds.Dataset | pa.Table:
    """Rows of every snapshot, without the probabilities (their width differs from task to task)."""
    schema = pa.schema(
        [(n, pa.string()) for n in ("snapshot_id", "record_id", "text_hash", "split", "group")]
        + [("weight", pa.float32())]
    )
    root = store.layout.folder("snapshots")
    files = sorted(p for p in root.glob("snap_*/rows.parquet") if (p.parent / "snapshot.json").exists())
    if not files:
        return schema.empty_table()
    partitioning = ds.DirectoryPartitioning(pa.schema([("snapshot_id", pa.string())]))
    return ds.dataset(
        [str(p) for p in files],
        schema=schema,
        format="parquet",
        partitioning=partitioning,
        partition_base_dir=str(root),
    )


def vectors(store: Store) -> pa.Table:
    """Which texts have a vector, per embedder, with its numbers as a list."""
    schema = pa.schema([("embedder", pa.string()), ("text_hash", pa.string()), ("vector", pa.list_(pa.float32()))])
    pieces = []
    for path in sorted(store.layout.folder("lance").glob("vectors_*.lance")):
        table = LanceTable(path, pa.schema([]))
        if not table.exists:
            continue
        rows = table.scan(["text_hash", "vector"])
        name = pa.array([path.stem.removeprefix("vectors_")] * rows.num_rows, pa.string())
        pieces.append(pa.table([name, rows["text_hash"], rows["vector"].cast(schema.field("vector").type)], schema))
    return pa.concat_tables(pieces) if pieces else schema.empty_table()


def _lance(pick: Callable[[Store], LanceTable]) -> Callable[[Store], Any]:
    def read(store: Store) -> Any:
        table = pick(store)
        return table.dataset() if table.exists else table.schema.empty_table()

    return read


READERS: dict[str, Callable[[Store], Any]] = {
    "_records": _lance(lambda s: s.records.table),
    "_origins": _lance(lambda s: s.records.origins),
    "_retired": _lance(lambda s: s.records.retired),
    "_record_versions": _lance(lambda s: s.records.versions),
    "_bulk_votes": _lance(lambda s: s.votes.table),
    "_classes": classes,
    "_class_meanings": class_meanings,
    "_snapshot_rows": snapshot_rows,
    "_vectors": vectors,
}


def read_noun(store: Store, name: str) -> Any:
    """What DuckDB registers under *name* (a key of ``READERS``, or ``_`` and a name of ``SQL_NOUNS``)."""
    if name in READERS:
        return READERS[name](store)
    return sql_noun(store, name.removeprefix("_"))
