"""The database: migrations, damage, a full disk, two processes, SQLite and PostgreSQL."""

import errno
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from homegrown.core.access import TERMINAL
from homegrown.errors import ConflictError, CorruptDataError, DiskFullError, NewerWorkspaceError, StorageError
from homegrown.store import Store, tables
from homegrown.store.database import Database, wal_is_safe
from homegrown.store.events import read_events, record_event
from homegrown.store.files import write_atomic
from homegrown.store.migrate import current_version, migrate, migrations

ENV = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}


def python(code, *arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], env=ENV, stderr=subprocess.PIPE, text=True, **options
    )


def schema_of(database):
    with database.read() as connection:
        inspector = sa.inspect(connection)
        return {t: [c["name"] for c in inspector.get_columns(t)] for t in inspector.get_table_names()}


def test_the_tables_in_code_are_the_tables_on_disk(tmp_path):
    database = Database(tmp_path / "x.db")
    assert migrate(database, tmp_path) == [f"{m.version:04d}_{m.name}" for m in migrations()]
    found = schema_of(database)
    assert set(found) - {"schema_migrations", "sqlite_sequence"} == set(tables.ALL)
    for name, table in tables.ALL.items():
        assert sorted(found[name]) == sorted(table.c.keys()), name
    assert migrate(database, tmp_path) == []
    assert not list(tmp_path.glob("before-*"))
    database.close()


def test_a_step_is_whole_or_absent_and_a_copy_is_made_first(tmp_path):
    database = Database(tmp_path / "x.db")
    migrate(database, tmp_path)
    newest = migrations()[-1].version
    with database.write() as connection:
        record_event(connection, TERMINAL, "test.event", "thing:1")
        connection.exec_driver_sql(f"DELETE FROM schema_migrations WHERE version = {newest}")
    # The newest step now fails in its middle, since its tables are there already.
    with pytest.raises(StorageError):
        migrate(database, tmp_path)
    assert current_version(database) == newest - 1
    assert len(read_events(database)) == 1
    if newest > 1:
        (copy,) = tmp_path.glob("before-*.db")
        assert sqlite3.connect(copy).execute("select count(*) from events").fetchone() == (1,)
    database.close()


def test_a_newer_database_is_refused_by_name(tmp_path):
    with Store(tmp_path / "w") as store, store.db.write() as connection:
        connection.exec_driver_sql("INSERT INTO schema_migrations VALUES (9999, 'later', 'x', 'x')")
    with pytest.raises(NewerWorkspaceError, match=r"schema 9999.*knows \d+.*Install the newer"):
        Store(tmp_path / "w")


def read_all(database):
    database.check()
    return read_events(database, limit=1000)


@pytest.mark.parametrize("damage", ["garbage", "truncate", "zero page"])
def test_a_damaged_database_is_named_with_a_remedy(tmp_path, damage):
    with Store(tmp_path / "w") as store:
        for n in range(300):
            with store.db.write() as connection:
                record_event(connection, TERMINAL, "test.event", f"thing:{n}")
    path = tmp_path / "w" / "homegrown.db"
    content = bytearray(path.read_bytes())
    if damage == "garbage":
        content[:100] = b"x" * 100
    elif damage == "truncate":
        del content[len(content) // 2 :]
    else:
        content[4096:8192] = b"\0" * 4096
    path.write_bytes(content)
    with pytest.raises(CorruptDataError, match=r"is damaged .* backups"), Store(tmp_path / "w") as store:
        read_all(store.db)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("version", "safe"),
    [((3, 40, 1), False), ((3, 44, 6), True), ((3, 45, 0), False), ((3, 50, 7), True), ((3, 51, 2), False),
     ((3, 51, 3), True), ((3, 52, 0), False), ((3, 53, 0), True)],
)  # fmt: skip
def test_the_linked_sqlite_decides_the_journal(tmp_path, version, safe):
    assert wal_is_safe(version) is safe
    database = Database(tmp_path / "x.db")
    with database.read() as connection:
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA secure_delete").scalar() == 1
    assert mode == ("wal" if wal_is_safe() else "delete")
    database.close()


