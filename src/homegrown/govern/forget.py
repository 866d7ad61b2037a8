"""Forget records: their bytes are gone from every place of the workspace, and a tombstone says what was touched.

Immutable means never edited, not never removed. Snapshots keep the ids of forgotten records (never a text), so that
what was trained from them can be named.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from homegrown.core.access import Permission
from homegrown.core.ids import canonical_json, new_id, timestamp
from homegrown.errors import ForbiddenError, InputError, NotFoundError
from homegrown.govern.calls import Sought, calls_holding, erase_calls
from homegrown.govern.erase import erase_folders, erase_lance, erase_sql, holding_bundles
from homegrown.govern.scrub import Needles
from homegrown.store import tables
from homegrown.store.events import record_event
from homegrown.store.failpoints import failpoint
from homegrown.store.files import sync_folder, write_atomic
from homegrown.store.lance_tables import quoted
from homegrown.store.spool import recover

if TYPE_CHECKING:
    from pathlib import Path

    from homegrown.core.protocols import Progress
    from homegrown.store import Store
    from homegrown.store.lance_tables import LanceTable

MAX_TEXTS = 10_000


@dataclass(frozen=True, slots=True)
class Subject:
    """What to forget: exactly one of a record, a source, or all records with a value in a field.

    Example:
        >>> Subject(field="email", value="anna@example.org").spoken()
        "records whose field 'email' held a value that is not kept"
    """

    record_id: str | None = None
    source: str | None = None
    field: str | None = None
    value: str | None = None

    def spoken(self) -> str:
        """For the tombstone; never the value."""
        if self.record_id is not None:
            return f"record {self.record_id}"
        if self.source is not None:
            return f"source {self.source}"
        return f"records whose field {self.field!r} held a value that is not kept"

    def check(self) -> None:
        """Refuse nothing, several things, or an empty value."""
        named = [x for x in (self.record_id, self.source, self.field) if x]
        if len(named) != 1 or (self.field is not None and not self.value):
            raise InputError("Name one thing to forget: a record, a source, or FIELD=VALUE with a value.")


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What forgetting did.

    Attributes:
        n_votes: votes that went with the records, people's and bulk ones.
        n_traces: answered texts and captured calls that went.
        snapshots: frozen data sets that hold their ids; they are not retrained by themselves.
        models: versions trained from those snapshots.
        removed_models: versions whose files held a forgotten text and were removed.
        removed_files: reports, exports and backups that were removed; make those anew that are still wanted.
    """

    tombstone_id: str
    subject: str
    n_records: int
    n_votes: int
    n_traces: int
    snapshots: list[str]
    models: list[str]
    removed_models: list[str]
    removed_files: list[str]


class _Journal(msgspec.Struct):
    """What is to be done, on disk while it is not done."""

    tombstone_id: str
    subject: str
    source_id: str | None
    record_ids: list[str]
    hashes: list[str]
    value: str | None
    texts: list[str]
    n_votes: int
    snapshots: list[str]
    models: list[str]
    runs: list[str]
    n_sql_votes: int = 0
    n_traces: int = 0


def forget(store: Store, subject: Subject, *, progress: Progress) -> Forgotten:
    """Forget *subject*; killed and run again, it goes on. Nobody else may have the workspace open.

    Raises:
        NotFoundError: nothing here answers to it.
        WorkspaceBusyError: a server or another process has the workspace open.
    """
    if not store.actor.may(Permission.GOVERN):
        raise ForbiddenError("Only an owner may forget.")
    subject.check()
    with store.exclusive():
        recover(store)  # calls that a killed gateway noted and gave no row yet
        resumed = _finish_begun(store, progress)
        try:
            journal = _plan(store, subject)
        except NotFoundError:
            if resumed is not None and resumed.subject == subject.spoken():
                return resumed
            raise
        write_atomic(_journal_path(store), msgspec.json.encode(journal))
        failpoint("forget.journal")
        return _carry_out(store, journal, progress)


def finish_begun(store: Store, *, progress: Progress) -> Forgotten | None:
    """Go on with a forgetting that was killed; None when there is none."""
    with store.exclusive():
        return _finish_begun(store, progress)


def _journal_path(store: Store) -> Path:
    return store.layout.folder("locks") / "forget.json"


def _finish_begun(store: Store, progress: Progress) -> Forgotten | None:
    path = _journal_path(store)
    if not path.exists():
        return None
    return _carry_out(store, msgspec.json.decode(path.read_bytes(), type=_Journal), progress)


