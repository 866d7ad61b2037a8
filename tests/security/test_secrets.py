"""Secrets that real use plants appear nowhere afterwards: files, logs, answers, exports, command lines (RELIABILITY T27)."""

import base64
import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from homegrown.govern.access import secret_digest
from tests.store import shapes

ENV = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
PLANTED = {  # what clients send by mistake, or to see whether it comes back
    "an unknown key": "hg_CANARYunknownkey0123456789abcdef",
    "a password": "CANARYpassword0123456789",
    "a key in the address": "hg_CANARYquery0123456789abcdef",
    "a key in a path": "hg_CANARYpath0123456789abcdef",
    "a foreign cookie": "CANARYcookie0123456789abcdef",
    "a header of another product": "CANARYheader0123456789abcdef",
    "a used link": "CANARYlink0123456789abcdef",
    "the key of an upstream": "sk-CANARYupstream0123456789abcdef",
    "a key of an upstream that was refused": "sk-CANARYrefused0123456789abcdef",
}


def _cli(root, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", "homegrown", *arguments, "--workspace", str(root)],
        env=ENV,
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


def _wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


class Use:
    """A server process and all that was ever heard from it."""

    def __init__(self, root, log):
        self.root, self.log, self.heard = root, log, {}
        with log.open("w") as file:
            command = [
                sys.executable,
                "-m",
                "homegrown",
                "serve",
                "--port",
                "0",
                "--log-requests",
                "--workspace",
                str(root),
            ]
            self.process = subprocess.Popen(command, env=ENV, stdout=subprocess.PIPE, stderr=file, text=True)
        self.announced = ""
        for line in self.process.stdout:
            self.announced += line
            if line.startswith("Another key"):
                break
        self.origin = re.search(r"Serving on (\S+)", self.announced)[1]

    def ask(self, method, path, **options):
        """One request; all of its answer but the cookie that it sets is kept."""
        answer = httpx.request(method, f"{self.origin}{path}", timeout=60, **options)
        said = "".join(f"{k}: {v}\n" for k, v in answer.headers.items() if k != "set-cookie")
        self.heard[f"{len(self.heard)} {method} {path[:40]}"] = (said + answer.text).encode()
        return answer

    def command_lines(self):
        """Of the server and its children."""
        found = b""
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                if self.process.pid in (int(folder.name), int(fields[1])):
                    found += (folder / "cmdline").read_bytes()
            except OSError:
                continue
        return found


@pytest.fixture(scope="module")
def used(tmp_path_factory):
    """(secrets by what they are, everything that was written or said, by where)."""
    folder = tmp_path_factory.mktemp("used")
    root = shapes.unpack(shapes.newest(), folder)
    secrets = dict(PLANTED)
    made, _ = _cli(root, "govern", "key", "add", "robot", "--role", "owner", "--json")
    secrets["a key"] = json.loads(made)["key"]
    linked, _ = _cli(root, "govern", "link", "--json")
    use = Use(root, folder / "server.log")
    secrets["the printed link"] = re.search(r"link=(\S+)", use.announced)[1]
    secrets["a link of the command line"] = re.search(r"link=([\w-]+)", linked)[1]
    try:
        _work(use, secrets)
        _attack(use, secrets)
        _break(use, secrets)
        lines = use.command_lines()
    finally:
        use.process.terminate()
        rest, _ = use.process.communicate(timeout=60)
    places = {f"file {p.relative_to(root)}": p.read_bytes() for p in root.rglob("*") if p.is_file()}
    for arguments in (
        ("doctor", "--json"), ("govern", "key", "list", "--json"), ("govern", "audit", "--json"),
        ("jobs", "list", "--json"), ("govern", "upstream", "list", "--json"), ("query", "select * from upstreams"), ("query", "select * from events", "--json"), ("query", "select * from records"),
    ):  # fmt: skip
        places["command " + " ".join(arguments)] = "".join(_cli(root, *arguments)).encode()
    places |= {f"answer {k}": v for k, v in use.heard.items()}
    places |= {"log": use.log.read_bytes(), "command lines": lines, "said at the end": rest.encode()}
    return secrets, places


def _work(use, secrets):
    """What an owner does: sign in, look, predict, submit a job, export."""
    bearer = {"Authorization": f"Bearer {secrets['a key']}"}
    signed = use.ask("GET", f"/signin?link={secrets['the printed link']}")
    cookie = signed.headers["set-cookie"].split(";")[0]
    secrets["a session"] = cookie.partition("=")[2]
    session = {"Cookie": cookie, "Origin": use.origin}
    for path in (
        "/",
        "/query/records",
        "/query",
        "/govern",
        "/jobs",
        "/evaluate",
        "/serve",
        "/serve/playground",
        "/ingest",
    ):
        assert use.ask("GET", path, headers=session).status_code == 200, path
        use.ask("GET", path, headers={**session, "Accept": "application/json"})
    for path in ("me", "records", "models", "endpoints", "jobs", "endpoints/intent/traces"):
        assert use.ask("GET", f"/api/v1/{path}", headers=bearer).status_code == 200
    assert (
        use.ask("POST", "/api/v1/endpoints/intent/predict", headers=bearer, json={"text": "my card"}).status_code == 200
    )
    assert use.ask("POST", "/v1/embeddings", headers=bearer, json={"model": "x", "input": "a"}).status_code < 500
    for path in ("/metrics", "/healthz", "/govern/audit.csv"):
        assert use.ask("GET", path, headers=bearer).status_code == 200, path
    job = use.ask("POST", "/api/v1/jobs", headers=bearer, json={"verb": "embed", "arguments": {}})
    assert job.status_code < 300, job.text
    _wait_for((use.root / "jobs.db").exists)
    _teach(use, bearer, secrets)
    use.ask("POST", "/signout", headers=session)


def _teach(use, bearer, secrets):
    """Register a model API that nobody answers at, ask it, and move it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    body = {"base_url": nobody, "model": "m", "private": True, "key": secrets["the key of an upstream"]}
    assert use.ask("PUT", "/api/v1/upstreams/teacher", headers=bearer, json=body).status_code == 200
    assert use.ask("GET", "/api/v1/upstreams", headers=bearer).json()["upstreams"][0]["has_key"] is True
    refused = body | {"key": secrets["a key of an upstream that was refused"], "base_url": "http://169.254.169.254"}
    assert use.ask("PUT", "/api/v1/upstreams/other", headers=bearer, json=refused).status_code == 422
    refused["key"] += " with a space"
    assert use.ask("PUT", "/api/v1/upstreams/other", headers=bearer, json=refused).status_code == 422
    tasks = json.loads(_cli(use.root, "query", "select task_id from tasks", "--json")[0])
    task_id = re.search(r"task_[0-9a-f]{20}", json.dumps(tasks))[0]
    assert use.ask("GET", f"/label/tasks/{task_id}/teachers", headers=bearer).status_code == 200
    asked = {"verb": "teach", "arguments": {"task": task_id, "upstream": "teacher"}}
    job_id = use.ask("POST", "/api/v1/jobs", headers=bearer, json=asked).json()["job_id"]
    _wait_for(
        lambda: use.ask("GET", f"/api/v1/jobs/{job_id}", headers=bearer).json()["status"] not in ("queued", "running"),
        120,
    )
    assert "could not be reached" in use.ask("GET", f"/api/v1/jobs/{job_id}", headers=bearer).json()["error"]
    asked["arguments"]["api_key"] = secrets["a key of an upstream that was refused"]
    assert use.ask("POST", "/api/v1/jobs", headers=bearer, json=asked).status_code == 422


def _attack(use, secrets):
    """Credentials in every place where somebody has once put one."""
    basic = base64.b64encode(f"owner:{secrets['a password']}".encode()).decode()
    secrets["a password in a header"] = basic
    query, path = secrets["a key in the address"], secrets["a key in a path"]
    bad = [
        {"Authorization": f"Bearer {secrets['an unknown key']}"},
        {"Authorization": secrets["an unknown key"]},
        {"Authorization": f"Basic {basic}"},
        {"Cookie": f"session={secrets['a foreign cookie']}; hg_session={secrets['a foreign cookie']}"},
        {"X-Api-Key": secrets["a header of another product"], "Api-Key": secrets["a header of another product"]},
        {"Authorization": f"Bearer {secrets['a key']}", "X-Api-Key": secrets["a header of another product"]},
    ]
    for headers in bad:
        for where in (
            "/",
            "/api/v1/me",
            "/api/v1/records",
            "/v1/models",
            "/nothing",
            f"/signin?link={secrets['a used link']}",
        ):
            use.ask("GET", f"{where}{'&' if '?' in where else '?'}api_key={query}&token={query}", headers=headers)
        for where in (f"/api/v1/{path}", f"/{path}/x", f"/static/{path}"):
            assert use.ask("GET", where, headers=headers).status_code in (401, 404, 303)
        use.ask("POST", "/api/v1/jobs", headers=headers, content=b'{"verb": "embed", "key": ')
        use.ask("POST", "/v1/chat/completions", headers=headers, json={"model": "intent", "messages": [], "n": 2})


def _break(use, secrets):
    """Faults of our own, whose traces must not quote a request."""
    bearer = {"Authorization": f"Bearer {secrets['a key']}", "X-Api-Key": secrets["a header of another product"]}
    tables = use.root / "lance" / "records.lance" / "_versions"
    for manifest in tables.glob("*.manifest"):
        manifest.write_bytes(b"broken")
    broken = use.ask("GET", f"/api/v1/records?cursor={secrets['a key in the address']}", headers=bearer)
    assert broken.status_code >= 400
    again = [use.ask("GET", "/api/v1/records", headers=bearer).status_code for _ in range(2)]
    assert 500 in again, "a fault was wanted"


def test_no_secret_is_anywhere(used):
    secrets, places = used
    assert len(secrets) >= 12
    assert len(places) >= 100
    assert all(len(s) > 15 for s in secrets.values())
    found = [
        (what, where)
        for what, secret in secrets.items()
        for where, content in places.items()
        for form in {secret, quote(secret, safe=""), secret.rstrip("=")}
        if form.encode() in content
    ]
    assert found == []


def test_the_sweep_sees_what_is_there(used):
    """Else it would find nothing in a wrong folder too."""
    secrets, places = used
    digest = secret_digest(secrets["a key"]).encode()
    assert any(digest in content for where, content in places.items() if where.startswith("file homegrown.db"))
    assert any(where == "file jobs.db" for where in places)
    assert b'"fault"' in places["log"], "a fault of our own is in the log"
    assert places["log"].count(b'"request_id"') >= 50
    assert b"embed" in places["command jobs list --json"]
    assert b"homegrown" in places["command lines"]
    assert any(
        b"govern.sign_in" in content for where, content in places.items() if where.startswith("command govern audit")
    )