WRITE = """
import sys
from homegrown.core.access import TERMINAL
from homegrown.store import Store
from homegrown.store.events import record_event

with Store(sys.argv[1]) as store:
    for n in range(int(sys.argv[3])):
        with store.db.write() as connection:
            record_event(connection, TERMINAL, "test.event", f"{sys.argv[2]}:{n}")
        print(n, flush=True)
"""


BOUNDED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]), int(sys.argv[4])))
"""


def test_a_full_disk_says_so_and_loses_nothing(tmp_path):
    Store(tmp_path / "w").close()
    limit = (tmp_path / "w" / "homegrown.db").stat().st_size + 20_000

    process = python(BOUNDED + WRITE, tmp_path / "w", "full", 5000, limit, stdout=subprocess.PIPE)
    out, err = process.communicate(timeout=120)
    assert process.returncode != 0
    assert DiskFullError.__name__ in err
    with Store(tmp_path / "w") as store:
        store.db.check()
        assert len(read_events(store.db, limit=10_000)) == len(out.split())
        with store.db.write() as connection:
            record_event(connection, TERMINAL, "test.event", "after:1")


def test_two_processes_write_and_one_is_killed(tmp_path):
    Store(tmp_path / "w").close()
    kept = python(WRITE, tmp_path / "w", "kept", 60, stdout=subprocess.PIPE)
    killed = python(WRITE, tmp_path / "w", "killed", 100_000, stdout=subprocess.PIPE)
    acknowledged = [killed.stdout.readline() for _ in range(20)]
    killed.kill()
    rest, _ = killed.communicate(timeout=60)
    out, err = kept.communicate(timeout=120)
    assert kept.returncode == 0, err
    with Store(tmp_path / "w") as store:
        store.db.check()
        resources = [e["resource"] for e in read_events(store.db, limit=200_000)]
    assert sum(r.startswith("kept:") for r in resources) == len(out.split()) == 60
    seen = len(acknowledged) + len(rest.split())
    assert seen <= sum(r.startswith("killed:") for r in resources) <= seen + 1


def test_many_first_openings_make_one_workspace(tmp_path):
    code = "import sys\nfrom homegrown.store import Store\nprint(Store(sys.argv[1]).workspace_id)"
    openers = [python(code, tmp_path / "w", stdout=subprocess.PIPE) for _ in range(3)]
    results = [p.communicate(timeout=120) for p in openers]
    assert [p.returncode for p in openers] == [0] * 3, results
    assert len({out for out, _ in results}) == 1


def two_and_a_clash(connection):
    record_event(connection, TERMINAL, "test.event", "thing:2")
    connection.execute(sa.insert(tables.actors).values(actor_id="actor_system", kind="x", name="x", created_at="x"))


def test_the_same_workspace_on_postgresql(postgres, tmp_path):
    with Store(tmp_path / "w", database_url=postgres) as store:
        found = schema_of(store.db)
        assert set(found) - {"schema_migrations"} == set(tables.ALL)
        with store.db.write() as connection:
            record_event(connection, TERMINAL, "test.event", "thing:1")
        with pytest.raises(ConflictError), store.db.write() as connection:
            two_and_a_clash(connection)
        store.db.vacuum()
    started = time.monotonic()
    with Store(tmp_path / "w", database_url=postgres) as store:
        assert [e["resource"] for e in read_events(store.db)] == ["thing:1"]
        assert not (tmp_path / "w" / "homegrown.db").exists()
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("number", [errno.EIO, errno.EROFS])
def test_a_flush_that_fails_is_said_once_and_leaves_the_old_file(tmp_path, monkeypatch, number):
    path = tmp_path / "facts.json"
    write_atomic(path, b"old")
    calls = []

    def failing(descriptor):
        calls.append(descriptor)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(StorageError, match="The disk failed"):
        write_atomic(path, b"new")
    assert len(calls) == 1, "a failed flush is never tried again"
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
