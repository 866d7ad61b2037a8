"""The whole loop with its database on a real PostgreSQL server, through the command line and HTTP."""

import json
import os
import re
import subprocess
import sys
import urllib.request

import pytest

from homegrown.errors import InputError
from homegrown.store import Store


def homegrown(*arguments, url, cwd):
    command = [sys.executable, "-m", "homegrown", *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=cwd, env={**os.environ, "HOMEGROWN_DATABASE_URL": url}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def answer(*arguments, url, cwd):
    process = homegrown(*arguments, "--json", url=url, cwd=cwd)
    said, complaints = process.communicate(timeout=400)
    assert process.returncode == 0, complaints
    return json.loads(said)


def asked_over_http(text, **where):
    with homegrown("serve", "--port", "0", **where) as server:
        try:
            said = ""
            while "A key for callers" not in said:
                line = server.stdout.readline()
                assert line, server.stderr.read()
                said += line
            origin, key = re.search(r"http://127\.0\.0\.1:\d+", said)[0], re.search(r"hg_[\w-]+", said)[0]
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
            body = json.dumps({"text": text}).encode()
            request = urllib.request.Request(f"{origin}/api/v1/endpoints/topic/predict", body, headers)
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.load(response)["answers"][0]["label"]
        finally:
            server.terminate()


def test_the_loop_runs_with_the_nouns_on_postgresql(postgres, messages, tmp_path):
    where = {"url": postgres, "cwd": tmp_path}
    grown = answer("grow", messages, "--text", "message", "--label", "topic", "--recipe", "lexical", **where)
    assert grown["n_records"] == 36
    assert not (tmp_path / "work" / "homegrown.db").exists()
    asked = answer("query", "select count(*) as n from votes", **where)
    assert "36" in json.dumps(asked)
    assert answer("predict", "topic", "i want my money back", **where)
    assert asked_over_http("reset my password please", **where) == "login"
    gone = answer("forget", "--source", "messages.csv", "--yes", **where)
    assert gone["n_records"] == 36
    assert answer("doctor", **where)


def test_a_workspace_stays_with_its_database(postgres, tmp_path, monkeypatch):
    Store(tmp_path / "a", database_url=postgres).close()
    with pytest.raises(InputError, match="set HOMEGROWN_DATABASE_URL"):
        Store(tmp_path / "a")
    with pytest.raises(InputError, match="another workspace"):
        Store(tmp_path / "b", database_url=postgres)
    Store(tmp_path / "c").close()
    monkeypatch.setenv("HOMEGROWN_DATABASE_URL", postgres)
    with pytest.raises(InputError, match="Unset it"):
        Store(tmp_path / "c")
    Store(tmp_path / "a").close()