def _plan(store: Store, subject: Subject) -> _Journal:
    rows = _find(store, subject)
    source_id = _source_id(store, subject.source) if subject.source else None
    is_said = subject.value is not None and next(calls_holding(store, Sought(subject.value, [])), None) is not None
    if not rows.num_rows and source_id is None and not is_said:
        raise NotFoundError(f"There are no {subject.spoken()} in this workspace: nothing to forget.")
    rows = _with_made(store, rows)
    ids = pc.unique(rows["record_id"]).to_pylist()
    hashes = _only_theirs(store, rows)
    snapshots = _snapshots_with(store, set(ids))
    v, r = tables.model_versions, tables.runs
    models = store.db.all(sa.select(v.c.version_id).where(v.c.snapshot_id.in_(snapshots)))
    runs = store.db.all(sa.select(r.c.run_id).where(r.c.snapshot_id.in_(snapshots)))
    return _Journal(
        tombstone_id=new_id("tomb"),
        subject=subject.spoken(),
        source_id=source_id,
        record_ids=ids,
        hashes=hashes,
        value=subject.value,
        texts=pc.unique(rows["text"]).to_pylist()[:MAX_TEXTS],
        n_votes=_count(store.votes.table, "record_id", ids),
        snapshots=snapshots,
        models=[str(m["version_id"]) for m in models],
        runs=[str(x["run_id"]) for x in runs],
    )


def _with_made(store: Store, rows: pa.Table) -> pa.Table:
    """*rows*, and those of every record that was made from one of them (masked, for instance)."""
    d = tables.derivations
    made: dict[str, list[str]] = {}
    for row in store.db.all(sa.select(d.c.record_id, d.c.from_record_id)):
        made.setdefault(row["from_record_id"], []).append(row["record_id"])
    known = set(pc.unique(rows["record_id"]).to_pylist())
    new, wave = set(), known
    while wave:
        wave = {m for record_id in wave for m in made.get(record_id, ())} - known - new
        new |= wave
    if not new:
        return rows
    return pa.concat_tables([rows, _contents(store, pa.array(sorted(new), pa.string())).cast(rows.schema)])


def _find(store: Store, subject: Subject) -> pa.Table:
    """record_id, text_hash and text of everything that answers to *subject*, old content of rows included."""
    if subject.source is not None:
        return _of_source(store, _source_id(store, subject.source))
    pieces = []
    for table in (store.records.table, store.records.versions):
        if not table.exists:
            continue
        where = f"record_id IN {quoted([subject.record_id])}" if subject.record_id else None
        for batch in table.batches(["record_id", "text_hash", "text", "fields"], where=where, rows=65_536):
            keep = batch
            if subject.field is not None:
                keep = batch.filter(_with_value(batch["fields"], subject.field, str(subject.value)))
            pieces.append(keep.drop_columns(["fields"]))
    found = pa.Table.from_batches(pieces) if pieces else _NOTHING
    if subject.field is None or not found.num_rows:
        return found
    # A row whose content changed is one record: its other contents go too.
    return _contents(store, pc.unique(found["record_id"]))


_NOTHING = pa.schema([(n, pa.string()) for n in ("record_id", "text_hash", "text")]).empty_table()


def _contents(store: Store, ids: pa.Array) -> pa.Table:
    pieces = []
    for table in (store.records.table, store.records.versions):
        if table.exists:
            for batch in table.batches(["record_id", "text_hash", "text"], rows=65_536):
                pieces.append(batch.filter(pc.is_in(batch["record_id"], value_set=ids)))
    return pa.Table.from_batches(pieces) if pieces else _NOTHING


def _with_value(fields: pa.Array, name: str, value: str) -> pa.Array:
    def holds(stored: str) -> bool:
        found = msgspec.json.decode(stored).get(name)
        return any(str(x) == value for x in (found if isinstance(found, list) else [found]) if x is not None)

    return pa.array([holds(f) for f in fields.to_pylist()], pa.bool_())


def _source_id(store: Store, name: str) -> str:
    for source in store.sources.list():
        if source.name == name:
            return source.source_id
    known = ", ".join(s.name for s in store.sources.list()) or "none yet"
    raise NotFoundError(f"There is no source {name!r}. Sources here: {known}.")


def _of_source(store: Store, source_id: str) -> pa.Table:
    """Records that came from this source and from no other one."""
    origins = store.records.origins
    if not origins.exists:
        return _NOTHING
    mine = pc.unique(origins.scan(["record_id"], where=f"source_id IN {quoted([source_id])}")["record_id"])
    elsewhere = origins.scan(["record_id"], where=f"source_id NOT IN {quoted([source_id])}")["record_id"]
    return _contents(store, mine.filter(pc.invert(pc.is_in(mine, value_set=pc.unique(elsewhere)))))


