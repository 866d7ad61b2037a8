"""Upstreams, teachers and foreign files from the command line."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from homegrown.workspace import connect
from tests.conftest import write_messages

KEY = "sk-CANARYcli0123456789"
ENV = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "TEACHER_KEY": KEY}


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    root = tmp_path_factory.mktemp("cli")
    with connect(root / "w") as ws:
        ws.ingest(write_messages(root / "m.csv"), text="message")
        ws.task("topic", classes=["card", "refund", "login"])
    return root


def run(root, *arguments, stdin=None):
    command = [sys.executable, "-m", "homegrown", *map(str, arguments), "--workspace", str(root / "w"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=ENV, input=stdin, timeout=300)
    assert "Traceback" not in done.stderr
    assert KEY not in done.stdout + done.stderr
    return done


def test_from_an_address_to_votes_and_out_again(desk, upstream):
    add = (
        "govern",
        "upstream",
        "add",
        "fake",
        upstream.base_url,
        "--model",
        "toy",
        "--price-in",
        "1",
        "--price-out",
        "2",
    )
    refused = run(desk, *add)
    assert refused.returncode == 2
    assert "--private" in refused.stderr
    made = run(desk, *add, "--private", "--key-env", "TEACHER_KEY", "--terms", "no-training")
    assert json.loads(made.stdout)["has_key"] is True
    assert json.loads(run(desk, "govern", "upstream", "list").stdout)["upstreams"][0]["name"] == "fake"
    plan = json.loads(run(desk, "label", "teach", "topic", "--upstream", "fake", "--dry-run").stdout)
    assert plan["n_asked"] == 36
    assert upstream.seen() == []
    done = json.loads(run(desk, "label", "teach", "topic", "--upstream", "fake", "--budget", "0.5").stdout)
    assert (done["n_votes"], done["stopped"]) == (36, "")
    assert {c["headers"]["authorization"] for c in upstream.seen()} == {f"Bearer {KEY}"}
    out = desk / "out.json"
    assert json.loads(run(desk, "label", "export", "topic", out, "--format", "label-studio").stdout)["n_labelled"] == 36
    back = json.loads(run(desk, "label", "import", "again", out, "--name", "x").stdout)
    assert (back["n_added"], back["sources"], back["aside"]) == (0, {"x: fake": 36}, [])
    assert run(desk, "govern", "upstream", "remove", "fake").returncode == 0
    assert run(desk, "label", "teach", "topic", "--upstream", "fake").returncode == 2
    assert run(desk, "label", "model", "topic").returncode == 2


def test_a_key_comes_by_a_variable_or_standard_input(desk, upstream):
    add = ("govern", "upstream", "add", "k", upstream.base_url, "--model", "toy", "--private")
    assert json.loads(run(desk, *add, "--key-stdin", stdin=KEY + "\n").stdout)["has_key"] is True
    assert run(desk, *add, "--key-env", "NOT_SET_ANYWHERE").returncode == 2
    assert run(desk, *add, "--key-env", "TEACHER_KEY", "--key-stdin").returncode == 2


def test_interrupted_keeps_what_was_answered(desk, upstream):
    upstream.forget()
    upstream.plan(delay_s=0.2)
    with connect(desk / "w") as ws:
        ws.add_upstream("slow", upstream.base_url, model="toy-2", private=True)
    command = [
        sys.executable,
        "-m",
        "homegrown",
        "label",
        "teach",
        "topic",
        "--upstream",
        "slow",
        "--per-call",
        "1",
        "--at-once",
        "2",
    ]
    # Where the tests run in the background, an interrupt is ignored by them, and would be by their child.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen([*command, "--workspace", str(desk / "w")], env=ENV, stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, before)
    while len(upstream.seen()) < 7:
        time.sleep(0.02)
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode != 0
    assert "Traceback" not in said
    with connect(desk / "w") as ws:
        n = ws.sql("select count(*) as n from votes where label_source = 'slow'").arrow["n"][0].as_py()
    assert 4 <= n < 20
