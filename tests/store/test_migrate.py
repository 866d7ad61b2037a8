"""Upgrades that are killed, newer workspaces, and workspaces of older shapes (RELIABILITY F19)."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from homegrown.errors import CorruptDataError, NewerWorkspaceError
from homegrown.store import Store, tables
from homegrown.store.database import Database
from homegrown.store.events import read_events
from homegrown.store.migrate import Migration, current_version, migrate, migrations
from homegrown.workspace import connect
from tests.store import shapes

LATER = """
ALTER TABLE projects ADD COLUMN colour TEXT;
CREATE TABLE colours (name TEXT PRIMARY KEY);
INSERT INTO colours SELECT name FROM projects;
UPDATE projects SET colour = 'red';
"""
KNOWN = [*migrations(), Migration(migrations()[-1].version + 1, "later", LATER)]
# One process pays for the imports and forks, before Lance has started any thread, one that is killed per point.
FORKED = """
import json, os, sys
from pathlib import Path
from homegrown.store import Store, tables
from homegrown.store.database import Database
from homegrown.store.migrate import Migration, migrate, migrations

def upgrade(root):
    known = [*migrations(), Migration(migrations()[-1].version + 1, "later", sys.argv[2])]
    migrate(Database(Path(root) / "homegrown.db"), Path(root) / "backups", known)

codes = []
for root, deed, point in json.loads(sys.argv[1]):
    pid = os.fork()
    if not pid:
        os.environ["HG_FAILPOINT"] = point
        try:
            {"open": Store, "upgrade": upgrade}[deed](root)
            os._exit(0)
        except BaseException as error:
            os._exit(3)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
print(json.dumps(codes))
"""


def _killed(deeds):
    """Run each (root, deed, failpoint) in a process of its own; all are killed on the way."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    run = [sys.executable, "-c", FORKED, json.dumps([[str(x) for x in d] for d in deeds]), LATER]
    codes = json.loads(subprocess.run(run, env=environment, capture_output=True, text=True, check=True).stdout)
    assert codes == [-signal.SIGKILL] * len(deeds), list(zip(deeds, codes, strict=True))


FIRST = [
    "workspace.folder:kill:1", "workspace.folder:kill:6", "migrate.statement:kill:1", "migrate.statement:kill:20",
    "migrate.recorded:kill", "migrate.applied:kill", "workspace.marker:kill", "workspace.rows:kill",
]  # fmt: skip


def test_a_first_opening_that_is_killed_is_begun_again(tmp_path):
    roots = {point: tmp_path / point.replace(":", "-") for point in FIRST}
    _killed([(root, "open", point) for point, root in roots.items()])
    for point, root in roots.items():
        with Store(root) as store:
            store.db.check()
            assert current_version(store.db) == migrations()[-1].version, point
            assert store.workspace_id.startswith("ws_")
            assert len(store.db.all(sa.select(tables.projects))) == 1


UPGRADE = ["migrate.copied:kill", "migrate.backup:kill", *(f"migrate.statement:kill:{n}" for n in (1, 2, 3, 4)),
           "migrate.recorded:kill", "migrate.applied:kill"]  # fmt: skip


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """A workspace of the newest released shape."""
    return shapes.unpack(shapes.newest(), tmp_path_factory.mktemp("old"))


def _rows(path):
    """Every row of every table but the history, as a file's own connection sees them."""
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        tables = [t for (t,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        return {t: sorted(map(repr, connection.execute(f"SELECT * FROM {t}"))) for t in tables}
    finally:
        connection.close()


def test_an_upgrade_that_is_killed_is_whole_or_absent_and_goes_on(tmp_path, old):
    before = _rows(old / "homegrown.db")
    roots = {point: shutil.copytree(old, tmp_path / point.replace(":", "-")) for point in UPGRADE}
    _killed([(root, "upgrade", point) for point, root in roots.items()])
    for point, root in roots.items():
        database = Database(root / "homegrown.db")
        done = current_version(database) == KNOWN[-1].version
        assert done == (point == "migrate.applied:kill"), point
        if not done:
            assert _rows(root / "homegrown.db") == before, point
        assert migrate(database, root / "backups", KNOWN) == ([] if done else [f"{KNOWN[-1].version:04d}_later"])
        with database.read() as connection:
            assert connection.exec_driver_sql("SELECT name FROM colours").all() == [("default",)]
        database.close()
        copies = sorted((root / "backups").iterdir())
        assert copies, point
        assert [p.suffix for p in copies] == [".db"] * len(copies), "a half-made copy is not kept"
        assert all(_rows(p) == before for p in copies), point


def test_this_homegrown_refuses_what_a_newer_one_made_and_opens_the_copy(tmp_path, old):
    root = shutil.copytree(old, tmp_path / "w")
    database = Database(root / "homegrown.db")
    migrate(database, root / "backups", KNOWN)
    database.close()
    content = (root / "homegrown.db").read_bytes()
    with pytest.raises(NewerWorkspaceError, match=rf"schema {KNOWN[-1].version}.*knows {KNOWN[-2].version}"):
        Store(root)
    assert (root / "homegrown.db").read_bytes() == content
    (copy,) = (root / "backups").iterdir()
    copy.replace(root / "homegrown.db")
    with Store(root) as store:
        assert store.records.count() == shapes.expected(shapes.newest())["n_records"]


@pytest.mark.parametrize(
    ("marker", "error", "says"),
    [
        (b'{"format": 2, "workspace_id": "ws_x"}', NewerWorkspaceError, "format 2, and this homegrown knows 1"),
        (b'{"format": "x"}', CorruptDataError, "does not say what format"),
        (b'{"format": 1, "work', CorruptDataError, r"workspace\.json is damaged"),
        (b"\xff\0", CorruptDataError, r"workspace\.json is damaged"),
    ],
)
def test_a_marker_that_is_newer_or_damaged_is_named(tmp_path, old, marker, error, says):
    root = shutil.copytree(old, tmp_path / "w")
    (root / "workspace.json").write_bytes(marker)
    with pytest.raises(error, match=says):
        Store(root)
    assert (root / "workspace.json").read_bytes() == marker


@pytest.mark.parametrize("shape", shapes.all_shapes())
def test_every_shape_that_was_released_opens_whole(tmp_path, shape):
    """If this fails and the newest migration is not released yet: python -m tests.store.shapes."""
    root = shapes.unpack(shape, tmp_path)
    with connect(root) as ws:
        ws.store.db.check()
        assert current_version(ws.store.db) == migrations()[-1].version
        assert shapes.facts(ws) == shapes.expected(shape)


def test_there_is_a_shape_of_every_migration():
    assert shapes.all_shapes() == [f"{m.version:04d}" for m in migrations()]


def test_events_of_an_old_workspace_stay_in_order(tmp_path):
    with Store(shapes.unpack(shapes.newest(), tmp_path)) as store:
        seqs = [e["seq"] for e in read_events(store.db, limit=100)]
    assert len(seqs) > 5
    assert seqs == sorted(seqs, reverse=True)