def _only_theirs(store: Store, rows: pa.Table) -> list[str]:
    """Hashes of texts that no other record holds: their vectors and cached answers go too."""
    hashes = pc.unique(rows["text_hash"])
    ids = pc.unique(rows["record_id"])
    kept: set[str] = set()
    for table in (store.records.table, store.records.versions):
        if not table.exists:
            continue
        for batch in table.batches(["record_id", "text_hash"], rows=65_536):
            other = batch.filter(pc.invert(pc.is_in(batch["record_id"], value_set=ids)))["text_hash"]
            kept.update(other.filter(pc.is_in(other, value_set=hashes)).to_pylist())
    return [h for h in hashes.to_pylist() if h not in kept]


def _snapshots_with(store: Store, ids: set[str]) -> list[str]:
    s = tables.snapshots
    wanted = pa.array(sorted(ids), pa.string())
    found = []
    for row in store.db.all(sa.select(s.c.snapshot_id).order_by(s.c.created_at)):
        rows = store.snapshots.read(str(row["snapshot_id"]))
        if pc.any(pc.is_in(rows["record_id"], value_set=wanted)).as_py():
            found.append(str(row["snapshot_id"]))
    return found


def _count(table: LanceTable, key: str, values: list[str]) -> int:
    if not table.exists:
        return 0
    wanted = pa.array(values, pa.string())
    return sum(int(pc.sum(pc.is_in(b[key], value_set=wanted)).as_py() or 0) for b in table.batches([key], rows=65_536))


def _carry_out(store: Store, journal: _Journal, progress: Progress) -> Forgotten:
    needles = Needles.of(journal.value, journal.texts, journal.record_ids)
    counts = erase_sql(store, journal.record_ids, journal.hashes, needles)
    counts["n_traces"] += erase_calls(store, Sought(journal.value, journal.texts))
    if counts["n_votes"] or counts["n_traces"]:
        # A run that goes on after a kill finds none of them any more: keep what was counted.
        journal.n_sql_votes += counts["n_votes"]
        journal.n_traces += counts["n_traces"]
        write_atomic(_journal_path(store), msgspec.json.encode(journal))
    failpoint("forget.sql")
    erase_lance(store, journal.record_ids, journal.hashes, progress)
    if journal.source_id is not None:
        store.records.origins.delete(f"source_id IN {quoted([journal.source_id])}")
        store.records.origins.purge()
        q = tables.quarantine
        with store.db.write() as connection:
            connection.execute(sa.delete(q).where(q.c.source_id == journal.source_id))
    failpoint("forget.lance")
    for snapshot_id in journal.snapshots:
        store.snapshots.forget(snapshot_id, journal.record_ids)
    removed_models = holding_bundles(store, journal.models, needles)
    for version_id in removed_models:
        store.bundles.remove(version_id)
    removed_files = erase_folders(store, journal.runs)
    store.db.vacuum()
    failpoint("forget.vacuum")
    done = Forgotten(
        tombstone_id=journal.tombstone_id,
        subject=journal.subject,
        n_records=len(journal.record_ids),
        n_votes=journal.n_votes + journal.n_sql_votes,
        n_traces=journal.n_traces,
        snapshots=journal.snapshots,
        models=journal.models,
        removed_models=removed_models,
        removed_files=removed_files,
    )
    _leave_tombstone(store, done, journal.record_ids)
    _journal_path(store).unlink()
    sync_folder(_journal_path(store).parent)
    return done


def _leave_tombstone(store: Store, done: Forgotten, record_ids: list[str]) -> None:
    t = tables.tombstones
    touched: dict[str, Any] = {**asdict(done), "record_ids": record_ids[:MAX_TEXTS]}
    with store.db.write() as connection:
        if connection.execute(sa.select(t.c.tombstone_id).where(t.c.tombstone_id == done.tombstone_id)).first():
            return
        connection.execute(
            sa.insert(t).values(
                tombstone_id=done.tombstone_id,
                subject=done.subject,
                n_records=done.n_records,
                touched=canonical_json(touched).decode(),
                actor_id=store.actor.actor_id,
                created_at=timestamp(),
            )
        )
        record_event(
            connection, store.actor, "govern.forget", f"tombstone:{done.tombstone_id}", n_records=done.n_records,
            n_votes=done.n_votes, n_traces=done.n_traces, n_snapshots=len(done.snapshots), n_models=len(done.models),
        )  # fmt: skip
