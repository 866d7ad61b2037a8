"""A disk that fills up in the middle of the main job (RELIABILITY F6): a real, small file system, not a made-up error."""

import json
import subprocess
import sys
import time

from homegrown.core.access import SYSTEM
from homegrown.testing.server import running, small_workspace
from homegrown.workspace import connect
from tests.conftest import write_messages
from tests.disks import fill, small_disk


def _grow(file, workspace):
    asked = ["--text", "message", "--label", "topic", "--recipe", "linear", "--workspace", str(workspace), "--json"]
    command = [sys.executable, "-m", "homegrown", "grow", str(file), *asked]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_grow_on_a_disk_that_fills_says_so_and_goes_on_once_there_is_space(tmp_path):
    file = write_messages(tmp_path / "messages.csv", 20)
    whole = json.loads(_grow(file, tmp_path / "plenty").stdout)
    n_bytes = sum(512 * p.lstat().st_blocks for p in (tmp_path / "plenty").rglob("*"))
    with small_disk(tmp_path / "disk") as resize:
        resize(int(0.8 * n_bytes))
        workspace = tmp_path / "disk" / "w"
        refused = _grow(file, workspace)
        assert refused.returncode == 1, refused.stderr
        assert "No space is left on the disk" in refused.stderr
        assert "Traceback" not in refused.stderr
        resize(64 << 20)
        again = json.loads(_grow(file, workspace).stdout)
        for fact in ("n_records", "n_train", "accuracy", "macro_f1"):
            assert again[fact] == whole[fact], fact
        with connect(workspace) as ws:
            assert ws.counts().n_records == 60


def test_a_server_answers_while_its_disk_is_full_refuses_what_it_cannot_keep_and_recovers(tmp_path):
    with small_disk(tmp_path / "disk") as resize:
        resize(48 << 20)
        disk = tmp_path / "disk"
        with connect(disk / "w", actor=SYSTEM) as ws:
            small_workspace(ws, tmp_path, n_versions=1)
            with running(ws) as served, served.client() as client:
                path, body = "/api/v1/endpoints/intent/predict", {"text": "where is my card"}
                _until(lambda: client.post(path, json=body).status_code == 200)
                fill(disk)
                full = [client.post(path, json=body) for _ in range(20)]
                assert {answer.status_code for answer in full} == {200}
                refused = client.post("/api/v1/jobs", json={"verb": "embed", "arguments": {}})
                assert (refused.status_code, refused.json()["error"]["code"]) == (507, "disk_full")
                assert client.get("/healthz").status_code == 200
                (disk / "fill").unlink()
                ids = {answer.json()["answers"][0]["trace_id"] for answer in full}
                _until(lambda: ids <= {r["trace_id"] for r in ws.sql("select trace_id from traces").rows()})
                assert client.post("/api/v1/jobs", json={"verb": "embed", "arguments": {}}).status_code == 200


def _until(condition, seconds=30.0):
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, "it did not happen in time"
        time.sleep(0.1)
