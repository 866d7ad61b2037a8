"""Remove records from every place that holds them: Lance tables, database, folders. Each step may be repeated."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import sqlalchemy as sa

from homegrown.core.ids import text_hash
from homegrown.store import discoveries, tables
from homegrown.store.failpoints import failpoint
from homegrown.store.lance_search import drop_indexes, rebuild_indexes
from homegrown.store.lance_tables import LanceTable, quoted

if TYPE_CHECKING:
    from homegrown.core.protocols import Progress
    from homegrown.govern.scrub import Needles
    from homegrown.store import Store

CHUNK = 2000
# Folders whose files are made again when they are wanted, or are copies that would bring the records back.
WIPED = ("cache", "tmp", "reports", "exports", "backups")
# Text and JSON that stay, cleaned of what is forgotten: table → (columns of the key, columns).
CLEANED = {
    "runs": ("run_id", ("details", "error")),
    "jobs": ("job_id", ("arguments", "progress", "result", "error")),
    "evaluations": ("evaluation_id", ("result",)),
    "model_versions": ("version_id", ("details",)),
    "snapshots": ("snapshot_id", ("details",)),
    "label_sources": ("label_source_id", ("config",)),
    "selections": ("selection_id", ("sql",)),
    "votes": ("vote_id", ("rationale",)),
    "feedback": ("feedback_id", ("value",)),
    "assignments": ("assignment_id", ("reason",)),
    "comments": ("comment_id", ("text", "answer")),
    "issues": ("issue_id", ("details",)),
    "task_versions": ("task_id version", ("classes", "guidelines", "fields")),
    "upstream_answers": ("digest", ("answer",)),
    "captured": ("trace_id", ("tags", "error")),
    "templates": ("template_id", ("details",)),
    "shadow_answers": ("trace_id version_id", ("answer",)),
    "audits": ("trace_id version_id kind", ("home", "upstream", "gold")),
}
# Rows that go with a record: table → columns that name one.
OF_RECORDS = {
    "assignments": ("record_id",),
    "comments": ("record_id",),
    "issues": ("record_id", "other_id"),
    "derivations": ("record_id", "from_record_id"),
}


def erase_lance(store: Store, record_ids: list[str], hashes: list[str], progress: Progress) -> None:
    """Delete the rows of *record_ids* and *hashes* from every Lance table, then their bytes.

    Args:
        store: the workspace, held exclusively.
        record_ids: rows of tables that are keyed by record.
        hashes: texts that no remaining record holds: rows of caches and vectors.
        progress: told per table.
    """
    paths = sorted(store.layout.folder("lance").glob("*.lance"))
    progress.start("erase tables", len(paths), "tables")
    for path in paths:
        table = LanceTable(path, pa.schema([]))
        if table.exists:
            names = table.dataset().schema.names
            if "record_id" in names:
                _erase_rows(table, "record_id", record_ids)
            elif "text_hash" in names:
                _erase_rows(table, "text_hash", hashes)
            elif "input_hash" in names:
                _erase_rows(table, "input_hash", hashes)
        failpoint("forget.table")
        progress.advance(1)
    progress.finish()


def _erase_rows(table: LanceTable, key: str, values: list[str]) -> None:
    indexes = drop_indexes(table)
    for start in range(0, len(values), CHUNK):
        table.delete(f"{key} IN {quoted(values[start : start + CHUNK])}")
    table.purge()
    if indexes and table.count():
        rebuild_indexes(table, indexes)
        table.purge()


def erase_sql(store: Store, record_ids: list[str], hashes: list[str], needles: Needles) -> dict[str, int]:
    """Delete votes, traces and feedback of what is forgotten, and clean what stays; one transaction.

    Returns:
        How many votes and traces went.
    """
    v, t, f = tables.votes, tables.traces, tables.feedback
    traces = _traces(store, set(hashes), needles)
    n_votes = 0
    with store.db.write() as connection:
        for some in _pieces(record_ids):
            n_votes += connection.execute(sa.delete(v).where(v.c.record_id.in_(some))).rowcount
            for name, columns in OF_RECORDS.items():
                table = tables.ALL[name]
                connection.execute(sa.delete(table).where(sa.or_(*(table.c[c].in_(some) for c in columns))))
        a = tables.upstream_answers
        for some in _pieces(hashes):
            connection.execute(sa.delete(a).where(a.c.text_hash.in_(some)))
        for some in _pieces(traces):
            connection.execute(sa.delete(f).where(f.c.trace_id.in_(some)))
            connection.execute(sa.delete(t).where(t.c.trace_id.in_(some)))
        for name, (key, columns) in CLEANED.items():
            _clean(connection, tables.ALL[name], key, columns, needles)
        _clean_quarantine(connection, needles)
        discoveries.without(connection, set(record_ids))
    return {"n_votes": n_votes, "n_traces": len(traces)}


def _pieces(values: list[str]) -> list[list[str]]:
    return [values[start : start + 500] for start in range(0, len(values), 500)]


def _traces(store: Store, hashes: set[str], needles: Needles) -> list[str]:
    """Traces whose text was forgotten, or which hold the forgotten value in question or answer."""
    t = tables.traces
    rows = store.db.all(sa.select(t.c.trace_id, t.c.input_hash, t.c.text, t.c.answer))
    return [str(r["trace_id"]) for r in rows if r["input_hash"] in hashes or _holds(r, hashes, needles)]


def _holds(row: dict[str, Any], hashes: set[str], needles: Needles) -> bool:
    texts = [s for s in (row["text"], row["answer"]) if s]
    return any(text_hash(s) in hashes or needles.clean(s) != s for s in texts)


def _clean(
    connection: sa.Connection, table: sa.TableClause, key: str, columns: tuple[str, ...], needles: Needles
) -> None:
    keys = key.split()
    rows = connection.execute(sa.select(*(table.c[c] for c in (*keys, *columns)))).mappings().all()
    for row in rows:
        changed = {c: cleaned for c in columns if row[c] and (cleaned := needles.clean_column(row[c])) != row[c]}
        if changed:
            connection.execute(sa.update(table).where(*(table.c[k] == row[k] for k in keys)).values(**changed))


def _clean_quarantine(connection: sa.Connection, needles: Needles) -> None:
    q = tables.quarantine
    for row in connection.execute(sa.select(q.c.reason).distinct()).all():
        cleaned = needles.clean(row[0])
        if cleaned != row[0]:
            connection.execute(sa.update(q).where(q.c.reason == row[0]).values(reason=cleaned))


def erase_folders(store: Store, run_ids: list[str]) -> list[str]:
    """Remove made files, copies and checkpoints; returns what went, for who wants to make it again."""
    gone = []
    for name in WIPED:
        for path in sorted(store.layout.folder(name).iterdir()):
            if name in ("reports", "exports", "backups"):
                gone.append(f"{name}/{path.name}")
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    for run_id in run_ids:
        store.drop_run_folder(run_id)
    return gone


def holding_bundles(store: Store, version_ids: list[str], needles: Needles) -> list[str]:
    """Of *version_ids* those whose bundle holds a forgotten text or value: they must not stay."""
    found = []
    for version_id in version_ids:
        folder = store.layout.folder("models") / version_id
        files = [p for p in folder.rglob("*") if p.suffix in {".json", ".txt", ".md"}]
        if any(_file_holds(p.read_text(encoding="utf-8", errors="replace"), needles) for p in files):
            found.append(version_id)
    return found


def _file_holds(text: str, needles: Needles) -> bool:
    if needles.value and needles.value in text:
        return True
    return any(head in text for head in needles.heads if len(head) >= 12)
