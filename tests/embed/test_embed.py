"""Embedding a workspace: once per text, resumable after a kill, honest about what was read."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from click.testing import CliRunner

from homegrown.cli.main import cli
from homegrown.core.ids import text_hash
from homegrown.errors import CancelledError
from homegrown.inference import cached
from homegrown.inference.encoder import Encoder
from homegrown.workspace import connect


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def workspace(tmp_path, messages):
    with connect(tmp_path / "ws") as ws:
        ws.ingest(messages, text="message")
        yield ws


class Heard:
    """A progress that remembers, and cancels after *limit* texts."""

    def __init__(self, limit=None):
        self.limit, self.total, self.done = limit, None, 0

    def start(self, stage, total, unit="rows"):
        self.total = total

    def advance(self, n=1, **facts):
        self.done += n
        if self.limit is not None and self.done >= self.limit:
            raise CancelledError

    def finish(self):
        pass


def table_of(ws):
    return ws.store.vectors(ws.encoder.fingerprint, ws.encoder.dim)


def test_each_text_is_embedded_once(workspace):
    workspace.progress = heard = Heard()
    first, second = workspace.embed(), workspace.embed()
    assert (first.n_records, first.n_texts, first.n_embedded) == (36, 36, 36)
    assert first.share_read == 1.0
    assert first.texts_per_s > 0
    assert second.n_embedded == 0
    assert (heard.total, heard.done) == (0, 36)
    assert len(table_of(workspace).known()) == 36


def test_the_same_text_in_two_records_has_one_vector(tmp_path):
    (tmp_path / "twins.csv").write_text("message,n\nhello there,1\nhello there,2\ngood bye,3\n")
    with connect(tmp_path / "ws") as ws:
        ws.ingest(tmp_path / "twins.csv", text="message")
        done = ws.embed()
    assert (done.n_records, done.n_texts, done.n_embedded) == (3, 2, 2)


def test_vectors_are_those_of_their_texts(workspace):
    workspace.embed()
    text = workspace.store.records.scan(["text"])["text"][0].as_py()
    where, matrix = table_of(workspace).fetch([text_hash("not there"), text_hash(text), text_hash(text)])
    assert where.tolist() == [-1, 0, 0]
    assert matrix.shape == (1, 384)
    assert float(matrix[0] @ Encoder.load().encode([text])[0]) > 0.9999
    assert np.array_equal(workspace.encoder.encode([text, "a new text", text])[[0, 2]], matrix[[0, 0]])
    assert len(table_of(workspace).known()) == 37


def test_a_cancelled_run_keeps_what_it_committed(workspace, monkeypatch):
    monkeypatch.setattr(cached, "WRITE_TEXTS", 10)
    workspace.progress = Heard(limit=25)
    with pytest.raises(CancelledError):
        workspace.embed()
    kept = len(table_of(workspace).known())
    assert kept == 20
    workspace.progress = heard = Heard()
    assert workspace.embed().n_embedded == 36 - kept
    assert heard.total == 36 - kept


CHILD = """
import sys
from homegrown.inference import cached
from homegrown.workspace import connect
cached.WRITE_TEXTS = 8
with connect(sys.argv[1]) as ws:
    ws.embed()
"""


def test_killed_it_goes_on_where_it_stopped(tmp_path):
    rows = "".join(
        f"message number {i} about a parcel that has not arrived {'at all ' * (i % 40)}now\n" for i in range(400)
    )
    (tmp_path / "many.csv").write_text("message\n" + rows)
    with connect(tmp_path / "ws") as ws:
        ws.ingest(tmp_path / "many.csv", text="message")
        vectors = table_of(ws)
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path / "ws")], env=os.environ)
    deadline = time.monotonic() + 60
    while (not vectors.table.exists or vectors.table.count() < 16) and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    kept = len(vectors.known())
    assert 16 <= kept < 400
    with connect(tmp_path / "ws") as ws:
        assert ws.embed().n_embedded == 400 - kept
        hashes = vectors.table.scan(["text_hash"])["text_hash"].to_pylist()
        assert len(hashes) == len(set(hashes)) == 400
        text = "message number 7 about a parcel that has not arrived " + "at all " * 7 + "now"
        _, matrix = vectors.fetch([text_hash(text)])
        assert float(matrix[0] @ Encoder.load().encode([text])[0]) > 0.9999


def test_the_command_reports_in_json_and_warns(tmp_path):
    runner = CliRunner()
    rows = "".join(f"Где моя карта номер {i}? Я заказал её две недели назад\n" for i in range(5))
    (tmp_path / "foreign.csv").write_text("message\n" + rows, encoding="utf-8")
    where = ["--workspace", str(tmp_path / "ws")]
    assert runner.invoke(cli, ["ingest", str(tmp_path / "foreign.csv"), "--text", "message", *where]).exit_code == 0
    result = runner.invoke(cli, ["embed", "--json", *where])
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert (document["n_embedded"], document["n_foreign"]) == (5, 5)
    assert "foreign" in result.stderr
    assert "have a vector" in runner.invoke(cli, ["embed", *where]).stdout
