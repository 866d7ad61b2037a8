"""``homegrown label rules``: try, keep, run, list, remove and bring back; files of rules; refusals in a sentence."""

import json
import os
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner

from homegrown.cli.label_rules import command
from homegrown.errors import HomegrownError
from homegrown.workspace import connect
from tests.conftest import write_messages

RULE = {"name": "money", "says": ["refund"], "when": [{"kind": "words", "any": ["money back", "refund*"]}]}


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    root = tmp_path_factory.mktemp("rules")
    with connect(root / "w") as ws:
        ws.ingest(write_messages(root / "messages.csv"), text="message")
        ws.task("topic", classes=["card", "refund", "login"])
    (root / "rule.json").write_text(json.dumps(RULE))
    return root


def run(desk, *arguments, stdin=None, env=None):
    line = [
        sys.executable,
        "-m",
        "homegrown",
        "label",
        "rules",
        "topic",
        *map(str, arguments),
        "--workspace",
        desk / "w",
    ]
    return subprocess.run(line, capture_output=True, text=True, input=stdin, env=env, timeout=120, check=False)


def test_a_rule_is_tried_kept_listed_removed_and_brought_back(desk):
    tried = json.loads(run(desk, "--preview", desk / "rule.json", "--json").stdout)
    assert (tried["n_matches"], tried["n_records"], tried["accuracy"]) == (12, 36, None)
    assert "votes on 12 of 36 records (33.3%)" in run(desk, "--preview", "-", stdin=json.dumps(RULE)).stdout
    kept = run(desk, "--add", desk / "rule.json", "--json")
    assert json.loads(kept.stdout)["rules"] == [
        {"name": "money", "n_asked": 36, "n_votes": 12, "problem": "", "note": ""}
    ]
    assert "votes on 33.3% (12)" in run(desk).stdout
    stood = json.loads(run(desk, "--remove", "money", "--json").stdout)["removed"]
    assert json.loads(run(desk, "--json").stdout) == {"rules": []}
    assert run(desk, "--restore", stood).returncode == 0
    assert [r["figures"]["n_votes"] for r in json.loads(run(desk, "--json").stdout)["rules"]] == [12]


def test_a_file_of_rules_runs_and_what_was_stopped_is_told(desk):
    file = desk / "rules.py"
    file.write_text("def card(record): return 'card' if 'card' in record.text else None\ndef odd(record): return 7\n")
    done = run(desk, file)
    assert done.returncode == 2
    assert "card                                            12 votes on 36" in done.stdout
    assert "problem: The rule 'odd' was stopped at record" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    file.write_text("def card(record): return 'card' if 'card' in record.text else None\n")
    assert run(desk, file).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--add", "nowhere.json"], "cannot be read"),
        (["--preview", "-"], "A rule is JSON such as"),
        (["--remove", "nothing"], "There is no rule 'nothing'"),
        (["--restore", "nothing"], "There is no such version"),
        (["nowhere.py"], "cannot be read as text"),
        (["--remove", "a", "--restore", "b"], "Name one of"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(desk, arguments, said):
    done = CliRunner().invoke(command, ["topic", *arguments, "--workspace", str(desk / "w")], input="{")
    assert isinstance(done.exception, HomegrownError)
    assert said in done.exception.message


@pytest.mark.parametrize("point", ["rules.sources", "rules.votes"])
def test_a_run_that_was_killed_is_run_again_and_doubles_nothing(tmp_path, point):
    with connect(tmp_path / "w") as ws:
        ws.ingest(write_messages(tmp_path / "messages.csv"), text="message")
        ws.task("topic", classes=["card", "refund", "login"])
        ws.add_rule("topic", RULE)
    (tmp_path / "rules.py").write_text("def card(record): return 'card' if 'card' in record.text else None\n")
    killed = run(tmp_path, tmp_path / "rules.py", env={**os.environ, "HG_FAILPOINT": f"{point}:kill"})
    assert killed.returncode == -signal.SIGKILL
    assert run(tmp_path, tmp_path / "rules.py").returncode == 0
    with connect(tmp_path / "w") as ws:
        counted = ws.sql(
            "select label_source, count(*) as n, count(distinct record_id) as d from votes group by all"
        ).rows()
        assert sorted(map(tuple, (r.values() for r in counted))) == [("card", 12, 12), ("money", 12, 12)]
