"""kill -9, a full disk, and two processes at once: every record once, or nothing."""

import json
import shutil
import signal
import subprocess
import sys

import pytest

from homegrown.store import Store
from tests.ingest.helpers import ingest

POINTS = (
    "ingest.batch",
    "ingest.staged",
    "ingest.locked",
    "ingest.journal",
    "ingest.origins",
    "ingest.records",
    "ingest.versions",
    "ingest.changed",
    "ingest.retired",
    "ingest.committed",
)
# One process pays for the imports and forks a child per request, before Lance has started any thread.
SERVER = """
import json, os, sys, traceback
from homegrown.core.progress import Silent
from homegrown.ingest import IngestRequest, import_file
from homegrown.store import Store

def work(root, path, key, point):
    os.environ.update({"HG_FAILPOINT": point} if point else {})
    with Store(root) as store:
        done = import_file(store, IngestRequest(path, "text", id=key or None), progress=Silent())
    return [done.n_added, done.unchanged]

def child(request, pipe):
    try:
        answer, code = work(*request), 0
    except BaseException as error:
        answer, code = type(error).__name__, 1
    os.write(pipe, json.dumps(answer).encode())
    os._exit(code)

for line in sys.stdin:
    running = []
    for request in json.loads(line):
        end, pipe = os.pipe()
        pid = os.fork()
        if not pid:
            child(request, pipe)
        os.close(pipe)
        running.append((pid, end))
    answers = []
    for pid, end in running:
        with os.fdopen(end, "rb") as file:
            said = file.read()
        answers.append([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), json.loads(said) if said else None])
    print(json.dumps(answers), flush=True)
"""


@pytest.fixture(scope="module")
def together():
    """Runs imports side by side; each answers (exit code, [n_added, unchanged] or the error's name)."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:

        def run(*requests):
            server.stdin.write(json.dumps([[str(x) for x in r] for r in requests]) + "\n")
            server.stdin.flush()
            return json.loads(server.stdout.readline())

        yield run
        server.stdin.close()


def _write(path, rows):
    path.write_text("key,text\n" + "".join(f"{k},{t}\n" for k, t in rows))


OLD = [(i, f"text {i}") for i in range(40)]
NEW = [(i, f"changed {i}" if i < 5 else f"text {i}") for i in range(3, 50)]


def _state(store):
    """All that a person can see of the records."""
    rows = sorted((r.external_id or "", r.text) for r in store.records.page(limit=1000).records)
    return rows, store.records.count(), store.records.origins.count()


@pytest.mark.parametrize(
    ("key", "action"),
    [("key", "kill"), ("key", "enospc"), ("", "kill"), pytest.param("", "enospc", marks=pytest.mark.slow)],
)
def test_an_import_that_dies_anywhere_is_whole_or_not_there(tmp_path, together, key, action):
    path, work = tmp_path / "t.csv", tmp_path / "work"
    points = [p for p in POINTS if key or p not in ("ingest.versions", "ingest.changed")]
    with Store(work) as store:
        _write(path, OLD)
        ingest(store, path, id=key or None)
        before = _state(store)
    _write(path, NEW)
    for point in points:
        shutil.copytree(work, tmp_path / point)
    answers = together(*((tmp_path / point, path, key, f"{point}:{action}") for point in points))
    assert len(answers) == len(points)
    for point, (code, said) in zip(points, answers, strict=True):
        assert (code, said) == ((-signal.SIGKILL, None) if action == "kill" else (1, "DiskFullError")), point
        with Store(tmp_path / point) as store:
            whole = point == "ingest.committed"
            assert (_state(store) == before) != whole, point
            assert ingest(store, path, id=key or None).unchanged == whole
            rows, count, _ = _state(store)
            assert rows == sorted((str(k) if key else "", t) for k, t in NEW)
            assert count == len(NEW)
            assert store.records.table.count() == (50 if key else 52)
            assert not [p for p in store.layout.folder("tmp").iterdir() if p.name.startswith("import")]
            assert not (store.layout.folder("locks") / "import.json").exists()


def test_a_disk_that_fails_is_named_and_leaves_the_workspace_as_it_was(tmp_path, together):
    path, work = tmp_path / "t.csv", tmp_path / "work"
    _write(path, OLD)
    with Store(work) as store:
        ingest(store, path)
        before = _state(store)
    _write(path, NEW)
    points = ("ingest.batch", "ingest.records", "ingest.retired")
    for point in points:
        shutil.copytree(work, tmp_path / point)
    answers = together(*((tmp_path / point, path, "", f"{point}:eio") for point in points))
    assert answers == [[1, "StorageError"]] * len(points)
    for point in points:
        with Store(tmp_path / point) as store:
            assert _state(store) == before


def test_two_processes_at_once_import_every_record_once(tmp_path, together):
    path, work = tmp_path / "t.csv", tmp_path / "work"
    _write(path, [(i, f"text {i}") for i in range(3000)])
    Store(work).close()
    answers = together((work, path, "", ""), (work, path, "", ""))
    assert sorted(answers) == [[0, [0, True]], [0, [3000, False]]]
    with Store(work) as store:
        assert store.records.count() == store.records.table.count() == store.records.origins.count() == 3000


def test_two_files_with_the_same_rows_at_once(tmp_path, together):
    work = tmp_path / "work"
    Store(work).close()
    for name in ("a.csv", "b.csv"):
        _write(tmp_path / name, [(i, f"text {i}") for i in range(1000)])
    answers = together((work, tmp_path / "a.csv", "", ""), (work, tmp_path / "b.csv", "", ""))
    assert sorted(answers) == [[0, [0, False]], [0, [1000, False]]]
    with Store(work) as store:
        assert store.records.table.count() == 1000
        assert store.records.origins.count() == 2000
