"""One import: read, identify, store, and commit a new version of the source."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from homegrown import plugins
from homegrown.core.ids import canonical_json, digest, now, record_id, text_hash
from homegrown.core.records import Parsed, Quarantined, SourceVersion
from homegrown.errors import EmptyDataError, MissingColumnError, UnreadableFileError
from homegrown.store.records import ORIGINS, RECORDS

if TYPE_CHECKING:
    from pathlib import Path

    from homegrown.core.protocols import Progress
    from homegrown.store import Store


def import_file(
    store: Store,
    path: Path,
    *,
    text: str,
    label: str | None = None,
    name: str | None = None,
    progress: Progress,
) -> SourceVersion:
    """Read *path* and make its rows the newest version of the source *name* (default: the file name)."""
    if not path.is_file():
        raise UnreadableFileError(f"There is no file {path}.")
    source = name or path.name
    source_id = store.sources.ensure(source)
    rows, bad = _read(path)
    if not rows:
        raise EmptyDataError(f"{path.name} has no rows to read. Expected a header line and at least one row.")
    missing = [c for c in (text, label) if c is not None and c not in rows[0].fields]
    if missing:
        raise MissingColumnError(f"{path.name} has no column {missing[0]!r}. Its columns: {', '.join(rows[0].fields)}.")
    table, locators = _records(rows, text, source, source_id)
    ids = table["record_id"].combine_chunks()
    content = digest(*(i.encode() for i in sorted(ids.to_pylist())))
    latest = store.sources.latest(source_id)
    unchanged = latest is not None and latest["digest"] == content
    version = SourceVersion(
        source_id=source_id,
        name=source,
        version=(latest["version"] if latest else 0) + (0 if unchanged else 1),
        n_records=len(ids),
        n_added=0,
        n_quarantined=len(bad),
        created_at=now(),
        unchanged=unchanged,
        text_column=text,
        label_column=label,
    )
    if unchanged:
        return version
    return _commit(store, version, table, locators, content, bad, progress)


def _read(path: Path) -> tuple[list[Parsed], list[Quarantined]]:
    reader = plugins.load("homegrown.readers", "csv")()
    rows: list[Parsed] = []
    bad: list[Quarantined] = []
    for item in reader.read(path, path.name):
        (rows if isinstance(item, Parsed) else bad).append(item)  # type: ignore[arg-type]
    return rows, bad


def _records(rows: list[Parsed], text: str, source: str, source_id: str) -> tuple[pa.Table, pa.Array]:
    twins: Counter[str] = Counter()
    at = now()
    columns: dict[str, list[Any]] = {f.name: [] for f in RECORDS}
    for row in rows:
        content = str(row.fields[text])
        hashed = text_hash(content)
        fields = canonical_json(row.fields)
        first = record_id(hashed, fields)
        values = {
            "record_id": first if not twins[first] else record_id(hashed, fields, twins[first]),
            "text_hash": hashed,
            "text": content,
            "fields": fields.decode(),
            "source": source,
            "source_id": source_id,
            "external_id": None,
            "n_chars": len(content),
            "created_at": at,
        }
        twins[first] += 1
        for key, value in values.items():
            columns[key].append(value)
    return pa.table(columns, schema=RECORDS), pa.array([r.locator for r in rows], pa.string())


def _commit(
    store: Store,
    version: SourceVersion,
    table: pa.Table,
    locators: pa.Array,
    content: str,
    bad: list[Quarantined],
    progress: Progress,
) -> SourceVersion:
    progress.start("ingest", table.num_rows)
    ids = table["record_id"].combine_chunks()
    new = table.filter(pc.invert(pc.is_in(ids, value_set=store.records.all_ids())))
    store.records.table.insert_missing(new, "record_id")
    n = len(ids)
    origins = pa.table(
        [ids, pa.array([version.source_id] * n), pa.array([version.version] * n, pa.int32()), locators], schema=ORIGINS
    )
    before = store.records.origins.scan(["record_id"], where=f"source_id = '{version.source_id}'")
    store.records.origins.append(origins.to_batches())
    gone = before["record_id"].combine_chunks()
    store.records.retire(pc.unique(gone.filter(pc.invert(pc.is_in(gone, value_set=ids)))))
    store.records.revive(ids)
    done = SourceVersion(**{**{s: getattr(version, s) for s in version.__slots__}, "n_added": new.num_rows})
    store.sources.add_version(store.actor, done, content, bad)
    progress.advance(n)
    progress.finish()
    return done
